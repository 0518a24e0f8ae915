//! `object-pool`: a vector under a mutex.

use ::object_pool::{Pool, Reusable};

use crate::contender::{Buffer, Contender};

pub(crate) struct ObjectPool(Pool<Buffer>);

impl Contender for ObjectPool {
    const NAME: &'static str = "object-pool";
    type Item<'p> = Reusable<'p, Buffer>;

    fn new() -> Self {
        Self(Pool::new(0, Buffer::new))
    }

    #[inline]
    fn get(&self) -> Self::Item<'_> {
        self.0.pull(Buffer::new)
    }

    #[inline]
    fn put<'p>(&'p self, mut item: Self::Item<'p>) {
        item.clear();
        drop(item);
    }
}
