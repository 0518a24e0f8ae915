//! The loops without a pool.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};

use crate::contender::Contender;
use crate::item::Item;

/// Hands out its only item every time, to any number of users at once. It is for a single thread, and for users that
/// keep no reference to an item. So it is a contender only where instructions are counted.
pub(super) struct LoopAlone<I>(UnsafeCell<I>);

/// Like other guards, it has something to do when dropped.
pub(super) struct Guard<'p, I: Item>(&'p LoopAlone<I>);

// SAFETY: only the loops in `workload::counted` use it, in one thread.
unsafe impl<I: Item> Sync for LoopAlone<I> {}

impl<I: Item> Deref for Guard<'_, I> {
    type Target = I;

    #[inline]
    fn deref(&self) -> &I {
        // SAFETY: these loops write to an item and release it before they use the next one. They never read.
        unsafe { &*self.0.0.get() }
    }
}

impl<I: Item> DerefMut for Guard<'_, I> {
    #[inline]
    fn deref_mut(&mut self) -> &mut I {
        // SAFETY: see above.
        unsafe { &mut *self.0.0.get() }
    }
}

impl<I: Item> Drop for Guard<'_, I> {
    #[inline]
    fn drop(&mut self) {
        self.clear();
    }
}

impl<I: Item> Contender for LoopAlone<I> {
    const NAME: &'static str = "loop-alone";
    type Item = I;
    type With<J: Item> = LoopAlone<J>;
    type Guard<'p> = Guard<'p, I>;

    fn new(_room: usize) -> Self {
        Self(UnsafeCell::new(I::default()))
    }

    #[inline]
    fn get(&self) -> Guard<'_, I> {
        let mut item = Guard(self);
        // The second item of a burst must be empty too, where an item checks that.
        if cfg!(debug_assertions) {
            item.clear();
        }
        item
    }

    fn lose(&self, item: Guard<'_, I>) {
        drop(item);
    }
}
