//! `Slots`: the owner's operations inside a claim; and what is taken out of a slot set.

use super::{Note, Step, Thread, list, pushed, some};
use crate::machine::Cell::{self, *};
use crate::machine::Order::Relaxed;
use crate::machine::{CAPACITY, Value};
use crate::mutants::Mutant;

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Taken {
    pub(super) young: [u8; 2],
    pub(super) victims: u8,
    pub(super) stash: Value,
}

impl Thread<'_> {
    pub(super) fn bottom(&mut self) -> Step<Value> {
        self.load(Bottom(self.set), Relaxed)
    }

    pub(super) fn set_bottom(&mut self, bottom: Value) -> Step<()> {
        self.store(Bottom(self.set), bottom, Relaxed)
    }

    /// `SpareLength::victims`.
    pub(super) fn victims(&mut self) -> Step<Value> {
        self.load(Victims(self.set), Relaxed)
    }

    /// Stores both halves of `SpareLength`.
    fn set_spare_len(&mut self, set: u8, young: Value, victims: Value) -> Step<()> {
        self.store(SpareLen(set), young, Relaxed)?;
        self.store(Victims(set), victims, Relaxed)
    }

    pub(super) fn move_down(&mut self, top: Value) -> Step<()> {
        let array = self.read_array(Loaded(self.set))?;
        if array != 0 && top > 0 {
            let bottom = self.bottom()?;
            self.shift(array, top..bottom, array)?;
            self.set_bottom(bottom - top)?;
        }
        Ok(())
    }

    pub(super) fn pop_either(&mut self) -> Step<Option<u8>> {
        if self.bottom()? == 0 && self.load(SpareLen(self.set), Relaxed)? > 0 {
            self.swap()?;
        }
        let next = self.bottom()? - 1;
        let array = self.read_array(Loaded(self.set))?;
        if array == 0 || next < 0 {
            return Ok(None);
        }
        self.set_bottom(next)?;
        self.take_at(array, next).map(Some)
    }

    pub(super) fn pop_victim(&mut self) -> Step<Option<u8>> {
        let spare = self.read_array(Spare(self.set))?;
        if spare == 0 || self.victims()? == 0 {
            return Ok(None);
        }
        let item = self.array_pop(spare)?;
        let left = self.read(Len(spare))?;
        self.store(Victims(self.set), left, Relaxed)?;
        Ok(item)
    }

    fn push_either(&mut self, item: u8) -> Step<bool> {
        let room = if self.read_array(Loaded(self.set))? == 0 { 0 } else { CAPACITY };
        if self.bottom()? == room {
            let spare = self.read_array(Spare(self.set))?;
            if spare != 0 && self.read(Len(spare))? == 0 {
                self.swap()?;
            }
        }
        let next = self.bottom()?;
        let array = self.read_array(Loaded(self.set))?;
        if array == 0 || next >= CAPACITY {
            return Ok(false);
        }
        self.fill_at(array, next, item)?;
        self.set_bottom(next + 1)?;
        Ok(true)
    }

    /// `None` if there is no room. Otherwise the array that was taken out, or 0, and whether it holds victims.
    pub(super) fn push_or_spill(&mut self, item: u8) -> Step<Option<(u8, bool)>> {
        if self.push_either(item)? {
            return Ok(Some((0, false)));
        }
        let stash = self.read(Stash(self.set))?;
        if stash == 0 {
            return Ok(None);
        }
        self.write(Stash(self.set), stash >> 4)?;
        let empty = (stash & 15) as u8;
        self.note(Note::Holds(empty))?;
        self.rotate(item, empty).map(Some)
    }

    pub(super) fn spill(&mut self, item: u8, empty: u8) -> Step<(u8, bool)> {
        if self.push_either(item)? { Ok((empty, false)) } else { self.rotate(item, empty) }
    }

    fn rotate(&mut self, item: u8, empty: u8) -> Step<(u8, bool)> {
        let victims = self.victims()? > 0;
        self.push_first(empty, item)?;
        let full = self.replace_loaded(empty)?;
        Ok((if full == 0 { 0 } else { self.replace_spare(full)? }, victims))
    }

    /// Whether there was room for the batch. `took` items are released.
    pub(super) fn refill(&mut self, batch: u8, took: Value) -> Step<bool> {
        let none_loaded = self.bottom()? == 0;
        if !none_loaded && !self.spare_is_empty()? {
            return Ok(false);
        }
        self.release(took)?;
        let empty = if none_loaded { self.replace_loaded(batch)? } else { self.replace_spare(batch)? };
        self.stash(empty)?;
        Ok(true)
    }

    /// As above.
    pub(super) fn keep_victims(&mut self, batch: u8, took: Value) -> Step<bool> {
        if !self.spare_is_empty()? {
            return Ok(false);
        }
        self.release(took)?;
        let victims = self.read(Len(batch))?;
        let empty = self.replace_spare(batch)?;
        self.set_spare_len(self.set, 0, victims)?;
        self.stash(empty)?;
        Ok(true)
    }

    fn spare_is_empty(&mut self) -> Step<bool> {
        let spare = self.read_array(Spare(self.set))?;
        Ok(self.array_len(spare)? == 0)
    }

    fn stash(&mut self, empty: u8) -> Step<()> {
        if empty == 0 {
            return Ok(());
        }
        let stash = pushed(self.read(Stash(self.set))?, empty);
        self.note(Note::Gives(empty))?;
        self.write(Stash(self.set), stash)
    }

    fn swap(&mut self) -> Step<()> {
        let spare = self.replace(Spare(self.set), 0)?;
        let loaded = self.replace_loaded(spare)?;
        self.replace_spare(loaded).map(drop)
    }

    fn replace_loaded(&mut self, array: u8) -> Step<u8> {
        let before = self.bottom()?;
        let len = self.array_len(array)?;
        self.set_bottom(len)?;
        let out = self.replace(Loaded(self.set), array)?;
        if out != 0 {
            self.write(Len(out), before)?;
        }
        Ok(out)
    }

    fn replace_spare(&mut self, array: u8) -> Step<u8> {
        let len = self.array_len(array)?;
        self.set_spare_len(self.set, len, 0)?;
        self.replace(Spare(self.set), array)
    }

    fn replace(&mut self, cell: Cell, array: u8) -> Step<u8> {
        let out = self.read_array(cell)?;
        if array != 0 {
            self.note(Note::Gives(array))?;
        }
        self.write(cell, array.into())?;
        if out != 0 {
            self.note(Note::Holds(out))?;
        }
        Ok(out)
    }

    /// `Rest::take`, by either side.
    pub(super) fn take_rest(&mut self, set: u8, loaded: u8) -> Step<Taken> {
        let (spare, stash) = (self.read_array(Spare(set))?, self.read(Stash(set))?);
        if !self.is(Mutant::SpareStays) {
            self.write(Spare(set), 0)?;
        }
        if !self.is(Mutant::StashStays) {
            self.write(Stash(set), 0)?;
        }
        for array in list(stash).into_iter().chain(some(spare)) {
            self.note(Note::Holds(array))?;
        }
        let old = self.load(Victims(set), Relaxed)? > 0;
        self.set_spare_len(set, 0, 0)?;
        let (spare, victims) = if old { (0, spare) } else { (spare, 0) };
        Ok(Taken { young: [loaded, spare], victims, stash })
    }
}
