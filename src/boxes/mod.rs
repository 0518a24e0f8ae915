//! A pool of memory for values that are new each time.
//!
//! Use it for what is created, passed on and dropped all the time: messages, tree nodes, boxed futures. See [`BoxPool`].

mod erased;
mod forward;
mod guard;
mod uninit;

pub use erased::ErasedBox;
pub use guard::{OwnedPooledBox, PooledBox};
pub use uninit::UninitBox;

use std::any::type_name;
use std::fmt;
use std::mem::MaybeUninit;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;

use crate::engine::item::Item;
use crate::engine::tally::Swept;
use crate::pool::{Epochs, Home, Pool, Recycle, Settings, SettingsError, Stats};
use crate::sync::const_unless_loom;

/// `Box::new` with recycled memory. A value is new each time and is dropped with its box. Only its memory is kept for
/// the next one.
///
/// The memory of all threads is shared, so a value may be dropped where it was not created. Nobody sees a value that
/// was there before, so a type needs neither [`Clear`](crate::Clear) nor `Default`, and may be `Send` or not.
///
/// ```
/// use ebbtide::{BoxPool, PooledBox};
///
/// struct Message {
///     from: u32,
///     text: String,
/// }
///
/// static MESSAGES: BoxPool<Message> = BoxPool::new();
///
/// let (mailbox, receiver) = std::sync::mpsc::channel::<PooledBox<Message>>();
/// let actor = std::thread::spawn(move || receiver.iter().map(|message| message.text.len()).sum::<usize>());
/// for from in 0..10 {
///     mailbox.send(MESSAGES.insert(Message { from, text: "hello".to_owned() })).unwrap();
/// }
/// drop(mailbox);
/// assert_eq!(actor.join().unwrap(), 50);
/// assert!(MESSAGES.stats().created <= 10);
/// ```
///
/// # Costs
///
/// Those of a [`Pool`]: while the private slots of a thread serve it, an insert and a drop together take a few
/// nanoseconds, besides moving the value. A box is two words. Memory that nobody used for two epochs is freed. Dropping
/// the pool [does not wait](Pool#dropping-a-pool) for memory that a sweep frees.
///
/// Many small values that one thread creates and then drops all together are cheaper in an arena.
pub struct BoxPool<T> {
    pool: Pool<Storage<T>, Reuse>,
}

/// Memory for one value. It holds a value only while a [`PooledBox`] owns it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Storage<T>(MaybeUninit<T>);

// SAFETY: without its value, memory may go to any thread, and `PooledBox` is `Send` only if the value is.
unsafe impl<T> Send for Storage<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Storage<T> {}

impl<T> UnwindSafe for Storage<T> {}
impl<T> RefUnwindSafe for Storage<T> {}

impl<T> Storage<T> {
    /// Allocates memory, unless `T` is zero-sized.
    fn new() -> Box<Self> {
        // SAFETY: memory without a value is whole as it is.
        unsafe { Box::new_uninit().assume_init() }
    }
}

/// Leaves memory as it is.
struct Reuse;

impl<T> Recycle<Storage<T>> for Reuse {
    #[inline]
    fn create(&self) -> Storage<T> {
        Storage(MaybeUninit::uninit())
    }

    fn create_boxed(&self) -> Box<Storage<T>> {
        Storage::new()
    }

    #[inline(always)]
    fn recycle(&self, _: &mut Storage<T>) -> bool {
        true
    }
}

impl<T: 'static> BoxPool<T> {
    const_unless_loom! {
        /// Creates a pool with the default settings.
        ///
        /// ```
        /// use ebbtide::BoxPool;
        ///
        /// static NUMBERS: BoxPool<u64> = BoxPool::new();
        ///
        /// assert_eq!(*NUMBERS.insert(7), 7);
        /// ```
        #[must_use]
        pub const fn new() -> Self {
            Self::with_settings(Settings::new())
        }
    }
}

impl<T: 'static> Default for BoxPool<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> BoxPool<T> {
    const_unless_loom! {
        /// Creates a pool with settings. With [manual](Settings::manual) epochs, `T` need not be `'static`.
        ///
        /// ```
        /// use ebbtide::{BoxPool, Settings};
        ///
        /// let text = String::from("borrowed");
        /// let words = BoxPool::with_settings(Settings::new().manual());
        /// assert_eq!(words.insert(&*text).len(), 8);
        /// ```
        ///
        /// # Panics
        ///
        /// Panics if a setting is out of its limits. In a `static`, that is a compile error. For values known only at
        /// run time, use [`try_with_settings`](Self::try_with_settings).
        #[must_use]
        pub const fn with_settings<E: Epochs<Storage<T>>>(settings: Settings<E>) -> Self {
            Self { pool: Pool::with_settings(Reuse, settings) }
        }
    }

    /// Like [`with_settings`](Self::with_settings), but returns a bad setting as an error.
    ///
    /// ```
    /// use ebbtide::{BoxPool, Settings};
    ///
    /// let slots = "16".parse().expect("a number");
    /// let pool: BoxPool<u64> = BoxPool::try_with_settings(Settings::new().private_slots(slots))?;
    /// assert_eq!(*pool.insert(7), 7);
    /// # Ok::<(), ebbtide::SettingsError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if a setting is out of its limits. The error names the setting, the value and the limits.
    pub fn try_with_settings<E: Epochs<Storage<T>>>(settings: Settings<E>) -> Result<Self, SettingsError> {
        Ok(Self { pool: Pool::try_with_settings(Reuse, settings)? })
    }

    /// Moves a value into idle memory, or into new memory if none is idle. Dropping the box drops the value and returns
    /// the memory to the pool.
    ///
    /// ```
    /// use ebbtide::BoxPool;
    ///
    /// let pool: BoxPool<String> = BoxPool::new();
    /// let mut name = pool.insert("Ada".to_owned());
    /// name.push('!');
    /// assert_eq!(*name, "Ada!");
    /// ```
    #[doc(alias("alloc", "boxed", "get"))]
    #[inline]
    pub fn insert(&self, value: T) -> PooledBox<T, &Self> {
        UninitBox::write(self.insert_uninit(), value)
    }

    /// Takes memory for a value that is written later, for example one that is too large for the stack.
    ///
    /// ```
    /// use ebbtide::{BoxPool, PooledBox, boxes::UninitBox};
    ///
    /// static FRAMES: BoxPool<[u8; 4 << 20]> = BoxPool::new();
    ///
    /// let mut memory = FRAMES.insert_uninit();
    /// // SAFETY: any bytes are such an array, and all are written before.
    /// let frame: PooledBox<[u8; 4 << 20]> = unsafe {
    ///     memory.as_mut_ptr().write_bytes(7, 1);
    ///     UninitBox::assume_init(memory)
    /// };
    /// assert_eq!(frame[4_000_000], 7);
    /// ```
    #[inline]
    pub fn insert_uninit(&self) -> UninitBox<T, &Self> {
        UninitBox::new(self.take(), self)
    }

    /// Like [`insert`](Self::insert), but pins the value: it stays where it is until it is dropped.
    ///
    /// ```
    /// use ebbtide::BoxPool;
    ///
    /// let pool = BoxPool::with_settings(ebbtide::Settings::new().manual());
    /// let answer = pool.insert_pin(async { 42 });
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// assert_eq!(answer.await, 42);
    /// # });
    /// ```
    #[inline]
    pub fn insert_pin(&self, value: T) -> Pin<PooledBox<T, &Self>> {
        PooledBox::into_pin(self.insert(value))
    }

    /// Like [`insert`](Self::insert), but the box holds the pool instead of borrowing it. Costs one more reference
    /// count.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ebbtide::BoxPool;
    ///
    /// let pool: Arc<BoxPool<String>> = Arc::new(BoxPool::new());
    /// let name = pool.insert_owned("Ada".to_owned());
    /// drop(pool);
    /// assert_eq!(*name, "Ada");
    /// ```
    #[inline]
    pub fn insert_owned(self: &Arc<Self>, value: T) -> OwnedPooledBox<T> {
        UninitBox::write(UninitBox::new(self.take(), Arc::clone(self)), value)
    }

    #[inline(always)]
    fn take(&self) -> Item<Storage<T>> {
        self.pool.take_or(|| Item::from_box(Storage::new()))
    }

    /// Allocates memory for `n` values, which is then idle in the shared queues. Returns for how many. As
    /// [`Pool::prefill`].
    ///
    /// ```
    /// use ebbtide::BoxPool;
    ///
    /// let pool: BoxPool<u64> = BoxPool::new();
    /// assert_eq!(pool.prefill(10), 10);
    /// assert_eq!(pool.idle(), 10);
    /// ```
    pub fn prefill(&self, n: usize) -> usize {
        self.pool.prefill(n)
    }

    /// Ends the current epoch and frees memory that was idle since the epoch before. As [`Pool::advance`].
    ///
    /// ```
    /// use ebbtide::{BoxPool, Settings};
    ///
    /// let pool = BoxPool::with_settings(Settings::new().manual());
    /// drop(pool.insert(1));
    /// pool.advance();
    /// pool.advance();
    /// assert_eq!(pool.idle(), 0);
    /// ```
    pub fn advance(&self) -> Option<Swept> {
        self.pool.advance()
    }

    /// Frees all idle memory. As [`Pool::clear`].
    ///
    /// ```
    /// use ebbtide::BoxPool;
    ///
    /// let pool: BoxPool<u64> = BoxPool::new();
    /// drop(pool.insert(1));
    /// pool.clear();
    /// assert_eq!(pool.idle(), 0);
    /// ```
    pub fn clear(&self) -> Option<Swept> {
        self.pool.clear()
    }

    /// Returns for about how many values memory is idle.
    ///
    /// ```
    /// use ebbtide::BoxPool;
    ///
    /// let pool: BoxPool<u64> = BoxPool::new();
    /// drop(pool.insert(1));
    /// assert_eq!(pool.idle(), 1);
    /// ```
    pub fn idle(&self) -> usize {
        self.pool.idle()
    }

    /// Returns the name from the [settings](Settings::name), or the type of the values.
    ///
    /// ```
    /// use ebbtide::BoxPool;
    ///
    /// let pool: BoxPool<String> = BoxPool::new();
    /// assert_eq!(pool.name(), "alloc::string::String");
    /// ```
    pub fn name(&self) -> &'static str {
        self.pool.given_name().unwrap_or_else(type_name::<T>)
    }

    /// Returns what the pool did since it was created. Its items are the memory, not the values.
    ///
    /// ```
    /// use ebbtide::BoxPool;
    ///
    /// let pool: BoxPool<u64> = BoxPool::new();
    /// (0..100).for_each(|n| drop(pool.insert(n)));
    /// assert_eq!(pool.stats().created, 1);
    /// ```
    pub fn stats(&self) -> Stats {
        self.pool.stats()
    }
}

impl<T> Home<Storage<T>> for BoxPool<T> {
    type Notes = ();

    #[inline(always)]
    fn give_back(&self, item: Item<Storage<T>>) {
        self.pool.give_back(item);
    }

    #[inline(always)]
    fn part_with_one(&self, _: &Item<Storage<T>>) {}
}

impl<T> fmt::Debug for BoxPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pool.fmt_as("BoxPool", f)
    }
}
