//! What is left of the loops without a pool.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};

use crate::contender::Contender;
use crate::item::Item;

/// Has one item and hands it out every time, to one user or to many at once. For a single thread alone, and for users
/// that keep no reference to an item: so it is no contender but where instructions are counted.
pub(super) struct LoopAlone<I>(UnsafeCell<I>);

/// As other guards, it has something to do when it is dropped.
pub(super) struct Guard<'p, I: Item>(&'p LoopAlone<I>);

// SAFETY: only the loops in `workload::counted` use it, in one thread.
unsafe impl<I: Item> Sync for LoopAlone<I> {}

impl<I: Item> Deref for Guard<'_, I> {
    type Target = I;

    #[inline]
    fn deref(&self) -> &I {
        // SAFETY: what they run writes to an item and lets go of it before it turns to the next, and never reads.
        unsafe { &*self.0.0.get() }
    }
}

impl<I: Item> DerefMut for Guard<'_, I> {
    #[inline]
    fn deref_mut(&mut self) -> &mut I {
        // SAFETY: as above.
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
        // Where an item says so if it is handed out as it was left, the second of a burst must not.
        if cfg!(debug_assertions) {
            item.clear();
        }
        item
    }

    fn lose(&self, item: Guard<'_, I>) {
        drop(item);
    }
}
