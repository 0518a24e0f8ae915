//! The protocol, statement by statement. Each file follows the one in src/engine with the same name, and `slots` also
//! follows `top`. Methods have the same names as there.
//!
//! A thread runs repeatedly from the start of its operation. `Thread::log` has the results of its accesses so far. The
//! first access without a result is the `Err` of a `Step`, and the thread's next step.
//!
//! Simplifications: a shard is one list per generation, with push and pop in one step (loom checks racks and bits). An
//! array that the crate would keep for later is freed at once, so that any later access is an error. A sweep asks all
//! slot sets, without looking whether they are empty. `min_idle`, `chaos` and the statistics are omitted.

mod array;
mod claim;
mod shared;
mod slots;
mod store;
mod sweep;

use crate::machine::Cell::{self, *};
use crate::machine::Order::{self, *};
use crate::machine::Value;
use crate::mutants::Mutant;

pub use slots::{ASKED, CLAIMED, FENCED, PLACE, Purpose};
use sweep::Sweep;

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
    Condemn,
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
    /// The code would access a place beyond an array.
    Wild,
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

fn pushed(list: Value, array: u8) -> Value {
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
            // Another sweep has the token.
            _ if self.local.sweep.is_none() => Ok(()),
            Op::Close => self.close_all(),
            Op::Heavy(passed) => self.heavy(passed),
            Op::Collect => self.collect(),
            Op::Condemn => self.condemn(),
            Op::DropItems => self.drop_items(),
        }
    }

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

    /// The same, where the cell has an array.
    fn read_array(&mut self, cell: Cell) -> Step<u8> {
        self.read(cell).map(|array| array as u8)
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
}
