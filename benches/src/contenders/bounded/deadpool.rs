//! `deadpool`'s unmanaged pool: tokio's semaphore, which serves in order, and a vector under a mutex.

use ::deadpool::unmanaged::{Object, Pool};
use ebbtide::Clear;

use crate::contender::Bounded;
use crate::item::Buffer;

pub(crate) struct Unmanaged(Pool<Buffer>);

impl Bounded for Unmanaged {
    const NAME: &'static str = "deadpool";
    const OVERTAKES: bool = false;
    type Guard<'p> = Object<Buffer>;

    fn new(items: usize) -> Self {
        Self((0..items).map(|_| Buffer::default()).collect::<Vec<_>>().into())
    }

    #[inline]
    fn try_get(&self) -> Option<Object<Buffer>> {
        self.0.try_get().ok()
    }

    #[inline]
    async fn get_async(&self) -> Object<Buffer> {
        self.0.get().await.expect("nobody closes it")
    }

    #[inline]
    fn put(&self, mut item: Object<Buffer>) {
        item.clear();
    }
}
