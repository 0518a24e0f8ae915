//! A pool written by hand: boxes in a vector under the standard library's mutex.

use std::sync::{Mutex, PoisonError};

use crate::contender::{Buffer, Contender};

#[expect(clippy::vec_box, reason = "an item that is in use stays where it is")]
pub(crate) struct MutexVec(Mutex<Vec<Box<Buffer>>>);

impl Contender for MutexVec {
    const NAME: &'static str = "mutex-vec";
    type Item<'p> = Box<Buffer>;

    fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    #[inline]
    fn get(&self) -> Box<Buffer> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Box::new(Buffer::new()))
    }

    #[inline]
    fn put(&self, mut item: Box<Buffer>) {
        item.clear();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }
}
