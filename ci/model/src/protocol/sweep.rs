//! `Sweep` and `Condemned`. Each method is an operation of its own.

use std::mem;

use super::claim::Taken;
use super::{Access, Note, Purpose, Step, Thread, list, some};
use crate::machine::Cell::*;
use crate::machine::Order::{Acquire, Relaxed, Release};
use crate::machine::Value;
use crate::mutants::Mutant;

#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sweep {
    purpose: Purpose,
    passed: bool,
    sets: Vec<u8>,
    collected: Vec<Taken>,
    /// The arrays for slot sets whose owners came first.
    unused: Vec<u8>,
    condemned: Condemned,
}

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Condemned {
    /// The epoch that the sweep ends.
    epoch: Value,
    batches: Vec<u8>,
    /// Items without room.
    rejected: Vec<u8>,
    empties: Vec<u8>,
    stashes: Vec<Value>,
}

impl Thread<'_> {
    fn sweep(&mut self) -> &mut Sweep {
        self.local.sweep.as_mut().expect("a sweep has begun")
    }

    pub(super) fn begin(&mut self, purpose: Purpose) -> Step<()> {
        if self.compare_exchange(Token, 0, 1, self.unless(Mutant::TokenRelaxed, Acquire))? {
            self.local.sweep = Some(Sweep {
                purpose,
                passed: true,
                sets: (0..self.sets).collect(),
                collected: Vec::new(),
                unused: Vec::new(),
                condemned: Condemned::default(),
            });
        }
        Ok(())
    }

    pub(super) fn close_all(&mut self) -> Step<()> {
        if self.is(Mutant::HeavyBeforeAsking) {
            self.system_call()?;
        }
        let purpose = self.sweep().purpose;
        for set in mem::take(&mut self.sweep().sets) {
            if self.close(set, purpose)? {
                self.sweep().sets.push(set);
            }
        }
        Ok(())
    }

    pub(super) fn heavy(&mut self, passed: bool) -> Step<()> {
        self.sweep().passed = passed;
        if self.sweep().sets.is_empty() || !passed || self.is(Mutant::HeavyBeforeAsking) || self.is(Mutant::NoHeavy) {
            return Ok(());
        }
        self.system_call()
    }

    fn system_call(&mut self) -> Step<()> {
        self.access(Access::Fence)?;
        if !self.fenced && !self.is(Mutant::HeavyIsAFence) {
            for other in self.others.clone() {
                self.access(Access::Interrupt(other))?;
            }
            self.access(Access::Fence)?;
        }
        Ok(())
    }

    pub(super) fn collect(&mut self) -> Step<()> {
        let (purpose, passed) = (self.sweep().purpose, self.sweep().passed);
        for set in mem::take(&mut self.sweep().sets) {
            if passed || self.is(Mutant::FailureIgnored) {
                let into = self.allocate();
                match self.take(set, purpose, into)? {
                    Some(taken) => self.sweep().collected.push(taken),
                    None => self.sweep().unused.push(into),
                }
            } else if !self.is(Mutant::NotReopened) {
                self.reopen(set, purpose)?;
            }
        }
        Ok(())
    }

    pub(super) fn condemn(&mut self) -> Step<()> {
        let purpose = self.sweep().purpose;
        let epoch = self.epoch()?;
        let mut batches = self.take_older(match purpose {
            Purpose::Advance => epoch + Value::from(self.is(Mutant::AdvancedFirst)),
            Purpose::Clear => Value::MAX,
        })?;
        let took = batches.iter().map(|&batch| self.read(Len(batch))).sum::<Step<Value>>()?;
        if took > 0 {
            self.release(took)?;
        }
        if purpose == Purpose::Advance {
            self.note(Note::Advances(epoch))?;
            self.store(Epoch, epoch + 1, Relaxed)?;
        }
        let (mut rejected, mut stashes) = (Vec::new(), Vec::new());
        let mut empties = mem::take(&mut self.sweep().unused);
        for Taken { young, victims, stash } in mem::take(&mut self.sweep().collected) {
            stashes.push(stash);
            batches.extend(some(victims));
            for array in young.into_iter().filter_map(some) {
                if self.read(Len(array))? == 0 {
                    empties.push(array);
                } else if purpose == Purpose::Clear {
                    batches.push(array);
                } else {
                    rejected.extend(self.push_shared(array, epoch)?);
                }
            }
        }
        self.sweep().condemned = Condemned { epoch, batches, rejected, empties, stashes };
        self.store(Token, 0, self.unless(Mutant::TokenEndRelaxed, Release))
    }

    pub(super) fn drop_items(&mut self) -> Step<()> {
        let Sweep { purpose, condemned, .. } = self.local.sweep.take().expect("a sweep has begun");
        let Condemned { epoch, batches, rejected, empties, stashes } = condemned;
        for array in batches {
            let len = self.read(Len(array))?;
            for item in self.items(array, 0..len)? {
                self.drop_item(item, Some(epoch).filter(|_| purpose == Purpose::Advance))?;
            }
            self.note(Note::Freed(array))?;
        }
        for item in rejected {
            self.drop_item(item, None)?;
        }
        let stashed = stashes.into_iter().flat_map(list);
        empties.into_iter().chain(stashed).try_for_each(|array| self.note(Note::Freed(array)))
    }
}
