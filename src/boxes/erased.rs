//! A value in recycled memory whose type is forgotten.

use std::marker::PhantomData;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

use super::forward::forward_box;
use super::{BoxPool, PooledBox};
use crate::pool::forward;

/// A value in memory of a [`BoxPool`], seen as a `U`: a trait object, a slice, or a part of it. [`PooledBox::erase`]
/// returns it.
///
/// It is `Send` and `Sync` if `U` is. So write `dyn Trait + Send` for what goes to other threads. It also has the traits
/// of a [`PooledBox`] if `U` has them.
#[must_use = "a box that is not used drops its value at once"]
pub struct ErasedBox<'pool, U: ?Sized> {
    /// Points into the value.
    seen: NonNull<U>,
    whole: Whole,
    _pool: PhantomData<&'pool ()>,
    /// Invariant in `U`, because the value may be written as one.
    _seen: PhantomData<*mut U>,
}

/// The words of a `PooledBox` of some type, and what drops it.
struct Whole {
    words: Words,
    drop: unsafe fn(Words),
}

type Words = [*mut (); 2];

/// Drops the box that these words are.
///
/// # Safety
///
/// They come from such a box, which is not used again.
unsafe fn drop_box<T>(words: Words) {
    // SAFETY: the words are those of a box, as the caller says.
    drop(unsafe { mem::transmute::<Words, PooledBox<T, &BoxPool<T>>>(words) });
}

// SAFETY: a box is made of a `PooledBox<T>` of a `T: Send`, so it may be dropped on any thread. What else can be done
// with it goes through a `U`.
unsafe impl<U: ?Sized + Send> Send for ErasedBox<'_, U> {}
// SAFETY: a shared reference to the box gives only a shared reference to a `U`.
unsafe impl<U: ?Sized + Sync> Sync for ErasedBox<'_, U> {}

impl<'pool, U: ?Sized> ErasedBox<'pool, U> {
    pub(super) fn new<T: Send>(
        mut boxed: PooledBox<T, &'pool BoxPool<T>>,
        view: impl for<'a> FnOnce(&'a mut T) -> &'a mut U,
    ) -> Self {
        let seen = NonNull::from(view(&mut boxed));
        // SAFETY: a box is two pointers, to its memory and to its pool.
        let words = unsafe { mem::transmute::<PooledBox<T, &BoxPool<T>>, Words>(boxed) };
        Self { seen, whole: Whole { words, drop: drop_box::<T> }, _pool: PhantomData, _seen: PhantomData }
    }
}

impl<U: ?Sized> Drop for ErasedBox<'_, U> {
    fn drop(&mut self) {
        // SAFETY: the words come from a box for which `drop` was made, and are used only here.
        unsafe { (self.whole.drop)(self.whole.words) };
    }
}

impl<U: ?Sized> Deref for ErasedBox<'_, U> {
    type Target = U;

    #[inline(always)]
    fn deref(&self) -> &U {
        // SAFETY: it points into the value, which lives until the box is dropped. Only this box gives access to it.
        unsafe { self.seen.as_ref() }
    }
}

impl<U: ?Sized> DerefMut for ErasedBox<'_, U> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: as in `deref`.
        unsafe { self.seen.as_mut() }
    }
}

impl<U: UnwindSafe + ?Sized> UnwindSafe for ErasedBox<'_, U> {}
impl<U: RefUnwindSafe + ?Sized> RefUnwindSafe for ErasedBox<'_, U> {}

// The value does not move with its box.
impl<U: ?Sized> Unpin for ErasedBox<'_, U> {}

forward!(['pool, U: ?Sized] ErasedBox<'pool, U> => U);

forward_box!(['pool, U: ?Sized] ErasedBox<'pool, U> => U);
