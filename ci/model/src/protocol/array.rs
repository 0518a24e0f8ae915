//! Arrays. Number 0 is none.

use std::ops::Range;

use super::{Note, Step, Thread};
use crate::machine::Cell::{self, *};
use crate::machine::{CAPACITY, Value};

impl Thread<'_> {
    /// `Array::new`.
    pub(super) fn allocate(&mut self) -> u8 {
        self.local.fresh += 1;
        self.local.fresh - 1
    }

    fn place(&mut self, array: u8, place: Value) -> Step<Cell> {
        if array == 0 || !(0..CAPACITY).contains(&place) {
            self.note(Note::Wild)?;
        }
        Ok(Place(array, place as u8))
    }

    pub(super) fn take_at(&mut self, array: u8, place: Value) -> Step<u8> {
        let place = self.place(array, place)?;
        self.read(place).map(|item| item as u8)
    }

    pub(super) fn fill_at(&mut self, array: u8, place: Value, item: u8) -> Step<()> {
        let place = self.place(array, place)?;
        self.write(place, item.into())
    }

    /// Moves items to the first places of `into`, which may be the same array. Leaves the lengths to the caller.
    pub(super) fn shift(&mut self, array: u8, places: Range<Value>, into: u8) -> Step<()> {
        for (from, to) in places.zip(0..) {
            let item = self.take_at(array, from)?;
            self.fill_at(into, to, item)?;
        }
        Ok(())
    }

    pub(super) fn move_to(&mut self, array: u8, places: Range<Value>, into: u8) -> Step<()> {
        let places = if array == 0 { 0..0 } else { places };
        self.write(Len(into), places.end - places.start)?;
        self.shift(array, places, into)
    }

    pub(super) fn array_len(&mut self, array: u8) -> Step<Value> {
        if array == 0 { Ok(0) } else { self.read(Len(array)) }
    }

    pub(super) fn array_pop(&mut self, array: u8) -> Step<Option<u8>> {
        let len = self.read(Len(array))? - 1;
        if len < 0 {
            return Ok(None);
        }
        self.write(Len(array), len)?;
        self.take_at(array, len).map(Some)
    }

    /// Puts the first item into an empty array.
    pub(super) fn push_first(&mut self, empty: u8, item: u8) -> Step<()> {
        self.fill_at(empty, 0, item)?;
        self.write(Len(empty), 1)
    }

    /// The items in some places of an array that belongs to this thread.
    pub(super) fn items(&mut self, array: u8, places: Range<Value>) -> Step<Vec<u8>> {
        places.map(|place| self.take_at(array, place)).collect()
    }
}
