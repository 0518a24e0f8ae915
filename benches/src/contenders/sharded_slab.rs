//! `sharded-slab`'s pool: pages of items, and a free list for each thread. It clears an item when it returns.

use std::ops::{Deref, DerefMut};

use ::sharded_slab::pool::RefMut;
use ::sharded_slab::{Clear, Pool};

use crate::contender::Contender;
use crate::item::Item;

pub(crate) struct Slab<I: Item>(Pool<Clearing<I>>);

/// An item that implements the crate's own `Clear`.
#[derive(Default)]
pub(crate) struct Clearing<I>(I);

impl<I: Item> Clear for Clearing<I> {
    #[inline]
    fn clear(&mut self) {
        self.0.clear();
    }
}

pub(crate) struct Guard<'p, I: Item>(RefMut<'p, Clearing<I>>);

// SAFETY: the guard does only what the crate's own `OwnedRefMut` does, which is `Send` if items are `Sync`. Both ask
// for the current thread only when they are dropped. `OwnedRefMut` holds the pool by an `Arc`, for which threads would
// contend, and which is not needed here.
unsafe impl<I: Item> Send for Guard<'_, I> {}

impl<I: Item> Deref for Guard<'_, I> {
    type Target = I;

    #[inline]
    fn deref(&self) -> &I {
        &self.0.0
    }
}

impl<I: Item> DerefMut for Guard<'_, I> {
    #[inline]
    fn deref_mut(&mut self) -> &mut I {
        &mut self.0.0
    }
}

impl<I: Item> Contender for Slab<I> {
    const NAME: &'static str = "sharded-slab";
    type Item = I;
    type With<J: Item> = Slab<J>;
    type Guard<'p> = Guard<'p, I>;

    fn new(_room: usize) -> Self {
        Self(Pool::new())
    }

    /// A thread's pages have room for more items than fit into memory.
    #[inline]
    fn get(&self) -> Guard<'_, I> {
        Guard(self.0.create().expect("there is room for all"))
    }

    /// Dropping a guard leaves its item in place. Only `clear` returns it.
    #[inline]
    fn put<'p>(&'p self, item: Guard<'p, I>) {
        let key = item.0.key();
        drop(item);
        self.0.clear(key);
    }

    fn lose(&self, _item: Guard<'_, I>) {
        unreachable!("an item can't leave its page");
    }

    const LOSES: bool = false;
}
