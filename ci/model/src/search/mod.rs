//! Explores all states of a scenario on a machine, breadth first, so that an error is reported with the shortest path
//! to it.

mod invariants;

use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};

use crate::machine::Cell::*;
use crate::machine::{ARRAYS, Cell, ITEMS, Machine, Memory, Order, SETS, Value};
use crate::mutants::Mutant;
use crate::protocol::{Access, Local, Op, Thread};
use crate::scenarios::{EPOCH, Scenario};
use invariants::may_touch;

/// What to explore.
pub struct Program<'a> {
    pub scenario: &'a Scenario,
    pub machine: Machine,
    pub mutant: Option<Mutant>,
}

pub struct Outcome {
    pub states: usize,
    /// The error, and the path to it.
    pub wrong: Option<(String, Vec<String>)>,
}

#[derive(Clone, Hash)]
struct State {
    memory: Memory,
    threads: Vec<Progress>,
    items: [Item; ITEMS],
    arrays: [Holder; ARRAYS],
    /// The epoch that no sweep has ended yet.
    epoch: Value,
    /// The thread in a claim of each slot set.
    claims: [Option<usize>; SETS],
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    /// Slots or a queue.
    Nobody,
    Thread(usize),
    FreedBy(usize),
}

#[derive(Clone, Hash)]
struct Progress {
    done: usize,
    log: Vec<Value>,
    local: Local,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Item {
    whereabouts: Whereabouts,
    /// The epoch in which it was put, as far as its thread knew.
    put_in: Value,
    uses: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Whereabouts {
    Nowhere,
    Idle,
    InUseBy(usize),
    DroppedBy(usize),
}

type Next = Result<State, String>;

impl Program<'_> {
    pub fn explore(&self) -> Outcome {
        let first = self.first();
        let mut seen = HashMap::from([(fingerprint(&first), (0, 0))]);
        let mut queue = VecDeque::from([(fingerprint(&first), first)]);
        while let Some((from, state)) = queue.pop_front() {
            let (mut choice, mut wrong) = (0, None);
            self.successors(&state, &mut |_, next| {
                choice += 1;
                match next {
                    Ok(next) => {
                        let fingerprint = fingerprint(&next);
                        seen.entry(fingerprint).or_insert_with(|| {
                            queue.push_back((fingerprint, next));
                            (from, choice)
                        });
                    }
                    Err(what) => wrong = wrong.take().or(Some((what, choice))),
                }
            });
            if choice == 0 {
                wrong = self.check_end(&state).err().map(|what| (what, 0));
            }
            if let Some((what, choice)) = wrong {
                return Outcome { states: seen.len(), wrong: Some((what, self.way(&seen, from, choice))) };
            }
            if seen.len() % (1 << 21) == 0 {
                eprintln!("    … {}: {} states, {} waiting", self.scenario.name, seen.len(), queue.len());
            }
        }
        Outcome { states: seen.len(), wrong: None }
    }

    /// The steps from the first state to `to`, and the one after it.
    fn way(&self, seen: &HashMap<u64, (u64, u32)>, mut to: u64, last: u32) -> Vec<String> {
        let mut choices = vec![last];
        while seen[&to].1 > 0 {
            choices.push(seen[&to].1);
            to = seen[&to].0;
        }
        let mut state = self.first();
        let mut way = Vec::new();
        for wanted in choices.into_iter().rev() {
            let (mut choice, mut taken) = (0, None);
            self.successors(&state, &mut |label, next| {
                choice += 1;
                if choice == wanted {
                    way.push(label());
                    taken = next.ok();
                }
            });
            state = taken.unwrap_or(state);
        }
        way
    }

    fn first(&self) -> State {
        let nowhere = Item { whereabouts: Whereabouts::Nowhere, put_in: 0, uses: 0 };
        let threads = self.scenario.threads.iter();
        let mut state = State {
            memory: self.scenario.memory(self.machine),
            threads: threads
                .map(|script| Progress {
                    done: 0,
                    log: Vec::new(),
                    local: Local { hand: script.hand.clone(), fresh: script.fresh, sweep: None },
                })
                .collect(),
            items: [nowhere; ITEMS],
            arrays: [Holder::Nobody; ARRAYS],
            epoch: EPOCH,
            claims: [None; SETS],
        };
        for &(item, put_in) in &self.scenario.items {
            state.items[item as usize] = Item { whereabouts: Whereabouts::Idle, put_in: put_in.unwrap_or(0), uses: 0 };
        }
        for (cpu, script) in self.scenario.threads.iter().enumerate() {
            script.hand.iter().for_each(|&item| state.items[item as usize].whereabouts = Whereabouts::InUseBy(cpu));
            script.arrays(self.scenario.sets).for_each(|array| state.arrays[array as usize] = Holder::Thread(cpu));
        }
        self.advance(&mut state).expect("the first steps");
        state
    }

    /// Calls `visit` with every next state, or with the error there.
    fn successors(&self, state: &State, visit: &mut dyn FnMut(&dyn Fn() -> String, Next)) {
        let mut tell = |label: &dyn Fn() -> String, next: Next| {
            visit(label, next.and_then(|mut next| self.advance(&mut next).map(|()| next)));
        };
        for cpu in 0..state.threads.len() {
            for at in state.memory.may_leave(cpu) {
                let mut next = state.clone();
                let (cell, value) = state.memory.pending(cpu, at);
                let what = may_touch(state, cpu, cell).and_then(|()| next.memory.leave(cpu, at));
                tell(&|| format!("T{cpu}   {cell:?} = {value} becomes visible to all"), what.map(|()| next));
            }
            let Err(access) = self.run(state, cpu) else { continue };
            let label =
                |what: String| format!("T{cpu} {:?}: {what}", self.scenario.threads[cpu].ops[state.threads[cpu].done]);
            let after = |found, memory| {
                let mut next = State { memory, threads: state.threads.clone(), ..*state };
                next.threads[cpu].log.push(found);
                next
            };
            let mut memory = state.memory.clone();
            match access {
                Access::Load(cell, _) | Access::Store(cell, ..) if may_touch(state, cpu, cell).is_err() => {
                    tell(&|| label(format!("{cell:?}")), Err(may_touch(state, cpu, cell).unwrap_err()));
                }
                Access::Load(cell, order) => {
                    for (found, memory) in memory.load(cpu, cell, order) {
                        let early = if found == state.memory.at(cell) { "" } else { ", early or its own" };
                        tell(&|| label(format!("{cell:?} is {found}{early}")), Ok(after(found, memory)));
                    }
                }
                Access::Store(cell, value, order) => {
                    memory.store(cpu, cell, value, order);
                    tell(&|| label(format!("{cell:?} = {value}")), Ok(after(0, memory)));
                }
                Access::Update(cell, order, update) => {
                    for (found, memory) in memory.update(cpu, cell, order, &update) {
                        tell(
                            &|| label(format!("{cell:?}: {found} becomes {:?}", update(found))),
                            Ok(after(found, memory)),
                        );
                    }
                }
                Access::Await(cell, value) if memory.at(cell) == value => {
                    let (found, memory) = memory.load(cpu, cell, Order::Acquire).pop().expect("what is there");
                    tell(&|| label(format!("{cell:?} is {value}")), Ok(after(found, memory)));
                }
                Access::Fence if memory.is_drained(cpu) => {
                    memory.fence(cpu);
                    tell(&|| label("fence".into()), Ok(after(0, memory)));
                }
                Access::Interrupt(other) => match memory.interrupt(other) {
                    Ok(true) => tell(&|| label(format!("barrier on T{other}")), Ok(after(0, memory))),
                    Ok(false) => {}
                    Err(what) => tell(&|| label(format!("barrier on T{other}")), Err(what)),
                },
                Access::Await(..) | Access::Fence => {}
                Access::Note(_) => unreachable!("done in `advance`"),
            }
        }
    }

    fn run(&self, state: &State, cpu: usize) -> Result<Local, Access> {
        let (script, progress) = (&self.scenario.threads[cpu], &state.threads[cpu]);
        let mut thread = Thread {
            set: script.set,
            sets: self.scenario.sets,
            others: (0..state.threads.len()).filter(|&other| other != cpu).collect(),
            fenced: self.scenario.fenced,
            max_idle: self.scenario.max_idle,
            mutant: self.mutant,
            log: &progress.log,
            local: progress.local.clone(),
        };
        match script.ops.get(progress.done) {
            Some(&op) => thread.run(op).map(|()| thread.local),
            None => Ok(thread.local),
        }
    }

    /// Runs the steps whose timing no other thread can observe.
    fn advance(&self, state: &mut State) -> Result<(), String> {
        for cpu in 0..state.threads.len() {
            while state.threads[cpu].done < self.scenario.threads[cpu].ops.len() {
                let found = match self.run(state, cpu) {
                    Ok(local) => {
                        let progress = &mut state.threads[cpu];
                        *progress = Progress { done: progress.done + 1, log: Vec::new(), local };
                        continue;
                    }
                    Err(Access::Note(note)) => {
                        self.note(state, cpu, note).map_err(|what| format!("T{cpu}: {what}"))?;
                        0
                    }
                    Err(Access::Load(cell, order)) if self.only_writes(state, cpu, cell) => {
                        let (found, memory) = state.memory.load(cpu, cell, order).pop().expect("a value");
                        state.memory = memory;
                        found
                    }
                    Err(Access::Store(cell, value, _)) if self.holds(state, cpu, cell) => {
                        state.memory.set(cell, value);
                        0
                    }
                    Err(Access::Store(cell, value, order)) if !self.may_be_interrupted(state, cpu) => {
                        state.memory.store(cpu, cell, value, order);
                        0
                    }
                    Err(_) => break,
                };
                state.threads[cpu].log.push(found);
            }
        }
        Ok(())
    }

    /// Whether no other thread writes there, so that the time of this thread's load doesn't matter. If one writes
    /// nevertheless, another check reports it.
    fn only_writes(&self, state: &State, cpu: usize, cell: Cell) -> bool {
        let mine = match cell {
            Bottom(set) | Loaded(set) | Ahead(set) if self.only_owner(cpu, set) => !self.is(Mutant::LoadedLeaves),
            Loaded(set) | Spare(set) | Stash(set) | SpareLen(set) | Victims(set) => {
                state.claims[set as usize] == Some(cpu)
            }
            Len(array) | Stamp(array) | Place(array, _) => match state.arrays[array as usize] {
                Holder::Nobody => self.scenario.threads[cpu].owns(),
                holder => holder == Holder::Thread(cpu),
            },
            Payload(item) => {
                let whereabouts = state.items[item as usize].whereabouts;
                whereabouts == Whereabouts::InUseBy(cpu) || whereabouts == Whereabouts::DroppedBy(cpu)
            }
            _ => false,
        };
        mine && state.memory.is_settled(cpu, cell)
    }

    fn only_owner(&self, cpu: usize, set: u8) -> bool {
        let threads = self.scenario.threads.iter().enumerate();
        threads.into_iter().all(|(other, script)| (other == cpu) == (script.owns() && script.set == set))
    }

    /// Whether the thread owns the cell exclusively, so that nobody can observe when it is written.
    fn holds(&self, state: &State, cpu: usize, cell: Cell) -> bool {
        let alone = match cell {
            Ahead(set) => self.only_owner(cpu, set),
            _ => cell.array().is_some_and(|array| state.arrays[array as usize] == Holder::Thread(cpu)),
        };
        alone && !state.memory.has_pending(cpu, cell)
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn may_be_interrupted(&self, state: &State, cpu: usize) -> bool {
        let heavy = |op: &Op| matches!(op, Op::Close | Op::Heavy(_));
        let comes = |other: usize| self.scenario.threads[other].ops[state.threads[other].done..].iter().any(heavy);
        !self.scenario.fenced && (0..state.threads.len()).any(|other| other != cpu && comes(other))
    }
}

fn fingerprint(state: &State) -> u64 {
    let mut hasher = Mixer(0);
    state.hash(&mut hasher);
    hasher.finish()
}

/// States with equal fingerprints count as equal.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ self.0 >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        mixed ^ mixed >> 29
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_ne_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        let wide = u128::from(self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        self.0 = (wide as u64) ^ (wide >> 64) as u64 ^ self.0.rotate_left(23);
    }
}
