//! Go's own benchmarks of `sync.Pool` (`src/sync/pool_test.go`), with guards as items.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use super::clock::side_by_side;
use super::latency::{Times, nanoseconds};
use super::pairs::get;
use super::{Plan, ROOM};
use crate::contender::Contender;
use crate::sample::Sample;

/// Puts an item and gets one.
pub(super) fn put_get<C: Contender>(threads: usize, plan: Plan) -> Sample {
    let pool = &C::new(ROOM);
    let work = side_by_side(threads, plan, || {
        let mut held = Some(get(pool));
        move || {
            for _ in 0..plan.chunk() {
                if let Some(item) = held.take() {
                    pool.put(item);
                }
                held = Some(get(pool));
            }
            plan.chunk()
        }
    });
    work.sample(threads)
}

/// Puts `puts` of the items in use, drops the rest, and gets the same number again.
pub(super) fn put_first<C: Contender>(puts: usize, gets: usize, threads: usize, plan: Plan) -> Sample {
    let pool = &C::new(ROOM);
    let rounds = plan.chunks(gets);
    let work = side_by_side(threads, plan, || {
        let mut held = Vec::with_capacity(gets.max(64));
        held.extend((0..gets).map(|_| get(pool)));
        move || {
            for _ in 0..rounds {
                let mut items = held.drain(..);
                items.by_ref().take(puts).for_each(|item| pool.put(item));
                items.for_each(|item| pool.lose(item));
                held.extend((0..gets).map(|_| get(pool)));
            }
            rounds * gets
        }
    });
    work.sample(threads)
}

/// Sweeps a pool with this many idle items. The first sweep makes them victims, and the second drops them.
///
/// Another thread runs pairs meanwhile. The pause is the longest pair that overlaps the two sweeps. The sweep is the
/// longer of the two. The results are the medians of both.
pub(super) fn pause<C: Contender>(items: usize, plan: Plan) -> Sample {
    let items = plan.of(items);
    let pool = &C::new(items);
    let (done, longest) = (&AtomicU64::new(0), &AtomicU64::new(0));
    let over = &AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let start = Instant::now();
                pool.put(get(pool));
                longest.fetch_max(nanoseconds(start.elapsed()), Ordering::Relaxed);
                done.fetch_add(1, Ordering::Release);
            }
        });
        let mut held = Vec::with_capacity(items);
        let mut two_sweeps = || {
            held.extend((0..items).map(|_| get(pool)));
            held.drain(..).for_each(|item| pool.put(item));
            longest.store(0, Ordering::Relaxed);
            let sweeps = [(); 2].map(|()| {
                let start = Instant::now();
                pool.sweep();
                nanoseconds(start.elapsed())
            });
            // The pair under way at the end counts too, however long it takes.
            let enough = done.load(Ordering::Relaxed) + 2;
            while done.load(Ordering::Acquire) < enough {
                thread::yield_now();
            }
            (sweeps[0].max(sweeps[1]), longest.load(Ordering::Relaxed))
        };
        two_sweeps();
        let (mut sweeps, mut pauses) = (Times::new(), Times::new());
        let start = Instant::now();
        while sweeps.is_empty() || start.elapsed() < plan.measured {
            let (sweep, pause) = two_sweeps();
            sweeps.record(sweep);
            pauses.record(pause);
        }
        over.store(true, Ordering::Relaxed);
        Sample::default().with("pause_us", pauses.quantile(0.5) / 1e3).with("sweep_us", sweeps.quantile(0.5) / 1e3)
    })
}

/// What each user of a costly item allocates beside it.
const SCRATCH: usize = 32 << 10;

/// Gets of all threads between two epochs: about as many as Go's benchmark makes between two garbage collections.
const EPOCH: usize = 256;

/// Bursts of costly items, with scratch space allocated and freed for each. Pools with epochs end one from time to
/// time. So they must keep used items, and may drop others.
pub(super) fn work<C: Contender>(size: usize, threads: usize, plan: Plan) -> Sample {
    let size = plan.of(size);
    let pool = &C::new(ROOM);
    let work = side_by_side(threads, plan, || {
        let mut held = Vec::with_capacity(size.max(64));
        let mut gets = 0;
        move || {
            for _ in 0..size {
                held.push(get(pool));
                black_box(vec![0_u8; SCRATCH]);
                gets += 1;
                if C::SWEEPS && gets % (EPOCH * threads) == 0 {
                    pool.sweep();
                }
            }
            held.drain(..).for_each(|item| pool.put(item));
            size
        }
    });
    work.sample(threads)
}
