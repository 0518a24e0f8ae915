//! A handle on the calling thread's private slots, for loops.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::{DefaultRecycle, Guard, Home, Pool, Recycle};
use crate::engine::item::Item;
use crate::engine::slots::SlotSet;
use crate::sync::hold_number;

/// A [`Pool`] with the calling thread's private slots at hand. [`Pool::with_local`] lends it.
///
/// It stays on its thread, as do its items.
///
/// ```compile_fail,E0277
/// use ebbtide::Pool;
///
/// let pool: Pool<Vec<u8>> = Pool::new();
/// pool.with_local(|local| {
///     std::thread::scope(|scope| {
///         scope.spawn(|| local.get());
///     });
/// });
/// ```
pub struct Local<'pool, T, R = DefaultRecycle> {
    pool: &'pool Pool<T, R>,
    /// The calling thread's, unless it has none.
    set: Option<&'pool SlotSet<T>>,
    /// Neither `Send` nor `Sync`: only the owner may use its slot set.
    _here: PhantomData<*mut ()>,
}

/// An item of a [`Pool`] in use within a [`Pool::with_local`]. [`Local::get`] returns it.
///
/// ```
/// use ebbtide::{LocalPooled, Pool};
///
/// fn fill(buffer: &mut LocalPooled<'_, Vec<u8>>) {
///     buffer.push(1);
/// }
///
/// let pool: Pool<Vec<u8>> = Pool::new();
/// pool.with_local(|local| fill(&mut local.get()));
/// ```
pub type LocalPooled<'local, T, R = DefaultRecycle> = Guard<T, &'local Local<'local, T, R>>;

impl<T: Send, R: Recycle<T>> Pool<T, R> {
    /// Calls `act` with the calling thread's private slots at hand, for a loop that gets and puts all the time.
    ///
    /// A pair then takes about half as many instructions, because neither side looks for the thread's slots. All else is
    /// as with [`get`](Self::get), and both can be mixed. Items got in this way cannot leave the call. Only
    /// [`detach`](Guard::detach) takes one out.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// static WORDS: Pool<String> = Pool::new();
    ///
    /// let longest = WORDS.with_local(|words| {
    ///     let lengths = ["ebb", "flow"].map(|text| {
    ///         let mut word = words.get();
    ///         word.push_str(text);
    ///         word.len()
    ///     });
    ///     lengths.into_iter().max()
    /// });
    /// assert_eq!(longest, Some(4));
    /// ```
    ///
    /// # Costs
    ///
    /// The call takes as long as a pair or two. The thread gets a slot set at once, even if items are large or costly.
    ///
    /// # Panics
    ///
    /// Panics if `act` panics. The items that it holds return to the pool.
    #[inline]
    pub fn with_local<O>(&self, act: impl for<'local> FnOnce(&'local Local<'local, T, R>) -> O) -> O {
        let set = self.store().slot_set();
        // The slot set must not change hands before the end of the call. Without one, the thread may just be taking its
        // number, and an allocator that is called then must not touch it.
        let _held = set.map(|_| hold_number());
        act(&Local { pool: self, set, _here: PhantomData })
    }
}

impl<T, R: Recycle<T>> Local<'_, T, R> {
    /// Hands out an idle item, or creates one, as [`Pool::get`] does. Dropping the guard returns the item to the pool.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// pool.with_local(|local| {
    ///     for byte in 0..100 {
    ///         local.get().push(byte);
    ///     }
    /// });
    /// assert_eq!(pool.stats().created, 1);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Pool::get`].
    #[inline]
    pub fn get(&self) -> LocalPooled<'_, T, R> {
        let item = match self.set.and_then(SlotSet::pop) {
            Some(item) => item,
            None => self.find(),
        };
        Guard::new(item, self)
    }

    #[cold]
    #[inline(never)]
    fn find(&self) -> Item<T> {
        self.pool.take_or(|| self.pool.new_item())
    }
}

impl<T, R: Recycle<T>> Home<T> for Local<'_, T, R> {
    type Notes = ();

    #[inline(always)]
    fn give_back(&self, item: Item<T>) {
        let put = |item| match self.set {
            Some(set) => set.push(item),
            None => Err(item),
        };
        self.pool.take_back_by(item, put, |item| self.pool.give_back_slow(item, Some));
    }

    #[inline(always)]
    fn part_with_one(&self, _: &Item<T>) {}
}

// As a pool is: a panic in user code leaves the slots intact.
impl<T: UnwindSafe, R: RefUnwindSafe> RefUnwindSafe for Local<'_, T, R> {}

impl<T, R> fmt::Debug for Local<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("pool", self.pool).finish_non_exhaustive()
    }
}
