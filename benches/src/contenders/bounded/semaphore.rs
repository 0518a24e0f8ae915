//! Written by hand: tokio's semaphore, which serves in order, with a permit per item. The items are in a vector under a
//! mutex, or in crossbeam's bounded queue.

use std::sync::{Mutex, PoisonError};

use crossbeam_queue::ArrayQueue;
use ebbtide::Clear;
use tokio::sync::Semaphore;

use crate::contender::Bounded;
use crate::contenders::allocate::Owned;
use crate::item::Buffer;

/// The store of idle items.
pub(crate) trait Idle: Send + Sync + 'static {
    const NAME: &'static str;
    fn new(items: usize) -> Self;
    /// Takes an item. There is one.
    fn pop(&self) -> Owned<Buffer>;
    fn push(&self, item: Owned<Buffer>);
}

impl Idle for Mutex<Vec<Owned<Buffer>>> {
    const NAME: &'static str = "semaphore-vec";

    fn new(items: usize) -> Self {
        Mutex::new(Vec::with_capacity(items))
    }

    #[inline]
    fn pop(&self) -> Owned<Buffer> {
        self.lock().unwrap_or_else(PoisonError::into_inner).pop().expect("one for each permit")
    }

    #[inline]
    fn push(&self, item: Owned<Buffer>) {
        self.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }
}

impl Idle for ArrayQueue<Owned<Buffer>> {
    const NAME: &'static str = "semaphore-queue";

    fn new(items: usize) -> Self {
        ArrayQueue::new(items)
    }

    #[inline]
    fn pop(&self) -> Owned<Buffer> {
        ArrayQueue::pop(self).expect("one for each permit")
    }

    #[inline]
    fn push(&self, item: Owned<Buffer>) {
        assert!(ArrayQueue::push(self, item).is_ok(), "there is room for all");
    }
}

pub(crate) struct Guarded<Q> {
    permits: Semaphore,
    idle: Q,
}

impl<Q: Idle> Bounded for Guarded<Q> {
    const NAME: &'static str = Q::NAME;
    const OVERTAKES: bool = false;
    type Guard<'p> = Owned<Buffer>;

    fn new(items: usize) -> Self {
        let pool = Self { permits: Semaphore::new(0), idle: Q::new(items) };
        (0..items).for_each(|_| pool.put(Owned::default()));
        pool
    }

    #[inline]
    fn try_get(&self) -> Option<Owned<Buffer>> {
        self.permits.try_acquire().ok()?.forget();
        Some(self.idle.pop())
    }

    #[inline]
    async fn get_async(&self) -> Owned<Buffer> {
        self.permits.acquire().await.expect("nobody closes it").forget();
        self.idle.pop()
    }

    #[inline]
    fn put(&self, mut item: Owned<Buffer>) {
        item.clear();
        self.idle.push(item);
        self.permits.add_permits(1);
    }
}
