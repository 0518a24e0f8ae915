//! The settings that limit the phases of a `get`.

use std::time::Duration;

use super::settings::Settings;

impl<E: Copy> Settings<E> {
    /// Limits how long a `get` waits for an item or its place, if the call has no timeout or deadline of its own. After
    /// that it fails with [`GetError::TimedOut`](super::GetError::TimedOut). By default it waits for as long as it takes.
    /// With zero it does not enter the queue.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::{BoundedPool, DefaultRecycle};
    /// use ebbtide::bounded::{GetError, Settings};
    ///
    /// let settings = Settings::new(1).wait_timeout(Duration::from_millis(5));
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::with_settings(DefaultRecycle, settings);
    /// let only = pool.get()?;
    /// assert!(matches!(pool.get(), Err(GetError::TimedOut { .. })));
    /// assert!(matches!(futures_lite::future::block_on(pool.get_async()), Err(GetError::TimedOut { .. })));
    /// # drop(only);
    /// # Ok::<(), GetError>(())
    /// ```
    #[must_use]
    pub const fn wait_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.wait = Some(limit);
        self
    }

    /// Limits how long a future takes to create an item. After that it is dropped, and the `get` fails with
    /// [`GetError::TimedOut`](super::GetError::TimedOut). By default it may take for ever.
    ///
    /// A thread that creates an item cannot be stopped, so this is for tasks. For threads, limit what creates the item,
    /// for example with [`TcpStream::connect_timeout`](std::net::TcpStream::connect_timeout). In a pool that [creates in the
    /// background](super::BoundedPool::create_in_background), it limits how long a `get` waits for the creation.
    ///
    /// ```
    /// use std::future::pending;
    /// use std::time::Duration;
    /// use ebbtide::BoundedPool;
    /// use ebbtide::bounded::{Manage, Settings};
    ///
    /// struct Unreachable;
    ///
    /// impl Manage<u8> for Unreachable {
    ///     type Error = std::io::Error;
    ///
    ///     async fn create(&self) -> std::io::Result<u8> {
    ///         pending().await
    ///     }
    /// }
    ///
    /// let pool = BoundedPool::with_settings(Unreachable, Settings::new(1).create_timeout(Duration::from_millis(5)));
    /// let error = futures_lite::future::block_on(pool.get_async()).unwrap_err();
    /// assert_eq!(error.to_string(), "no item was created within 5ms");
    /// ```
    #[must_use]
    pub const fn create_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.create = Some(limit);
        self
    }

    /// Limits how long the future of a [check](super::Manage::check) takes. After that it has failed: the item is
    /// dropped, and a new one is created in its place. By default it may take for ever.
    ///
    /// A thread that checks an item cannot be stopped, so this is for tasks.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::bounded::Settings;
    ///
    /// let settings = Settings::new(16).check_timeout(Duration::from_millis(100));
    /// # let _ = settings;
    /// ```
    #[must_use]
    pub const fn check_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.check = Some(limit);
        self
    }
}
