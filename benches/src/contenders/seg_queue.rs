//! A pool written by hand: boxes in crossbeam's unbounded queue.

use crossbeam_queue::SegQueue;

use crate::contender::Contender;
use crate::item::Item;

pub(crate) struct Queue<I>(SegQueue<Box<I>>);

impl<I: Item> Contender for Queue<I> {
    const NAME: &'static str = "seg-queue";
    type Item = I;
    type With<J: Item> = Queue<J>;
    type Guard<'p> = Box<I>;

    fn new(_room: usize) -> Self {
        Self(SegQueue::new())
    }

    #[inline]
    fn get(&self) -> Box<I> {
        self.0.pop().unwrap_or_default()
    }

    #[inline]
    fn put(&self, mut item: Box<I>) {
        item.clear();
        self.0.push(item);
    }

    #[inline]
    fn lose(&self, item: Box<I>) {
        drop(item);
    }
}
