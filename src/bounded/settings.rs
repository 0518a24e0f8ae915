//! The settings of a bounded pool and their limits.

use std::fmt;
use std::time::Duration;

use super::order::Order;
use crate::pool::{Epoch, Manual, OrNone, SettingsError, Timed};

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
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Settings<E = Timed> {
    pub(super) name: Option<&'static str>,
    pub(super) capacity: usize,
    pub(super) min_idle: usize,
    pub(super) max_creating: usize,
    pub(super) max_overtakes: u32,
    pub(super) epoch: Epoch<E>,
    pub(super) order: Order,
    pub(super) timeouts: Timeouts,
    pub(super) max_lifetime: Option<Duration>,
    pub(super) track_held: Option<Duration>,
}

/// The most that each phase of a `get` may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Timeouts {
    pub(super) wait: Option<Duration>,
    pub(super) create: Option<Duration>,
    pub(super) check: Option<Duration>,
}

/// The largest capacity. On every platform, the sum of two capacities fits into a word.
const MAX_CAPACITY: usize = i32::MAX as usize;

impl<E> fmt::Debug for Settings<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &OrNone(self.name))
            .field("capacity", &self.capacity)
            .field("every", &self.epoch)
            .field("min_idle", &self.min_idle)
            .field("order", &self.order)
            .field("max_overtakes", &self.max_overtakes)
            .field("max_creating", &OrNone((self.max_creating != usize::MAX).then_some(self.max_creating)))
            .field("max_lifetime", &OrNone(self.max_lifetime))
            .field("wait_timeout", &OrNone(self.timeouts.wait))
            .field("create_timeout", &OrNone(self.timeouts.create))
            .field("check_timeout", &OrNone(self.timeouts.check))
            .field("track_held", &OrNone(self.track_held))
            .finish()
    }
}

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
        let timeouts = Timeouts { wait: None, create: None, check: None };
        Self {
            name: None,
            capacity,
            min_idle: 0,
            max_creating: usize::MAX,
            // Fewer than threads often do while one wakes up would be as slow as strict order. A task that never sleeps
            // keeps others waiting for as many turns.
            max_overtakes: 1000,
            epoch: Epoch::DEFAULT,
            order: Order::Lifo,
            timeouts,
            max_lifetime: None,
            track_held: None,
        }
    }
}

impl<E: Copy> Settings<E> {
    /// Names the pool, for [metrics](crate::Stats), the `tracing` events of sweeps, and `Debug`. The default is the type of
    /// the items.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::Settings};
    ///
    /// let pool = BoundedPool::with_settings(String::new, Settings::new(8).name("lines"));
    /// assert_eq!(pool.name(), "lines");
    /// ```
    #[must_use]
    pub const fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

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
        self.with_epoch(self.epoch.manual())
    }

    /// Sets how many idle items a sweep leaves, if there are as many: at most the capacity. The default is 0.
    ///
    /// It keeps no item that is too old, or that fails its check. Items are created to reach this number in a pool that
    /// [creates in the background](super::BoundedPool::create_in_background), or by a task with
    /// [`keep_idle`](super::BoundedPool::keep_idle).
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

    /// Sets which idle item comes next. The default is the one that was returned last, [`Order::Lifo`].
    ///
    /// ```
    /// use ebbtide::{BoundedPool, DefaultRecycle};
    /// use ebbtide::bounded::{Order, Settings};
    ///
    /// static NAMES: BoundedPool<String> =
    ///     BoundedPool::with_settings(DefaultRecycle, Settings::new(8).order(Order::Fifo));
    ///
    /// assert_eq!(NAMES.capacity(), 8);
    /// ```
    #[must_use]
    pub const fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Limits how many `get`s may overtake a waiter while it wakes up. The default is 1000. With 0, the order is strict.
    ///
    /// In strict order, an item that returns belongs to the first waiter at once. But a sleeping thread takes microseconds
    /// to wake up, and meanwhile nobody can use the item. If all threads hold items for less than that, soon all of them
    /// wait in line, and each `get` sleeps.
    ///
    /// So the item is idle until the first waiter has woken up, and a `get` of one item that comes earlier takes it. Waiters
    /// do not overtake each other. A waiter that was overtaken this often since it is the first gets the next item that
    /// returns. One that waits for several items is not overtaken.
    ///
    /// ```
    /// use std::pin::pin;
    /// use std::task::{Context, Waker};
    /// use ebbtide::{BoundedPool, DefaultRecycle};
    /// use ebbtide::bounded::{GetError, Settings};
    ///
    /// let pool: BoundedPool<String> = BoundedPool::with_settings(DefaultRecycle, Settings::new(1).max_overtakes(1));
    /// let item = pool.get()?;
    /// let mut waiter = pin!(pool.get_async());
    /// let mut context = Context::from_waker(Waker::noop());
    /// assert!(waiter.as_mut().poll(&mut context).is_pending());
    /// drop(item); // wakes the waiter
    ///
    /// let item = pool.try_get(); // comes first
    /// assert!(waiter.as_mut().poll(&mut context).is_pending());
    /// drop(item); // is the waiter's now
    /// assert!(pool.try_get().is_none());
    /// assert!(waiter.as_mut().poll(&mut context).is_ready());
    /// # Ok::<(), GetError>(())
    /// ```
    #[must_use]
    pub const fn max_overtakes(mut self, n: u32) -> Self {
        self.max_overtakes = n;
        self
    }

    /// Limits how many items are created at once, so that after a [`clear`](super::BoundedPool::clear) or a restart of the
    /// server not all connect together. At least 1. By default there is no limit.
    ///
    /// A `get` that finds no idle item then waits for its turn to create one, or for an item that comes back, whichever is
    /// first. That is a wait like any other: in order, and limited by timeouts and deadlines. A `get` of several creates
    /// one after the other in a single turn, in which it also checks its idle ones.
    ///
    /// A `get` whose item fails its check keeps the item's place. If it must wait for its turn, it is in front of those who
    /// have no place, and [`wait_timeout`](Self::wait_timeout) begins anew. A creation that calls `get` on its own pool
    /// may wait for itself.
    ///
    /// ```
    /// use std::thread;
    /// use ebbtide::{BoundedPool, DefaultRecycle};
    /// use ebbtide::bounded::{GetError, Settings};
    ///
    /// let settings = Settings::new(8).max_creating(1);
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::with_settings(DefaultRecycle, settings);
    /// let first = pool.get_with(|| {
    ///     // Another one must wait, although there is room.
    ///     assert!(pool.try_get().is_none());
    ///     Vec::new()
    /// })?;
    /// assert!(pool.try_get().is_some());
    /// # drop(first);
    /// # Ok::<(), GetError>(())
    /// ```
    #[must_use]
    pub const fn max_creating(mut self, n: usize) -> Self {
        self.max_creating = n;
        self
    }

    /// Limits how long an item exists. Each lives for 90 to 100 % of this time, so that items which were created together
    /// do not expire together. By default they have no limit.
    ///
    /// An item is dropped when it returns too old, or by the sweep that finds it idle and too old, which may be an
    /// [epoch](Self::every) later. That also happens if it leaves fewer than [`min_idle`](Self::min_idle). If it is found
    /// too old by a `get`, a new one is created in its place. An item in use is left alone.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::{BoundedPool, DefaultRecycle};
    /// use ebbtide::bounded::{GetError, Settings};
    ///
    /// let settings = Settings::new(8).max_lifetime(Duration::from_nanos(1));
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::with_settings(DefaultRecycle, settings);
    /// drop(pool.get()?);
    /// assert_eq!(pool.idle(), 0);
    /// # Ok::<(), GetError>(())
    /// ```
    #[must_use]
    pub const fn max_lifetime(mut self, most: Duration) -> Self {
        self.max_lifetime = Some(most);
        self
    }

    /// Notes who holds items, so that those who forget to return them can be found. By default nobody does.
    ///
    /// Each sweep looks for guards that have existed for at least `limit`. It counts each once, in
    /// [`Stats::overdue`](crate::Stats::overdue). With the feature `tracing` it also emits an event with target `ebbtide`
    /// and level warn, which has the fields `item` (the type), `location` and `micros`.
    /// [`held_longer_than`](super::BoundedPool::held_longer_than) looks at any time.
    ///
    /// The location is that of the call that returned the guard, or for a task, the future. A function that only passes the
    /// guard on can have `#[track_caller]`, so that it is its caller's.
    ///
    /// It also measures how long guards exist and calls wait: [`Stats::hold_time`](crate::Stats::hold_time) and
    /// [`Stats::wait_time`](crate::Stats::wait_time). It costs a `get` and the guard's drop one more lock and a reading of
    /// the clock each, and a wait two readings. The janitor then comes for a guard that is over the limit, too.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::{BoundedPool, DefaultRecycle};
    /// use ebbtide::bounded::{GetError, Settings};
    ///
    /// let settings = Settings::new(8).manual().track_held(Duration::ZERO);
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::with_settings(DefaultRecycle, settings);
    /// let forgotten = pool.get()?;
    /// pool.advance();
    /// assert_eq!(pool.stats().overdue, 1);
    /// assert_eq!(pool.held_longer_than(Duration::ZERO)[0].location.file(), file!());
    /// # drop(forgotten);
    /// # Ok::<(), GetError>(())
    /// ```
    #[must_use]
    pub const fn track_held(mut self, limit: Duration) -> Self {
        self.track_held = Some(limit);
        self
    }

    /// Whether each item needs a look when it is handed out and when it returns.
    pub(super) const fn watch_items(&self) -> bool {
        self.max_lifetime.is_some() || self.track_held.is_some()
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
        let Self {
            name,
            capacity,
            min_idle,
            max_creating,
            max_overtakes,
            order,
            timeouts,
            max_lifetime,
            track_held,
            ..
        } = self;
        Settings {
            name,
            capacity,
            min_idle,
            max_creating,
            max_overtakes,
            epoch,
            order,
            timeouts,
            max_lifetime,
            track_held,
        }
    }

    /// Checks every setting against its limits.
    pub(super) const fn check(&self) -> Result<(), SettingsError> {
        if self.capacity == 0 || self.capacity > MAX_CAPACITY {
            return Err(SettingsError::number("capacity must be from 1 to 2147483647", self.capacity));
        }
        if self.min_idle > self.capacity {
            return Err(SettingsError::number("min_idle must be at most capacity", self.min_idle).above(self.capacity));
        }
        if self.max_creating == 0 {
            return Err(SettingsError::number("max_creating must be at least 1", 0));
        }
        self.epoch.check()
    }
}
