//! The workloads: each written once, for every contender.
//!
//! All of them count pairs: one item got, written to, and given back. Nothing looks at a clock, a lock or another
//! thread within a chunk of some thousand pairs, but what the contender itself does.

use std::hint;
use std::sync::{Barrier, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;

use crate::contender::{self, Contender};
use crate::sample::{Count, Sample};

/// What a thread does with the pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    /// Gets one item and gives it back.
    Pair,
    /// Gets so many items, then gives them all back, the first one first.
    Burst(usize),
    /// Gets so many items and sends them as one message to a second thread, which reads them and gives them back.
    HandOff(usize),
}

/// One column of the tables, and one line of the targets.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) threads: usize,
    pub(crate) shape: Shape,
    /// At most so many times what Go takes.
    pub(crate) bar: f64,
    /// Where this is going, as a part of what Go takes.
    pub(crate) goal: f64,
}

/// Every workload, in the order of the tables.
pub(crate) static ALL: [Workload; 7] = [
    workload("pair", 1, Shape::Pair, 0.30, 0.20),
    workload("pair-2t", 2, Shape::Pair, 0.30, 0.20),
    workload("burst-16", 1, Shape::Burst(16), 0.27, 0.17),
    workload("burst-16-2t", 2, Shape::Burst(16), 0.27, 0.17),
    workload("burst-2048", 1, Shape::Burst(2048), 0.40, 0.22),
    workload("hand-off", 2, Shape::HandOff(32), 0.35, 0.0),
    workload("burst-4-64t", 64, Shape::Burst(4), 0.45, 0.30),
];

const fn workload(name: &'static str, threads: usize, shape: Shape, bar: f64, goal: f64) -> Workload {
    Workload { name, threads, shape, bar, goal }
}

/// How long a sample takes. Each part does at least one chunk of work, however short it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

impl Plan {
    /// What the tables are made of.
    pub(crate) const SAMPLE: Self = Self { warm_up: Duration::from_millis(20), measured: Duration::from_millis(70) };
}

/// Pairs between two looks at the clock, about.
const CHUNK: usize = 4096;

/// Messages that travel at once in a hand-off.
const CARRIERS: usize = 16;

/// Runs `workload` once with a new pool.
pub(crate) fn run<C: Contender>(workload: &Workload, plan: Plan) -> Sample {
    contender::take_made();
    let mut sample = match workload.shape {
        Shape::Pair => pairs::<C>(workload.threads, plan),
        Shape::Burst(size) => bursts::<C>(size, workload.threads, plan),
        Shape::HandOff(size) => {
            let messages = hand_off::<C>(size, plan, Message::Kept);
            contender::take_made();
            let pooled = hand_off::<C>(size, plan, Message::Pooled);
            Sample { carried: messages.measured.pairs, carried_wall: messages.wall, ..pooled }
        }
    };
    // The working threads have counted what they made. What this one made, it made before they began.
    sample.warm_up.made += contender::take_made();
    sample
}

fn pairs<C: Contender>(threads: usize, plan: Plan) -> Sample {
    let pool = &C::new();
    side_by_side(threads, plan, || {
        || {
            for _ in 0..CHUNK {
                let mut item = pool.get();
                item.write();
                pool.put(item);
            }
            CHUNK
        }
    })
}

fn bursts<C: Contender>(size: usize, threads: usize, plan: Plan) -> Sample {
    let pool = &C::new();
    side_by_side(threads, plan, || {
        // No line of it is shared with the next thread's.
        let mut held = Vec::with_capacity(size.max(64));
        move || {
            for _ in 0..CHUNK / size {
                held.extend((0..size).map(|_| {
                    let mut item = pool.get();
                    item.write();
                    item
                }));
                held.drain(..).for_each(|item| pool.put(item));
            }
            CHUNK / size * size
        }
    })
}

/// Every thread does the same in its own loop.
///
/// `body` is called in each thread; what it returns does one chunk and says how many pairs that was.
fn side_by_side<B: FnMut() -> usize>(threads: usize, plan: Plan, body: impl Fn() -> B + Sync) -> Sample {
    let clock = Clock::new(threads, plan);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| clock.run(body()))).collect();
        let tallies = workers.into_iter().map(|worker| worker.join());
        let tallies = tallies.map(|tally| tally.expect("a worker panicked"));
        clock.sample(tallies.collect())
    })
}

/// What becomes of the items in a message of a hand-off.
#[derive(Clone, Copy, PartialEq)]
enum Message {
    /// They come from the pool and go back to it.
    Pooled,
    /// They stay where they are and travel back with the message: so this is what the messages themselves cost.
    Kept,
}

/// One thread fills messages, the other empties them and sends them back to be filled again.
///
/// Both kinds of message make the same journeys in the same vectors, and both threads touch each item in the same way:
/// the first writes to it, the second reads and clears it. So the two differ by what the pool does and nothing else.
///
/// The pool has as many items as can be under way before it begins: what is made later was free and wasn't found.
fn hand_off<C: Contender>(size: usize, plan: Plan, message: Message) -> Sample {
    let pool = &C::new();
    let clock = Clock::new(1, plan);
    let empty = Channel::new();
    let full = Channel::new();
    let carriers: Vec<Vec<_>> = (0..CARRIERS).map(|_| (0..size).map(|_| pool.get()).collect()).collect();
    for mut carrier in carriers {
        if message == Message::Pooled {
            carrier.drain(..).for_each(|item| pool.put(item));
        }
        empty.send(carrier);
    }
    thread::scope(|scope| {
        let filler = scope.spawn(|| {
            let tally = clock.run(|| {
                for _ in 0..CHUNK / size {
                    let mut carrier: Vec<_> = empty.receive();
                    match message {
                        Message::Pooled => carrier.extend((0..size).map(|_| {
                            let mut item = pool.get();
                            item.write();
                            item
                        })),
                        Message::Kept => carrier.iter_mut().for_each(|item| item.write()),
                    }
                    full.send(Some(carrier));
                }
                CHUNK / size * size
            });
            full.send(None);
            tally
        });
        while let Some(mut carrier) = full.receive() {
            match message {
                Message::Pooled => carrier.drain(..).for_each(|item| {
                    item.read();
                    pool.put(item);
                }),
                Message::Kept => carrier.iter_mut().for_each(|item| {
                    item.read();
                    item.clear();
                }),
            }
            empty.send(carrier);
        }
        clock.sample(vec![filler.join().expect("the filling thread panicked")])
    })
}

/// A channel whose receiver spins: to put a thread to sleep and wake it takes far longer than what is measured here,
/// and never twice the same.
struct Channel<T>(ArrayQueue<T>);

impl<T> Channel<T> {
    /// There is room for every message there is, and one to say that it is over.
    fn new() -> Self {
        Self(ArrayQueue::new(CARRIERS + 1))
    }

    fn send(&self, message: T) {
        assert!(self.0.push(message).is_ok(), "there is room for all");
    }

    fn receive(&self) -> T {
        let mut tries = 0_u32;
        loop {
            if let Some(message) = self.0.pop() {
                return message;
            }
            tries += 1;
            match tries % 1024 {
                // Perhaps the sender waits for this very core.
                0 => thread::yield_now(),
                _ => hint::spin_loop(),
            }
        }
    }
}

/// Starts a number of threads together, twice, and tells each when to stop.
struct Clock {
    plan: Plan,
    gate: Barrier,
    warm_up: OnceLock<Instant>,
    measured: OnceLock<Instant>,
}

/// What one thread did.
struct Tally {
    warm_up: Count,
    measured: Count,
    end: Instant,
}

impl Clock {
    fn new(threads: usize, plan: Plan) -> Self {
        Self { plan, gate: Barrier::new(threads), warm_up: OnceLock::new(), measured: OnceLock::new() }
    }

    /// Warms up and measures `chunk`, in one of the threads.
    fn run(&self, mut chunk: impl FnMut() -> usize) -> Tally {
        let (warm_up, _) = self.stretch(&self.warm_up, self.plan.warm_up, &mut chunk);
        let (measured, end) = self.stretch(&self.measured, self.plan.measured, &mut chunk);
        Tally { warm_up, measured, end }
    }

    /// Repeats `chunk` for `time`, counted from the moment when the first thread passed the gate.
    fn stretch(
        &self,
        start: &OnceLock<Instant>,
        time: Duration,
        chunk: &mut impl FnMut() -> usize,
    ) -> (Count, Instant) {
        self.gate.wait();
        let deadline = *start.get_or_init(Instant::now) + time;
        contender::take_made();
        let mut pairs = 0;
        loop {
            pairs += chunk() as u64;
            let now = Instant::now();
            if now >= deadline {
                let made = contender::take_made();
                return (Count { pairs, made }, now);
            }
        }
    }

    /// Adds up what the threads did. The time runs until the last of them is done.
    fn sample(&self, tallies: Vec<Tally>) -> Sample {
        let start = *self.measured.get().expect("every thread has been measured");
        let mut sample = Sample::default();
        for tally in tallies {
            sample.warm_up.add(tally.warm_up);
            sample.measured.add(tally.measured);
            sample.wall = sample.wall.max(tally.end - start);
        }
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::allocate::Allocate;

    /// One chunk of each.
    const TINY: Plan = Plan { warm_up: Duration::ZERO, measured: Duration::ZERO };

    #[test]
    fn every_contender_works_in_every_workload_and_is_counted() {
        for workload in &ALL {
            for contender in &contender::ALL {
                if !(contender.runs)(workload) {
                    continue;
                }
                let sample = (contender.sample)(workload, TINY);
                let what = format!("{} in {}: {sample}", contender.name, workload.name);
                let pairs = sample.warm_up.pairs + sample.measured.pairs;
                let made = sample.warm_up.made + sample.measured.made;
                let (threads, before) = match workload.shape {
                    Shape::HandOff(size) => (1, CARRIERS * size),
                    _ => (workload.threads, 0),
                };
                assert_eq!(pairs, 2 * (threads * CHUNK) as u64, "{what}");
                assert!(made > 0, "{what}");
                if contender.name == Allocate::NAME {
                    assert_eq!(made, pairs + before as u64, "{what}");
                } else {
                    assert!(made < pairs / 2, "{what}");
                }
                assert!(sample.wall > Duration::ZERO, "{what}");
                assert_eq!(sample.carried > 0, matches!(workload.shape, Shape::HandOff(_)));
            }
        }
    }
}
