//! What can be set about a bounded pool, and the limits of each setting.

use std::time::Duration;

use crate::pool::{Epoch, Manual, SettingsError, Timed};

/// What can be set about a [`BoundedPool`](super::BoundedPool). Passed to
/// [`BoundedPool::with_settings`](super::BoundedPool::with_settings), which checks it.
///
/// A bad value in a `static` does not compile; at run time
/// [`BoundedPool::try_with_settings`](super::BoundedPool::try_with_settings) returns it as an error.
///
/// ```
/// use std::time::Duration;
/// use ebbtide::{BoundedPool, DefaultRecycle, bounded::Settings};
///
/// static PAGES: BoundedPool<Vec<u8>> =
///     BoundedPool::with_settings(DefaultRecycle, Settings::new(64).min_idle(4).every(Duration::from_secs(5)));
///
/// assert_eq!(PAGES.capacity(), 64);
/// ```
///
/// ```compile_fail
/// use ebbtide::{BoundedPool, DefaultRecycle, bounded::Settings};
///
/// // at least one item
/// static PAGES: BoundedPool<Vec<u8>> = BoundedPool::with_settings(DefaultRecycle, Settings::new(0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Settings<E = Timed> {
    pub(super) capacity: usize,
    pub(super) min_idle: usize,
    pub(super) epoch: Epoch<E>,
}

/// The largest capacity. Sums of two of them fit into a word on every platform.
const MAX_CAPACITY: usize = i32::MAX as usize;

impl Settings {
    /// At most `capacity` items exist, in use and idle together: 1 to 2147483647. The other defaults: a sweep every 30
    /// seconds, which may drop all that is idle.
    ///
    /// No memory is set aside for them: a large capacity costs nothing until there are as many items.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::Settings};
    ///
    /// let pool = BoundedPool::with_settings(String::new, Settings::new(8));
    /// assert_eq!(pool.capacity(), 8);
    /// ```
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, min_idle: 0, epoch: Epoch::DEFAULT }
    }
}

impl<E: Copy> Settings<E> {
    /// How long an epoch is: the janitor sweeps the pool this often, and an idle item lives for one to two of these.
    /// At least 1 ms. The default is 30 seconds.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::{BoundedPool, bounded::Settings};
    ///
    /// static LINES: BoundedPool<String, fn() -> String> =
    ///     BoundedPool::with_settings(String::new, Settings::new(8).every(Duration::from_secs(1)));
    ///
    /// drop(LINES.get()); // gone again in 1 to 2 seconds
    /// ```
    #[must_use]
    pub const fn every(self, time: Duration) -> Settings<Timed> {
        self.with_epoch(Epoch::every(time))
    }

    /// No janitor: epochs come when [`BoundedPool::advance`](super::BoundedPool::advance) is called. Items need not be
    /// `'static` then.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::{GetError, Settings}};
    ///
    /// let text = String::from("ebb and flow");
    /// let pool = BoundedPool::with_settings(Vec::<&str>::new, Settings::new(8).manual());
    /// pool.get()?.extend(text.split(' '));
    /// # Ok::<(), GetError>(())
    /// ```
    #[must_use]
    pub const fn manual(self) -> Settings<Manual> {
        self.with_epoch(self.epoch.of_kind())
    }

    /// Sweeps leave at least this many idle items, if there are as many; at most the capacity. The default is 0.
    ///
    /// Nothing makes items up to this number; see [`BoundedPool::prefill`](super::BoundedPool::prefill) for that.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::Settings};
    ///
    /// let pool = BoundedPool::with_settings(String::new, Settings::new(8).manual().min_idle(3));
    /// let Ok(made) = pool.prefill(8);
    /// pool.advance();
    /// pool.advance();
    /// assert_eq!((made, pool.idle()), (8, 3));
    /// ```
    #[must_use]
    pub const fn min_idle(mut self, n: usize) -> Self {
        self.min_idle = n;
        self
    }

    pub(super) const fn with_capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    pub(super) const fn with_epoch<F>(self, epoch: Epoch<F>) -> Settings<F> {
        Settings { capacity: self.capacity, min_idle: self.min_idle, epoch }
    }

    /// Checks every setting against its limits.
    pub(super) const fn check(&self) -> Result<(), SettingsError> {
        if self.capacity == 0 || self.capacity > MAX_CAPACITY {
            return Err(SettingsError::number("capacity must be from 1 to 2147483647", self.capacity));
        }
        if self.min_idle > self.capacity {
            return Err(SettingsError::over("min_idle must be at most capacity", self.min_idle, self.capacity));
        }
        self.epoch.check()
    }
}
