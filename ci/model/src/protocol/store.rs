//! `Store`: the operations of threads that use the pool.

use super::claim::Taken;
use super::slots::ASKED;
use super::{Note, Step, Thread, list, some};
use crate::machine::Cell::*;
use crate::machine::Order::{Acquire, Relaxed};
use crate::machine::Value;
use crate::mutants::Mutant;

impl Thread<'_> {
    pub(super) fn epoch(&mut self) -> Step<Value> {
        self.load(Epoch, Relaxed)
    }

    fn epoch_of(&mut self) -> Step<Value> {
        let epoch = self.epoch()?;
        Ok(if self.load(Ahead(self.set), Relaxed)? == epoch + 1 { epoch + 1 } else { epoch })
    }

    pub(super) fn get(&mut self) -> Step<()> {
        let item = match self.pop()? {
            Some(item) => Some(item),
            None => self.get_slow()?,
        };
        if let Some(item) = item {
            self.note(Note::Got(item))?;
            self.look_at(item)?;
            self.local.hand.push(item);
        }
        Ok(())
    }

    fn get_slow(&mut self) -> Step<Option<u8>> {
        self.answer_if_asked()?;
        if self.young()? > 0 {
            if let Some(Some(item)) = self.claim(Self::pop_either)? {
                return Ok(Some(item));
            }
        }
        if self.victims()? > 0 {
            if let Some(Some(item)) = self.claim(Self::pop_victim)? {
                return Ok(Some(item));
            }
        }
        let epoch = self.epoch_of()?;
        let Some((batch, victims)) = self.pop_shared(epoch)? else { return Ok(None) };
        let item = self.array_pop(batch)?;
        self.settle(batch, victims)?;
        Ok(item)
    }

    fn settle(&mut self, batch: u8, victims: bool) -> Step<()> {
        let rest = self.read(Len(batch))?;
        if rest == 0 {
            self.release(1)?;
            return self.note(Note::Freed(batch));
        }
        let late = self.is(Mutant::ReleasedAfterRefill);
        let took = if late { 0 } else { 1 + rest };
        let kept =
            self.claim(|slots| if victims { slots.keep_victims(batch, took) } else { slots.refill(batch, took) })?;
        if kept == Some(true) {
            return if late { self.release(1 + rest) } else { Ok(()) };
        }
        let stamp = self.read(Stamp(batch))?;
        self.put_back(batch, stamp)?;
        self.release(1)
    }

    fn answer_if_asked(&mut self) -> Step<()> {
        let acquire = self.unless(Mutant::AskedRelaxed, Acquire);
        if self.load(Top(self.set), acquire)? & ASKED == 0 { Ok(()) } else { self.answer() }
    }

    fn answer(&mut self) -> Step<()> {
        let ending = self.epoch()?;
        let len = self.young()? + self.victims()?;
        let early = self.is(Mutant::ReservedBefore);
        if !(if early { self.reserve(len)? } else { self.has_room(len)? }) {
            return Ok(());
        }
        let into = self.allocate();
        let Some(Taken { young, victims, stash }) = self.give(into)? else {
            if early {
                self.release(len)?;
            }
            return self.note(Note::Freed(into));
        };
        let ahead = if self.is(Mutant::AheadOfWhatIs) { self.epoch()? } else { ending };
        self.store(Ahead(self.set), ahead + 1, Relaxed)?;
        let epoch = if self.is(Mutant::StampedWithEnding) { ending } else { self.epoch()? };
        let mut given = 0;
        for array in young.into_iter().chain([victims]).filter_map(some) {
            let items = self.read(Len(array))?;
            if items == 0 {
                self.note(Note::Freed(array))?;
                continue;
            }
            given += items;
            let stamp = match array == victims {
                true => self.read(Stamp(array))?,
                false => epoch - Value::from(self.is(Mutant::AnswerTooOld)),
            };
            self.put_back(array, stamp)?;
        }
        if early {
            self.release(len - given)?;
        }
        list(stash).into_iter().try_for_each(|empty| self.note(Note::Freed(empty)))
    }

    pub(super) fn put(&mut self) -> Step<()> {
        if self.local.hand.is_empty() {
            return Ok(());
        }
        let item = self.local.hand.remove(0);
        let uses = self.read(Payload(item))?;
        self.write(Payload(item), uses + 1)?;
        self.note(Note::Put(item))?;
        if self.push(item)? { Ok(()) } else { self.put_slow(item) }
    }

    /// With `Store::spill`, from the second claim on.
    fn put_slow(&mut self, item: u8) -> Step<()> {
        self.answer_if_asked()?;
        if let Some(Some((full, victims))) = self.claim(|slots| slots.push_or_spill(item))? {
            return self.stamp_and_share(full, victims);
        }
        let empty = self.allocate();
        match self.claim(|slots| slots.spill(item, empty))? {
            Some((unused, _)) if unused == empty => self.note(Note::Freed(empty)),
            Some((full, victims)) => self.stamp_and_share(full, victims),
            None => {
                self.push_first(empty, item)?;
                let epoch = self.epoch_of()?;
                self.offer(empty, epoch)
            }
        }
    }

    fn stamp_and_share(&mut self, full: u8, victims: bool) -> Step<()> {
        if full == 0 {
            return Ok(());
        }
        let stamp = if victims { self.read(Stamp(full))? } else { self.epoch_of()? };
        self.offer(full, stamp)
    }

    fn offer(&mut self, batch: u8, stamp: Value) -> Step<()> {
        let rejected = self.push_shared(batch, stamp)?;
        rejected.into_iter().try_for_each(|item| self.drop_item(item, None))
    }

    pub(super) fn drop_item(&mut self, item: u8, by: Option<Value>) -> Step<()> {
        self.note(Note::Dropped(item, by))?;
        self.look_at(item)
    }

    fn look_at(&mut self, item: u8) -> Step<()> {
        let uses = self.read(Payload(item))?;
        self.note(Note::Uses(item, uses))
    }
}
