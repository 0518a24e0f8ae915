//! The guard of all pools. It holds an item in use and returns it to its pool when dropped.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::sync::Arc;

use super::forward::forward;
use super::{DefaultRecycle, Pool};
use crate::engine::item::{Contained, Item};

/// An item of a [`Pool`] in use. [`Pool::get`] returns it.
///
/// ```
/// use ebbtide::{Pool, Pooled};
///
/// static WORDS: Pool<Vec<String>> = Pool::new();
///
/// let mut words: Pooled<Vec<String>> = WORDS.get();
/// words.push("ebb".to_owned());
/// assert_eq!(words.len(), 1);
/// ```
pub type Pooled<'pool, T, R = DefaultRecycle> = Guard<T, &'pool Pool<T, R>>;

/// A [`Pooled`] that holds the pool instead of borrowing it. [`Pool::get_owned`] returns it. For a pool in a `static`,
/// `Pooled<'static, T>` does the same.
///
/// It keeps the pool alive. So one guard that lives long keeps the idle items until sweeps drop them, and with manual
/// epochs until somebody calls [`advance`](Pool::advance) or [`clear`](Pool::clear). What
/// [`min_idle`](crate::Settings::min_idle) keeps stays as long as the guard. To keep the item alone, [`detach`](Guard::detach)
/// it.
///
/// ```
/// use std::sync::Arc;
/// use ebbtide::{OwnedPooled, Pool};
///
/// struct Session {
///     buffer: OwnedPooled<Vec<u8>>, // no lifetime
/// }
///
/// let pool = Arc::new(Pool::new());
/// let session = Session { buffer: pool.get_owned() };
/// drop(pool);
/// assert!(session.buffer.is_empty());
/// ```
pub type OwnedPooled<T, R = DefaultRecycle> = Guard<T, Arc<Pool<T, R>>>;

/// An item in use. It derefs to `T`, and dropping it returns the item to its pool.
///
/// `P` is how the guard holds the pool: by reference or in an `Arc`. Each pool has short names for both, such as
/// [`Pooled`] and [`OwnedPooled`].
///
/// A guard is two words. Moving it does not move the item: its address stays the same while it belongs to the pool.
/// Forgetting a guard leaks the item. In a `BoundedPool` it also leaks the item's place.
///
/// # Two fields at once
///
/// Each access to a field borrows the whole guard, as with a `MutexGuard` (error E0502). Dereference it once:
///
/// ```
/// use ebbtide::Pool;
///
/// static PAIRS: Pool<(Vec<u8>, String)> = Pool::new();
///
/// let pair = &mut *PAIRS.get(); // returns at the end of the block
/// for byte in &pair.0 {
///     pair.1.push(char::from(*byte));
/// }
/// ```
///
/// # Traits
///
/// A guard is `Send` if `T` and `P` are, because the recycler runs where the guard is dropped. It is `Sync` if `T` is
/// `Send + Sync`, and [`UnwindSafe`](std::panic::UnwindSafe) if `Box<T>` is. It implements these traits if its item
/// does: [`AsRef`], [`AsMut`], [`Extend`], [`IntoIterator`] by reference, [`io::Write`](std::io::Write),
/// [`fmt::Write`](std::fmt::Write), [`Debug`](std::fmt::Debug), [`Display`](std::fmt::Display),
/// [`Hash`](std::hash::Hash), and those that compare it with another guard. To compare it with a value, compare `*guard`.
/// As a `Box`, it is [`Borrow<T>`](std::borrow::Borrow), and a [`Pointer`](std::fmt::Pointer). For any other trait, pass
/// `&*guard` or `&mut *guard`.
///
/// # Panics
///
/// Dropping a guard panics if the recycler panics, the `Drop` of an item that is not kept, or the waker of a waiter. At
/// most that item is lost. Dropping never panics while the thread unwinds.
#[must_use = "a guard that is not used returns its item at once"]
pub struct Guard<T, P: Deref<Target: Home<T>>> {
    /// From `Item::erase`, by `new` or `swap`. Its notes have the type `Notes<T, P>`.
    item: ManuallyDrop<Item<T>>,
    pool: P,
    /// Invariant in `T`, because the item may be written through the guard and returns to the pool.
    _invariant: PhantomData<fn(T) -> T>,
}

/// The pool to which items in use return. Sealed: only the pools of this crate are one.
#[doc(hidden)]
pub trait Home<T> {
    /// What the pool notes about each item.
    type Notes: Send + Sync;
    fn give_back(&self, item: Item<T, Self::Notes>);
    /// Tells the pool that its user keeps this item, which was in use.
    fn part_with_one(&self, item: &Item<T, Self::Notes>);
}

type Notes<T, P> = <<P as Deref>::Target as Home<T>>::Notes;

// SAFETY: a shared reference to a guard gives only a shared reference to the item and its notes, which are `Sync`. The
// pool and its recycler are used only in `drop`, `detach` and `replace`, which have the guard to themselves.
unsafe impl<T: Send + Sync, P: Deref<Target: Home<T>>> Sync for Guard<T, P> {}

impl<T, P: Deref<Target: Home<T>>> Guard<T, P> {
    #[inline(always)]
    pub(crate) fn new(item: Item<T, Notes<T, P>>, pool: P) -> Self {
        Self { item: item.erase(), pool, _invariant: PhantomData }
    }

    /// Drops what was not needed to create the item. If that panics, the item returns to the pool.
    #[inline(always)]
    pub(crate) fn outliving(self, unneeded: impl Sized) -> Self {
        drop(unneeded);
        self
    }

    #[inline(always)]
    fn into_parts(self) -> (Item<T, Notes<T, P>>, P) {
        let mut guard = ManuallyDrop::new(self);
        // SAFETY: `guard` is never dropped, so each field is taken once.
        unsafe { (guard.take_item(), ptr::read(&guard.pool)) }
    }

    /// # Safety
    ///
    /// Nothing may use the item through the guard afterwards.
    #[inline(always)]
    unsafe fn take_item(&mut self) -> Item<T, Notes<T, P>> {
        // SAFETY: `new` erased the item from this type, and by contract it is taken once.
        unsafe { Item::restore(ptr::read(&self.item)) }
    }

    /// Returns the item, which still counts as in use.
    #[cfg(feature = "bounded")]
    pub(crate) fn into_item(self) -> Item<T, Notes<T, P>> {
        self.into_parts().0
    }

    /// Returns what the pool notes about the item.
    #[cfg(feature = "bounded")]
    pub(crate) fn notes(&self) -> &Notes<T, P> {
        // SAFETY: `new` erased the item from this type.
        unsafe { Item::notes_of(&self.item) }
    }

    #[cfg(feature = "bounded")]
    pub(crate) fn pool(&self) -> &P::Target {
        &self.pool
    }

    /// Puts another item into the guard, and returns the old one.
    #[cfg(feature = "bounded")]
    pub(crate) fn swap(&mut self, item: Item<T, Notes<T, P>>) -> Item<T, Notes<T, P>> {
        // SAFETY: the guard's item was erased from this type, and is restored once, as another takes its place.
        unsafe { Item::restore(std::mem::replace(&mut self.item, item.erase())) }
    }

    /// Removes the item from the pool, as it is. In a `BoundedPool` this frees the item's place. Costs one
    /// deallocation, of the item's box.
    ///
    /// ```
    /// use ebbtide::{Pool, Pooled};
    ///
    /// static BUFFERS: Pool<Vec<u8>> = Pool::new();
    ///
    /// let mut buffer = BUFFERS.get();
    /// buffer.push(1);
    /// let mine: Vec<u8> = Pooled::detach(buffer);
    /// assert_eq!(mine, [1]);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the waker of a task that waits for the place panics.
    #[doc(alias("into_inner", "leak", "take"))]
    #[must_use]
    pub fn detach(guard: Self) -> T {
        Self::part(guard).into_inner()
    }

    /// Like [`detach`](Self::detach), but leaves the item in its box. A large one is not moved.
    ///
    /// If `T` has nothing to drop, an item of a [`Pool`] already is such a box. Otherwise the allocator is asked to shrink
    /// the memory by what the pool notes behind the item.
    ///
    /// ```
    /// use ebbtide::{Pool, Pooled};
    ///
    /// let pool: Pool<[u8; 4096], _> = Pool::with(|| [0; 4096]);
    /// let page: Box<[u8; 4096]> = Pooled::detach_boxed(pool.get());
    /// # drop(page);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`detach`](Self::detach).
    #[must_use]
    pub fn detach_boxed(guard: Self) -> Box<T> {
        Self::part(guard).into_box()
    }

    /// Takes the item, with which the pool is to have nothing to do any more.
    fn part(guard: Self) -> Item<T, Notes<T, P>> {
        let (item, pool) = guard.into_parts();
        let item = Contained::new(item);
        pool.part_with_one(&item);
        drop(pool);
        item.into_inner()
    }
}

impl<T, P: Deref<Target: Home<T>>> Drop for Guard<T, P> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the item is taken only here, and nothing reads `self.item` after the guard's drop.
        let item = unsafe { self.take_item() };
        self.pool.give_back(item);
    }
}

impl<T, P: Deref<Target: Home<T>>> Deref for Guard<T, P> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.item
    }
}

impl<T, P: Deref<Target: Home<T>>> DerefMut for Guard<T, P> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.item
    }
}

// `Vec` has two `AsRef` and two `AsMut` implementations, so `guard.as_ref()` alone would be ambiguous. These inherent
// methods come before trait methods and decide it.
#[expect(clippy::should_implement_trait, reason = "the traits are implemented, and more than once")]
impl<E, P: Deref<Target: Home<Vec<E>>>> Guard<Vec<E>, P> {
    /// Returns the `Vec`, which coerces to a slice. In generic code the guard implements [`AsRef`] as a `Vec` does.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// let buffer = pool.get();
    /// let bytes: &[u8] = buffer.as_ref();
    /// assert!(bytes.is_empty() && buffer.as_ref().capacity() == 0);
    /// ```
    #[inline(always)]
    pub fn as_ref(&self) -> &Vec<E> {
        self
    }

    /// Returns the `Vec`, which coerces to a slice. In generic code the guard implements [`AsMut`] as a `Vec` does.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// let mut buffer = pool.get();
    /// buffer.as_mut().push(1);
    /// let bytes: &mut [u8] = buffer.as_mut();
    /// assert_eq!(bytes, [1]);
    /// ```
    #[inline(always)]
    pub fn as_mut(&mut self) -> &mut Vec<E> {
        self
    }
}

impl<T: AsRef<U>, U: ?Sized, P: Deref<Target: Home<T>>> AsRef<U> for Guard<T, P> {
    fn as_ref(&self) -> &U {
        (**self).as_ref()
    }
}

impl<T: AsMut<U>, U: ?Sized, P: Deref<Target: Home<T>>> AsMut<U> for Guard<T, P> {
    fn as_mut(&mut self) -> &mut U {
        (**self).as_mut()
    }
}

impl<'a, T, P: Deref<Target: Home<T>>> IntoIterator for &'a Guard<T, P>
where
    &'a T: IntoIterator,
{
    type Item = <&'a T as IntoIterator>::Item;
    type IntoIter = <&'a T as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (**self).into_iter()
    }
}

impl<'a, T, P: Deref<Target: Home<T>>> IntoIterator for &'a mut Guard<T, P>
where
    &'a mut T: IntoIterator,
{
    type Item = <&'a mut T as IntoIterator>::Item;
    type IntoIter = <&'a mut T as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (**self).into_iter()
    }
}

forward!([T, P: Deref<Target: Home<T>>] Guard<T, P> => T);

// Like `Box<T>`: a guard gives access to its item and to nothing else.
impl<T: UnwindSafe, P: Deref<Target: Home<T>>> UnwindSafe for Guard<T, P> {}
impl<T: RefUnwindSafe, P: Deref<Target: Home<T>>> RefUnwindSafe for Guard<T, P> {}
