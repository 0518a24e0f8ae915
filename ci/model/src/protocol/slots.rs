//! `SlotSet`: the owner's side and the sweep's side; and `Top`.
//!
//! Here `take_all` gets the places from its caller, so `give` reads `bottom` once. In the crate `give` reads it for the
//! room, and again in `take_all`. It finds the same value, because only the owner writes it.

use std::ops::Range;

use super::claim::Taken;
use super::{Note, Step, Thread};
use crate::machine::Cell::*;
use crate::machine::Order::{self, *};
use crate::machine::{CAPACITY, Value};
use crate::mutants::Mutant;

pub const CLAIMED: Value = 1 << 10;
pub const ASKED: Value = 1 << 9;
pub const FENCED: Value = 1 << 8;
pub const PLACE: Value = FENCED - 1;

/// How often `close` tries.
const TRIES: usize = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    Advance,
    Clear,
}

impl Purpose {
    fn mark(self) -> Value {
        match self {
            Self::Advance => ASKED,
            Self::Clear => CLAIMED,
        }
    }
}

/// The owner's side.
impl Thread<'_> {
    /// Young items in the loaded and in the spare array.
    pub(super) fn young(&mut self) -> Step<Value> {
        let (bottom, top) = (self.bottom()?, self.load(Top(self.set), Relaxed)? & PLACE);
        Ok((bottom - top).max(0) + self.load(SpareLen(self.set), Relaxed)?)
    }

    pub(super) fn pop(&mut self) -> Step<Option<u8>> {
        let (bottom, top) = (Bottom(self.set), Top(self.set));
        let next = self.load(bottom, Relaxed)? - 1;
        let lowered = self.unless(Mutant::PopBottomRelaxed, Release);
        let found = if self.is(Mutant::NoCompilerFence) {
            let found = self.load(top, Relaxed)?;
            self.store(bottom, next, lowered)?;
            found
        } else {
            self.store(bottom, next, lowered)?;
            // `fence::light`, which only restrains the compiler.
            self.load(top, Relaxed)?
        };
        if found > next {
            if !self.is(Mutant::PlaceNotGivenBack) {
                self.store(bottom, next + 1, self.unless(Mutant::GiveUpRelaxed, Release))?;
            }
            return Ok(None);
        }
        let array = self.read_array(Loaded(self.set))?;
        self.take_at(array, next).map(Some)
    }

    pub(super) fn push(&mut self, item: u8) -> Step<bool> {
        let next = self.bottom()?;
        let array = self.read_array(Loaded(self.set))?;
        if array == 0 || next >= CAPACITY {
            return Ok(false);
        }
        if self.is(Mutant::BottomBeforeItem) {
            self.set_bottom(next + 1)?;
            self.fill_at(array, next, item)?;
            return Ok(true);
        }
        self.fill_at(array, next, item)?;
        self.store(Bottom(self.set), next + 1, self.unless(Mutant::PushBottomRelaxed, Release))?;
        Ok(true)
    }

    pub(super) fn claim<O>(&mut self, act: impl FnOnce(&mut Self) -> Step<O>) -> Step<Option<O>> {
        let top = self.load(Top(self.set), Relaxed)?;
        let free = top & if self.is(Mutant::ClaimIgnoresAsking) { CLAIMED } else { ASKED | CLAIMED } == 0;
        let acquire = self.unless(Mutant::ClaimRelaxed, Acquire);
        if !(free && self.compare_exchange(Top(self.set), top, top | CLAIMED, acquire)?) {
            return Ok(None);
        }
        if self.is(Mutant::ClaimEndFirst) {
            self.open(self.set, 0, Relaxed)?;
        }
        self.note(Note::Claims(self.set))?;
        self.move_down(top & PLACE)?;
        let outcome = act(self)?;
        self.note(Note::Ends(self.set))?;
        if !self.is(Mutant::ClaimEndFirst) {
            self.open(self.set, 0, self.unless(Mutant::ClaimEndRelaxed, Release))?;
        }
        Ok(Some(outcome))
    }

    /// `None` if the sweep came first, or if there is no room for the items.
    pub(super) fn give(&mut self, into: u8) -> Step<Option<Taken>> {
        let Some(top) = self.claim_asked(self.set)? else { return Ok(None) };
        let places = self.claimed_places(self.set, top)?;
        if !self.is(Mutant::ReservedBefore) && !self.is(Mutant::NotReserved) {
            let spare = self.load(SpareLen(self.set), Relaxed)? + self.load(Victims(self.set), Relaxed)?;
            if !self.reserve(places.end - places.start + spare)? {
                self.note(Note::Ends(self.set))?;
                self.open(self.set, places.start, Release)?;
                return Ok(None);
            }
        }
        self.take_all(self.set, places, into).map(Some)
    }
}

/// The sweep's side.
impl Thread<'_> {
    pub(super) fn close(&mut self, set: u8, purpose: Purpose) -> Step<bool> {
        for _ in 0..TRIES {
            let top = self.load(Top(set), Relaxed)?;
            let order = self.unless(Mutant::CloseRelaxed, AcqRel);
            if (top & CLAIMED == 0 || self.is(Mutant::CloseIgnoresClaim))
                && self.compare_exchange(Top(set), top, top | purpose.mark(), order)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn reopen(&mut self, set: u8, purpose: Purpose) -> Step<()> {
        let release = self.unless(Mutant::ReopenRelaxed, Release);
        self.update(Top(set), release, move |top| Some(top & !purpose.mark())).map(drop)
    }

    /// `None`, for `Taken::nothing`, if the owner came first.
    pub(super) fn take(&mut self, set: u8, purpose: Purpose, into: u8) -> Step<Option<Taken>> {
        let top = match purpose {
            Purpose::Advance => self.claim_asked(set)?,
            Purpose::Clear => Some(self.load(Top(set), Relaxed)?),
        };
        let Some(top) = top else { return Ok(None) };
        let places = self.claimed_places(set, top)?;
        self.take_all(set, places, into).map(Some)
    }
}

/// What both sides do.
impl Thread<'_> {
    fn open(&mut self, set: u8, place: Value, order: Order) -> Step<()> {
        self.store(Top(set), if self.fenced { place | FENCED } else { place }, order)
    }

    fn claim_asked(&mut self, set: u8) -> Step<Option<Value>> {
        let top = self.load(Top(set), self.unless(Mutant::TakeLoadRelaxed, Acquire))?;
        if self.is(Mutant::TakeByStore) {
            self.store(Top(set), top | CLAIMED, Release)?;
            return Ok(Some(top));
        }
        let order = self.unless(Mutant::TakeRelaxed, AcqRel);
        let claimed = top & ASKED != 0 && self.compare_exchange(Top(set), top, top ^ (ASKED | CLAIMED), order)?;
        Ok(Some(top).filter(|_| claimed))
    }

    /// From `top` up to `bottom`, inside the claim that replaced this `top`.
    fn claimed_places(&mut self, set: u8, top: Value) -> Step<Range<Value>> {
        self.note(Note::Claims(set))?;
        let top = top & PLACE;
        let bottom = self.load(Bottom(set), self.unless(Mutant::TakeBottomRelaxed, Acquire))?;
        Ok(top..if self.is(Mutant::BottomBelowTop) { bottom } else { bottom.max(top) })
    }

    fn take_all(&mut self, set: u8, places: Range<Value>, into: u8) -> Step<Taken> {
        let mut left = places.end;
        if self.is(Mutant::BottomReadTwice) {
            left = self.load(Bottom(set), Acquire)?.max(places.start);
        }
        if self.is(Mutant::OpenedFirst) {
            self.open(set, left, Relaxed)?;
        }
        let mut loaded = self.read_array(Loaded(set))?;
        if self.is(Mutant::LoadedLeaves) && loaded != 0 {
            self.note(Note::Holds(loaded))?;
            self.write(Len(loaded), places.end - places.start)?;
            self.write(Loaded(set), 0)?;
        } else {
            self.move_to(loaded, places, into)?;
            loaded = into;
        }
        let taken = self.take_rest(set, loaded)?;
        self.note(Note::Ends(set))?;
        if !self.is(Mutant::OpenedFirst) {
            self.open(set, left, self.unless(Mutant::TakeEndRelaxed, Release))?;
        }
        Ok(taken)
    }
}
