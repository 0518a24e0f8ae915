//! The paths whose cache lines are counted. Their epochs are manual, so that no janitor writes. They do not use the
//! items.

use std::sync::{Arc, Mutex};
use std::{iter, mem, thread};

use ebbtide::{BufferPool, DefaultRecycle, Fetch, Manual, Pool, Settings, buffers};

use super::marks::{self, Act, round};
use crate::item::{Buffer, Item, Nothing};
use crate::timing::cores;
use crate::workload::Shape;
use crate::workload::counted::LARGEST;

/// Items in a batch, with the default settings.
pub(super) const BATCH: usize = 16;

/// Under valgrind every creation takes so long that a `get` would look for items to fetch.
const SETTINGS: Settings<Manual> = Settings::new().fetch(Fetch::Never).manual();

/// The pairs of each path. Most of them are to warm up.
const PAIRS: usize = 4 * LARGEST;

/// The turns of each of two threads. The first three quarters fill what a thread keeps of empty arrays.
const TURNS: usize = 256;

#[derive(Debug)]
pub(crate) struct Path {
    pub(super) name: &'static str,
    pub(super) bursts: bool,
    /// Runs it with arrays that begin so many bytes after the beginning of a line.
    pub(super) run: fn(Shape, usize),
}

/// The paths of one thread.
pub(super) static ALONE: [Path; 4] = [
    Path { name: "ebbtide", bursts: true, run: |shape, at| borrowed(SETTINGS, shape, at) },
    Path { name: "ebbtide-max-idle", bursts: true, run: |shape, at| borrowed(SETTINGS.max_idle(1 << 30), shape, at) },
    Path { name: "ebbtide-owned", bursts: false, run: |_, at| owned(at) },
    Path { name: "ebbtide-buffers", bursts: false, run: |_, at| buffers(at) },
];

/// The paths of two threads, which move a batch in each round.
pub(super) static TOGETHER: [Path; 3] = [
    Path { name: "hand-off", bursts: false, run: |_, at| hand_off(SETTINGS, at) },
    Path { name: "hand-off-max-idle", bursts: false, run: |_, at| hand_off(SETTINGS.max_idle(1 << 30), at) },
    Path { name: "same-shard", bursts: false, run: |_, at| same_shard(at) },
];

impl Path {
    pub(super) fn has(&self, shape: Shape) -> bool {
        self.bursts || shape == Shape::Pair
    }
}

fn pool<I: Item>(settings: Settings<Manual>) -> Pool<I, DefaultRecycle> {
    Pool::with_settings(DefaultRecycle, settings)
}

fn borrowed(settings: Settings<Manual>, shape: Shape, at: usize) {
    let pool = pool::<Buffer>(settings);
    bursts(at, if let Shape::Burst(size) = shape { size } else { 1 }, || pool.get());
}

fn owned(at: usize) {
    let pool = Arc::new(pool::<Buffer>(SETTINGS));
    bursts(at, 1, || pool.get_owned());
}

fn buffers(at: usize) {
    let pool = BufferPool::with_settings(buffers::Settings::new().manual());
    bursts(at, 1, || pool.get(4000));
}

/// Each round gets so many items and gives them back. They lie on the stack.
fn bursts<G>(at: usize, size: usize, get: impl Fn() -> G) {
    put_next_array(at);
    let mut held: [Option<G>; LARGEST] = [const { None }; LARGEST];
    let held = &mut held[..size];
    for _ in 0..PAIRS / size {
        round(0, Act::Get, || {
            held.iter_mut().for_each(|place| *place = Some(get()));
            held.iter_mut().for_each(|place| *place = None);
        });
    }
}

/// Lets this thread's next array begin so many bytes after the beginning of a line. The number of its lines depends on
/// that.
fn put_next_array(at: usize) {
    const PAIR_OF_LINES: usize = 128;
    let next = iter::repeat_with(|| Box::new([0_u64; 4 + BATCH]));
    for skipped in next.take_while(|next| (&raw const **next).addr() % PAIR_OF_LINES != at) {
        mem::forget(skipped);
    }
}

/// A thread's first use of a pool, with all that is created once: its slot set and its shard.
fn begin<I: Item>(pool: &Pool<I, DefaultRecycle>, at: usize) {
    drop((0..3 * BATCH).map(|_| pool.get()).collect::<Vec<_>>());
    put_next_array(at);
}

/// One thread gets a batch, and the other one gives it back.
fn hand_off(settings: Settings<Manual>, at: usize) {
    let pool = &pool::<Nothing>(settings);
    let handed = &Mutex::new(Vec::with_capacity(BATCH));
    let take = |thread| {
        let mut held = [const { None }; BATCH];
        round(thread, Act::Get, || held.iter_mut().for_each(|place| *place = Some(pool.get())));
        handed.lock().expect("no thread panics").extend(held);
    };
    let give = |thread| {
        let mut held = [const { None }; BATCH];
        held.iter_mut().zip(handed.lock().expect("no thread panics").drain(..)).for_each(|(place, item)| *place = item);
        round(thread, Act::Put, || held.iter_mut().for_each(|place| *place = None));
    };
    take_turns(1, &|| begin(pool, at), [&take, &give]);
}

/// Two threads with the same shard. Each gets and puts three batches, of which two stay in its private slots.
fn same_shard(at: usize) {
    let pool = &pool::<Nothing>(SETTINGS);
    let both = |thread| {
        let mut held = [const { None }; 3 * BATCH];
        round(thread, Act::Get, || held.iter_mut().for_each(|place| *place = Some(pool.get())));
        round(thread, Act::Put, || held.iter_mut().for_each(|place| *place = None));
    };
    take_turns(cores().next_power_of_two().min(64), &|| begin(pool, at), [&both, &both]);
}

/// Runs the sides in turn, in the threads with the numbers 0 and `last`. Threads get numbers when they `begin`.
fn take_turns(last: usize, begin: &(dyn Fn() + Sync), sides: [&(dyn Fn(usize) + Sync); 2]) {
    let thread = |number: usize| {
        marks::in_turn(number, begin);
        // Who ends gives its number to the next one that begins.
        marks::wait_for(last + 1);
        if let Some(thread) = [0, last].iter().position(|side| *side == number) {
            for turn in (thread..2 * TURNS).step_by(2) {
                marks::in_turn(last + 1 + turn, || sides[thread](thread));
            }
        }
    };
    thread::scope(|scope| {
        for number in 0..=last {
            scope.spawn(move || marks::on_stack(|| thread(number)));
        }
    });
}
