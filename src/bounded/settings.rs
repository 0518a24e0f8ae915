//! What can be set about a bounded pool, and the limits of each setting.

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::pool::{MIN_EVERY, Manual, Timed, nanos};

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
    /// Nanoseconds between two sweeps; what doesn't fit is as good as never.
    pub(super) every: u64,
    epoch: PhantomData<E>,
}

/// The largest capacity. Sums of two of them fit into a word on every platform.
pub(super) const MAX_CAPACITY: usize = i32::MAX as usize;

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
        Self { capacity, min_idle: 0, every: nanos(Duration::from_secs(30)), epoch: PhantomData }
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
        Settings { every: nanos(time), ..self.with_epoch() }
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
        self.with_epoch()
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

    pub(super) const fn with_epoch<F>(self) -> Settings<F> {
        let Self { capacity, min_idle, every, epoch: _ } = self;
        Settings { capacity, min_idle, every, epoch: PhantomData }
    }

    /// Checks every setting against its limits.
    pub(super) const fn check(&self) -> Result<(), SettingsError> {
        if self.capacity == 0 || self.capacity > MAX_CAPACITY {
            return Err(SettingsError::Capacity { given: self.capacity });
        }
        if self.min_idle > self.capacity {
            return Err(SettingsError::MinIdle { given: self.min_idle, capacity: self.capacity });
        }
        if self.every < nanos(MIN_EVERY) {
            return Err(SettingsError::Every { given: Duration::from_nanos(self.every) });
        }
        Ok(())
    }
}

/// A setting of a bounded pool that is out of its limits. Its text names the setting, the value and the limits.
///
/// ```
/// use ebbtide::{BoundedPool, bounded::Settings};
///
/// let error = BoundedPool::try_with_settings(String::new, Settings::new(0)).unwrap_err();
/// assert_eq!(error.to_string(), "capacity is 0, but must be from 1 to 2147483647");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsError {
    /// `capacity` is 0 or over its limit.
    #[non_exhaustive]
    Capacity {
        /// The value that was given.
        given: usize,
    },
    /// `min_idle` is more than `capacity`.
    #[non_exhaustive]
    MinIdle {
        /// The value that was given.
        given: usize,
        /// The limit: the value of `capacity`.
        capacity: usize,
    },
    /// `every` is under its limit.
    #[non_exhaustive]
    Every {
        /// The value that was given.
        given: Duration,
    },
}

impl SettingsError {
    /// The same without the value, for a panic in a constant, which can't format one.
    pub(super) const fn in_const(self) -> &'static str {
        match self {
            Self::Capacity { .. } => "capacity must be from 1 to 2147483647",
            Self::MinIdle { .. } => "min_idle must be at most capacity",
            Self::Every { .. } => "every must be at least 1 ms",
        }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity { given } => write!(f, "capacity is {given}, but must be from 1 to {MAX_CAPACITY}"),
            Self::MinIdle { given, capacity } => {
                write!(f, "min_idle is {given}, but must be at most capacity, which is {capacity}")
            }
            Self::Every { given } => write!(f, "every is {given:?}, but must be at least {MIN_EVERY:?}"),
        }
    }
}

impl Error for SettingsError {}
