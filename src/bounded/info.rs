//! What a bounded pool notes about each item.

use std::time::{Duration, Instant};

use crate::engine::item;
use crate::sync::clock;

/// An item with its info.
pub(super) type Item<T> = item::Item<T, Info>;

impl<T> Item<T> {
    /// An item that is created now.
    pub(super) fn create(value: T) -> Self {
        Self::with_notes(value, Info::new())
    }

    /// The same, for a value in a box.
    pub(super) fn adopt(value: Box<T>) -> Self {
        Self::from_box_with_notes(value, Info::new())
    }
}

/// Since when an item exists and how it was used. [`TryRecycle`](super::TryRecycle) and [`Manage`](super::Manage) get it
/// with each item, and [`Pooled::info`](super::Pooled::info) returns it.
///
/// ```
/// use ebbtide::BoundedPool;
/// use ebbtide::bounded::{GetError, Pooled};
///
/// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(1);
/// let buffer = pool.get()?;
/// assert_eq!(Pooled::info(&buffer).uses(), 0);
/// drop(buffer);
/// assert_eq!(Pooled::info(&pool.get()?).uses(), 1);
/// # Ok::<(), GetError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Info {
    created: Option<Instant>,
    used: Option<Instant>,
    expires: Option<Instant>,
    uses: usize,
}

impl Info {
    /// Of an item that is created now.
    pub(super) fn new() -> Self {
        Self { created: clock(), used: None, expires: None, uses: 0 }
    }

    /// Has the item live for this long.
    pub(super) fn limit(&mut self, lifetime: Duration) {
        self.expires = self.created.and_then(|created| created.checked_add(lifetime));
    }

    /// Whether the item has outlived its lifetime. Reads the clock only if it has one.
    #[inline]
    pub(super) fn is_expired(&self) -> bool {
        self.expires.is_some() && self.expires_by(clock())
    }

    pub(super) fn expires_by(&self, now: Option<Instant>) -> bool {
        self.expires.is_some_and(|end| now >= Some(end))
    }

    /// Notes that the item returns. Reads the clock only if somebody may ask for the time.
    #[inline(always)]
    pub(super) fn note_return(&mut self, timed: bool) {
        self.uses = self.uses.wrapping_add(1);
        if timed {
            self.used = clock();
        }
    }

    /// Returns when the item was created. `None` where there is no clock, as on `wasm32-unknown-unknown`.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    /// use ebbtide::bounded::{GetError, Pooled};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(1);
    /// let buffer = pool.get()?;
    /// assert!(Pooled::info(&buffer).created() <= Some(std::time::Instant::now()));
    /// # Ok::<(), GetError>(())
    /// ```
    #[must_use]
    pub fn created(&self) -> Option<Instant> {
        self.created
    }

    /// Returns when the item last returned from a user. `None` if it never did, and where there is no clock. In a pool
    /// whose recycler is a [`Recycle`](crate::Recycle) it is always `None`, since nothing there asks for it.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    /// use ebbtide::bounded::{GetError, Pooled};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(1);
    /// assert_eq!(Pooled::info(&pool.get()?).last_used(), None);
    /// # Ok::<(), GetError>(())
    /// ```
    #[must_use]
    pub fn last_used(&self) -> Option<Instant> {
        self.used
    }

    /// Returns when the item is too old, by [`Settings::max_lifetime`](super::Settings::max_lifetime). `None` without that
    /// setting, and where there is no clock.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    /// use ebbtide::bounded::{GetError, Pooled};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(1);
    /// assert_eq!(Pooled::info(&pool.get()?).expires(), None);
    /// # Ok::<(), GetError>(())
    /// ```
    #[must_use]
    pub fn expires(&self) -> Option<Instant> {
        self.expires
    }

    /// Returns how often the item has returned from a user.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    /// use ebbtide::bounded::{GetError, Pooled};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(1);
    /// drop(pool.get()?);
    /// drop(pool.get()?);
    /// assert_eq!(Pooled::info(&pool.get()?).uses(), 2);
    /// # Ok::<(), GetError>(())
    /// ```
    #[must_use]
    pub fn uses(&self) -> usize {
        self.uses
    }

    /// Returns how long the item has existed. Zero where there is no clock.
    ///
    /// ```
    /// use ebbtide::bounded::{Info, TryRecycle};
    /// use std::time::Duration;
    ///
    /// struct Tokens;
    ///
    /// impl TryRecycle<String> for Tokens {
    ///     type Error = std::io::Error;
    ///
    ///     fn try_create(&self) -> Result<String, std::io::Error> {
    ///         Ok("valid for an hour".to_owned())
    ///     }
    ///
    ///     fn recycle(&self, _: &mut String, info: &Info) -> bool {
    ///         info.age() < Duration::from_secs(3600)
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn age(&self) -> Duration {
        since(self.created)
    }

    /// Returns how long the item has not been used: the time since it last returned, or since it was created if it
    /// never did. Zero where there is no clock.
    ///
    /// ```
    /// use ebbtide::bounded::{Info, TryRecycle};
    /// use std::net::TcpStream;
    /// use std::time::Duration;
    ///
    /// struct Connections;
    ///
    /// impl TryRecycle<TcpStream> for Connections {
    ///     type Error = std::io::Error;
    ///
    ///     fn try_create(&self) -> Result<TcpStream, std::io::Error> {
    ///         TcpStream::connect("db.internal:5432")
    ///     }
    ///
    ///     fn check(&self, stream: &mut TcpStream, info: &Info) -> bool {
    ///         info.idle() < Duration::from_secs(1) || stream.peer_addr().is_ok()
    ///     }
    /// }
    /// ```
    pub fn idle(&self) -> Duration {
        since(self.used.or(self.created))
    }
}

/// How long item number `n` lives: from 9/10 of the most to the most, so that items which were created together do not
/// expire together. By the golden ratio, consecutive items are far apart.
pub(super) fn lifetime(most: Duration, n: usize) -> Duration {
    let spread = (n as u32).wrapping_mul(0x9E37_79B9);
    most - (most / 10).mul_f64(f64::from(spread) / f64::from(u32::MAX))
}

fn since(time: Option<Instant>) -> Duration {
    let passed = |time| clock().map(|now| now.saturating_duration_since(time));
    time.and_then(passed).unwrap_or_default()
}
