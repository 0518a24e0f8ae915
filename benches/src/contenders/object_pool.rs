//! `object-pool`: a vector under a mutex.

use ::object_pool::{Pool, Reusable};

use crate::contender::Contender;
use crate::item::Item;

pub(crate) struct ObjectPool<I>(Pool<I>);

impl<I: Item> Contender for ObjectPool<I> {
    const NAME: &'static str = "object-pool";
    type Item = I;
    type With<J: Item> = ObjectPool<J>;
    type Guard<'p> = Reusable<'p, I>;

    fn new(_room: usize) -> Self {
        Self(Pool::new(0, I::default))
    }

    /// A guard that is dropped doesn't clear its item.
    #[inline]
    fn get(&self) -> Self::Guard<'_> {
        let mut item = self.0.pull(I::default);
        item.clear();
        item
    }

    #[inline]
    fn lose<'p>(&'p self, item: Self::Guard<'p>) {
        drop(item.detach());
    }
}
