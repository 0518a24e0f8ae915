//! The pool: the public face over the store, where user code and its panics are contained.

mod clear;
mod guard;
mod recycle;
mod settings;
mod settings_error;
mod stats;
#[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
mod sweepable;
#[cfg(all(loom, feature = "loom", not(loom_is_shuttle)))]
pub(crate) mod sweeper;

pub use clear::Clear;
pub(crate) use guard::Home;
pub use guard::{Guard, OwnedPooled, Pooled};
pub use recycle::{DefaultRecycle, Recycle, WithCapacity};
#[cfg(feature = "bounded")]
pub(crate) use settings::Epoch;
pub use settings::{Epochs, Manual, Settings, Timed};
pub use settings_error::SettingsError;
pub use stats::Stats;

use std::fmt;
use std::panic::{self, AssertUnwindSafe, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::engine::array::Array;
use crate::engine::item::{Contained, Item, Payload, drop_each, keep_first, raise};
use crate::engine::store::{Limits, Store};
use crate::engine::sweep::sweep;
use crate::engine::tally::Swept;
use crate::engine::top::Purpose;
use crate::janitor::{self, Registrar};
use crate::sync::{OnceArc, const_unless_loom};

/// A pool of reusable `T`s that are expensive to make or to drop.
///
/// Each thread keeps a few items for itself; the rest lie in shared queues without locks, from which any thread takes,
/// and what nobody has used for two epochs is dropped.
///
/// ```
/// use ebbtide::Pool;
///
/// static BUFFERS: Pool<Vec<u8>> = Pool::new(); // cleared on their way back
///
/// fn handle(request: &[u8]) -> usize {
///     let mut buffer = BUFFERS.get(); // derefs to Vec<u8>
///     buffer.extend_from_slice(request);
///     buffer.len()
/// } // back into the pool here
///
/// assert_eq!(handle(b"hello"), 5);
/// ```
///
/// # Costs
///
/// An unused pool is one cache line of 64 bytes, two with a recycler of more than 8 bytes, and no heap. A `get` and the
/// guard's drop together take a few nanoseconds when the private slots serve them, without a lock or an atomic
/// read-modify-write. Items are boxed whatever their size, so that neither guards nor batches move them.
///
/// # How many items it keeps
///
/// Per thread: its private slots, and one batch on its way. In all: with [`max_idle`](Settings::max_idle) set, that many
/// plus the private slots of each thread plus batches on their way; without it, as many as were ever in use at once,
/// until two sweeps have passed.
///
/// A thread's slot set is 128 bytes, and once it is used 8 bytes per private slot and 64 more; the next thread inherits
/// it. They are made in blocks of 1, 2, 4, 8 and so on as more threads use pools at the same time, and go with the pool.
///
/// # Sharing
///
/// A pool is `Sync` if `T: Send` and `R: Sync`; it never asks `T: Sync`, as no two threads see an item at once.
///
/// The idea of private, shared and victim is Go's [`sync.Pool`](https://pkg.go.dev/sync#Pool); the two arrays per
/// thread, swapped whole, are the magazines of Bonwick and Adams, "Magazines and Vmem" (2001); and the protocol on them is
/// the deque of Chase and Lev, "Dynamic Circular Work-Stealing Deque" (2005).
// Aligned, so that nothing which another thread writes, such as the count of an `Arc` around it, shares its cache line: every
// get and put reads it, and a counter on it made a pair take 11 ns instead of 3.
#[repr(align(64))]
pub struct Pool<T, R = DefaultRecycle> {
    store: OnceArc<Store<T>>,
    /// Tells the janitor about the store once it is made; none with manual epochs.
    register: Option<Registrar<T>>,
    settings: Settings<()>,
    recycler: Contained<R>,
}

impl<T: Send + Default + Clear + 'static> Pool<T> {
    const_unless_loom! {
        /// A pool that makes items with `T::default()` and clears them on their way back.
        ///
        /// ```
        /// use ebbtide::Pool;
        ///
        /// static NAMES: Pool<String> = Pool::new();
        ///
        /// NAMES.get().push_str("Ada");
        /// assert_eq!(*NAMES.get(), "");
        /// ```
        #[must_use]
        pub const fn new() -> Self {
            Self::with_recycle(DefaultRecycle)
        }
    }
}

impl<T: Send + Default + Clear + 'static> Default for Pool<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Send + 'static, R: Recycle<T>> Pool<T, R> {
    const_unless_loom! {
        /// A pool that **hands items on as they were left**: the next user finds what the last one put in. It makes them
        /// with `create`.
        ///
        /// For items that have nothing to clear or whose users clear them. To clear them in one place, use
        /// [`with_recycle`](Self::with_recycle).
        ///
        /// ```
        /// use ebbtide::Pool;
        ///
        /// # struct Parser { stack: Vec<usize> }
        /// # impl Parser { fn new() -> Self { Self { stack: Vec::with_capacity(64) } } }
        /// static PARSERS: Pool<Parser, fn() -> Parser> = Pool::with(Parser::new);
        ///
        /// PARSERS.get().stack.push(7);
        /// assert_eq!(PARSERS.get().stack, [7]);
        /// ```
        #[must_use]
        pub const fn with(create: R) -> Self
        where
            R: Fn() -> T,
        {
            Self::with_recycle(create)
        }
    }

    const_unless_loom! {
        /// A pool whose items are made and readied by `recycler`, with the default settings.
        ///
        /// ```
        /// use ebbtide::{Pool, WithCapacity};
        ///
        /// static PAGES: Pool<Vec<u8>, WithCapacity> = Pool::with_recycle(WithCapacity { min: 4096, max: 65536 });
        ///
        /// assert!(PAGES.get().capacity() >= 4096);
        /// ```
        #[must_use]
        pub const fn with_recycle(recycler: R) -> Self {
            Self::with_settings(recycler, Settings::new())
        }
    }
}

impl<T: Send, R: Recycle<T>> Pool<T, R> {
    const_unless_loom! {
        /// A pool with settings of its own. With [manual](Settings::manual) epochs `T` need not be `'static`.
        ///
        /// ```
        /// use ebbtide::{DefaultRecycle, Pool, Settings};
        ///
        /// static TEXTS: Pool<String> = Pool::with_settings(DefaultRecycle, Settings::new().max_idle(1000));
        ///
        /// TEXTS.get().push('a');
        ///
        /// let line = String::from("a word");
        /// let words = Pool::with_settings(Vec::<&str>::new, Settings::new().manual());
        /// words.get().extend(line.split(' '));
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
            Self { store: OnceArc::new(), register: E::REGISTER, settings: settings.with_epoch(settings.epoch.of_kind()), recycler }
        }
    }

    /// As [`with_settings`](Self::with_settings), with a bad setting as an error.
    ///
    /// ```
    /// use ebbtide::{Pool, Settings};
    ///
    /// let slots = "16".parse().expect("a number");
    /// let pool = Pool::try_with_settings(String::new, Settings::new().private_slots(slots))?;
    /// pool.get().push('a');
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

    /// An idle item, or a new one if none is found. It goes back when the guard is dropped.
    ///
    /// Looks in the thread's private slots, then in the shared queues, then makes one, which costs an allocation besides
    /// what [`Recycle::create`] does.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// let mut buffer = pool.get();
    /// buffer.extend_from_slice(b"hello");
    /// assert_eq!(buffer.len(), 5);
    /// ```
    ///
    /// # Panics
    ///
    /// If `create` does; the pool is as it was before.
    #[inline]
    pub fn get(&self) -> Pooled<'_, T, R> {
        self.get_with(|| self.recycler.create())
    }

    /// As [`get`](Self::get), but a new item is made by `create`, which may need what is only at hand here.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// let expected = 1500;
    /// let packet = pool.get_with(|| Vec::with_capacity(expected));
    /// assert!(packet.capacity() >= 1500);
    /// ```
    ///
    /// # Panics
    ///
    /// If `create` does; the pool is as it was before.
    #[inline]
    pub fn get_with(&self, create: impl FnOnce() -> T) -> Pooled<'_, T, R> {
        match self.take() {
            Some(item) => Pooled::new(item, self).outliving(create),
            None => Pooled::new(self.make(create), self),
        }
    }

    /// An idle item, or `None` if none is found.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// assert!(pool.try_get().is_none());
    /// drop(pool.get());
    /// assert!(pool.try_get().is_some());
    /// ```
    #[inline]
    pub fn try_get(&self) -> Option<Pooled<'_, T, R>> {
        self.take().map(|item| Pooled::new(item, self))
    }

    /// As [`get`](Self::get), with a guard that holds the pool instead of borrowing it. Costs a reference count more.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ebbtide::Pool;
    ///
    /// let pool: Arc<Pool<Vec<u8>>> = Arc::new(Pool::new());
    /// let mut buffer = pool.get_owned();
    /// std::thread::spawn(move || buffer.push(1)).join().unwrap();
    /// assert_eq!(pool.stats().created, 1);
    /// ```
    ///
    /// # Panics
    ///
    /// If [`Recycle::create`] does; the pool is as it was before.
    #[inline]
    pub fn get_owned(self: &Arc<Self>) -> OwnedPooled<T, R> {
        OwnedPooled::new(self.take_or(|| self.recycler.create()), Arc::clone(self))
    }

    /// Puts in an item that was made elsewhere. It is recycled first, and dropped if the recycler refuses it.
    ///
    /// Costs one allocation, for the box that it is moved into.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// pool.put(Vec::with_capacity(1024));
    /// assert!(pool.get().capacity() >= 1024);
    /// ```
    ///
    /// # Panics
    ///
    /// If [`Recycle::recycle`] or the `Drop` of an item that there is no room for does. At most that item is lost.
    pub fn put(&self, item: T) {
        self.give_back(Item::new(item));
    }

    /// Makes `n` items and puts them where every thread finds them. Returns how many of them were kept, which is fewer
    /// than `n` if [`max_idle`](Settings::max_idle) left no room.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// assert_eq!(pool.prefill(100), 100);
    /// assert_eq!(pool.idle(), 100);
    /// ```
    ///
    /// # Panics
    ///
    /// If [`Recycle::create`] does; what was made before is kept.
    pub fn prefill(&self, n: usize) -> usize {
        let store = self.store();
        let size = store.limits.array.max(1);
        let mut kept = 0;
        for start in (0..n).step_by(size) {
            let mut items = Array::new(size);
            let made = panic::catch_unwind(AssertUnwindSafe(|| {
                for _ in start..n.min(start + size) {
                    let pushed = items.push(Item::new(self.recycler.create()));
                    debug_assert!(pushed.is_ok(), "there is room for a batch");
                }
            }));
            kept += items.len();
            let rejected = store.put_batch(items);
            let full = rejected.is_some();
            let mut first = made.err();
            if let Some(mut rejected) = rejected {
                kept -= rejected.len();
                if let Some(panic) = drop_each(&mut rejected) {
                    keep_first(&mut first, panic);
                }
            }
            if let Some(panic) = first {
                raise(panic);
            }
            if full {
                break;
            }
        }
        kept
    }
}

impl<T, R> Pool<T, R> {
    /// Ends the epoch: drops what was put in an earlier one and not used since, and makes the rest a step older.
    ///
    /// So an idle item survives one call and not two. Takes no lock and holds up no other thread. Its cost grows with
    /// the number of threads that use the pool and with the items that it drops.
    ///
    /// Returns what it did, or `None` if another sweep of this pool is running; nothing was done then.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// drop(pool.get());
    /// pool.advance();
    /// assert_eq!(pool.idle(), 1);
    /// pool.advance();
    /// assert_eq!(pool.idle(), 0);
    /// ```
    ///
    /// # Panics
    ///
    /// If the `Drop` of items panics, the first such panic is raised again here, after all were dropped, unless the thread
    /// is unwinding already.
    pub fn advance(&self) -> Option<Swept> {
        self.sweep(Purpose::Advance)
    }

    /// Drops every idle item, [`min_idle`](Settings::min_idle) or not, but for those of threads that are inside an
    /// operation. The epoch stays.
    ///
    /// Returns what it did, or `None` if another sweep of this pool is running; nothing was done then.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// drop(pool.get());
    /// assert_eq!(pool.clear().map(|swept| swept.dropped), Some(1));
    /// ```
    ///
    /// # Panics
    ///
    /// If the `Drop` of items panics, the first such panic is raised again here, after all were dropped, unless the thread
    /// is unwinding already.
    pub fn clear(&self) -> Option<Swept> {
        self.sweep(Purpose::Clear)
    }

    /// How many items are idle: exact when no other call is under way, else an estimate.
    ///
    /// Costs a look at the slot set of every thread that used the pool.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// drop((pool.get(), pool.get()));
    /// assert_eq!(pool.idle(), 2);
    /// ```
    pub fn idle(&self) -> usize {
        self.store.get().map_or(0, Store::idle)
    }

    /// What the pool did since it was made.
    ///
    /// Costs a look at the slot set of every thread that used the pool.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// drop((pool.get(), pool.get()));
    /// assert_eq!(pool.stats().created, 2);
    /// ```
    pub fn stats(&self) -> Stats {
        self.store.get().map(Stats::of).unwrap_or_default()
    }

    fn sweep(&self, purpose: Purpose) -> Option<Swept> {
        let Some(store) = self.store.get() else { return Some(Swept::default()) };
        let (swept, panic) = sweep(store, purpose)?;
        if let Some(panic) = panic {
            raise(panic);
        }
        Some(swept)
    }
}

impl<T, R: Recycle<T>> Pool<T, R> {
    #[inline(always)]
    fn take(&self) -> Option<Item<T>> {
        self.store.get().and_then(Store::get)
    }

    #[inline(always)]
    pub(crate) fn take_or(&self, create: impl FnOnce() -> T) -> Item<T> {
        match self.take() {
            Some(item) => item,
            None => self.make(create),
        }
    }

    /// An item that the calling thread's private slots have at hand.
    #[inline(always)]
    pub(crate) fn take_at_hand(&self) -> Option<Item<T>> {
        self.store.get().and_then(Store::pop)
    }

    /// An idle item that the next sweep would not drop.
    pub(crate) fn take_young(&self) -> Option<Item<T>> {
        self.store.get().and_then(Store::get_young)
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn make(&self, create: impl FnOnce() -> T) -> Item<T> {
        let item = Item::new(create());
        self.store().count_created();
        item
    }

    /// Puts an item in where the private slots have no room.
    #[cold]
    #[inline(never)]
    fn give_back_slow(&self, item: Item<T>) {
        if let Some(panic) = self.store().put_slow(item).and_then(|mut rejected| drop_each(&mut rejected)) {
            raise(panic);
        }
    }

    /// Drops an item that the recycler refused, or in which it panicked, or that makes way for another.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse(&self, item: Item<T>, mut first: Option<Payload>) {
        self.store().events.refused.add(1);
        if let Some(panic) = drop_each([item]) {
            keep_first(&mut first, panic);
        }
        if let Some(panic) = first {
            raise(panic);
        }
    }

    /// The heap part, made and registered by the first call.
    fn store(&self) -> &Store<T> {
        match self.store.get() {
            Some(store) => store,
            None => self.make_store(),
        }
    }

    #[cold]
    #[inline(never)]
    fn make_store(&self) -> &Store<T> {
        let Settings { private_slots, max_idle, min_idle, chaos, epoch } = self.settings;
        let limits = Limits { array: private_slots.div_ceil(2), max_idle, min_idle, chaos };
        let (store, made) = self.store.get_or_make(|| Store::new(limits));
        if made {
            if let (Some(registrar), Some(store)) = (&self.register, self.store.share()) {
                registrar.register(&store, epoch.nanos());
            }
        }
        store
    }
}

impl<T, R: Recycle<T>> Home<T> for Pool<T, R> {
    /// Readies an item and puts it in; drops it if the recycler refuses it.
    #[inline(always)]
    fn give_back(&self, mut item: Item<T>) {
        match panic::catch_unwind(AssertUnwindSafe(|| self.recycler.recycle(&mut item))) {
            Ok(true) => {
                let left = match self.store.get() {
                    Some(store) => store.put(item),
                    None => Err(item),
                };
                if let Err(item) = left {
                    self.give_back_slow(item);
                }
            }
            Ok(false) => self.refuse(item, None),
            Err(panic) => self.refuse(item, Some(panic)),
        }
    }

    #[inline(always)]
    fn part_with_one(&self) {}
}

impl<T, R> Drop for Pool<T, R> {
    /// Drops every idle item, but for those that a sweep on another thread, the janitor's or that of `advance_all`, has in its
    /// hands: that drops them, soon after. A panic in an item's `Drop` is caught, and the other items are dropped all the same.
    fn drop(&mut self) {
        if let (Some(store), Some(_)) = (self.store.get(), &self.register) {
            janitor::forget(store);
        }
    }
}

// A panic in user code leaves the pool whole; what it leaves of an item is for the item's own type to answer for.
impl<T: UnwindSafe, R: RefUnwindSafe> RefUnwindSafe for Pool<T, R> {}
impl<T: UnwindSafe, R: UnwindSafe> UnwindSafe for Pool<T, R> {}

impl<T, R> fmt::Debug for Pool<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("settings", &self.settings).field("stats", &self.stats()).finish_non_exhaustive()
    }
}
