//! What must hold in every state, and in the end.

use super::{Holder, Item, Program, State, Whereabouts};
use crate::machine::Cell::{self, *};
use crate::machine::Value;
use crate::protocol::{ASKED, CLAIMED, Note, PLACE, list};

impl Program<'_> {
    pub(super) fn note(&self, state: &mut State, cpu: usize, note: Note) -> Result<(), String> {
        let enough = self.scenario.max_idle as usize >= self.scenario.items.len();
        match note {
            Note::Put(item) => {
                let (put_in, uses) = (state.memory.oldest(cpu, Epoch), state.items[item as usize].uses + 1);
                state.items[item as usize] = Item { whereabouts: Whereabouts::Idle, put_in, uses };
            }
            Note::Got(item) => drop(state.take_out(item, Whereabouts::InUseBy(cpu))?),
            Note::Dropped(item, by) => {
                let put_in = state.take_out(item, Whereabouts::DroppedBy(cpu))?;
                if let Some(epoch) = by.filter(|&epoch| put_in >= epoch) {
                    return Err(format!(
                        "item {item}, put in epoch {put_in}, is dropped by the sweep that ends epoch {epoch}"
                    ));
                }
            }
            Note::Uses(item, found) if found != state.items[item as usize].uses => {
                return Err(format!(
                    "item {item} was used {} times, but says {found}",
                    state.items[item as usize].uses
                ));
            }
            Note::Uses(..) => {}
            Note::Holds(array) if state.arrays[array as usize] != Holder::Nobody => {
                return Err(format!("array {array} belongs to another thread or is freed"));
            }
            Note::Holds(array) => state.arrays[array as usize] = Holder::Thread(cpu),
            Note::Gives(array) => state.arrays[array as usize] = Holder::Nobody,
            Note::Freed(array) if state.arrays[array as usize] != Holder::Thread(cpu) => {
                return Err(format!("array {array} is freed by a thread that doesn't own it"));
            }
            Note::Freed(array) => state.arrays[array as usize] = Holder::FreedBy(cpu),
            Note::Claims(set) => {
                if let Some(other) = state.claims[set as usize].replace(cpu) {
                    return Err(format!("T{other} already claims slot set {set}"));
                }
            }
            Note::Ends(set) => state.claims[set as usize] = None,
            Note::Advances(epoch) if epoch != state.epoch => return Err(format!("epoch {epoch} has ended already")),
            Note::Advances(epoch) => state.epoch = epoch + 1,
            Note::Rejected if enough => return Err("items are dropped although there is room for all".into()),
            Note::Rejected => {}
            Note::Wild => return Err("a place beyond an array is accessed".into()),
        }
        Ok(())
    }

    pub(super) fn check_end(&self, state: &State) -> Result<(), String> {
        let at = |cell| state.memory.at(cell);
        for (cpu, progress) in state.threads.iter().enumerate() {
            if progress.done < self.scenario.threads[cpu].ops.len() || !state.memory.is_drained(cpu) {
                return Err(format!("T{cpu} is stuck"));
            }
        }
        let mut idle = Vec::new();
        let mut in_array = |array: u8, places: std::ops::Range<Value>| {
            if array != 0 && state.arrays[array as usize] != Holder::Nobody {
                return Err(format!("array {array} is in use, but freed or another thread's"));
            }
            idle.extend(places.map(|place| at(Place(array, place as u8))));
            Ok(())
        };
        for set in 0..self.scenario.sets {
            let (top, spare) = (at(Top(set)), at(Spare(set)) as u8);
            if top & (ASKED | CLAIMED) != 0 {
                return Err(format!("slot set {set} stays marked"));
            }
            in_array(at(Loaded(set)) as u8, top & PLACE..at(Bottom(set)))?;
            if spare != 0 {
                in_array(spare, 0..at(Len(spare)))?;
            }
            let stash = list(at(Stash(set)));
            stash.iter().try_for_each(|&array| in_array(array, 0..0))?;
            let counted = at(SpareLen(set)) + at(Victims(set));
            if counted != if spare == 0 { 0 } else { at(Len(spare)) } || at(Ahead(set)) > at(Epoch) {
                return Err(format!("slot set {set} counts {counted} spare items in epoch {}", at(Ahead(set))));
            }
        }
        let mut held = 0;
        for batch in [0, 1].into_iter().flat_map(|generation| list(at(Queue(generation)))) {
            if at(Stamp(batch)) > at(Epoch) {
                return Err(format!("batch {batch} has the future epoch {}", at(Stamp(batch))));
            }
            in_array(batch, 0..at(Len(batch)))?;
            held += at(Len(batch));
        }
        if at(Held) != held {
            return Err(format!("room is reserved for {}, but there are {held} items", at(Held)));
        }
        for &(item, _) in &self.scenario.items {
            let found = idle.iter().filter(|&&found| found == Value::from(item)).count();
            let known = state.items[item as usize].whereabouts;
            if found != usize::from(known == Whereabouts::Idle) {
                return Err(format!("item {item} is {known:?}, but idle in {found} places"));
            }
        }
        Ok(())
    }
}

impl State {
    /// A thread takes an idle item. Returns the epoch in which it was put.
    fn take_out(&mut self, item: u8, to: Whereabouts) -> Result<Value, String> {
        let known = self.items.get_mut(item as usize).filter(|known| known.whereabouts != Whereabouts::Nowhere);
        let Some(known) = known else { return Err(format!("{item} was taken, but is no item")) };
        if known.whereabouts != Whereabouts::Idle {
            return Err(format!("item {item} was taken, and is {:?}", known.whereabouts));
        }
        known.whereabouts = to;
        Ok(known.put_in)
    }
}

/// A thread must not access what another owns exclusively, nor freed arrays.
pub(super) fn may_touch(state: &State, cpu: usize, cell: Cell) -> Result<(), String> {
    match cell.array().map(|array| state.arrays[array as usize]) {
        Some(Holder::Thread(other)) if other != cpu => {
            Err(format!("{cell:?} is accessed, but T{other} owns the array"))
        }
        Some(Holder::FreedBy(other)) if other != cpu => {
            Err(format!("{cell:?} is accessed, but T{other} has freed the array"))
        }
        _ => match cell {
            Spare(set) | Stash(set) if state.claims[set as usize].is_some_and(|other| other != cpu) => {
                Err(format!("{cell:?} is accessed in another thread's claim"))
            }
            _ => Ok(()),
        },
    }
}
