//! The protocol, statement by statement: `SlotSet` and `Slots` of src/engine/{slots,claim}.rs, and then their uses in
//! `Store` and `Sweep`. Methods have the same names as there.
//!
//! A thread runs repeatedly from the start of its operation. `Thread::log` has the results of its accesses so far. The
//! first access without a result is the `Err` of a `Step`, and the thread's next step.
//!
//! Simplifications: a shard is one list per generation, with push and pop in one step (loom checks racks and bits). An
//! array that the crate would keep for later is freed at once, so that any later access is an error. A sweep asks all
//! slot sets, without looking whether they are empty. `min_idle`, `chaos` and the statistics are omitted.

use crate::machine::Cell::{self, *};
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

/// An operation of a thread. A sweep consists of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Get,
    /// Uses and puts the item that it has had longest. Does nothing without an item.
    Put,
    /// Ends the thread and returns its number.
    Exit,
    /// The next thread takes the number, and with it the slot set.
    Enter,
    Begin(Purpose),
    Close,
    /// Whether the system call succeeds.
    Heavy(bool),
    Collect,
    Finish,
    DropItems,
}

/// The next access of a thread.
pub enum Access {
    Load(Cell, Order),
    Store(Cell, Value, Order),
    Update(Cell, Order, Box<dyn Fn(Value) -> Option<Value>>),
    /// Waits until another thread has stored this, and acquires it.
    Await(Cell, Value),
    Fence,
    Interrupt(usize),
    Note(Note),
}

/// Events for the invariants, invisible to the threads.
#[derive(Clone, Copy, Debug)]
pub enum Note {
    Put(u8),
    Got(u8),
    /// By the sweep that ends an epoch, unless for lack of room.
    Dropped(u8, Option<Value>),
    /// The number of uses found in the item.
    Uses(u8, Value),
    /// The thread owns an array exclusively, and gives it away.
    Holds(u8),
    Gives(u8),
    /// The thread is in a claim of a slot set.
    Claims(u8),
    Ends(u8),
    /// A sweep ends this epoch.
    Advances(Value),
    /// There is no room for this many.
    Rejected,
    Freed(u8),
    /// The code would access an array beyond its end.
    Wild(&'static str),
}

pub type Step<T> = Result<T, Access>;

/// A thread's state between operations.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Local {
    /// Items in use.
    pub hand: Vec<u8>,
    /// The array that it allocates next.
    pub fresh: u8,
    pub sweep: Option<Sweep>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sweep {
    purpose: Purpose,
    passed: bool,
    sets: Vec<u8>,
    collected: Vec<Taken>,
    epoch: Value,
    condemned: Vec<u8>,
    rejected: Vec<u8>,
    empties: Vec<u8>,
    stashes: Vec<Value>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Taken {
    young: [u8; 2],
    victims: u8,
    stash: Value,
}

/// A thread inside an operation.
pub struct Thread<'a> {
    pub set: u8,
    /// The number of slot sets, and the other threads.
    pub sets: u8,
    pub others: Vec<usize>,
    pub fenced: bool,
    pub max_idle: Value,
    pub mutant: Option<Mutant>,
    pub log: &'a [Value],
    pub local: Local,
}

/// A list of arrays, encoded in one value.
pub fn list(mut value: Value) -> Vec<u8> {
    let mut list = Vec::new();
    while value != 0 {
        list.push((value & 15) as u8);
        value >>= 4;
    }
    list
}

/// `None` for array 0.
fn some(array: u8) -> Option<u8> {
    Some(array).filter(|&array| array != 0)
}

pub fn pushed(list: Value, array: u8) -> Value {
    list << 4 | Value::from(array)
}

impl Thread<'_> {
    pub fn run(&mut self, op: Op) -> Step<()> {
        match op {
            Op::Get => self.get(),
            Op::Put => self.put(),
            Op::Exit => self.store(Ids, 1, Release),
            Op::Enter => self.access(Access::Await(Ids, 1)).map(drop),
            Op::Begin(purpose) => self.begin(purpose),
            _ if self.local.sweep.is_none() => Ok(()),
            Op::Close => self.close_all(),
            Op::Heavy(passed) => self.heavy(passed),
            Op::Collect => self.collect(),
            Op::Finish => self.finish(),
            Op::DropItems => self.drop_items(),
        }
    }

    // ---- accesses ----

    fn access(&mut self, access: Access) -> Step<Value> {
        let Some((&found, rest)) = self.log.split_first() else { return Err(access) };
        self.log = rest;
        Ok(found)
    }

    fn load(&mut self, cell: Cell, order: Order) -> Step<Value> {
        self.access(Access::Load(cell, order))
    }

    /// A load of a non-atomic cell.
    fn read(&mut self, cell: Cell) -> Step<Value> {
        self.load(cell, Plain)
    }

    fn store(&mut self, cell: Cell, value: Value, order: Order) -> Step<()> {
        self.access(Access::Store(cell, value, order)).map(drop)
    }

    fn write(&mut self, cell: Cell, value: Value) -> Step<()> {
        self.store(cell, value, Plain)
    }

    fn update(&mut self, cell: Cell, order: Order, update: impl Fn(Value) -> Option<Value> + 'static) -> Step<Value> {
        self.access(Access::Update(cell, order, Box::new(update)))
    }

    fn compare_exchange(&mut self, cell: Cell, old: Value, new: Value, order: Order) -> Step<bool> {
        Ok(self.update(cell, order, move |now| (now == old).then_some(new))? == old)
    }

    fn note(&mut self, note: Note) -> Step<()> {
        self.access(Access::Note(note)).map(drop)
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// The ordering, or Relaxed for this mutant.
    fn unless(&self, mutant: Mutant, order: Order) -> Order {
        if self.is(mutant) { Relaxed } else { order }
    }

    // ---- SlotSet: the owner ----

    fn pop(&mut self) -> Step<Option<u8>> {
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
        let array = self.read(Loaded(self.set))?;
        self.take_at(array, next).map(Some)
    }

    fn push(&mut self, item: u8) -> Step<bool> {
        let next = self.load(Bottom(self.set), Relaxed)?;
        let array = self.read(Loaded(self.set))?;
        if array == 0 || next >= CAPACITY {
            return Ok(false);
        }
        if self.is(Mutant::BottomBeforeItem) {
            self.store(Bottom(self.set), next + 1, Relaxed)?;
            self.fill_at(array, next, item)?;
            return Ok(true);
        }
        self.fill_at(array, next, item)?;
        self.store(Bottom(self.set), next + 1, self.unless(Mutant::PushBottomRelaxed, Release))?;
        Ok(true)
    }

    fn claim<O>(&mut self, act: impl FnOnce(&mut Self) -> Step<O>) -> Step<Option<O>> {
        let top = self.load(Top(self.set), Relaxed)?;
        let free = top & if self.is(Mutant::ClaimIgnoresAsking) { CLAIMED } else { ASKED | CLAIMED } == 0;
        let acquire = self.unless(Mutant::ClaimRelaxed, Acquire);
        if !(free && self.compare_exchange(Top(self.set), top, top | CLAIMED, acquire)?) {
            return Ok(None);
        }
        if self.is(Mutant::ClaimEndFirst) {
            self.store(Top(self.set), self.open_at(0), Relaxed)?;
        }
        self.note(Note::Claims(self.set))?;
        self.move_down(top & PLACE)?;
        let outcome = act(self)?;
        self.note(Note::Ends(self.set))?;
        if !self.is(Mutant::ClaimEndFirst) {
            self.store(Top(self.set), self.open_at(0), self.unless(Mutant::ClaimEndRelaxed, Release))?;
        }
        Ok(Some(outcome))
    }

    fn open_at(&self, place: Value) -> Value {
        if self.fenced { place | FENCED } else { place }
    }

    fn young(&mut self) -> Step<Value> {
        let (bottom, top) = (self.load(Bottom(self.set), Relaxed)?, self.load(Top(self.set), Relaxed)? & PLACE);
        Ok((bottom - top).max(0) + self.load(SpareLen(self.set), Relaxed)?)
    }

    // ---- SlotSet: a sweep ----

    fn close(&mut self, set: u8, purpose: Purpose) -> Step<bool> {
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

    fn reopen(&mut self, set: u8, purpose: Purpose) -> Step<()> {
        let release = self.unless(Mutant::ReopenRelaxed, Release);
        self.update(Top(set), release, move |top| Some(top & !purpose.mark())).map(drop)
    }

    // ---- SlotSet: owner or sweep ----

    /// `reserve`: an owner reserves room for the items that it takes out.
    fn take(&mut self, set: u8, purpose: Purpose, into: u8, reserve: bool) -> Step<Option<Taken>> {
        let top = self.load(Top(set), self.unless(Mutant::TakeLoadRelaxed, Acquire))?;
        if purpose == Purpose::Advance {
            let claimed = top ^ (ASKED | CLAIMED);
            let order = self.unless(Mutant::TakeRelaxed, AcqRel);
            if self.is(Mutant::TakeByStore) {
                self.store(Top(set), top | CLAIMED, Release)?;
            } else if top & ASKED == 0 || !self.compare_exchange(Top(set), top, claimed, order)? {
                return Ok(None);
            }
        }
        self.note(Note::Claims(set))?;
        let top = top & PLACE;
        let acquire = self.unless(Mutant::TakeBottomRelaxed, Acquire);
        let mut bottom = self.load(Bottom(set), acquire)?;
        if !self.is(Mutant::BottomBelowTop) {
            bottom = bottom.max(top);
        }
        let spare_len = self.load(SpareLen(set), Relaxed)? + self.load(Victims(set), Relaxed)?;
        if reserve && !self.reserve(bottom - top + spare_len)? {
            self.note(Note::Ends(set))?;
            self.store(Top(set), self.open_at(top), Release)?;
            return Ok(None);
        }
        let left = if self.is(Mutant::BottomReadTwice) { self.load(Bottom(set), acquire)?.max(top) } else { bottom };
        if self.is(Mutant::OpenedFirst) {
            self.store(Top(set), self.open_at(left), Relaxed)?;
        }
        let mut loaded = self.read(Loaded(set))? as u8;
        if self.is(Mutant::LoadedLeaves) && loaded != 0 {
            self.note(Note::Holds(loaded))?;
            self.write(Len(loaded), bottom - top)?;
            self.write(Loaded(set), 0)?;
        } else {
            self.move_to(loaded.into(), top..bottom, into)?;
            loaded = into;
        }
        let (spare, stash) = (self.read(Spare(set))? as u8, self.read(Stash(set))?);
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
        self.store(SpareLen(set), 0, Relaxed)?;
        self.store(Victims(set), 0, Relaxed)?;
        self.note(Note::Ends(set))?;
        if !self.is(Mutant::OpenedFirst) {
            self.store(Top(set), self.open_at(left), self.unless(Mutant::TakeEndRelaxed, Release))?;
        }
        let (spare, victims) = if old { (0, spare) } else { (spare, 0) };
        Ok(Some(Taken { young: [loaded, spare], victims, stash }))
    }

    // ---- Array ----

    fn take_at(&mut self, array: Value, place: Value) -> Step<u8> {
        if array == 0 || !(0..CAPACITY).contains(&place) {
            self.note(Note::Wild("an item is taken from beyond an array"))?;
        }
        self.read(Place(array as u8, place as u8)).map(|item| item as u8)
    }

    fn fill_at(&mut self, array: Value, place: Value, item: u8) -> Step<()> {
        if array == 0 || !(0..CAPACITY).contains(&place) {
            self.note(Note::Wild("an item is put beyond an array"))?;
        }
        self.write(Place(array as u8, place as u8), item.into())
    }

    fn move_to(&mut self, array: Value, places: std::ops::Range<Value>, into: u8) -> Step<()> {
        let places = if array == 0 { 0..0 } else { places };
        self.write(Len(into), places.end - places.start)?;
        for (from, to) in places.zip(0..) {
            let item = self.take_at(array, from)?;
            self.fill_at(into.into(), to, item)?;
        }
        Ok(())
    }

    /// The items of an array that belongs to this thread.
    fn items(&mut self, array: u8) -> Step<Vec<u8>> {
        (0..self.read(Len(array))?).map(|place| self.take_at(array.into(), place)).collect()
    }

    fn array_pop(&mut self, array: u8) -> Step<Option<u8>> {
        let len = self.read(Len(array))? - 1;
        if len < 0 {
            return Ok(None);
        }
        self.write(Len(array), len)?;
        self.take_at(array.into(), len).map(Some)
    }

    fn allocate(&mut self) -> u8 {
        self.local.fresh += 1;
        self.local.fresh - 1
    }

    // ---- Slots, inside a claim ----

    fn move_down(&mut self, top: Value) -> Step<()> {
        let array = self.read(Loaded(self.set))?;
        if array != 0 && top > 0 {
            let bottom = self.load(Bottom(self.set), Relaxed)?;
            for from in top..bottom {
                let item = self.take_at(array, from)?;
                self.fill_at(array, from - top, item)?;
            }
            self.store(Bottom(self.set), bottom - top, Relaxed)?;
        }
        Ok(())
    }

    fn pop_either(&mut self) -> Step<Option<u8>> {
        if self.load(Bottom(self.set), Relaxed)? == 0 && self.load(SpareLen(self.set), Relaxed)? > 0 {
            self.swap()?;
        }
        let next = self.load(Bottom(self.set), Relaxed)? - 1;
        let array = self.read(Loaded(self.set))?;
        if array == 0 || next < 0 {
            return Ok(None);
        }
        self.store(Bottom(self.set), next, Relaxed)?;
        self.take_at(array, next).map(Some)
    }

    fn pop_victim(&mut self) -> Step<Option<u8>> {
        let spare = self.read(Spare(self.set))? as u8;
        if spare == 0 || self.load(Victims(self.set), Relaxed)? == 0 {
            return Ok(None);
        }
        let item = self.array_pop(spare)?;
        let left = self.read(Len(spare))?;
        self.store(Victims(self.set), left, Relaxed)?;
        Ok(item)
    }

    fn push_either(&mut self, item: u8) -> Step<bool> {
        let room = if self.read(Loaded(self.set))? == 0 { 0 } else { CAPACITY };
        if self.load(Bottom(self.set), Relaxed)? == room {
            let spare = self.read(Spare(self.set))? as u8;
            if spare != 0 && self.read(Len(spare))? == 0 {
                self.swap()?;
            }
        }
        let next = self.load(Bottom(self.set), Relaxed)?;
        let array = self.read(Loaded(self.set))?;
        if array == 0 || next >= CAPACITY {
            return Ok(false);
        }
        self.fill_at(array, next, item)?;
        self.store(Bottom(self.set), next + 1, Relaxed)?;
        Ok(true)
    }

    /// `None` if there is no room. Otherwise the array that was taken out, or 0, and whether it holds victims.
    fn push_or_spill(&mut self, item: u8) -> Step<Option<(u8, bool)>> {
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

    fn spill(&mut self, item: u8, empty: u8) -> Step<(u8, bool)> {
        if self.push_either(item)? { Ok((empty, false)) } else { self.rotate(item, empty) }
    }

    fn rotate(&mut self, item: u8, empty: u8) -> Step<(u8, bool)> {
        let victims = self.load(Victims(self.set), Relaxed)? > 0;
        self.fill_at(empty.into(), 0, item)?;
        self.write(Len(empty), 1)?;
        let full = self.replace_loaded(empty)?;
        Ok((if full == 0 { 0 } else { self.replace_spare(full)? }, victims))
    }

    /// Whether there was room for the batch.
    fn refill(&mut self, batch: u8, took: Value) -> Step<bool> {
        let none_loaded = self.load(Bottom(self.set), Relaxed)? == 0;
        if !none_loaded && !self.spare_is_empty()? {
            return Ok(false);
        }
        self.release(took)?;
        let empty = if none_loaded { self.replace_loaded(batch)? } else { self.replace_spare(batch)? };
        self.stash(empty)?;
        Ok(true)
    }

    fn keep_victims(&mut self, batch: u8, took: Value) -> Step<bool> {
        if !self.spare_is_empty()? {
            return Ok(false);
        }
        self.release(took)?;
        let victims = self.read(Len(batch))?;
        let empty = self.replace_spare(batch)?;
        self.store(SpareLen(self.set), 0, Relaxed)?;
        self.store(Victims(self.set), victims, Relaxed)?;
        self.stash(empty)?;
        Ok(true)
    }

    fn spare_is_empty(&mut self) -> Step<bool> {
        let spare = self.read(Spare(self.set))? as u8;
        Ok(spare == 0 || self.read(Len(spare))? == 0)
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

    fn len(&mut self, array: u8) -> Step<Value> {
        if array == 0 { Ok(0) } else { self.read(Len(array)) }
    }

    fn replace_loaded(&mut self, array: u8) -> Step<u8> {
        let before = self.load(Bottom(self.set), Relaxed)?;
        let len = self.len(array)?;
        self.store(Bottom(self.set), len, Relaxed)?;
        let out = self.replace(Loaded(self.set), array)?;
        if out != 0 {
            self.write(Len(out), before)?;
        }
        Ok(out)
    }

    fn replace_spare(&mut self, array: u8) -> Step<u8> {
        let len = self.len(array)?;
        self.store(SpareLen(self.set), len, Relaxed)?;
        self.store(Victims(self.set), 0, Relaxed)?;
        self.replace(Spare(self.set), array)
    }

    fn replace(&mut self, cell: Cell, array: u8) -> Step<u8> {
        let out = self.read(cell)? as u8;
        if array != 0 {
            self.note(Note::Gives(array))?;
        }
        self.write(cell, array.into())?;
        if out != 0 {
            self.note(Note::Holds(out))?;
        }
        Ok(out)
    }

    // ---- Shared and Room ----

    fn reserve(&mut self, items: Value) -> Step<bool> {
        let max_idle = self.max_idle;
        let held = self.update(Held, Relaxed, move |held| Some(held + items).filter(|&held| held <= max_idle))?;
        Ok(held + items <= max_idle)
    }

    fn release(&mut self, items: Value) -> Step<()> {
        self.update(Held, Relaxed, move |held| Some(held - items)).map(drop)
    }

    /// Returns the items without room.
    fn push_shared(&mut self, batch: u8, stamp: Value) -> Step<Vec<u8>> {
        let (len, max_idle) = (self.read(Len(batch))?, self.max_idle);
        let grant = move |held: Value| len.min(max_idle - held);
        let held = self.update(Held, Relaxed, move |held| Some(held + grant(held)).filter(|_| grant(held) > 0))?;
        let granted = grant(held).max(0);
        let rejected = (granted..len).map(|place| self.take_at(batch.into(), place)).collect::<Step<Vec<_>>>()?;
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

    fn put_back(&mut self, batch: u8, stamp: Value) -> Step<()> {
        self.write(Stamp(batch), stamp)?;
        self.note(Note::Gives(batch))?;
        self.update(Queue((stamp & 1) as u8), AcqRel, move |queue| Some(pushed(queue, batch))).map(drop)
    }

    /// A batch, and whether it holds victims.
    fn pop_shared(&mut self, epoch: Value) -> Step<Option<(u8, bool)>> {
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

    // ---- Store ----

    fn epoch_of(&mut self) -> Step<Value> {
        let epoch = self.load(Epoch, Relaxed)?;
        Ok(if self.load(Ahead(self.set), Relaxed)? == epoch + 1 { epoch + 1 } else { epoch })
    }

    fn get(&mut self) -> Step<()> {
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
        if self.load(Victims(self.set), Relaxed)? > 0 {
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
        if self.load(Top(self.set), acquire)? & ASKED == 0 {
            return Ok(());
        }
        // `answer`
        let ending = self.load(Epoch, Relaxed)?;
        let len = self.young()? + self.load(Victims(self.set), Relaxed)?;
        let early = self.is(Mutant::ReservedBefore);
        let has_room = if early { self.reserve(len)? } else { self.load(Held, Relaxed)? + len <= self.max_idle };
        if !has_room {
            return Ok(());
        }
        let into = self.allocate();
        let reserve = !early && !self.is(Mutant::NotReserved);
        let Some(Taken { young, victims, stash }) = self.take(self.set, Purpose::Advance, into, reserve)? else {
            if early {
                self.release(len)?;
            }
            return self.note(Note::Freed(into));
        };
        let ahead = if self.is(Mutant::AheadOfWhatIs) { self.load(Epoch, Relaxed)? } else { ending };
        self.store(Ahead(self.set), ahead + 1, Relaxed)?;
        let epoch = if self.is(Mutant::StampedWithEnding) { ending } else { self.load(Epoch, Relaxed)? };
        let mut given = 0;
        for array in [young[0], young[1], victims].into_iter().filter(|&array| array != 0) {
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

    fn put(&mut self) -> Step<()> {
        if self.local.hand.is_empty() {
            return Ok(());
        }
        let item = self.local.hand.remove(0);
        let uses = self.read(Payload(item))?;
        self.write(Payload(item), uses + 1)?;
        self.note(Note::Put(item))?;
        if self.push(item)? {
            return Ok(());
        }
        // `put_slow`
        self.answer_if_asked()?;
        if let Some(Some((full, victims))) = self.claim(|slots| slots.push_or_spill(item))? {
            return self.share(full, victims);
        }
        // `spill`
        let empty = self.allocate();
        match self.claim(|slots| slots.spill(item, empty))? {
            Some((unused, _)) if unused == empty => self.note(Note::Freed(empty)),
            Some((full, victims)) => self.share(full, victims),
            None => {
                self.fill_at(empty.into(), 0, item)?;
                self.write(Len(empty), 1)?;
                let epoch = self.epoch_of()?;
                self.offer(empty, epoch)
            }
        }
    }

    fn share(&mut self, full: u8, victims: bool) -> Step<()> {
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

    fn drop_item(&mut self, item: u8, by: Option<Value>) -> Step<()> {
        self.note(Note::Dropped(item, by))?;
        self.look_at(item)
    }

    fn look_at(&mut self, item: u8) -> Step<()> {
        let uses = self.read(Payload(item))?;
        self.note(Note::Uses(item, uses))
    }

    // ---- Sweep ----

    fn sweep(&mut self) -> &mut Sweep {
        self.local.sweep.as_mut().expect("a sweep has begun")
    }

    fn begin(&mut self, purpose: Purpose) -> Step<()> {
        if !self.compare_exchange(Token, 0, 1, self.unless(Mutant::TokenRelaxed, Acquire))? {
            return Ok(());
        }
        let sets = (0..self.sets).collect();
        let passed = true;
        let (collected, condemned, rejected, empties, stashes) = (vec![], vec![], vec![], vec![], vec![]);
        self.local.sweep =
            Some(Sweep { purpose, passed, sets, collected, epoch: 0, condemned, rejected, empties, stashes });
        Ok(())
    }

    fn close_all(&mut self) -> Step<()> {
        if self.is(Mutant::HeavyBeforeAsking) {
            self.system_call()?;
        }
        let purpose = self.sweep().purpose;
        for set in std::mem::take(&mut self.sweep().sets) {
            if self.close(set, purpose)? {
                self.sweep().sets.push(set);
            }
        }
        Ok(())
    }

    fn heavy(&mut self, passed: bool) -> Step<()> {
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

    fn collect(&mut self) -> Step<()> {
        let (purpose, passed) = (self.sweep().purpose, self.sweep().passed);
        for set in std::mem::take(&mut self.sweep().sets) {
            if !passed && !self.is(Mutant::FailureIgnored) {
                if !self.is(Mutant::NotReopened) {
                    self.reopen(set, purpose)?;
                }
                continue;
            }
            let into = self.allocate();
            match self.take(set, purpose, into, false)? {
                Some(taken) => self.sweep().collected.push(taken),
                None => self.sweep().empties.push(into),
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Step<()> {
        let purpose = self.sweep().purpose;
        let epoch = self.load(Epoch, Relaxed)?;
        self.sweep().epoch = epoch;
        let oldest = epoch + Value::from(self.is(Mutant::AdvancedFirst));
        let mut took = 0;
        for generation in 0..2 {
            // `take_older` and `take_all`
            for batch in list(self.update(Queue(generation), AcqRel, |queue| (queue != 0).then_some(0))?) {
                self.note(Note::Holds(batch))?;
                let stamp = self.read(Stamp(batch))?;
                if purpose == Purpose::Advance && stamp >= oldest {
                    self.put_back(batch, stamp)?;
                } else {
                    took += self.read(Len(batch))?;
                    self.sweep().condemned.push(batch);
                }
            }
        }
        if took > 0 {
            self.release(took)?;
        }
        if purpose == Purpose::Advance {
            self.note(Note::Advances(epoch))?;
            self.store(Epoch, epoch + 1, Relaxed)?;
        }
        for Taken { young, victims, stash } in std::mem::take(&mut self.sweep().collected) {
            self.sweep().stashes.push(stash);
            self.sweep().condemned.extend(Some(victims).filter(|&victims| victims != 0));
            for array in young.into_iter().filter(|&array| array != 0) {
                if self.read(Len(array))? == 0 {
                    self.sweep().empties.push(array);
                } else if purpose == Purpose::Clear {
                    self.sweep().condemned.push(array);
                } else {
                    let rejected = self.push_shared(array, epoch)?;
                    self.sweep().rejected.extend(rejected);
                }
            }
        }
        self.store(Token, 0, self.unless(Mutant::TokenEndRelaxed, Release))
    }

    fn drop_items(&mut self) -> Step<()> {
        let Sweep { purpose, epoch, condemned, rejected, empties, stashes, .. } =
            self.local.sweep.take().expect("a sweep has begun");
        for array in condemned {
            for item in self.items(array)? {
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

impl Purpose {
    fn mark(self) -> Value {
        match self {
            Self::Advance => ASKED,
            Self::Clear => CLAIMED,
        }
    }
}
