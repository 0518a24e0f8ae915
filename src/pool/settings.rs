//! What can be set about a pool, and the limits of each setting.

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::janitor::Registrar;

/// The epochs of a pool come by time: the process-wide janitor thread sweeps it. What [`Settings`] are at first.
///
/// ```
/// use ebbtide::{Settings, Timed};
///
/// const DEFAULTS: Settings<Timed> = Settings::new();
/// # let _ = DEFAULTS;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Timed(());

/// The epochs of a pool come when [`Pool::advance`](crate::Pool::advance) is called, and not otherwise. What
/// [`Settings::manual`] makes of settings.
///
/// ```
/// use ebbtide::{Manual, Settings};
///
/// const BY_HAND: Settings<Manual> = Settings::new().manual();
/// # let _ = BY_HAND;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Manual(());

/// The two kinds of epochs, each with what it asks of the items: [`Timed`] that they be `'static`, since the janitor may
/// outlive what they borrow; [`Manual`] nothing.
///
/// ```
/// use ebbtide::{Epochs, Manual, Timed};
///
/// fn fits<E: Epochs<T>, T: Send>() {}
///
/// fits::<Timed, String>();
/// fits::<Manual, &str>();
/// ```
pub trait Epochs<T>: Copy {
    /// Tells the janitor about a pool, if it is to sweep it.
    #[doc(hidden)]
    const REGISTER: Option<Registrar<T>>;
}

impl<T: Send + 'static> Epochs<T> for Timed {
    const REGISTER: Option<Registrar<T>> = Some(Registrar::NEW);
}

impl<T: Send> Epochs<T> for Manual {
    const REGISTER: Option<Registrar<T>> = None;
}

/// What can be set about a pool. Passed to [`Pool::with_settings`](crate::Pool::with_settings), which checks it.
///
/// A bad value in a `static` does not compile; at run time
/// [`Pool::try_with_settings`](crate::Pool::try_with_settings) returns it as an error.
///
/// ```
/// use std::time::Duration;
/// use ebbtide::{DefaultRecycle, Pool, Settings};
///
/// static LINES: Pool<String> = Pool::with_settings(
///     DefaultRecycle,
///     Settings::new().private_slots(64).every(Duration::from_secs(5)).max_idle(10_000),
/// );
///
/// LINES.get().push_str("hello");
/// ```
///
/// ```compile_fail
/// use ebbtide::{DefaultRecycle, Pool, Settings};
///
/// // private_slots takes 0 to 4096
/// static LINES: Pool<String> = Pool::with_settings(DefaultRecycle, Settings::new().private_slots(5000));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Settings<E = Timed> {
    pub(crate) private_slots: usize,
    /// Nanoseconds between two sweeps; what doesn't fit is as good as never.
    pub(crate) every: u64,
    pub(crate) max_idle: usize,
    pub(crate) min_idle: usize,
    pub(crate) chaos: Option<u32>,
    epoch: PhantomData<E>,
}

/// The most private slots that a thread can have in one pool.
pub(crate) const MAX_PRIVATE_SLOTS: usize = 4096;

/// The shortest time between two sweeps.
pub(crate) const MIN_EVERY: Duration = Duration::from_millis(1);

/// A time in nanoseconds, or as many as fit.
pub(crate) const fn nanos(time: Duration) -> u64 {
    let nanos = time.as_nanos();
    if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
}

impl Settings {
    /// The defaults: 32 private slots per thread, a sweep every 30 seconds, no limit on idle items.
    ///
    /// With a sweep every 30 seconds an idle item lives for 30 to 60 seconds.
    ///
    /// ```
    /// use ebbtide::{Pool, Settings};
    ///
    /// let pool = Pool::with_settings(String::new, Settings::new());
    /// pool.get().push('a');
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        // Two arrays of 16: measured best for bursts from 1 to 2048 items; larger ones keep more from other threads.
        let private_slots = 32;
        // Long against any pause within a busy phase, short against the life of a process.
        let every = 30_000_000_000;
        Self { private_slots, every, max_idle: usize::MAX, min_idle: 0, chaos: None, epoch: PhantomData }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Copy> Settings<E> {
    /// How many items a thread keeps for itself; 0 to 4096, and an odd number is rounded up to an even one. The default
    /// is 32.
    ///
    /// They are two arrays of `n / 2` pointers, made when they are first needed. A thread whose slots are full moves
    /// one array to the shared queues, so this is also the size of the batches that travel between threads. With 0
    /// every item goes through the shared queues on its own.
    ///
    /// ```
    /// use ebbtide::{Pool, Settings};
    ///
    /// let pool = Pool::with_settings(String::new, Settings::new().private_slots(0).max_idle(1));
    /// drop([pool.get(), pool.get()]); // both go to the shared queues, which hold one
    /// assert_eq!(pool.idle(), 1);
    /// ```
    #[must_use]
    pub const fn private_slots(mut self, n: usize) -> Self {
        self.private_slots = n;
        self
    }

    /// How long an epoch is: the janitor sweeps the pool this often, and an idle item lives for one to two of these.
    /// At least 1 ms. The default is 30 seconds.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::{Pool, Settings};
    ///
    /// static LINES: Pool<String, fn() -> String> =
    ///     Pool::with_settings(String::new, Settings::new().every(Duration::from_secs(1)));
    ///
    /// LINES.get().push('a'); // gone again in 1 to 2 seconds
    /// ```
    #[must_use]
    pub const fn every(self, time: Duration) -> Settings<Timed> {
        Settings { every: nanos(time), ..self.with_epoch() }
    }

    /// No janitor: epochs come when [`Pool::advance`](crate::Pool::advance) is called. Items need not be `'static` then.
    ///
    /// ```
    /// use ebbtide::{Pool, Settings};
    ///
    /// let text = String::from("ebb and flow");
    /// let pool = Pool::with_settings(Vec::<&str>::new, Settings::new().manual());
    /// pool.get().extend(text.split(' '));
    /// pool.advance();
    /// pool.advance();
    /// assert_eq!(pool.idle(), 0);
    /// ```
    #[must_use]
    pub const fn manual(self) -> Settings<Manual> {
        self.with_epoch()
    }

    /// At most this many items lie in the shared queues; what is put beyond that is dropped. Each thread's private
    /// slots come on top. The default is no limit.
    ///
    /// ```
    /// use ebbtide::{Pool, Settings};
    ///
    /// let pool = Pool::with_settings(String::new, Settings::new().max_idle(10));
    /// assert_eq!(pool.prefill(100), 10);
    /// ```
    #[must_use]
    pub const fn max_idle(mut self, n: usize) -> Self {
        self.max_idle = n;
        self
    }

    /// Sweeps leave at least this many idle items, if there are as many; at most `max_idle`. The default is 0.
    ///
    /// What threads at work have in their private slots comes on top. Nothing makes items up to this number; see
    /// [`Pool::prefill`](crate::Pool::prefill) for that.
    ///
    /// ```
    /// use ebbtide::{Pool, Settings};
    ///
    /// let pool = Pool::with_settings(String::new, Settings::new().manual().min_idle(3));
    /// pool.prefill(100);
    /// pool.advance();
    /// pool.advance();
    /// assert_eq!(pool.idle(), 3);
    /// ```
    #[must_use]
    pub const fn min_idle(mut self, n: usize) -> Self {
        self.min_idle = n;
        self
    }

    /// Drops one put in four, at random from this seed, to flush out code that counts on getting back what it put. For
    /// tests; Go's pool does the same under its race detector. All puts take the slow path then.
    ///
    /// ```
    /// use ebbtide::{Pool, Settings};
    ///
    /// let pool = Pool::with_settings(String::new, Settings::new().chaos(1));
    /// for _ in 0..1000 {
    ///     drop(pool.get());
    /// }
    /// assert!(pool.stats().rejected > 100);
    /// ```
    #[must_use]
    pub const fn chaos(mut self, seed: u32) -> Self {
        self.chaos = Some(seed);
        self
    }

    pub(crate) const fn with_epoch<F>(self) -> Settings<F> {
        let Self { private_slots, every, max_idle, min_idle, chaos, epoch: _ } = self;
        Settings { private_slots, every, max_idle, min_idle, chaos, epoch: PhantomData }
    }

    /// Checks every setting against its limits.
    pub(crate) const fn check(&self) -> Result<(), SettingsError> {
        if self.private_slots > MAX_PRIVATE_SLOTS {
            return Err(SettingsError::PrivateSlots { given: self.private_slots });
        }
        if self.every < MIN_EVERY.as_nanos() as u64 {
            return Err(SettingsError::Every { given: Duration::from_nanos(self.every) });
        }
        if self.min_idle > self.max_idle {
            return Err(SettingsError::MinIdle { given: self.min_idle, max_idle: self.max_idle });
        }
        Ok(())
    }
}

/// A setting that is out of its limits. Its text names the setting, the value and the limits.
///
/// ```
/// use ebbtide::{Pool, Settings};
///
/// let error = Pool::try_with_settings(String::new, Settings::new().private_slots(5000)).unwrap_err();
/// assert_eq!(error.to_string(), "private_slots is 5000, but must be from 0 to 4096");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsError {
    /// `private_slots` is over its limit.
    #[non_exhaustive]
    PrivateSlots {
        /// The value that was given.
        given: usize,
    },
    /// `every` is under its limit.
    #[non_exhaustive]
    Every {
        /// The value that was given.
        given: Duration,
    },
    /// `min_idle` is more than `max_idle`.
    #[non_exhaustive]
    MinIdle {
        /// The value that was given.
        given: usize,
        /// The limit: the value of `max_idle`.
        max_idle: usize,
    },
}

impl SettingsError {
    /// The same without the value, for a panic in a constant, which can't format one.
    pub(crate) const fn in_const(self) -> &'static str {
        match self {
            Self::PrivateSlots { .. } => "private_slots must be from 0 to 4096",
            Self::Every { .. } => "every must be at least 1 ms",
            Self::MinIdle { .. } => "min_idle must be at most max_idle",
        }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrivateSlots { given } => {
                write!(f, "private_slots is {given}, but must be from 0 to {MAX_PRIVATE_SLOTS}")
            }
            Self::Every { given } => write!(f, "every is {given:?}, but must be at least {MIN_EVERY:?}"),
            Self::MinIdle { given, max_idle } => {
                write!(f, "min_idle is {given}, but must be at most max_idle, which is {max_idle}")
            }
        }
    }
}

impl Error for SettingsError {}
