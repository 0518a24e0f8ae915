//! Written by hand: a vector of items under a mutex, and a condition variable. A woken waiter locks the mutex again,
//! and a newcomer may have been faster.

use std::sync::{Condvar, Mutex, PoisonError};

use ebbtide::Clear;

use crate::contender::Bounded;
use crate::contenders::allocate::Owned;
use crate::item::Buffer;

pub(crate) struct MutexCondvar {
    idle: Mutex<Vec<Owned<Buffer>>>,
    freed: Condvar,
}

impl Bounded for MutexCondvar {
    const NAME: &'static str = "mutex-condvar";
    const OVERTAKES: bool = true;
    type Guard<'p> = Owned<Buffer>;

    fn new(items: usize) -> Self {
        Self { idle: Mutex::new((0..items).map(|_| Owned::default()).collect()), freed: Condvar::new() }
    }

    fn try_get(&self) -> Option<Owned<Buffer>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    #[inline]
    fn get(&self) -> Owned<Buffer> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match idle.pop() {
                Some(item) => return item,
                None => idle = self.freed.wait(idle).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    async fn get_async(&self) -> Owned<Buffer> {
        unreachable!("only threads can sleep here")
    }

    const ASYNC: bool = false;

    #[inline]
    fn put(&self, mut item: Owned<Buffer>) {
        item.clear();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(item);
        self.freed.notify_one();
    }
}
