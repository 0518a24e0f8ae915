//! Pools written by hand: boxes in one of crossbeam's queues, or in a vector under std's or `parking_lot`'s mutex.

use std::sync::PoisonError;

use crossbeam_queue::{ArrayQueue, SegQueue};
use ebbtide::Clear;

use crate::contender::Contender;
use crate::item::Item;

pub(crate) struct Boxes<Q>(Q);

/// The store of idle boxes.
pub(crate) trait Idle: Sync + Sized + 'static {
    const NAME: &'static str;
    type Item: Item;
    type With<I: Item>: Idle<Item = I>;
    fn new(room: usize) -> Self;
    fn pop(&self) -> Option<Box<Self::Item>>;
    fn push(&self, item: Box<Self::Item>);
}

impl<Q: Idle> Contender for Boxes<Q> {
    const NAME: &'static str = Q::NAME;
    type Item = Q::Item;
    type With<I: Item> = Boxes<Q::With<I>>;
    type Guard<'p> = Box<Q::Item>;

    fn new(room: usize) -> Self {
        Self(Q::new(room))
    }

    #[inline]
    fn get(&self) -> Box<Q::Item> {
        self.0.pop().unwrap_or_default()
    }

    #[inline]
    fn put(&self, mut item: Box<Q::Item>) {
        item.clear();
        self.0.push(item);
    }

    #[inline]
    fn lose(&self, item: Box<Q::Item>) {
        drop(item);
    }
}

impl<I: Item> Idle for ArrayQueue<Box<I>> {
    const NAME: &'static str = "array-queue";
    type Item = I;
    type With<J: Item> = ArrayQueue<Box<J>>;

    fn new(room: usize) -> Self {
        ArrayQueue::new(room)
    }

    #[inline]
    fn pop(&self) -> Option<Box<I>> {
        ArrayQueue::pop(self)
    }

    #[inline]
    fn push(&self, item: Box<I>) {
        // A full queue returns the item, which is dropped here.
        let _ = ArrayQueue::push(self, item);
    }
}

impl<I: Item> Idle for SegQueue<Box<I>> {
    const NAME: &'static str = "seg-queue";
    type Item = I;
    type With<J: Item> = SegQueue<Box<J>>;

    fn new(_room: usize) -> Self {
        SegQueue::new()
    }

    #[inline]
    fn pop(&self) -> Option<Box<I>> {
        SegQueue::pop(self)
    }

    #[inline]
    fn push(&self, item: Box<I>) {
        SegQueue::push(self, item);
    }
}

impl<I: Item> Idle for std::sync::Mutex<Vec<Box<I>>> {
    const NAME: &'static str = "mutex-vec";
    type Item = I;
    type With<J: Item> = std::sync::Mutex<Vec<Box<J>>>;

    fn new(_room: usize) -> Self {
        Self::default()
    }

    #[inline]
    fn pop(&self) -> Option<Box<I>> {
        self.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    #[inline]
    fn push(&self, item: Box<I>) {
        self.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }
}

impl<I: Item> Idle for parking_lot::Mutex<Vec<Box<I>>> {
    const NAME: &'static str = "mutex-vec-parking-lot";
    type Item = I;
    type With<J: Item> = parking_lot::Mutex<Vec<Box<J>>>;

    fn new(_room: usize) -> Self {
        Self::default()
    }

    #[inline]
    fn pop(&self) -> Option<Box<I>> {
        self.lock().pop()
    }

    #[inline]
    fn push(&self, item: Box<I>) {
        self.lock().push(item);
    }
}
