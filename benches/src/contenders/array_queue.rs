//! A pool written by hand: boxes in crossbeam's bounded queue.

use crossbeam_queue::ArrayQueue;

use super::ROOM;
use crate::contender::{Buffer, Contender};

pub(crate) struct Queue(ArrayQueue<Box<Buffer>>);

impl Contender for Queue {
    const NAME: &'static str = "array-queue";
    type Item<'p> = Box<Buffer>;

    fn new() -> Self {
        Self(ArrayQueue::new(ROOM))
    }

    #[inline]
    fn get(&self) -> Box<Buffer> {
        self.0.pop().unwrap_or_else(|| Box::new(Buffer::new()))
    }

    #[inline]
    fn put(&self, mut item: Box<Buffer>) {
        item.clear();
        // A full queue hands the item back, and it is dropped here.
        let _ = self.0.push(item);
    }
}
