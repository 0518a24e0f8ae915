//! Small programs: the initial slots, and the operations of each thread.

use crate::machine::Cell::{self, *};
use crate::machine::{Machine, Memory, Value};
use crate::protocol::Purpose::{Advance, Clear};
use crate::protocol::{FENCED, Op, Purpose};

/// The first epoch. Young items were put in it, and victims in the one before.
pub const EPOCH: Value = 2;

#[derive(Clone)]
pub struct Scenario {
    pub name: String,
    /// Whether it is always explored.
    pub small: bool,
    pub fenced: bool,
    pub max_idle: Value,
    pub sets: u8,
    pub threads: Vec<Script>,
    cells: Vec<(Cell, Value)>,
    /// All items, and the epoch in which each idle one was put.
    pub items: Vec<(u8, Option<Value>)>,
    arrays: u8,
}

#[derive(Clone)]
pub struct Script {
    pub set: u8,
    pub hand: Vec<u8>,
    pub fresh: u8,
    pub ops: Vec<Op>,
}

impl Script {
    pub fn owns(&self) -> bool {
        self.ops.iter().any(|op| matches!(op, Op::Get | Op::Put))
    }

    /// The arrays that it may allocate.
    pub fn arrays(&self, sets: u8) -> std::ops::Range<u8> {
        self.fresh..self.fresh + self.allocates(sets)
    }

    fn allocates(&self, sets: u8) -> u8 {
        let each = |op: &Op| match op {
            Op::Get => 1,
            Op::Put => 2,
            Op::Collect => sets,
            _ => 0,
        };
        self.ops.iter().map(each).sum()
    }
}

impl Scenario {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            small: false,
            fenced: false,
            max_idle: Value::MAX / 2,
            sets: 0,
            threads: Vec::new(),
            cells: vec![(Epoch, EPOCH)],
            items: Vec::new(),
            arrays: 1,
        }
    }

    fn small(mut self) -> Self {
        self.small = true;
        self
    }

    fn idle(&mut self, items: Value, epoch: Value) -> Vec<Value> {
        let first = self.items.len() as Value + 1;
        self.items.extend((first..first + items).map(|item| (item as u8, Some(epoch))));
        (first..first + items).collect()
    }

    fn array(&mut self, below: Value, items: Value, epoch: Value) -> u8 {
        let array = self.arrays;
        self.arrays += 1;
        let items = self.idle(items, epoch);
        self.cells.extend([(Len(array), items.len() as Value), (Stamp(array), epoch)]);
        let places = (below as u8..).zip(items);
        self.cells.extend(places.map(|(place, item)| (Place(array, place), item)));
        array
    }

    /// Adds a slot set with a loaded array: the number of places that a sweep has emptied, and of those with items.
    fn set(mut self, top: Value, loaded: Value) -> Self {
        let (set, array) = (self.sets, self.array(top, loaded, EPOCH));
        self.sets += 1;
        self.cells.extend([(Loaded(set), array.into()), (Top(set), top), (Bottom(set), top + loaded)]);
        self
    }

    /// A spare array for the last slot set, with this many items, which are victims or not.
    fn spare(mut self, items: Value, victims: bool) -> Self {
        let (set, epoch) = (self.sets - 1, EPOCH - Value::from(victims));
        let array = self.array(0, items, epoch);
        self.cells.push((Spare(set), array.into()));
        self.cells.push((if victims { Victims(set) } else { SpareLen(set) }, items));
        self
    }

    fn stash(mut self) -> Self {
        let (set, array) = (self.sets - 1, self.array(0, 0, 0));
        self.cells.push((Stash(set), array.into()));
        self
    }

    /// A batch in the shared queue.
    fn batch(mut self, items: Value, stamp: Value) -> Self {
        let array = self.array(0, items, stamp);
        self.cells.extend([(Queue((stamp & 1) as u8), array.into()), (Held, items)]);
        self
    }

    /// The room in the shared queues. By default there is room for all items.
    fn max_idle(mut self, items: Value) -> Self {
        self.max_idle = items;
        self
    }

    /// An owner with some items of its own.
    fn owner(self, set: u8, new: usize, ops: &[Op]) -> Self {
        self.thread(set, new, ops)
    }

    fn sweep(self, sweeps: &[&[Op]]) -> Self {
        self.thread(0, 0, &sweeps.concat())
    }

    fn thread(mut self, set: u8, new: usize, ops: &[Op]) -> Self {
        let first = self.items.len() as u8 + 1;
        let hand: Vec<_> = (first..).take(new).collect();
        self.items.extend(hand.iter().map(|&item| (item, None)));
        self.threads.push(Script { set, hand, fresh: 0, ops: ops.into() });
        self
    }

    /// The same with fences on both sides.
    fn fenced(mut self) -> Self {
        self.name += ", fences";
        self.fenced = true;
        for (cell, value) in &mut self.cells {
            if matches!(cell, Top(_)) {
                *value |= FENCED;
            }
        }
        self
    }

    fn finished(mut self) -> Self {
        for script in &mut self.threads {
            script.fresh = self.arrays;
            self.arrays += script.allocates(self.sets);
        }
        assert!(self.arrays <= 16, "{}: {} arrays", self.name, self.arrays);
        self.max_idle = self.max_idle.min(self.items.len() as Value);
        self
    }

    pub fn memory(&self, machine: Machine) -> Memory {
        let mut memory = Memory::new(machine, self.threads.len());
        self.cells.iter().for_each(|&(cell, value)| memory.set(cell, value));
        memory
    }
}

const fn sweep(purpose: Purpose, passes: bool) -> [Op; 6] {
    [Op::Begin(purpose), Op::Close, Op::Heavy(passes), Op::Collect, Op::Condemn, Op::DropItems]
}

pub fn all() -> Vec<Scenario> {
    use Op::{Enter, Exit, Get, Put};
    const SWEEP: &[Op] = &sweep(Advance, true);
    const CLEAR: &[Op] = &sweep(Clear, true);
    const FAILED: &[Op] = &sweep(Advance, false);
    let new = Scenario::new;
    let plain = vec![
        new("pop, pop | sweep").small().set(0, 2).owner(0, 0, &[Get, Get]).sweep(&[SWEEP]),
        new("pop, pop | clear").small().set(0, 2).owner(0, 0, &[Get, Get]).sweep(&[CLEAR]),
        new("push, push | sweep").small().set(0, 0).owner(0, 2, &[Put, Put]).sweep(&[SWEEP]),
        new("push, pop, push | sweep").set(0, 1).owner(0, 2, &[Put, Get, Put]).sweep(&[SWEEP]),
        new("pop, back, pop | sweep").set(0, 2).owner(0, 0, &[Get, Put, Get]).sweep(&[SWEEP]),
        new("pop, pop, push above a top | sweep").small().set(1, 1).owner(0, 1, &[Get, Get, Put]).sweep(&[SWEEP]),
        new("pop, push above a top | clear").small().set(1, 1).owner(0, 1, &[Get, Put]).sweep(&[CLEAR]),
        new("spill | sweep").small().set(0, 2).spare(1, false).owner(0, 1, &[Put]).sweep(&[SWEEP]),
        new("spill, pop | sweep").set(0, 2).owner(0, 1, &[Put, Get]).sweep(&[SWEEP]),
        new("spill from the stash | sweep").small().set(0, 2).stash().owner(0, 1, &[Put]).sweep(&[SWEEP]),
        new("swap | sweep").small().set(0, 0).spare(1, false).owner(0, 0, &[Get]).sweep(&[SWEEP]),
        new("swap, pop | sweep").set(0, 1).spare(1, false).owner(0, 0, &[Get, Get]).sweep(&[SWEEP]),
        new("refill, pop | sweep").small().set(0, 0).batch(2, EPOCH).owner(0, 0, &[Get, Get]).sweep(&[SWEEP]),
        new("refill, push above a top | sweep").set(1, 0).batch(2, EPOCH).owner(0, 1, &[Get, Put]).sweep(&[SWEEP]),
        new("victims kept, pop | sweep").set(0, 0).batch(2, EPOCH - 1).owner(0, 0, &[Get, Get]).sweep(&[SWEEP]),
        new("pop, a kept victim | sweep").set(0, 1).spare(1, true).owner(0, 0, &[Get, Get]).sweep(&[SWEEP]),
        new("push to victims, spill | sweep").set(0, 2).spare(1, true).owner(0, 1, &[Put]).sweep(&[SWEEP]),
        new("push, pop | sweep, clear").set(0, 1).owner(0, 1, &[Put, Get]).sweep(&[SWEEP, CLEAR]),
        new("push, pop | clear, sweep").set(0, 1).owner(0, 1, &[Put, Get]).sweep(&[CLEAR, SWEEP]),
        new("pop | sweep, sweep").small().set(0, 1).owner(0, 0, &[Get]).sweep(&[SWEEP, SWEEP]),
        new("pop, pop | sweep, sweep").set(0, 2).owner(0, 0, &[Get, Get]).sweep(&[SWEEP, SWEEP]),
        new("pop, push | sweep, sweep").set(0, 1).owner(0, 1, &[Get, Put]).sweep(&[SWEEP, SWEEP]),
        new("pop, push | sweep | sweep").set(0, 1).owner(0, 1, &[Get, Put]).sweep(&[SWEEP]).sweep(&[SWEEP]),
        new("pop, pop | failed sweep").small().set(0, 2).owner(0, 0, &[Get, Get]).sweep(&[FAILED]),
        new("pop, push | failed sweep, sweep").set(0, 1).owner(0, 1, &[Get, Put]).sweep(&[FAILED, SWEEP]),
        new("pop, push | sweep, failed sweep").set(0, 2).owner(0, 1, &[Get, Put]).sweep(&[SWEEP, FAILED]),
        new("push, exit | enter, pop | sweep")
            .small()
            .set(0, 0)
            .owner(0, 1, &[Put, Exit])
            .owner(0, 0, &[Enter, Get])
            .sweep(&[SWEEP]),
        new("pop, exit | enter, push | sweep")
            .set(0, 1)
            .owner(0, 0, &[Get, Exit])
            .owner(0, 1, &[Enter, Put])
            .sweep(&[SWEEP]),
        new("spill, exit | enter, pop | sweep")
            .set(0, 2)
            .owner(0, 1, &[Put, Exit])
            .owner(0, 0, &[Enter, Get])
            .sweep(&[SWEEP]),
        new("pop | sweep of two slot sets").small().set(0, 1).set(0, 1).owner(0, 0, &[Get, Get]).sweep(&[SWEEP]),
        new("pop | pop | clear of both").set(0, 1).set(0, 1).owner(0, 0, &[Get]).owner(1, 0, &[Get]).sweep(&[CLEAR]),
        new("sweep of nothing | sweep of nothing").small().sweep(&[SWEEP]).sweep(&[SWEEP]),
        new("sweep | sweep").small().set(0, 1).sweep(&[SWEEP]).sweep(&[SWEEP]),
        new("pop, spill where there is little room | sweep")
            .small()
            .max_idle(1)
            .set(0, 1)
            .owner(0, 1, &[Get, Put])
            .sweep(&[SWEEP]),
    ];
    let fenced: Vec<_> = plain.iter().cloned().map(Scenario::fenced).collect();
    plain.into_iter().chain(fenced).map(Scenario::finished).collect()
}
