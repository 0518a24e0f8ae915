//! `opool`: a bounded queue of items. It clears an item before it hands it out.

use ::opool::{Pool, PoolAllocator, RefGuard};

use crate::contender::Contender;
use crate::item::Item;

pub(crate) struct Items;

impl<I: Item> PoolAllocator<I> for Items {
    #[inline]
    fn allocate(&self) -> I {
        I::default()
    }

    #[inline]
    fn reset(&self, item: &mut I) {
        item.clear();
    }
}

pub(crate) struct Opool<I: Item>(Pool<Items, I>);

impl<I: Item> Contender for Opool<I> {
    const NAME: &'static str = "opool";
    type Item = I;
    type With<J: Item> = Opool<J>;
    type Guard<'p> = RefGuard<'p, Items, I>;

    fn new(room: usize) -> Self {
        Self(Pool::new(room, Items))
    }

    #[inline]
    fn get(&self) -> Self::Guard<'_> {
        self.0.get()
    }

    #[inline]
    fn lose<'p>(&'p self, item: Self::Guard<'p>) {
        drop(item.into_inner());
    }
}
