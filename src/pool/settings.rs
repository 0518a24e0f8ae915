//! The settings of a pool and their limits.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::settings_error::SettingsError;
use crate::engine::cost::Fetch;
use crate::engine::store::Limits;
use crate::janitor::Registrar;

/// Timed epochs: the process-wide janitor thread sweeps the pool. This is the default of [`Settings`].
///
/// ```
/// use ebbtide::{Settings, Timed};
///
/// const DEFAULTS: Settings<Timed> = Settings::new();
/// # let _ = DEFAULTS;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timed(());

/// Manual epochs: they end only when [`Pool::advance`](crate::Pool::advance) is called. [`Settings::manual`] selects
/// them.
///
/// ```
/// use ebbtide::{Manual, Settings};
///
/// const BY_HAND: Settings<Manual> = Settings::new().manual();
/// # let _ = BY_HAND;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Manual(());

/// The two kinds of epochs, and what each requires of the items. [`Timed`] requires `'static`, since the janitor may
/// outlive what items borrow. [`Manual`] requires nothing. The trait is sealed: no other type can implement it.
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
    /// Registers a pool with the janitor; `None` if the janitor does not sweep it.
    #[doc(hidden)]
    const REGISTER: Option<Registrar<T>>;
}

impl<T: Send + 'static> Epochs<T> for Timed {
    const REGISTER: Option<Registrar<T>> = Some(Registrar::NEW);
}

impl<T: Send> Epochs<T> for Manual {
    const REGISTER: Option<Registrar<T>> = None;
}

/// The settings of a pool, for [`Pool::with_settings`](crate::Pool::with_settings), which checks them.
///
/// In a `static`, a bad value is a compile error. At run time,
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
/// // private_slots must be from 0 to 4096
/// static LINES: Pool<String> = Pool::with_settings(DefaultRecycle, Settings::new().private_slots(5000));
/// ```
// Small numbers, so that they fit into the pool's cache line. Larger ones than they hold become the largest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Settings<E = Timed> {
    pub(crate) name: Option<&'static str>,
    pub(crate) epoch: Epoch<E>,
    /// `u32::MAX` is no limit.
    max_idle: u32,
    min_idle: u32,
    chaos_seed: u32,
    private_slots: u16,
    chaos: bool,
    pub(super) fetch: Fetch,
}

/// The most private slots that a thread has in one pool.
const MAX_PRIVATE_SLOTS: u16 = 4096;

const fn at_most_u32(n: usize) -> u32 {
    if n > u32::MAX as usize { u32::MAX } else { n as u32 }
}

/// When the epochs of a pool end. All kinds of pools have this setting.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Epoch<E> {
    /// Nanoseconds between two sweeps, and [`MANUAL`] if there are none. A longer time becomes the maximum, which is as
    /// good as never.
    every: u64,
    kind: PhantomData<E>,
}

/// Tells manual epochs from timed ones where the type is forgotten.
const MANUAL: u64 = 1 << 63;

/// A setting as it is given, or `none`.
pub(crate) struct OrNone<V>(pub(crate) Option<V>);

impl<V: fmt::Debug> fmt::Debug for OrNone<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("none"),
        }
    }
}

impl<E> fmt::Debug for Epoch<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.every & MANUAL != 0 { f.write_str("manual") } else { Duration::from_nanos(self.nanos()).fmt(f) }
    }
}

impl<E> fmt::Debug for Settings<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &OrNone(self.name))
            .field("every", &self.epoch)
            .field("private_slots", &self.private_slots)
            .field("max_idle", &OrNone((self.max_idle != u32::MAX).then_some(self.max_idle)))
            .field("min_idle", &self.min_idle)
            .field("fetch", &self.fetch)
            .field("chaos", &OrNone(self.chaos.then_some(self.chaos_seed)))
            .finish()
    }
}

impl Epoch<Timed> {
    pub(crate) const DEFAULT: Self = Self::every(Duration::from_secs(30));

    pub(crate) const fn every(time: Duration) -> Self {
        let nanos = time.as_nanos();
        Self { every: if nanos < MANUAL as u128 { nanos as u64 } else { MANUAL - 1 }, kind: PhantomData }
    }
}

impl<E> Epoch<E> {
    pub(crate) const fn of_kind<F>(&self) -> Epoch<F> {
        Epoch { every: self.every, kind: PhantomData }
    }

    pub(crate) const fn manual(&self) -> Epoch<Manual> {
        Epoch { every: self.every | MANUAL, kind: PhantomData }
    }

    pub(crate) const fn nanos(&self) -> u64 {
        self.every & !MANUAL
    }

    pub(crate) const fn check(&self) -> Result<(), SettingsError> {
        let time = Duration::from_nanos(self.nanos());
        if time.as_nanos() < Duration::from_millis(1).as_nanos() {
            return Err(SettingsError::time("every must be at least 1 ms", time));
        }
        Ok(())
    }
}

impl Settings {
    /// Returns the defaults: 32 private slots per thread, a sweep every 30 seconds, no limit on idle items.
    ///
    /// ```
    /// use ebbtide::{Pool, Settings};
    ///
    /// let pool = Pool::with_settings(String::new, Settings::new());
    /// pool.get().push('a');
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        // Two arrays of 16. In benchmarks they were best for bursts of 1 to 2048 items. Larger ones keep more items
        // from other threads.
        let private_slots = 32;
        // 30 seconds is long compared with any pause within a busy phase, and short compared with the life of a
        // process.
        Self {
            name: None,
            epoch: Epoch::DEFAULT,
            max_idle: u32::MAX,
            min_idle: 0,
            chaos_seed: 0,
            private_slots,
            chaos: false,
            fetch: Fetch::Auto,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Copy> Settings<E> {
    /// Names the pool, for [metrics](crate::Stats), `tracing` events and `Debug`. The default is the type of the
    /// items.
    ///
    /// ```
    /// use ebbtide::{DefaultRecycle, Pool, Settings};
    ///
    /// static LINES: Pool<String> = Pool::with_settings(DefaultRecycle, Settings::new().name("lines"));
    ///
    /// assert_eq!(LINES.name(), "lines");
    /// ```
    #[must_use]
    pub const fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// Sets how many items a thread keeps for itself: 0 to 4096. An odd number is rounded up to an even one. The
    /// default is 32.
    ///
    /// They are two arrays of `n / 2` pointers, allocated when first needed. A thread whose slots are full moves one
    /// array to the shared queues, so batches that travel between threads have this size too. With 0, each item goes
    /// through the shared queues on its own.
    ///
    /// ```
    /// use ebbtide::{Pool, Settings};
    ///
    /// let pool = Pool::with_settings(String::new, Settings::new().private_slots(0).max_idle(1));
    /// drop([pool.get(), pool.get()]); // both go to the shared queues, which keep one
    /// assert_eq!(pool.idle(), 1);
    /// ```
    #[must_use]
    pub const fn private_slots(mut self, n: usize) -> Self {
        self.private_slots = if n > u16::MAX as usize { u16::MAX } else { n as u16 };
        self
    }

    /// Sets the length of an epoch, which is the time between two sweeps by the janitor. An idle item lives for one to
    /// two epochs. The minimum is 1 ms, and the default is 30 seconds.
    ///
    /// Pools with equal epochs are swept together. With thousands of pools, use few different lengths: the janitor wakes up
    /// for each.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::{Pool, Settings};
    ///
    /// static LINES: Pool<String, fn() -> String> =
    ///     Pool::with_settings(String::new, Settings::new().every(Duration::from_secs(1)));
    ///
    /// LINES.get().push('a'); // dropped after 1 to 2 seconds
    /// ```
    #[must_use]
    pub const fn every(self, time: Duration) -> Settings<Timed> {
        self.with_epoch(Epoch::every(time))
    }

    /// Selects manual epochs, without the janitor: they end only when [`Pool::advance`](crate::Pool::advance) is
    /// called. Items then need not be `'static`.
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
        self.with_epoch(self.epoch.manual())
    }

    /// Sets how many items may lie in the shared queues. Items that return beyond that are dropped. Each thread's
    /// private slots come on top. The default is no limit, and so is 4294967295 or more.
    ///
    /// ```
    /// use ebbtide::{Pool, Settings};
    ///
    /// let pool = Pool::with_settings(String::new, Settings::new().max_idle(10));
    /// assert_eq!(pool.prefill(100), 10);
    /// ```
    #[must_use]
    pub const fn max_idle(mut self, n: usize) -> Self {
        self.max_idle = at_most_u32(n);
        self
    }

    /// Sets how many idle items a sweep leaves, if there are as many: at most `max_idle`. The default is 0.
    ///
    /// Items in the private slots of active threads come on top. No items are created to reach this number; use
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
        self.min_idle = at_most_u32(n);
        self
    }

    /// Sets when a `get` that finds no item fetches one from another thread's private slots. The default is
    /// [`Fetch::Auto`]: if items are heavy or costly to create. [`Fetch`] says what that means, and what a fetch costs.
    ///
    /// ```
    /// use ebbtide::{Fetch, Pool, Settings};
    ///
    /// let pool = Pool::with_settings(String::new, Settings::new().fetch(Fetch::Never));
    /// drop(pool.get());
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| assert!(pool.try_get().is_none()));
    /// });
    /// ```
    #[must_use]
    pub const fn fetch(mut self, fetch: Fetch) -> Self {
        self.fetch = fetch;
        self
    }

    /// Drops one in four returned items, at random from this seed. In tests, this exposes code that expects to get back
    /// the item it returned. All returns then take the slow path. Go's `sync.Pool` does the same under its race
    /// detector.
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
        self.chaos = true;
        self.chaos_seed = seed;
        self
    }

    /// The same without the kind of its epochs, which only the constructor needs.
    pub(super) const fn untyped(self) -> Settings<()> {
        self.with_epoch(self.epoch.of_kind())
    }

    const fn with_epoch<F>(self, epoch: Epoch<F>) -> Settings<F> {
        let Self { name, epoch: _, max_idle, min_idle, chaos_seed, private_slots, chaos, fetch } = self;
        Settings { name, epoch, max_idle, min_idle, chaos_seed, private_slots, chaos, fetch }
    }

    pub(super) const fn limits(&self) -> Limits {
        let chaos = if self.chaos { Some(self.chaos_seed) } else { None };
        Limits { name: self.name, array: self.private_slots.div_ceil(2), min_idle: self.min_idle, chaos }
    }

    /// How many items may lie in the shared queues, if that is limited or if `min_idle` needs their count.
    pub(super) const fn room(&self) -> Option<usize> {
        match self.max_idle {
            u32::MAX if self.min_idle == 0 => None,
            u32::MAX => Some(usize::MAX),
            most => Some(most as usize),
        }
    }

    /// Checks every setting against its limits.
    pub(crate) const fn check(&self) -> Result<(), SettingsError> {
        const SLOTS: &str = "private_slots must be from 0 to 4096";
        match self.private_slots {
            u16::MAX => return Err(SettingsError::least(SLOTS, u16::MAX as usize)),
            n if n > MAX_PRIVATE_SLOTS => return Err(SettingsError::number(SLOTS, n as usize)),
            _ => {}
        }
        if self.min_idle > self.max_idle {
            const IDLE: &str = "min_idle must be at most max_idle";
            let error = match self.min_idle {
                u32::MAX => SettingsError::least(IDLE, u32::MAX as usize),
                n => SettingsError::number(IDLE, n as usize),
            };
            return Err(error.above(self.max_idle as usize));
        }
        self.epoch.check()
    }
}
