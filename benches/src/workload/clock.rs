//! Starts threads together, twice, and tells each when to stop.

use std::sync::{Barrier, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use super::Plan;
use crate::item;
use crate::sample::Sample;

/// Pairs, and items made, in one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Count {
    pub(super) pairs: u64,
    pub(super) made: u64,
}

impl Count {
    fn add(&mut self, other: Count) {
        self.pairs += other.pairs;
        self.made += other.made;
    }
}

/// The work of all threads: the warm-up, which is not timed, and the measured part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Work {
    pub(super) warm_up: Count,
    pub(super) measured: Count,
    /// The time until the last of them was done.
    pub(super) wall: Duration,
}

impl Work {
    /// One thread's nanoseconds per pair, with this many threads.
    ///
    /// `wall × busy / pairs`, where at most as many threads are busy as can run at once. For threads with a core each,
    /// this is a thread's time for a pair. For more threads than cores, it is a core's time for a pair.
    pub(super) fn ns(&self, threads: usize) -> f64 {
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
        self.wall.as_nanos() as f64 * threads.min(cores) as f64 / self.measured.pairs as f64
    }

    pub(super) fn sample(&self, threads: usize) -> Sample {
        Sample::default()
            .with("ns", self.ns(threads))
            .with("made_per_million", self.measured.made as f64 * 1e6 / self.measured.pairs as f64)
            .with("pairs", self.measured.pairs as f64)
            .with("made", self.measured.made as f64)
            .with("warm_up_pairs", self.warm_up.pairs as f64)
            .with("warm_up_made", self.warm_up.made as f64)
    }
}

/// Every thread runs the same loop.
///
/// `body` is called in each thread. What it returns does one chunk and returns its number of pairs.
pub(super) fn side_by_side<B: FnMut() -> usize>(threads: usize, plan: Plan, body: impl Fn() -> B + Sync) -> Work {
    let clock = Clock::new(threads, plan);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| clock.run(body()))).collect();
        let tallies = workers.into_iter().map(|worker| worker.join());
        let tallies = tallies.map(|tally| tally.expect("a worker panicked"));
        clock.work(tallies.collect())
    })
}

pub(super) struct Clock {
    plan: Plan,
    gate: Barrier,
    warm_up: OnceLock<Instant>,
    measured: OnceLock<Instant>,
}

/// The work of one thread.
pub(super) struct Tally {
    warm_up: Count,
    measured: Count,
    end: Instant,
}

impl Clock {
    pub(super) fn new(threads: usize, plan: Plan) -> Self {
        Self { plan, gate: Barrier::new(threads), warm_up: OnceLock::new(), measured: OnceLock::new() }
    }

    /// Warms up and measures `chunk`, in one of the threads.
    pub(super) fn run(&self, mut chunk: impl FnMut() -> usize) -> Tally {
        let warm_up = self.warm_up(&mut chunk);
        // By reference again, so that the measured code is the warmed-up code.
        self.measure(warm_up, &mut chunk)
    }

    /// The first half of a run.
    pub(super) fn warm_up(&self, chunk: impl FnMut() -> usize) -> Count {
        self.stretch(&self.warm_up, self.plan.warm_up, chunk).0
    }

    /// The second half of a run.
    pub(super) fn measure(&self, warm_up: Count, chunk: impl FnMut() -> usize) -> Tally {
        let (measured, end) = self.stretch(&self.measured, self.plan.measured, chunk);
        Tally { warm_up, measured, end }
    }

    /// Repeats `chunk` for `time`, counted from when the first thread passed the gate.
    fn stretch(&self, start: &OnceLock<Instant>, time: Duration, mut chunk: impl FnMut() -> usize) -> (Count, Instant) {
        self.gate.wait();
        let deadline = *start.get_or_init(Instant::now) + time;
        let mut pairs = 0;
        loop {
            pairs += chunk() as u64;
            let now = Instant::now();
            if now >= deadline {
                let made = item::take_made();
                return (Count { pairs, made }, now);
            }
        }
    }

    /// Adds up the threads' work.
    pub(super) fn work(&self, tallies: Vec<Tally>) -> Work {
        let start = *self.measured.get().expect("every thread has been measured");
        let mut work = Work::default();
        for tally in tallies {
            work.warm_up.add(tally.warm_up);
            work.measured.add(tally.measured);
            work.wall = work.wall.max(tally.end - start);
        }
        work
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_the_time_of_the_threads_that_can_run() {
        let count = Count { pairs: 1000, made: 4 };
        let work = Work { warm_up: Count::default(), measured: count, wall: Duration::from_nanos(5000) };
        assert_eq!(work.ns(1), 5.0);
        let cores = thread::available_parallelism().unwrap().get();
        assert_eq!(work.ns(cores + 100), 5.0 * cores as f64);
        assert_eq!(work.sample(1).get("made_per_million"), Some(4000.0));
    }
}
