//! Pools written by hand: boxes in a vector under a mutex, the standard library's or `parking_lot`'s.

use std::sync::PoisonError;

use crate::contender::Contender;
use crate::item::Item;

pub(crate) struct Std<I>(std::sync::Mutex<Vec<Box<I>>>);

impl<I: Item> Contender for Std<I> {
    const NAME: &'static str = "mutex-vec";
    type Item = I;
    type With<J: Item> = Std<J>;
    type Guard<'p> = Box<I>;

    fn new(_room: usize) -> Self {
        Self(Default::default())
    }

    #[inline]
    fn get(&self) -> Box<I> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_default()
    }

    #[inline]
    fn put(&self, mut item: Box<I>) {
        item.clear();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }

    #[inline]
    fn lose(&self, item: Box<I>) {
        drop(item);
    }
}

pub(crate) struct ParkingLot<I>(parking_lot::Mutex<Vec<Box<I>>>);

impl<I: Item> Contender for ParkingLot<I> {
    const NAME: &'static str = "mutex-vec-parking-lot";
    type Item = I;
    type With<J: Item> = ParkingLot<J>;
    type Guard<'p> = Box<I>;

    fn new(_room: usize) -> Self {
        Self(Default::default())
    }

    #[inline]
    fn get(&self) -> Box<I> {
        let idle = self.0.lock().pop();
        idle.unwrap_or_default()
    }

    #[inline]
    fn put(&self, mut item: Box<I>) {
        item.clear();
        self.0.lock().push(item);
    }

    #[inline]
    fn lose(&self, item: Box<I>) {
        drop(item);
    }
}
