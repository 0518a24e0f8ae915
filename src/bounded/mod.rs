//! A pool with a limit: at most `capacity` items exist, and a `get` waits while all are in use.
//!
//! Use it for resources with a fixed maximum: connections, GPU contexts, or buffers with limited memory. See
//! [`BoundedPool`]. [The guide](crate::docs::guide) compares it with [`Pool`](crate::Pool).

mod background;
mod closing;
mod counts;
mod creating;
mod disposer;
mod error;
mod events;
mod filling;
mod get;
mod get_async;
mod get_many;
mod guard;
mod held;
mod in_time;
mod info;
mod lot;
mod maintenance;
mod manage;
mod one;
mod order;
mod phases;
mod places;
mod recycle;
mod returning;
mod room;
mod settings;
mod state;
mod status;
mod sweep;
#[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
mod sweepable;
mod timeout;
mod tracking;
mod try_get;
mod wait;
mod waiters;

pub use disposer::Disposer;
pub use error::{GetError, Phase};
pub use guard::{OwnedPooled, Pooled};
pub use info::Info;
pub use manage::Manage;
pub use order::Order;
pub use recycle::TryRecycle;
pub use settings::Settings;
pub use status::Status;
pub use tracking::Holder;

use std::fmt;

use crate::engine::item::Contained;
use crate::janitor::{self, Registrar};
use crate::pool::{Clear, DefaultRecycle, Epochs, SettingsError};
use crate::sync::{OnceArc, const_unless_loom};
use background::{Background, Filler};
use held::Held;
use info::Item;
use places::Places;

/// A pool of at most `capacity` items, in use and idle together. While all are in use, a `get` waits.
///
/// It has the recyclers, guards, epochs and stats of [`Pool`](crate::Pool), so changing from one to the other only
/// changes a type. The difference is that a `get` may fail here, with a [`GetError`].
///
/// ```
/// use ebbtide::BoundedPool;
/// use ebbtide::bounded::GetError;
///
/// static PAGES: BoundedPool<Vec<u8>> = BoundedPool::new(64); // const; clears items that return
///
/// fn handle(request: &[u8]) -> Result<usize, GetError> {
///     let mut page = PAGES.get()?; // waits while 64 are in use
///     page.extend_from_slice(request);
///     Ok(page.len())
/// } // returns to the pool here, or goes to the first waiter
///
/// assert_eq!(handle(b"hello"), Ok(5));
/// ```
///
/// # Waiting
///
/// Threads wait in [`get`](Self::get), [`get_timeout`](Self::get_timeout) and [`get_deadline`](Self::get_deadline).
/// Tasks of any async runtime wait in [`get_async`](Self::get_async). All share one queue and are served first come,
/// first served. While the first of them wakes up for an item, a newcomer may take it, but no more than
/// [1000 of them](Settings::max_overtakes).
///
/// [`wait_timeout`](Settings::wait_timeout) limits every wait without a deadline of its own. For tasks,
/// [`create_timeout`](Settings::create_timeout) and [`check_timeout`](Settings::check_timeout) limit the other phases.
/// A thread of the process, started when the first task waits with a timeout, wakes tasks whose time has passed.
/// A waker that takes long delays the others. [`stop_janitor`](crate::stop_janitor) ends the thread. Where no thread can
/// be started, as on most wasm, and in the child of a `fork`, the timeouts of tasks do not pass.
///
/// A waiter leaves the queue at its deadline, or when its future is dropped. If it was already served, its item goes to
/// the next waiter. A future that was polled, but is neither polled again nor dropped, keeps its turn. Until then,
/// waiters behind it wait, and nobody can use an item that it was served.
///
/// [`get_many`](Self::get_many) takes several items at once or none. As the first waiter, it blocks those behind it
/// until all its items are free. So two callers that each need several items cannot deadlock while each holds some.
/// They can if they take one item after the other.
///
/// A `get` that creates an item goes on with that, even if another one comes back meanwhile. With
/// [`max_creating`](Settings::max_creating), only a few create, and what comes back serves the others. With
/// [`create_in_background`](Self::create_in_background), other threads create the items. Then a `get` takes what comes
/// first, and ends in time even if a creation does not.
///
/// [`get`](Self::get) says when a thread waits for itself.
///
/// # Checks
///
/// A [`TryRecycle`] or, for tasks, a [`Manage`] can check an idle item before it is handed out, after the wait. If the
/// check fails, the item is dropped and a new one is created in the same place. So the caller need not wait again, and there
/// are never more items than the capacity. If the check panics, or its future is dropped, the item is dropped and its
/// place is free. New items are not checked.
///
/// A pool that only futures can fill has no `get` for threads:
///
/// ```compile_fail
/// # use ebbtide::{BoundedPool, bounded::Manage};
/// struct Tasks;
///
/// impl Manage<u8> for Tasks {
///     type Error = std::io::Error;
///
///     async fn create(&self) -> std::io::Result<u8> {
///         Ok(0)
///     }
/// }
///
/// let pool = BoundedPool::with_recycle(Tasks, 1);
/// let _ = pool.get(); // `get_async` works
/// ```
///
/// # Idle items
///
/// The item returned last is handed out first, so that surplus items age, unless the settings choose another
/// [`Order`]. A sweep drops items that were returned before
/// the last sweep and not used since, but leaves at least [`min_idle`](Settings::min_idle). The janitor leaves the pool
/// alone while no more items are idle than that, none of them has reached its [`max_lifetime`](Settings::max_lifetime), and
/// none can be created that is missing. What ends that takes the janitor's lock: an item that returns, and a `get` that leaves
/// too few.
///
/// An item that a sweep, `clear` or `resize` drops, or that the recycler refuses, exists until its `Drop` has run.
/// Until then it keeps its place and counts as in use. A sweep drops its items one by one, and frees each place as soon
/// as its item is dropped.
///
/// Dropping the pool [does not wait](crate::Pool#dropping-a-pool) for such items. To wait for them, [`close`](Self::close)
/// it first and call [`closed`](Self::closed).
///
/// # Costs
///
/// A `get` and the guard's drop each take the pool's one lock for a few instructions. Under it runs no user code except
/// the global allocator, which therefore cannot use a bounded pool itself. A wait costs a few small allocations. Items
/// are boxed, as in `Pool`. An unused pool has no heap. After a burst, sweeps give back the room for the items and
/// waiters that are gone.
///
/// # Events
///
/// With the feature `tracing`, besides each sweep these emit an event with target `ebbtide` and level debug: `created` and
/// `create failed`, with the duration in `micros`, `create timed out`, `check failed`, `check timed out`, `wait timed
/// out`, and `expired` for an item that a `get` finds too old or that returns so. The field `pool` is the pool's name, if
/// its settings give one, and `item` the type of the items. No lock is held, but a call that creates or checks an item
/// holds its place. A panic of the subscriber is treated like one of the call's `create` or check.
/// [`Settings::track_held`] adds a warning.
///
/// # Sharing
///
/// The bounds are those of [`Pool`](crate::Pool#sharing): `T` need not be `Sync`.
///
/// # Examples
///
/// [One item, as a lock with a deadline](crate::docs::guide#a-lock-with-a-deadline), and
/// [several taken at once](crate::docs::guide#several-at-once).
pub struct BoundedPool<T, R = DefaultRecycle> {
    places: OnceArc<Places<T>>,
    /// Registers the places with the janitor once they exist; `None` with manual epochs.
    register: Option<Registrar<T>>,
    settings: Settings<()>,
    /// Whether the settings ask for a look at each item, when it is handed out and when it returns.
    watched: bool,
    /// Set if other threads create the items.
    background: Option<Background<T, R>>,
    recycler: Contained<R>,
}

impl<T: Send + Default + Clear + 'static> BoundedPool<T> {
    const_unless_loom! {
        /// Creates a pool that creates items with `T::default()` and clears them when they return.
        ///
        /// ```
        /// use ebbtide::{BoundedPool, bounded::GetError};
        ///
        /// static NAMES: BoundedPool<String> = BoundedPool::new(2);
        ///
        /// NAMES.get()?.push_str("Ada");
        /// assert_eq!(*NAMES.get()?, "");
        /// # Ok::<(), GetError>(())
        /// ```
        ///
        /// # Panics
        ///
        /// Panics if the capacity is not from 1 to 2147483647. In a `static`, that is a compile error. For a capacity
        /// known only at run time, use [`try_with_settings`](Self::try_with_settings).
        #[must_use]
        pub const fn new(capacity: usize) -> Self {
            Self::with_recycle(DefaultRecycle, capacity)
        }
    }
}

impl<T: Send + 'static, R: Manage<T>> BoundedPool<T, R> {
    const_unless_loom! {
        /// Creates a pool that **does not clear items**: the next user sees what the last one left. `create` creates
        /// them. In a `static`, write its type as in [`Pool::with`](crate::Pool::with).
        ///
        /// ```
        /// use ebbtide::{BoundedPool, bounded::GetError};
        ///
        /// # struct Context;
        /// # impl Context { fn new() -> Self { Self } }
        /// static CONTEXTS: BoundedPool<Context, fn() -> Context> = BoundedPool::with(Context::new, 2);
        ///
        /// let context = CONTEXTS.get()?;
        /// # drop(context);
        /// # Ok::<(), GetError>(())
        /// ```
        ///
        /// # Panics
        ///
        /// As [`new`](Self::new).
        #[must_use]
        pub const fn with(create: R, capacity: usize) -> Self
        where
            R: Fn() -> T,
        {
            Self::with_recycle(create, capacity)
        }
    }

    const_unless_loom! {
        /// Creates a pool with a recycler and the default settings.
        ///
        /// ```
        /// use ebbtide::{BoundedPool, WithCapacity, bounded::GetError};
        ///
        /// static PAGES: BoundedPool<Vec<u8>, WithCapacity> =
        ///     BoundedPool::with_recycle(WithCapacity { min: 4096, max: 65536 }, 16);
        ///
        /// assert!(PAGES.get()?.capacity() >= 4096);
        /// # Ok::<(), GetError>(())
        /// ```
        ///
        /// # Panics
        ///
        /// As [`new`](Self::new).
        #[must_use]
        pub const fn with_recycle(recycler: R, capacity: usize) -> Self {
            Self::with_settings(recycler, Settings::new(capacity))
        }
    }
}

impl<T: Send, R: Manage<T>> BoundedPool<T, R> {
    const_unless_loom! {
        /// Creates a pool with a recycler and settings. With [manual](Settings::manual) epochs, `T` need not be
        /// `'static`.
        ///
        /// ```
        /// use ebbtide::{BoundedPool, DefaultRecycle, bounded::Settings};
        ///
        /// static TEXTS: BoundedPool<String> =
        ///     BoundedPool::with_settings(DefaultRecycle, Settings::new(100).min_idle(10));
        ///
        /// assert_eq!(TEXTS.capacity(), 100);
        /// ```
        ///
        /// # Panics
        ///
        /// Panics if a setting is out of its limits. In a `static`, that is a compile error. For values known only at
        /// run time, use [`try_with_settings`](Self::try_with_settings).
        #[doc(alias("builder", "config"))]
        #[must_use]
        pub const fn with_settings<E: Epochs<T>>(recycler: R, settings: Settings<E>) -> Self {
            if let Err(error) = settings.check() {
                panic!("{}", error.rule());
            }
            let (watched, settings) = (settings.watch_items(), settings.untyped());
            let recycler = Contained::new(recycler);
            Self { places: OnceArc::new(), register: E::REGISTER, settings, watched, background: None, recycler }
        }
    }

    /// Like [`with_settings`](Self::with_settings), but returns a bad setting as an error.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::Settings};
    ///
    /// let capacity = "16".parse().expect("a number");
    /// let pool = BoundedPool::try_with_settings(String::new, Settings::new(capacity))?;
    /// assert_eq!(pool.capacity(), 16);
    /// # Ok::<(), ebbtide::SettingsError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if a setting is out of its limits. The error names the setting, the value and the limits.
    pub fn try_with_settings<E: Epochs<T>>(recycler: R, settings: Settings<E>) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self::with_settings(recycler, settings))
    }
}

impl<T, R: Manage<T>> BoundedPool<T, R> {
    /// Does what [`Places::take_one`] does.
    #[inline(always)]
    fn take_one(&self) -> Result<Item<T>, Option<Held<'_, T>>> {
        self.places().take_one(R::CHECKED || self.watched)
    }

    /// Returns the heap part. The first call creates and registers it.
    #[inline]
    fn places(&self) -> &Places<T> {
        match self.places.get() {
            Some(places) => places,
            None => self.make_places(),
        }
    }

    #[cold]
    #[inline(never)]
    fn make_places(&self) -> &Places<T> {
        let settings = self.settings;
        let filler = || self.background.as_ref().map_or(Filler::NONE, |background| (background.filler)(&self.recycler));
        let (places, made) = self.places.get_or_make(|| Places::new(settings, self.recycler.disposer(), filler()));
        if let Some(heap) = self.places.to_arc().filter(|_| made) {
            if let Some(registrar) = &self.register {
                registrar.register(&heap, settings.epoch.nanos());
            }
            Places::fill(&heap);
        }
        places
    }
}

impl<T, R> Drop for BoundedPool<T, R> {
    /// Drops every idle item, but [does not wait](crate::Pool#dropping-a-pool) for a sweep. A panic in an item's `Drop` is
    /// caught, and the other items are still dropped.
    fn drop(&mut self) {
        if let (Some(places), Some(_)) = (self.places.get(), &self.register) {
            janitor::forget(&places.registration);
        }
    }
}

impl<T, R> fmt::Debug for BoundedPool<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, stats) = self.snapshot();
        f.debug_struct("BoundedPool")
            .field("settings", &self.settings)
            .field("status", &status)
            .field("stats", &stats)
            .finish_non_exhaustive()
    }
}
