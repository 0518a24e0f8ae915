//! Two machines: how CPUs may reorder the loads and stores of their threads.
//!
//! On both, a store waits in its CPU's *buffer* before other CPUs see it. Its own CPU reads it from there.
//!
//! - `Tso`, x86: stores leave the buffer in order. A read-modify-write waits until the buffer is empty.
//! - `Weak`: stores to different cells leave in any order, but a Release store leaves after all stores before it. A
//!   load may happen *early*: it finds a value that was replaced meanwhile, unless an Acquire came between. So each CPU
//!   has a *window* of overwritten values. A load may also happen *late*, at the next Release. Until then the cell
//!   counts as being read, and a store by another thread is an error. A read-modify-write is a load and a store,
//!   between which nobody else stores. Dependencies between loads order nothing.
//!
//! `interrupt` is the effect of `membarrier` on each CPU: it drains the buffer and closes the window.

/// A word of memory. Slot sets, arrays and items are known by their numbers; array 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cell {
    Epoch,
    Token,
    /// The mutex around the threads' numbers.
    Ids,
    /// `Room::held`.
    Held,
    /// The shared queue of a generation: a list of arrays.
    Queue(u8),
    // The fields of a slot set. (`end` is `CAPACITY` if an array is loaded.)
    Bottom(u8),
    Top(u8),
    Loaded(u8),
    Spare(u8),
    Stash(u8),
    /// The lower half of `SpareLength`, the number of young items.
    SpareLen(u8),
    /// The upper half. As a cell of its own it may be seen to change alone, so the model allows more than the crate.
    Victims(u8),
    Ahead(u8),
    // The fields of an array.
    Len(u8),
    Stamp(u8),
    Place(u8, u8),
    /// How often an item was used, as its users record it in the item.
    Payload(u8),
}

pub type Value = i32;
/// Places in an array.
pub const CAPACITY: i32 = 2;
pub const SETS: usize = 2;
pub const ARRAYS: usize = 16;
pub const ITEMS: usize = 7;
const CELLS: usize = 6 + 8 * SETS + 4 * ARRAYS + ITEMS;

impl Cell {
    fn index(self) -> usize {
        let set = |field: usize, set: u8| 6 + 8 * set as usize + field;
        let array = |field: usize, array: u8| 6 + 8 * SETS + 4 * array as usize + field;
        match self {
            Self::Epoch => 0,
            Self::Token => 1,
            Self::Ids => 2,
            Self::Held => 3,
            Self::Queue(generation) => 4 + generation as usize,
            Self::Bottom(s) => set(0, s),
            Self::Top(s) => set(1, s),
            Self::Loaded(s) => set(2, s),
            Self::Spare(s) => set(3, s),
            Self::Stash(s) => set(4, s),
            Self::SpareLen(s) => set(5, s),
            Self::Victims(s) => set(6, s),
            Self::Ahead(s) => set(7, s),
            Self::Len(a) => array(0, a),
            Self::Stamp(a) => array(1, a),
            Self::Place(a, place) => array(2 + place as usize, a),
            Self::Payload(item) => 6 + 8 * SETS + 4 * ARRAYS + item as usize,
        }
    }

    pub fn array(self) -> Option<u8> {
        match self {
            Self::Len(a) | Self::Stamp(a) | Self::Place(a, _) => Some(a),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Not atomic.
    Plain,
    Relaxed,
    Acquire,
    Release,
    AcqRel,
}

impl Order {
    fn acquires(self) -> bool {
        matches!(self, Self::Acquire | Self::AcqRel)
    }

    fn releases(self) -> bool {
        matches!(self, Self::Release | Self::AcqRel)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Machine {
    Tso,
    /// With this many of the last changes in a window.
    Weak(usize),
}

/// An entry of a CPU's buffer.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Entry {
    Store {
        cell: Cell,
        value: Value,
        release: bool,
        /// The store of a read-modify-write.
        exclusive: bool,
    },
    /// A load that may happen late.
    Load(Cell),
}

#[derive(Clone, Default, Hash)]
struct Cpu {
    buffer: Vec<Entry>,
    /// What others have overwritten, oldest first, with the old value if a load may still find it.
    window: Vec<(Cell, Option<Value>)>,
}

#[derive(Clone, Hash)]
pub struct Memory {
    pub machine: Machine,
    cells: [Value; CELLS],
    cpus: Vec<Cpu>,
}

impl Entry {
    fn stores_to(&self, to: Cell) -> Option<Value> {
        match *self {
            Self::Store { cell, value, .. } if cell == to => Some(value),
            _ => None,
        }
    }
}

impl Memory {
    pub fn new(machine: Machine, cpus: usize) -> Self {
        Self { machine, cells: [0; CELLS], cpus: vec![Cpu::default(); cpus] }
    }

    /// The value that all CPUs see.
    pub fn at(&self, cell: Cell) -> Value {
        self.cells[cell.index()]
    }

    pub fn set(&mut self, cell: Cell, value: Value) {
        self.cells[cell.index()] = value;
    }

    pub fn is_drained(&self, cpu: usize) -> bool {
        self.cpus[cpu].buffer.iter().all(|entry| matches!(entry, Entry::Load(_)))
    }

    fn own(&self, cpu: usize, cell: Cell) -> Option<Value> {
        self.cpus[cpu].buffer.iter().rev().find_map(|entry| entry.stores_to(cell))
    }

    /// The oldest value that a load may find.
    pub fn oldest(&self, cpu: usize, cell: Cell) -> Value {
        let overwritten = self.cpus[cpu].window.iter().find_map(|&(of, old)| old.filter(|_| of == cell));
        self.own(cpu, cell).or(overwritten).unwrap_or(self.at(cell))
    }

    /// All values that a load may find, each with the memory after it.
    pub fn load(&self, cpu: usize, cell: Cell, order: Order) -> Vec<(Value, Self)> {
        if let Some(value) = self.own(cpu, cell) {
            return vec![(value, self.clone())];
        }
        let window = &self.cpus[cpu].window;
        let early = (0..window.len()).filter_map(|at| Some((Some(at), window[at].1.filter(|_| window[at].0 == cell)?)));
        let found = early.chain([(None, self.at(cell))]);
        found
            .map(|(early, value)| {
                let mut after = self.clone();
                after.cpus[cpu].saw(cell, early, order);
                let late = Entry::Load(cell);
                let may_be_late = self.machine != Machine::Tso && matches!(cell, Cell::Place(..));
                if may_be_late && !after.cpus[cpu].buffer.contains(&late) {
                    after.cpus[cpu].buffer.push(late);
                }
                (value, after)
            })
            .collect()
    }

    pub fn store(&mut self, cpu: usize, cell: Cell, value: Value, order: Order) {
        // A store of the same value is omitted, as nobody could notice it.
        let pending = self.cpus.iter().flat_map(|cpu| &cpu.buffer).any(|entry| entry.stores_to(cell).is_some());
        if self.at(cell) == value && !pending && !order.releases() {
            return self.cpus[cpu].saw(cell, None, Order::Relaxed);
        }
        self.cpus[cpu].saw(cell, None, Order::Relaxed);
        self.cpus[cpu].buffer.push(Entry::Store { cell, value, release: order.releases(), exclusive: false });
    }

    /// A read-modify-write: all values that it may find, each with the memory after it. Empty if it must wait. If
    /// `update` returns `None`, nothing is stored.
    pub fn update(
        &self,
        cpu: usize,
        cell: Cell,
        order: Order,
        update: &dyn Fn(Value) -> Option<Value>,
    ) -> Vec<(Value, Self)> {
        // A read-modify-write of `top` is a load and a store. The others are one step, which is enough for them.
        let splits = self.machine != Machine::Tso && matches!(cell, Cell::Top(_));
        let waits = !self.is_drained(cpu) && (self.machine == Machine::Tso || order.releases() && !splits);
        if waits || self.own(cpu, cell).is_some() || self.held_by_other(cpu, cell) {
            return Vec::new();
        }
        let mut found = self.load(cpu, cell, order);
        // Only the value in memory can be replaced. Early loads are those that fail.
        let last = found.len() - 1;
        let mut at = 0;
        found.retain(|&(value, _)| (at == last || update(value).is_none(), at += 1).0);
        let (value, after) = found.last_mut().expect("what is in memory");
        if let Some(value) = update(*value) {
            after.cpus[cpu].buffer.push(Entry::Store { cell, value, release: order.releases(), exclusive: true });
        }
        if !splits && after.own(cpu, cell).is_some() {
            let last = after.cpus[cpu].buffer.len() - 1;
            after.leave(cpu, last).expect("no part of an array");
        }
        found
    }

    /// A full barrier after the buffer was drained.
    pub fn fence(&mut self, cpu: usize) {
        debug_assert!(self.is_drained(cpu));
        self.cpus[cpu] = Cpu::default();
    }

    /// A full barrier on another CPU. `false` if it must wait.
    pub fn interrupt(&mut self, cpu: usize) -> Result<bool, String> {
        let drained = self.drain(cpu)?;
        if drained {
            self.fence(cpu);
        }
        Ok(drained)
    }

    fn drain(&mut self, cpu: usize) -> Result<bool, String> {
        while let Some(&first) = self.may_leave(cpu).first() {
            self.leave(cpu, first)?;
        }
        Ok(self.is_drained(cpu))
    }

    /// The stores that may leave the buffer.
    pub fn may_leave(&self, cpu: usize) -> Vec<usize> {
        let buffer = &self.cpus[cpu].buffer;
        let may_leave = |&at: &usize| {
            let Entry::Store { cell, release, .. } = buffer[at] else { return false };
            let in_order = release || self.machine == Machine::Tso;
            let waits_for = |before: &Entry| match before {
                Entry::Store { .. } => in_order || before.stores_to(cell).is_some(),
                Entry::Load(_) => false,
            };
            !buffer[..at].iter().any(waits_for) && !self.held_by_other(cpu, cell)
        };
        (0..buffer.len()).filter(may_leave).collect()
    }

    /// The store at `at` leaves the buffer.
    pub fn leave(&mut self, cpu: usize, at: usize) -> Result<(), String> {
        let Entry::Store { cell, value, release, .. } = self.cpus[cpu].buffer.remove(at) else { unreachable!() };
        if release {
            self.cpus[cpu].buffer.drain(..at);
        }
        let old = std::mem::replace(&mut self.cells[cell.index()], value);
        let Machine::Weak(early) = self.machine else { return Ok(()) };
        for (other, at) in self.cpus.iter_mut().zip(0..).filter(|&(_, at)| at != cpu) {
            if other.buffer.contains(&Entry::Load(cell)) {
                return Err(format!("{cell:?} is written while thread {at} may still read it"));
            }
            if old != value {
                let hidden = other.buffer.iter().any(|entry| entry.stores_to(cell).is_some());
                other.window.push((cell, Some(old).filter(|_| !hidden)));
                let surplus = other.window.len().saturating_sub(early);
                other.window.drain(..surplus);
                other.tidy();
            }
        }
        self.cpus[cpu].saw(cell, None, Order::Relaxed);
        Ok(())
    }

    /// Whether a load finds only one value, now and later, if no other thread stores another.
    pub fn is_settled(&self, cpu: usize, cell: Cell) -> bool {
        let others = self.cpus.iter().enumerate().filter(|&(other, _)| other != cpu);
        let pending = |(_, other): (usize, &Cpu)| other.buffer.iter().any(|entry| entry.stores_to(cell).is_some());
        !others.into_iter().any(pending) && !self.cpus[cpu].window.iter().any(|&(of, old)| of == cell && old.is_some())
    }

    /// Whether this CPU has a store to the cell in its buffer.
    pub fn has_pending(&self, cpu: usize, cell: Cell) -> bool {
        self.own(cpu, cell).is_some()
    }

    /// The cell and value of a store in the buffer.
    pub fn pending(&self, cpu: usize, at: usize) -> (Cell, Value) {
        let Entry::Store { cell, value, .. } = self.cpus[cpu].buffer[at] else { unreachable!() };
        (cell, value)
    }

    /// Whether another CPU is between the load and the store of a read-modify-write.
    fn held_by_other(&self, cpu: usize, cell: Cell) -> bool {
        let holds = |entry: &Entry| matches!(entry, Entry::Store { cell: of, exclusive: true, .. } if *of == cell);
        self.cpus.iter().enumerate().any(|(other, it)| other != cpu && it.buffer.iter().any(holds))
    }
}

impl Cpu {
    /// A load of `cell` found the value that was overwritten at `early` in the window, or the current one. From here on
    /// no load finds an older value of this cell. After an Acquire, this also holds for other cells' values that were
    /// overwritten before this one was written.
    fn saw(&mut self, cell: Cell, early: Option<usize>, order: Order) {
        let written = self.window[..early.unwrap_or(self.window.len())].iter().rposition(|&(of, _)| of == cell);
        for (of, old) in &mut self.window[..written.map_or(0, |at| at + 1)] {
            if *of == cell {
                *old = None;
            }
        }
        if order.acquires() {
            self.window.drain(..written.map_or(0, |at| at + 1));
        }
        self.tidy();
    }

    /// A value that no load can find only marks the time before which others were overwritten.
    fn tidy(&mut self) {
        let dead = self.window.iter().take_while(|(_, old)| old.is_none()).count();
        self.window.drain(..dead);
    }
}
