//! `opool`: a bounded queue of items. It clears an item before it hands it out again.

use ::opool::{Pool, PoolAllocator, RefGuard};

use super::ROOM;
use crate::contender::{Buffer, Contender};

pub(crate) struct Buffers;

impl PoolAllocator<Buffer> for Buffers {
    #[inline]
    fn allocate(&self) -> Buffer {
        Buffer::new()
    }

    #[inline]
    fn reset(&self, item: &mut Buffer) {
        item.clear();
    }
}

pub(crate) struct Opool(Pool<Buffers, Buffer>);

impl Contender for Opool {
    const NAME: &'static str = "opool";
    type Item<'p> = RefGuard<'p, Buffers, Buffer>;

    fn new() -> Self {
        Self(Pool::new(ROOM, Buffers))
    }

    #[inline]
    fn get(&self) -> Self::Item<'_> {
        self.0.get()
    }
}
