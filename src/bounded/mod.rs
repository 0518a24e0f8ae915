//! A pool with a limit: at most so many items exist, and a get that finds none free waits for one.
//!
//! For what is scarce and not only expensive: connections, GPU contexts, buffers that must not take more than so much
//! memory. See [`BoundedPool`]; [the guide](crate::docs::guide) compares it with [`Pool`](crate::Pool).

mod error;
mod get;
mod guard;
mod maintenance;
mod places;
mod recycle;
mod settings;
#[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
mod sweepable;
mod waiters;
mod waiting;

pub use error::GetError;
pub use guard::{OwnedPooled, Pooled};
pub use recycle::TryRecycle;
pub use settings::Settings;

use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use crate::engine::item::{Contained, Item, Payload, raise};
use crate::janitor::{self, Registrar};
use crate::pool::{Clear, DefaultRecycle, Epochs, Home, SettingsError};
use crate::sync::{OnceArc, const_unless_loom};
use places::{Places, Snapshot};

/// A pool of which at most `capacity` items exist, in use and idle together. A `get` for which there is none waits.
///
/// With the recyclers, guards, epochs and stats of [`Pool`](crate::Pool), so that changing from one to the other is
/// changing a type; only that a `get` may fail here, and says why in a [`GetError`].
///
/// ```
/// use ebbtide::BoundedPool;
/// use ebbtide::bounded::GetError;
///
/// static PAGES: BoundedPool<Vec<u8>> = BoundedPool::new(64); // const; cleared on their way back
///
/// fn handle(request: &[u8]) -> Result<usize, GetError> {
///     let mut page = PAGES.get()?; // waits while 64 are in use
///     page.extend_from_slice(request);
///     Ok(page.len())
/// } // back into the pool here, and to whoever has waited longest
///
/// assert_eq!(handle(b"hello"), Ok(5));
/// ```
///
/// # Waiting
///
/// Threads wait in [`get`](Self::get), [`get_timeout`](Self::get_timeout) and [`get_deadline`](Self::get_deadline), tasks
/// of any async runtime in [`get_async`](Self::get_async), all in one line. They are served in the order in which they
/// came, and nobody overtakes: while anybody waits, [`try_get`](Self::try_get) gets nothing. One who gives up, because
/// the time is up or the future is dropped, leaves the line, and what was served to it already goes to the next. A future
/// that was polled, and is neither polled again nor dropped, keeps its turn: those behind it wait, and what was served to it
/// nobody has.
///
/// [`get_many`](Self::get_many) takes several at once or none. At the head of the line it holds up those behind it until
/// its places are together; so two who each need several can't wait for each other with a part in their hands, as they
/// may if each takes one after the other.
///
/// A `get` on a thread that holds items of the same pool may wait for itself.
///
/// # Idle items
///
/// The item put back last is the first to go out again, so that what isn't needed gets old: a sweep drops what was put
/// back before the last one, down to [`min_idle`](Settings::min_idle). An item that a sweep, `clear` or `resize` drops, or
/// the recycler refuses, keeps its place until its `Drop` has run, as it exists until then, and counts as in use. Those that
/// one sweep drops go one after the other, and each place is free when its own item is gone.
///
/// # Costs
///
/// A `get` and the guard's drop take the pool's one lock each, for a few instructions: no user code runs under it, but
/// for a global allocator, which therefore can't use a bounded pool itself. A wait costs a few small allocations besides.
/// Items are boxed, as in `Pool`. An unused pool has no heap; a used one keeps room for as many idle items as there ever
/// were.
///
/// # Sharing
///
/// A pool is `Sync` if `T: Send` and `R: Sync`; it never asks `T: Sync`, as no two threads see an item at once.
///
/// # Examples
///
/// [One item, as a lock with a deadline](crate::docs::guide#a-lock-with-a-deadline), and
/// [several taken at once](crate::docs::guide#several-at-once).
pub struct BoundedPool<T, R = DefaultRecycle> {
    places: OnceArc<Places<T>>,
    /// Tells the janitor about the places once they are made; none with manual epochs.
    register: Option<Registrar<T>>,
    settings: Settings<()>,
    recycler: Contained<R>,
}

impl<T: Send + Default + Clear + 'static> BoundedPool<T> {
    const_unless_loom! {
        /// A pool that makes items with `T::default()` and clears them on their way back.
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
        /// If the capacity is out of its limits, 1 to 2147483647; in a `static` that does not compile. Use
        /// [`try_with_settings`](Self::try_with_settings) where it comes at run time.
        #[must_use]
        pub const fn new(capacity: usize) -> Self {
            Self::with_recycle(DefaultRecycle, capacity)
        }
    }
}

impl<T: Send + 'static, R: TryRecycle<T>> BoundedPool<T, R> {
    const_unless_loom! {
        /// A pool that **hands items on as they were left**: the next user finds what the last one put in. It makes them
        /// with `create`.
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
        /// A pool whose items are made and readied by `recycler`, with the default settings.
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

impl<T: Send, R: TryRecycle<T>> BoundedPool<T, R> {
    const_unless_loom! {
        /// A pool with settings of its own. With [manual](Settings::manual) epochs `T` need not be `'static`.
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
        /// If a setting is out of its limits; in a `static` that does not compile. Use
        /// [`try_with_settings`](Self::try_with_settings) where the values come at run time.
        #[must_use]
        pub const fn with_settings<E: Epochs<T>>(recycler: R, settings: Settings<E>) -> Self {
            if let Err(error) = settings.check() {
                panic!("{}", error.rule());
            }
            let recycler = Contained::new(recycler);
            Self { places: OnceArc::new(), register: E::REGISTER, settings: settings.with_epoch(settings.epoch.of_kind()), recycler }
        }
    }

    /// As [`with_settings`](Self::with_settings), with a bad setting as an error.
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
    /// If a setting is out of its limits; the error names the setting, the value and the limits.
    pub fn try_with_settings<E: Epochs<T>>(recycler: R, settings: Settings<E>) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self::with_settings(recycler, settings))
    }
}

impl<T, R: TryRecycle<T>> BoundedPool<T, R> {
    /// Drops an item that the recycler refused, or in which it panicked.
    #[cold]
    #[inline(never)]
    fn refuse(&self, item: Item<T>, panic: Option<Payload>) {
        if let Some(panic) = self.places().refuse(item, panic) {
            raise(panic);
        }
    }
}

impl<T, R: TryRecycle<T>> Home<T> for BoundedPool<T, R> {
    /// Readies an item and makes it idle, or drops it if the recycler refuses it; gives its place free.
    #[inline]
    fn give_back(&self, mut item: Item<T>) {
        match panic::catch_unwind(AssertUnwindSafe(|| self.recycler.recycle(&mut item))) {
            Ok(true) => self.places().give_back(item),
            Ok(false) => self.refuse(item, None),
            Err(panic) => self.refuse(item, Some(panic)),
        }
    }

    fn part_with_one(&self) {
        self.places().free_place();
    }
}

impl<T, R> BoundedPool<T, R> {
    fn snapshot(&self) -> Snapshot {
        match self.places.get() {
            Some(places) => places.snapshot(),
            None => Snapshot::unused(self.settings.capacity),
        }
    }

    /// The heap part, made and registered by the first call.
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
        let Settings { capacity, min_idle, epoch } = self.settings;
        let (places, made) = self.places.get_or_make(|| Places::new(capacity, min_idle));
        if made {
            if let (Some(registrar), Some(places)) = (&self.register, self.places.share()) {
                registrar.register(&places, epoch.nanos());
            }
        }
        places
    }
}

impl<T, R> Drop for BoundedPool<T, R> {
    /// Drops every idle item, but for those that a sweep on another thread, the janitor's or that of `advance_all`, has in its
    /// hands: that drops them, soon after. A panic in an item's `Drop` is caught, and the other items are dropped all the same.
    fn drop(&mut self) {
        if let (Some(places), Some(_)) = (self.places.get(), &self.register) {
            janitor::forget(places);
        }
    }
}

impl<T, R> fmt::Debug for BoundedPool<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedPool")
            .field("settings", &self.settings)
            .field("now", &self.snapshot())
            .finish_non_exhaustive()
    }
}
