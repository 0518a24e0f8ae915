//! The latency of single operations: the time of each get and each put, as a user would measure it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::clock::Clock;
use super::{Plan, ROOM};
use crate::contender::Contender;
use crate::item::Item;
use crate::sample::Sample;

/// The time between two sweeps.
const EPOCH: Duration = Duration::from_millis(1);

/// Times in nanoseconds with two digits, up to ten seconds.
pub(super) struct Times(Histogram<u64>);

impl Times {
    pub(super) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, 10_000_000_000, 2).expect("those are bounds"))
    }

    /// Times `operation`.
    #[inline]
    pub(super) fn of<T>(&mut self, operation: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = operation();
        let time = start.elapsed();
        self.record(nanoseconds(time));
        result
    }

    pub(super) fn record(&mut self, nanoseconds: u64) {
        self.0.saturating_record(nanoseconds);
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    /// Adds the shown numbers of these times to the sample.
    pub(super) fn show(&self, sample: Sample) -> Sample {
        sample
            .with("p50_ns", self.quantile(0.5))
            .with("p99_ns", self.quantile(0.99))
            .with("p999_ns", self.quantile(0.999))
            .with("p9999_ns", self.quantile(0.9999))
            .with("max_ns", self.0.max() as f64)
            .with("clock_ns", Self::of_nothing())
    }

    pub(super) fn quantile(&self, part: f64) -> f64 {
        self.0.value_at_quantile(part) as f64
    }

    /// The median time between two consecutive reads of the clock.
    pub(super) fn of_nothing() -> f64 {
        let mut times = Self::new();
        (0..1000).for_each(|_| times.of(|| {}));
        times.quantile(0.5)
    }
}

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Bursts in all threads. With `sweeps`, another thread ends an epoch every millisecond.
pub(super) fn latency<C: Contender>(size: usize, threads: usize, sweeps: bool, plan: Plan) -> Sample {
    let pool = &C::new(ROOM);
    let clock = &Clock::new(threads, plan);
    let bursts = plan.chunks(size);
    let over = &AtomicBool::new(false);
    thread::scope(|scope| {
        if sweeps {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    pool.sweep();
                    thread::sleep(EPOCH);
                }
            });
        }
        let worker = || {
            let mut held = Vec::with_capacity(size.max(64));
            let mut chunk = |times: &mut Times| {
                for _ in 0..bursts {
                    for _ in 0..size {
                        let mut item = times.of(|| pool.get());
                        item.write();
                        held.push(item);
                    }
                    held.drain(..).for_each(|item| times.of(|| pool.put(item)));
                }
                bursts * size
            };
            let mut before = Times::new();
            let warm_up = clock.warm_up(|| chunk(&mut before));
            let mut times = Times::new();
            (clock.measure(warm_up, || chunk(&mut times)), times)
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let joined: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        over.store(true, Ordering::Relaxed);
        let mut all = Times::new();
        let mut tallies = Vec::new();
        for worker in joined {
            let (tally, times) = worker.expect("a worker panicked");
            tallies.push(tally);
            all.add(&times);
        }
        all.show(clock.work(tallies).sample(threads))
    })
}
