//! The memory of a pool, and what is left of it after a burst.

use std::fs;
use std::mem;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::pairs::get;
use super::{Plan, ROOM};
use crate::contender::Contender;
use crate::counting;
use crate::item;
use crate::sample::Sample;

/// The number of pools for an average.
const POOLS: usize = 100;

/// The number of threads for an average.
const THREADS: usize = 64;

/// The number of idle items for an average: no more than any pool keeps.
const ITEMS: usize = 2048;

/// The bytes that a pool allocates, with its own size: unused, used once by one thread, for each further thread, and
/// for each further item. Items are included.
pub(super) fn weight<C: Contender>(plan: Plan) -> Sample {
    assert!(counting::counts(), "only a program with the counting allocator can tell");
    // Allocates what a process has once, and what this thread keeps for all pools.
    let first = C::new(ROOM);
    first.put(get(&first));
    thread::sleep(Duration::from_millis(20));

    let mut pools = Vec::with_capacity(plan.of(POOLS));
    let unused = growth(|| pools.extend((0..plan.of(POOLS)).map(|_| C::new(ROOM))));
    let used = growth(|| pools.iter().for_each(|pool| pool.put(get(pool))));
    let each = |bytes: f64| bytes / pools.len() as f64;
    let unused = mem::size_of::<C>() as f64 + each(unused);

    let per_item = {
        let mut held = Vec::with_capacity(plan.of(ITEMS));
        item::take_made();
        let bytes = growth(|| {
            held.extend((0..plan.of(ITEMS)).map(|_| get(&first)));
            held.drain(..).for_each(|item| first.put(item));
        });
        bytes / item::take_made() as f64
    };
    Sample::default()
        .with("unused_bytes", unused)
        .with("used_bytes", unused + each(used))
        .with("thread_bytes", per_thread(&pools[0], plan.of(THREADS)))
        .with("item_bytes", per_item)
}

/// The bytes for each of this many threads that use one item each at the same time.
fn per_thread<C: Contender>(pool: &C, threads: usize) -> f64 {
    let step = Barrier::new(threads + 1);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                step.wait();
                step.wait();
                let item = get(pool);
                step.wait();
                pool.put(item);
                step.wait();
                step.wait();
            });
        }
        // All have started.
        step.wait();
        let bytes = growth(|| {
            // They begin, use an item each, and are done.
            for _ in 0..3 {
                step.wait();
            }
        });
        // They may end.
        step.wait();
        bytes / threads as f64
    })
}

/// The growth of allocated bytes.
fn growth(body: impl FnOnce()) -> f64 {
    let before = counting::in_use();
    body();
    (counting::in_use() - before) as f64
}

/// Uses this many items at once and puts them back. Two epochs later, if there are epochs: how many of them the pool
/// still has, and by how much the process has grown. Items that it still has need not be made again.
pub(super) fn after_burst<C: Contender>(items: usize, plan: Plan) -> Sample {
    let items = plan.of(items);
    let pool = C::new(items);
    let mut held = Vec::with_capacity(items);
    let before = resident();
    held.extend((0..items).map(|_| get(&pool)));
    held.drain(..).for_each(|item| pool.put(item));
    if C::SWEEPS {
        pool.sweep();
        pool.sweep();
    }
    let after = resident();
    item::take_made();
    held.extend((0..items).map(|_| pool.get()));
    let sample = Sample::default().with("held", items as f64 - item::take_made() as f64);
    match (before, after) {
        (Some(before), Some(after)) => sample.with("resident_mib", (after - before) / 1024.0),
        _ => sample,
    }
}

/// Resident KiB of this process, on Linux.
fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
