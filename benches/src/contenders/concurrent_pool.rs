//! `concurrent-pool`: a bounded queue of reference-counted items. It clears an item when it returns.

use std::ops::{Deref, DerefMut};

use ::concurrent_pool::{Builder, Entry, Pool};

use crate::contender::Contender;
use crate::item::Item;

pub(crate) struct Concurrent<I: Item>(Pool<I>);

/// Its guard can be cloned, so it gives a mutable reference only on request.
pub(crate) struct Guard<'p, I: Item>(Entry<'p, I>);

impl<I: Item> Deref for Guard<'_, I> {
    type Target = I;

    #[inline]
    fn deref(&self) -> &I {
        self.0.get()
    }
}

impl<I: Item> DerefMut for Guard<'_, I> {
    #[inline]
    fn deref_mut(&mut self) -> &mut I {
        self.0.get_mut().expect("it has no clone")
    }
}

impl<I: Item> Contender for Concurrent<I> {
    const NAME: &'static str = "concurrent-pool";
    type Item = I;
    type With<J: Item> = Concurrent<J>;
    type Guard<'p> = Guard<'p, I>;

    fn new(room: usize) -> Self {
        Self(Builder::new().capacity(room).clear_func(I::clear).build())
    }

    /// The bound is on existing items, so an empty pool makes none beyond it.
    #[inline]
    fn get(&self) -> Guard<'_, I> {
        Guard(self.0.pull().expect("there is room for all"))
    }

    fn lose(&self, _item: Guard<'_, I>) {
        unreachable!("an item can't leave its pool");
    }

    const LOSES: bool = false;
}
