//! The settings of a bounded pool and their limits.

use std::time::Duration;

use crate::pool::{Epoch, Manual, SettingsError, Timed};

/// The settings of a [`BoundedPool`](super::BoundedPool), for
/// [`BoundedPool::with_settings`](super::BoundedPool::with_settings), which checks them.
///
/// In a `static`, a bad value is a compile error. At run time,
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
/// // the capacity must be at least 1
/// static PAGES: BoundedPool<Vec<u8>> = BoundedPool::with_settings(DefaultRecycle, Settings::new(0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Settings<E = Timed> {
    pub(super) capacity: usize,
    pub(super) min_idle: usize,
    pub(super) epoch: Epoch<E>,
}

/// The largest capacity. On every platform, the sum of two capacities fits into a word.
const MAX_CAPACITY: usize = i32::MAX as usize;

impl Settings {
    /// Returns settings with this capacity, from 1 to 2147483647. It limits the number of items, in use and idle
    /// together. The other defaults are a sweep every 30 seconds, and a `min_idle` of 0.
    ///
    /// Nothing is allocated in advance: a large capacity costs nothing until as many items exist.
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
    /// Sets the length of an epoch, which is the time between two sweeps by the janitor. An idle item lives for one to
    /// two epochs. The minimum is 1 ms, and the default is 30 seconds.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::{BoundedPool, bounded::Settings};
    ///
    /// static LINES: BoundedPool<String, fn() -> String> =
    ///     BoundedPool::with_settings(String::new, Settings::new(8).every(Duration::from_secs(1)));
    ///
    /// drop(LINES.get()); // dropped after 1 to 2 seconds
    /// ```
    #[must_use]
    pub const fn every(self, time: Duration) -> Settings<Timed> {
        self.with_epoch(Epoch::every(time))
    }

    /// Selects manual epochs, without the janitor: they end only when
    /// [`BoundedPool::advance`](super::BoundedPool::advance) is called. Items then need not be `'static`.
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

    /// Sets how many idle items a sweep leaves, if there are as many: at most the capacity. The default is 0.
    ///
    /// No items are created to reach this number; use [`BoundedPool::prefill`](super::BoundedPool::prefill) for that.
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

    /// The same without the kind of its epochs, which only the constructor needs.
    pub(super) const fn untyped(self) -> Settings<()> {
        self.with_epoch(self.epoch.of_kind())
    }

    const fn with_epoch<F>(self, epoch: Epoch<F>) -> Settings<F> {
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
