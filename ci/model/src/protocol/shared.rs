//! `Shared` and `Room`.

use super::{Note, Step, Thread, list, pushed};
use crate::machine::Cell::*;
use crate::machine::Order::{AcqRel, Relaxed};
use crate::machine::Value;

impl Thread<'_> {
    pub(super) fn has_room(&mut self, items: Value) -> Step<bool> {
        Ok(self.load(Held, Relaxed)? + items <= self.max_idle)
    }

    pub(super) fn reserve(&mut self, items: Value) -> Step<bool> {
        let max_idle = self.max_idle;
        let held = self.update(Held, Relaxed, move |held| Some(held + items).filter(|&held| held <= max_idle))?;
        Ok(held + items <= max_idle)
    }

    pub(super) fn release(&mut self, items: Value) -> Step<()> {
        self.update(Held, Relaxed, move |held| Some(held - items)).map(drop)
    }

    /// `Shared::push`. Returns the items without room.
    pub(super) fn push_shared(&mut self, batch: u8, stamp: Value) -> Step<Vec<u8>> {
        let (len, max_idle) = (self.read(Len(batch))?, self.max_idle);
        let grant = move |held: Value| len.min(max_idle - held);
        let held = self.update(Held, Relaxed, move |held| Some(held + grant(held)).filter(|_| grant(held) > 0))?;
        let granted = grant(held).max(0);
        let rejected = self.items(batch, granted..len)?;
        if !rejected.is_empty() {
            self.note(Note::Rejected)?;
            self.write(Len(batch), granted)?;
        }
        if granted > 0 {
            self.put_back(batch, stamp)?;
        } else {
            self.note(Note::Freed(batch))?;
        }
        Ok(rejected)
    }

    pub(super) fn put_back(&mut self, batch: u8, stamp: Value) -> Step<()> {
        self.write(Stamp(batch), stamp)?;
        self.note(Note::Gives(batch))?;
        self.update(Queue((stamp & 1) as u8), AcqRel, move |queue| Some(pushed(queue, batch))).map(drop)
    }

    /// `Shared::pop`. Returns a batch, and whether it holds victims.
    pub(super) fn pop_shared(&mut self, epoch: Value) -> Step<Option<(u8, bool)>> {
        for generation in [epoch & 1, !epoch & 1] {
            let queue = self.update(Queue(generation as u8), AcqRel, |queue| (queue != 0).then_some(queue >> 4))?;
            if queue != 0 {
                let batch = (queue & 15) as u8;
                self.note(Note::Holds(batch))?;
                return Ok(Some((batch, self.read(Stamp(batch))? < epoch)));
            }
        }
        Ok(None)
    }

    /// `Value::MAX` makes this `take_all`.
    pub(super) fn take_older(&mut self, epoch: Value) -> Step<Vec<u8>> {
        let mut taken = Vec::new();
        for generation in 0..2 {
            for batch in list(self.update(Queue(generation), AcqRel, |queue| (queue != 0).then_some(0))?) {
                self.note(Note::Holds(batch))?;
                let stamp = self.read(Stamp(batch))?;
                if stamp < epoch {
                    taken.push(batch);
                } else {
                    self.put_back(batch, stamp)?;
                }
            }
        }
        Ok(taken)
    }
}
