//! `Pool`: the public API over the store.

mod clear;
pub(crate) mod exchange;
mod forward;
mod guard;
mod local;
mod maintenance;
mod mapped;
mod recycle;
mod settings;
mod settings_error;
pub(crate) mod shrink;
mod stats;
#[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
mod sweepable;
#[cfg(all(loom, feature = "loom", not(loom_is_shuttle)))]
pub(crate) mod sweeper;
#[cfg(feature = "zeroize")]
mod zeroize;

pub use clear::Clear;
pub(crate) use forward::forward;
pub(crate) use guard::Home;
pub use guard::{Guard, OwnedPooled, Pooled};
pub use local::{Local, LocalPooled};
pub use mapped::MappedGuard;
pub use recycle::{DefaultRecycle, Recycle, WithCapacity};
#[cfg(feature = "bounded")]
pub(crate) use settings::Epoch;
pub(crate) use settings::OrNone;
pub use settings::{Epochs, Manual, Settings, Timed};
pub use settings_error::SettingsError;
pub use stats::Stats;
#[cfg(feature = "zeroize")]
pub use zeroize::ZeroizeRecycle;

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::engine::item::{Contained, Item};
use crate::engine::store::Store;
use crate::janitor::{self, Registrar};
use crate::sync::{OnceArc, const_unless_loom};

/// A pool of reusable items that are expensive to create or to drop.
///
/// Each thread keeps a few items for itself. The rest lie in shared queues, from which any thread takes. A sweep drops
/// items that nobody has used for two epochs. See [what happens to an item](crate#what-happens-to-an-item).
///
/// ```
/// use ebbtide::Pool;
///
/// static BUFFERS: Pool<Vec<u8>> = Pool::new(); // clears items that return
///
/// fn handle(request: &[u8]) -> usize {
///     let mut buffer = BUFFERS.get(); // derefs to Vec<u8>
///     buffer.extend_from_slice(request);
///     buffer.len()
/// } // returns to the pool here
///
/// assert_eq!(handle(b"hello"), 5);
/// ```
///
/// # Costs
///
/// An unused pool has no heap and takes one cache line of 64 bytes, or two if the recycler has more than 8 bytes. While
/// the private slots serve them, a `get` and the guard's drop together take a few nanoseconds. They then use neither a
/// lock nor an atomic read-modify-write. The first use after the janitor has [left the pool
/// alone](crate#what-may-wait) takes its lock. Items are always boxed, so moving a guard or a batch does not move them.
///
/// # How many items it keeps
///
/// Each thread keeps at most its private slots and one batch that travels. If [`max_idle`](Settings::max_idle) is set,
/// the whole pool keeps at most that many, plus each thread's private slots and travelling batches. If not, it keeps as
/// many as were ever in use at once, until two sweeps have passed.
///
/// A thread's slot set takes 128 bytes. Once used, it takes 64 more and 8 per private slot. When a thread exits, the
/// next one inherits its slot set. A pool allocates slot sets in blocks of 1, 2, 4, 8 and so on, as more threads use
/// pools at the same time. A sweep frees a block whose threads have exited.
///
/// If items [weigh](Recycle::weight) 1 KiB or more, or are [costly](crate::Fetch), a thread returns its first item to a
/// place where all threads find it, if one of eight is empty. Only the next one makes it a slot set. So a pool that many
/// threads use once holds few items.
///
/// # How items shrink
///
/// An item of 4 KiB or more remembers how much of its storage its users needed: what it contained when it returned, or
/// its capacity if it grew. If less than half of its capacity was needed in the whole of an epoch and since, it shrinks
/// when it returns. Large and small uses that alternate within an epoch cause no reallocation.
///
/// This is for items whose [`Clear`] or recycler has [`used`](Recycle::used) and [`shrink`](Recycle::shrink), so not
/// for [`Pool::with`] and [`WithCapacity`]. Every item that has to be dropped takes 8 bytes more for it.
///
/// Huge hash tables are an exception, because clearing one goes through all of it, even for one entry. Once clearing
/// has gone through 24 MiB for users in a row who needed little, a new item takes the table's place. The table lies in
/// the shared queues like any idle item. A pool does this once in an epoch, so it may hold two items more for it. Other
/// types and recyclers can [take part](Recycle::recycle_cost).
///
/// # Dropping a pool
///
/// A pool drops its idle items with it. It does not wait for items that a sweep on another thread is dropping at that
/// moment, because such a `Drop` may need a lock that the caller holds. [`stop_janitor`](crate::stop_janitor) waits for
/// those of the janitor. For a sweep by [`advance`](Self::advance) or [`advance_all`](crate::advance_all), join the
/// thread that calls it. In a `BoundedPool`, `close` and `closed` wait for all items, those in use included.
///
/// # Sharing
///
/// A pool is `Sync` if `T: Send` and `R: Sync`. `T` need not be `Sync`, because no two threads see an item at once.
///
/// # Sources
///
/// Private slots, shared queues and victims are the idea of Go's [`sync.Pool`](https://pkg.go.dev/sync#Pool). The two
/// arrays per thread, swapped whole, are the magazines of Bonwick and Adams, "Magazines and Vmem" (2001). Their
/// protocol is the deque of Chase and Lev, "Dynamic Circular Work-Stealing Deque" (2005).
// Aligned so that nothing another thread writes, such as the count of a surrounding `Arc`, shares this cache line.
// Every `get` and put reads the line: with a counter on it, a pair took 11 ns instead of 3.
#[repr(align(64))]
pub struct Pool<T, R = DefaultRecycle> {
    store: OnceArc<Store<T>>,
    /// Registers the store with the janitor once it exists; `None` with manual epochs.
    register: Option<Registrar<T>>,
    settings: Settings<()>,
    pub(crate) recycler: Contained<R>,
}

impl<T: Send + Default + Clear + 'static> Pool<T> {
    const_unless_loom! {
        /// Creates a pool that creates items with `T::default()` and clears them when they return.
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
        /// Creates a pool that **does not clear items**: the next user sees what the last one left. `create` creates
        /// them.
        ///
        /// Use it for items that have nothing to clear, or whose users clear them. To clear them in one place, use
        /// [`with_recycle`](Self::with_recycle). A `static` must write the type of `create`:
        /// `fn() -> T` for a function, or a closure that captures nothing. Without it, `Pool<T>` means
        /// `Pool<T, DefaultRecycle>`, and the compiler expects a `DefaultRecycle`. For a closure that captures, a struct can
        /// have `Box<dyn Fn() -> T + Send + Sync>`.
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
        ///
        /// static PAGES: Pool<Vec<u8>, fn() -> Vec<u8>> = Pool::with(|| Vec::with_capacity(4096));
        ///
        /// assert!(PAGES.get().capacity() >= 4096);
        /// ```
        #[doc(alias("from_fn", "with_fn"))]
        #[must_use]
        pub const fn with(create: R) -> Self
        where
            R: Fn() -> T,
        {
            Self::with_recycle(create)
        }
    }

    const_unless_loom! {
        /// Creates a pool with a recycler and the default settings.
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
        /// Creates a pool with a recycler and settings. With [manual](Settings::manual) epochs, `T` need not be
        /// `'static`.
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
        /// Panics if a setting is out of its limits. In a `static`, that is a compile error. For values known only at
        /// run time, use [`try_with_settings`](Self::try_with_settings).
        #[doc(alias("builder", "config", "with_capacity"))]
        #[must_use]
        pub const fn with_settings<E: Epochs<T>>(recycler: R, settings: Settings<E>) -> Self {
            if let Err(error) = settings.check() {
                panic!("{}", error.rule());
            }
            let recycler = Contained::new(recycler);
            Self { store: OnceArc::new(), register: E::REGISTER, settings: settings.untyped(), recycler }
        }
    }

    /// Like [`with_settings`](Self::with_settings), but returns a bad setting as an error.
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
    /// Fails if a setting is out of its limits. The error names the setting, the value and the limits.
    pub fn try_with_settings<E: Epochs<T>>(recycler: R, settings: Settings<E>) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self::with_settings(recycler, settings))
    }

    /// Hands out an idle item, or creates one if it finds none. Dropping the guard returns the item to the pool.
    ///
    /// It searches the thread's private slots, then the shared queues, and for heavy or costly items the private slots
    /// of [other threads](Settings::fetch). Creating an item costs one allocation besides [`Recycle::create`].
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
    /// Panics if [`Recycle::create`] panics. The pool is then unchanged.
    #[doc(alias("acquire", "borrow", "checkout", "pop", "pull", "take"))]
    #[inline]
    pub fn get(&self) -> Pooled<'_, T, R> {
        Pooled::new(self.take_or(|| self.new_item()), self)
    }

    /// Like [`get`](Self::get), but creates a new item with `create`, which can use what is known only here.
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
    /// Panics if `create` panics. The pool is then unchanged.
    #[inline]
    pub fn get_with(&self, create: impl FnOnce() -> T) -> Pooled<'_, T, R> {
        match self.take() {
            Some(item) => Pooled::new(item, self).outliving(create),
            None => Pooled::new(self.make(|| Item::new(create())), self),
        }
    }

    /// Hands out an idle item, or returns `None` if it finds none.
    ///
    /// It searches where [`get`](Self::get) does. So it may miss items in the private slots of other threads: light
    /// ones, those that a thread is just using or moving, and some after searches that found nothing. See
    /// [`Settings::fetch`].
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// assert!(pool.try_get().is_none());
    /// drop(pool.get());
    /// assert!(pool.try_get().is_some());
    /// ```
    #[doc(alias("try_acquire", "try_pull"))]
    #[inline]
    pub fn try_get(&self) -> Option<Pooled<'_, T, R>> {
        self.take().map(|item| Pooled::new(item, self))
    }

    /// Like [`get`](Self::get), but the guard holds the pool instead of borrowing it, and [keeps it
    /// alive](OwnedPooled). Costs one more reference count.
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
    /// As [`get`](Self::get).
    #[doc(alias("acquire_owned", "pull_owned"))]
    #[inline]
    pub fn get_owned(self: &Arc<Self>) -> OwnedPooled<T, R> {
        OwnedPooled::new(self.take_or(|| self.new_item()), Arc::clone(self))
    }

    /// Like [`try_get`](Self::try_get), but the guard holds the pool instead of borrowing it.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ebbtide::Pool;
    ///
    /// let pool: Arc<Pool<Vec<u8>>> = Arc::new(Pool::new());
    /// assert!(pool.try_get_owned().is_none());
    /// drop(pool.get());
    /// assert!(pool.try_get_owned().is_some());
    /// ```
    #[doc(alias("try_pull_owned"))]
    #[inline]
    pub fn try_get_owned(self: &Arc<Self>) -> Option<OwnedPooled<T, R>> {
        self.take().map(|item| OwnedPooled::new(item, Arc::clone(self)))
    }

    /// Adds an item that was created elsewhere. The recycler sees it first, and an item that it refuses is dropped.
    ///
    /// Costs one allocation, for the item's box.
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
    /// Panics if [`Recycle::recycle`] panics, or the `Drop` of an item that is not kept. At most that item is lost.
    #[doc(alias("add", "attach", "give_back", "insert", "push", "release"))]
    pub fn put(&self, item: T) {
        self.give_back(Item::new(item));
    }

    /// Like [`put`](Self::put), for an item that lies in a box. A large one is not moved.
    ///
    /// If `T` has nothing to drop, the box becomes the pool's as it is. Otherwise it grows by the 8 bytes of its
    /// [history](Self#how-items-shrink), for which the allocator may have to move it.
    ///
    /// ```
    /// use ebbtide::{Pool, Pooled};
    ///
    /// static PAGES: Pool<[u8; 4096], fn() -> [u8; 4096]> = Pool::with(|| [0; 4096]);
    ///
    /// let page: Box<[u8; 4096]> = Pooled::detach_boxed(PAGES.get());
    /// PAGES.put_boxed(page);
    /// assert_eq!(PAGES.stats().created, 1);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`put`](Self::put).
    pub fn put_boxed(&self, item: Box<T>) {
        self.give_back(Item::from_box(item));
    }
}

impl<T, R> Drop for Pool<T, R> {
    /// Drops every idle item, but [does not wait](Self#dropping-a-pool) for a sweep. A panic in an item's `Drop` is
    /// caught, and the other items are still dropped.
    fn drop(&mut self) {
        if let (Some(store), Some(_)) = (self.store.get(), &self.register) {
            janitor::forget(&store.registration);
        }
    }
}

// A panic in user code leaves the pool intact. What state it leaves an item in depends on the item's own type.
impl<T: UnwindSafe, R: RefUnwindSafe> RefUnwindSafe for Pool<T, R> {}
impl<T: UnwindSafe, R: UnwindSafe> UnwindSafe for Pool<T, R> {}

impl<T, R> Pool<T, R> {
    /// Prints it under the name of the kind of pool that it is.
    pub(crate) fn fmt_as(&self, kind: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(kind).field("settings", &self.settings).field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl<T, R> fmt::Debug for Pool<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as("Pool", f)
    }
}
