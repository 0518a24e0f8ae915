//! Threads that start and end, and threads that stay idle.

use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::{self, Builder};
use std::time::Instant;

use super::clock::{Work, side_by_side};
use super::latency::{Times, nanoseconds};
use super::pairs::{get, repeat};
use super::{Plan, ROOM};
use crate::contender::Contender;
use crate::item;
use crate::sample::Sample;

/// One new thread after another runs this many pairs. The cost is that of the whole thread.
pub(super) fn churn<C: Contender>(pairs: usize, plan: Plan) -> Sample {
    let pool = &C::new(ROOM);
    let bare = one_after_another(pairs, plan, || {});
    let pooled = one_after_another(pairs, plan, || {
        repeat(pairs, pool);
    });
    pooled.sample(1).with("thread_ns", bare.ns(1))
}

/// One new thread after another runs a pair.
pub(super) fn first_use<C: Contender>(plan: Plan) -> Sample {
    let pool = &C::new(ROOM);
    let (_, bare) = lives(plan, || {});
    let (first, end) = lives(plan, || pool.put(get(pool)));
    let sample = Sample::default().with("first_ns", first).with("clock_ns", Times::of_nothing());
    sample.with("end_ns", end).with("bare_ns", bare)
}

/// The medians of what `life` takes in a new thread, and of the time from then to the thread's end.
fn lives(plan: Plan, life: impl Fn() + Sync) -> (f64, f64) {
    let (mut lives, mut ends) = (Times::new(), Times::new());
    let begin = Instant::now();
    while lives.is_empty() || begin.elapsed() < plan.measured {
        let (start, end) = thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let start = Instant::now();
                life();
                (start, Instant::now())
            });
            thread.join().expect("a short-lived thread panicked")
        });
        ends.record(nanoseconds(end.elapsed()));
        lives.record(nanoseconds(end - start));
    }
    (lives.quantile(0.5), ends.quantile(0.5))
}

fn one_after_another(pairs: usize, plan: Plan, life: impl Fn() + Sync) -> Work {
    let threads = plan.of(64);
    let (plan, life) = (&plan, &life);
    side_by_side(1, *plan, || {
        move || {
            for _ in 0..threads {
                item::add_made(made_by(life));
            }
            threads * pairs
        }
    })
}

/// Runs a thread and returns how many items it made.
fn made_by(life: &(impl Fn() + Sync)) -> u64 {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            life();
            item::take_made()
        });
        thread.join().expect("a short-lived thread panicked")
    })
}

/// Pairs in one thread, while idle threads that have run a pair each exist.
pub(super) fn pairs_beside<C: Contender>(idle: usize, plan: Plan) -> Sample {
    let pool = &C::new(ROOM);
    let work = beside_idle_threads(pool, plan.of(idle), || side_by_side(1, plan, || || repeat(plan.chunk(), pool)));
    work.map(|work| work.sample(1)).unwrap_or_default()
}

/// Sweeps of an empty pool whose threads are idle.
pub(super) fn sweeps_beside<C: Contender>(idle: usize, plan: Plan) -> Sample {
    let pool = &C::new(ROOM);
    let nanoseconds = beside_idle_threads(pool, plan.of(idle), || {
        // Two sweeps drop the items that the threads left.
        pool.sweep();
        pool.sweep();
        let start = Instant::now();
        let mut sweeps = 0;
        loop {
            pool.sweep();
            sweeps += 1;
            let time = start.elapsed();
            if time >= plan.measured {
                break time.as_nanos() as f64 / f64::from(sweeps);
            }
        }
    });
    nanoseconds.map(|nanoseconds| Sample::default().with("sweep_us", nanoseconds / 1e3)).unwrap_or_default()
}

/// Runs `body` while this many threads wait that have used the pool once. Returns `None` if the system has not as many.
fn beside_idle_threads<C: Contender, T>(pool: &C, idle: usize, body: impl FnOnce() -> T) -> Option<T> {
    let (report, used) = mpsc::channel();
    let end = Mutex::new(());
    let not_yet = end.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        let life = || {
            pool.put(get(pool));
            report.send(()).expect("the main thread receives");
            drop(end.lock());
            item::take_made()
        };
        let thread = |_| Builder::new().stack_size(64 << 10).spawn_scoped(scope, life);
        let threads: Option<Vec<_>> = (0..idle).map(|n| thread(n).ok()).collect();
        let result = threads.is_some().then(|| {
            (0..idle).for_each(|_| used.recv().expect("every thread reports"));
            body()
        });
        drop(not_yet);
        for thread in threads.into_iter().flatten() {
            item::add_made(thread.join().expect("an idle thread panicked"));
        }
        result
    })
}
