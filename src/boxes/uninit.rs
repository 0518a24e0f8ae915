//! Memory whose value is written later.

use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};

use super::{BoxPool, PooledBox, Storage};
use crate::engine::item::Item;
use crate::pool::Guard;

/// Memory of a [`BoxPool`] without a value. [`BoxPool::insert_uninit`] returns it.
///
/// It is like a `Box<MaybeUninit<T>>`. Dropping it returns the memory to the pool, and drops no value.
///
/// ```
/// use ebbtide::{BoxPool, PooledBox, boxes::UninitBox};
///
/// static NUMBERS: BoxPool<u64> = BoxPool::new();
///
/// let number: PooledBox<u64> = UninitBox::write(NUMBERS.insert_uninit(), 7);
/// assert_eq!(*number, 7);
/// ```
#[must_use = "memory that is not used returns to its pool at once"]
pub struct UninitBox<T, P: Deref<Target = BoxPool<T>> = &'static BoxPool<T>> {
    memory: Guard<Storage<T>, P>,
    /// For auto traits: memory alone is `Send`, but a value may be in it.
    _value: PhantomData<T>,
}

impl<T, P: Deref<Target = BoxPool<T>>> UninitBox<T, P> {
    #[inline(always)]
    pub(super) fn new(memory: Item<Storage<T>>, pool: P) -> Self {
        Self { memory: Guard::new(memory, pool), _value: PhantomData }
    }

    /// Moves a value into the memory.
    ///
    /// ```
    /// use ebbtide::{BoxPool, boxes::UninitBox};
    ///
    /// let pool: BoxPool<String> = BoxPool::new();
    /// let memory = pool.insert_uninit();
    /// assert_eq!(*UninitBox::write(memory, "Ada".to_owned()), "Ada");
    /// ```
    #[inline]
    pub fn write(mut boxed: Self, value: T) -> PooledBox<T, P> {
        boxed.memory.0.write(value);
        // SAFETY: the value is there.
        unsafe { Self::assume_init(boxed) }
    }

    /// Takes what is in the memory for a value. [`BoxPool::insert_uninit`] has an example.
    ///
    /// # Safety
    ///
    /// A valid `T` was written to the memory, as for [`MaybeUninit::assume_init`].
    #[inline]
    pub unsafe fn assume_init(boxed: Self) -> PooledBox<T, P> {
        // SAFETY: the value is there, as the caller says.
        unsafe { PooledBox::new(boxed.memory) }
    }
}

impl<T, P: Deref<Target = BoxPool<T>>> Deref for UninitBox<T, P> {
    type Target = MaybeUninit<T>;

    #[inline(always)]
    fn deref(&self) -> &MaybeUninit<T> {
        &self.memory.0
    }
}

impl<T, P: Deref<Target = BoxPool<T>>> DerefMut for UninitBox<T, P> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut MaybeUninit<T> {
        &mut self.memory.0
    }
}

// The memory does not move with its box.
impl<T, P: Deref<Target = BoxPool<T>>> Unpin for UninitBox<T, P> {}

impl<T, P: Deref<Target = BoxPool<T>>> fmt::Debug for UninitBox<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UninitBox").finish_non_exhaustive()
    }
}
