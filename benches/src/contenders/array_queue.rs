//! A pool written by hand: boxes in crossbeam's bounded queue.

use crossbeam_queue::ArrayQueue;

use crate::contender::Contender;
use crate::item::Item;

pub(crate) struct Queue<I>(ArrayQueue<Box<I>>);

impl<I: Item> Contender for Queue<I> {
    const NAME: &'static str = "array-queue";
    type Item = I;
    type With<J: Item> = Queue<J>;
    type Guard<'p> = Box<I>;

    fn new(room: usize) -> Self {
        Self(ArrayQueue::new(room))
    }

    #[inline]
    fn get(&self) -> Box<I> {
        self.0.pop().unwrap_or_default()
    }

    #[inline]
    fn put(&self, mut item: Box<I>) {
        item.clear();
        // A full queue hands the item back, and it is dropped here.
        let _ = self.0.push(item);
    }

    #[inline]
    fn lose(&self, item: Box<I>) {
        drop(item);
    }
}
