//! `fastpool`: a semaphore that serves in order, and a deque under a mutex.
#![expect(deprecated, reason = "the pool of its successor asks for a newer Rust")]

use std::convert::Infallible;
use std::sync::Arc;

use ::fastpool::bounded::{Object, Pool, PoolConfig};
use ::fastpool::{ManageObject, ObjectStatus};
use ebbtide::Clear;
use futures_lite::future::{block_on, poll_once};

use crate::contender::Bounded;
use crate::item::Buffer;

pub(crate) struct Fastpool(Arc<Pool<Buffers>>);

/// Checks nothing.
#[derive(Debug)]
pub(crate) struct Buffers;

impl ManageObject for Buffers {
    type Object = Buffer;
    type Error = Infallible;

    async fn create(&self) -> Result<Buffer, Infallible> {
        Ok(Buffer::default())
    }

    async fn is_recyclable(&self, _: &mut Buffer, _: &ObjectStatus) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Bounded for Fastpool {
    const NAME: &'static str = "fastpool";
    const OVERTAKES: bool = false;
    type Guard<'p> = Object<Buffers>;

    fn new(items: usize) -> Self {
        let pool = Pool::new(PoolConfig::new(items), Buffers);
        assert_eq!(block_on(pool.replenish(items)), items);
        Self(pool)
    }

    #[inline]
    fn try_get(&self) -> Option<Self::Guard<'_>> {
        block_on(poll_once(self.get_async()))
    }

    #[inline]
    async fn get_async(&self) -> Self::Guard<'_> {
        self.0.get().await.unwrap_or_else(|error| match error {})
    }

    #[inline]
    fn put<'p>(&'p self, mut item: Self::Guard<'p>) {
        item.clear();
    }
}
