//! Promise 6: what a pool has on the heap besides items. A sweep that leaves the shards empty retires them, and a later
//! one frees them. Slot sets are freed when their threads have ended.

mod common;
#[path = "common/counting.rs"]
mod counting;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Count, MANUAL, Worker, lock};
use counting::{allocations, at_each_allocation};
use ebbtide::{BufferPool, Fetch, Manual, Pool, Settings, buffers};

/// Shards are at least this large: one of them has three racks of 128 places.
const SHARDS: isize = 3 * 128 * size_of::<usize>() as isize;

type BytePool = Pool<u8, fn() -> u8>;

const fn pool(settings: Settings<Manual>) -> BytePool {
    Pool::with_settings((|| 0) as fn() -> u8, settings)
}

/// By how many bytes `f` makes the heap grow.
fn growth<O>(f: impl FnOnce() -> O) -> isize {
    let (value, heap) = allocations(f);
    drop(value);
    heap.allocated as isize - heap.freed as isize
}

/// Uses this many items at once.
fn burst(pool: &BytePool, items: usize) {
    drop((0..items).map(|_| pool.get()).collect::<Vec<_>>());
}

/// The third sweep frees what the second one retired.
fn sweep_thrice(pool: &BytePool) -> isize {
    growth(|| (0..3).for_each(|_| _ = pool.advance()))
}

#[test]
fn three_sweeps_after_one_use_leave_no_more_than_that() {
    for (settings, gives_back) in [(MANUAL, 0), (MANUAL.private_slots(0), SHARDS)] {
        let pool = pool(settings);
        drop(pool.get());
        let grown = sweep_thrice(&pool);
        assert!(grown <= -gives_back, "{settings:?}: {grown} bytes more");
    }
}

#[test]
fn three_sweeps_after_one_use_of_each_class_leave_no_more_than_that() {
    let pool = BufferPool::with_settings(buffers::Settings::new().manual());
    (10..=20).for_each(|power| drop(pool.get(1 << power)));
    let buffers = pool.idle_bytes() as isize;
    let grown = growth(|| (0..3).for_each(|_| _ = pool.advance())) + buffers;
    assert!(buffers > 0 && grown <= 0, "{grown} bytes more, without the buffers");
}

#[test]
fn three_sweeps_after_bursts_leave_no_more_than_after_one_use() {
    let workers = [(); 4].map(|()| Worker::new());
    let after_bursts_of = |items| {
        let pool = Arc::new(pool(MANUAL));
        workers.iter().fold(0, |grown, worker| {
            let pool = Arc::clone(&pool);
            grown + worker.run(move || growth(|| burst(&pool, items)))
        }) + if items > 1 { sweep_thrice(&pool) } else { 0 }
    };
    let (one, forty) = (after_bursts_of(1), after_bursts_of(40));
    assert!(0 < forty && forty <= one, "{forty} bytes after bursts and sweeps, {one} after one use");
}

/// Other tests might register pools meanwhile.
#[test]
fn dropped_pools_leave_no_room_in_the_janitors_table() {
    if !common::alone("dropped_pools_leave_no_room_in_the_janitors_table") {
        return;
    }
    let used = || {
        let pool = Pool::with_settings((|| 0) as fn() -> u8, Settings::new().every(Duration::from_secs(3600)));
        drop(pool.get());
        pool
    };
    drop(used());
    let grown = growth(|| drop((0..1000).map(|_| used()).collect::<Vec<_>>()));
    assert!(grown <= 0, "{grown} bytes more");
}

/// A hundred threads' slot sets and arrays, of which nothing is left when the threads have ended. Threads of other tests
/// would have numbers of their own.
#[test]
fn bursts_on_threads_that_have_ended_leave_no_more_than_one_use() {
    if !common::alone("bursts_on_threads_that_have_ended_leave_no_more_than_one_use") {
        return;
    }
    static OTHER: BytePool = pool(MANUAL);
    let used_by = |threads: usize, items| {
        let pool = Arc::new(pool(MANUAL));
        let workers: Vec<_> = (0..threads).map(|_| Worker::new()).collect();
        // A thread's number has memory of its own.
        workers.iter().for_each(|worker| worker.run(|| burst(&OTHER, 1)));
        let grown = workers.iter().map(|worker| {
            let pool = Arc::clone(&pool);
            worker.run(move || growth(|| burst(&pool, items)))
        });
        (grown.sum::<isize>(), pool)
    };
    let (one, _) = used_by(1, 1);
    let (forty, pool) = used_by(100, 40);
    let left = forty + sweep_thrice(&pool);
    println!("{forty} bytes after bursts, {left} after sweeps, {one} after one use");
    assert!(100 * 128 < forty && left <= one, "{left} bytes after bursts and sweeps, {one} after one use");
    let stats = pool.stats();
    assert_eq!((stats.created, stats.idle), (stats.dropped, 0), "the counts of ended threads");
}

/// What a regex engine needs for a search has about this size.
type Cache = [u8; 4096];

/// By how many bytes a thousand pools make the heap grow, each of which 64 threads use once.
fn growth_of_a_thousand<P: Send + Sync + 'static>(new: fn() -> P, use_once: fn(&P)) -> isize {
    let workers = [(); 64].map(|()| Worker::new());
    let mut pools = None;
    let created = growth(|| pools = Some(Arc::new((0..1000).map(|_| new()).collect::<Vec<_>>())));
    let pools = pools.expect("created just now");
    workers.iter().fold(created, |grown, worker| {
        let pools = Arc::clone(&pools);
        grown + worker.run(move || growth(|| pools.iter().for_each(use_once)))
    })
}

#[test]
fn pools_that_many_threads_use_once_hold_little_more_than_vectors() {
    type Caches = Pool<Cache, fn() -> Cache>;
    let plain = growth_of_a_thousand(Mutex::<Vec<Box<Cache>>>::default, |stack| {
        let item = lock(stack).pop();
        lock(stack).push(item.unwrap_or_else(|| Box::new([0; 4096])));
    });
    let create: fn() -> Caches = || Pool::with_settings((|| [0; 4096]) as fn() -> Cache, MANUAL.fetch(Fetch::Auto));
    let pooled = growth_of_a_thousand(create, |pool| drop(pool.get()));
    println!("{pooled} bytes in pools, {plain} in vectors, {:.3}", pooled as f64 / plain as f64);
    assert!(pooled * 10 <= plain * 13, "{pooled} bytes in pools, {plain} in vectors");
}

/// Slot sets come in blocks, which a thread's number chooses. The last number given back is the highest one here.
#[test]
fn a_pool_costs_no_more_after_many_threads_have_ended() {
    static POOL: BytePool = pool(MANUAL);
    let workers: Vec<_> = (0..300).map(|_| Worker::new()).collect();
    workers.iter().for_each(|worker| worker.run(|| burst(&POOL, 1)));
    drop(workers);
    let other = pool(MANUAL);
    let grown = Worker::new().run(move || growth(|| burst(&other, 1)));
    assert!(grown < 150 * 128, "{grown} bytes");
}

#[test]
fn bursts_and_idle_times_in_turn_do_not_add_up() {
    for settings in [MANUAL, MANUAL.private_slots(0)] {
        let pool = pool(settings);
        let cycle = || {
            let grown = growth(|| burst(&pool, 40));
            assert!(grown >= SHARDS, "a burst creates the shards");
            grown + sweep_thrice(&pool)
        };
        cycle();
        let grown = (0..10).fold(0, |grown, _| grown + cycle());
        assert!(grown <= 0, "{settings:?}: {grown} bytes more after ten cycles");
    }
}

/// A sweep whose barrier fails cannot know who visits the shards.
#[cfg(target_os = "linux")]
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "there is no call that could fail")]
fn a_failed_barrier_frees_no_shards() {
    if !common::alone("a_failed_barrier_frees_no_shards") {
        return;
    }
    let pool = pool(MANUAL);
    burst(&pool, 40);
    (0..2).for_each(|_| _ = pool.advance());
    common::linux::forbid_membarrier();
    let grown = sweep_thrice(&pool);
    assert_eq!(pool.stats().failed_barriers, 3);
    assert!(grown > -SHARDS, "{grown} bytes");
}

/// Whether shards that were just retired outlive a sweep. The look for an item is a visit of its own.
fn outlive_a_sweep(pool: &BytePool) -> bool {
    pool.prefill(1);
    pool.clear();
    drop(pool.try_get());
    growth(|| pool.advance()) > -SHARDS
}

/// A put visits the shards while it allocates an array for a spill. The allocator visits them too, and sweeps. Nothing
/// is freed before the put ends.
#[test]
fn shards_are_not_freed_while_a_thread_visits_them() {
    static POOL: BytePool = pool(MANUAL.private_slots(4));
    static KEPT: Count = Count::new();
    let [fifth, others @ ..] = std::array::from_fn::<_, 5, _>(|_| POOL.get());
    drop(others);
    at_each_allocation(|| KEPT.add(outlive_a_sweep(&POOL).into()), || drop(fifth));
    assert_eq!(KEPT.get(), 1);
    assert!(!outlive_a_sweep(&POOL));
}

/// The same while `prefill` visits them, which belongs to no thread.
#[test]
fn shards_are_not_freed_while_prefill_visits_them() {
    static POOL: BytePool = pool(MANUAL);
    static KEPT: Count = Count::new();
    static LOOKS: Count = Count::new();
    let look = || {
        LOOKS.bump();
        KEPT.add(outlive_a_sweep(&POOL).into());
    };
    at_each_allocation(look, || _ = POOL.prefill(1));
    assert!(0 < KEPT.get() && KEPT.get() < LOOKS.get(), "{KEPT:?} of {LOOKS:?}");
    assert!(!outlive_a_sweep(&POOL));
}

/// A put allocates an array for a spill while it visits. The allocator sweeps, and threads have ended. Their slot sets
/// are freed by a later sweep.
#[test]
fn slot_sets_are_not_freed_while_a_thread_visits_them() {
    if !common::alone("slot_sets_are_not_freed_while_a_thread_visits_them") {
        return;
    }
    static POOL: BytePool = pool(MANUAL.private_slots(4));
    static KEPT: Count = Count::new();
    /// The last block for three hundred threads has 256 slot sets.
    const SETS: isize = 256 * 128;
    let workers: Vec<_> = (0..300).map(|_| Worker::new()).collect();
    workers.iter().for_each(|worker| worker.run(|| burst(&POOL, 1)));
    drop(workers);
    for _ in 0..2 {
        assert!(growth(|| POOL.clear()) > -SETS, "the first takes the items, and the second takes out the slot sets");
    }
    let [fifth, others @ ..] = std::array::from_fn::<_, 5, _>(|_| POOL.get());
    drop(others);
    at_each_allocation(|| KEPT.add((growth(|| POOL.advance()) > -SETS).into()), || drop(fifth));
    assert_eq!(KEPT.get(), 1);
    assert!(growth(|| POOL.advance()) <= -SETS);
}

/// Threads come and go while another one visits all the time. Their slot sets do not add up.
#[test]
fn slot_sets_of_ended_threads_do_not_add_up_while_a_thread_visits() {
    if !common::alone("slot_sets_of_ended_threads_do_not_add_up_while_a_thread_visits") {
        return;
    }
    static POOL: BytePool = pool(MANUAL.private_slots(4));
    static GROWN: Mutex<Vec<isize>> = Mutex::new(Vec::new());
    let four_cycles = || {
        for _ in 0..4 {
            let workers = [(); 8].map(|()| Worker::new());
            let grown = workers.iter().map(|worker| worker.run(|| growth(|| _ = POOL.try_get()))).sum::<isize>();
            drop(workers);
            lock(&GROWN).push(grown + growth(|| (0..2).for_each(|_| _ = POOL.advance())));
        }
    };
    let [fifth, others @ ..] = std::array::from_fn::<_, 5, _>(|_| POOL.get());
    drop(others);
    at_each_allocation(four_cycles, || drop(fifth));
    let grown = lock(&GROWN);
    assert!(grown[0] >= 7 * 128 && grown[2..].iter().sum::<isize>() <= 0, "{grown:?} bytes in cycles");
}

#[cfg(feature = "bounded")]
mod bounded {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Waker};

    use ebbtide::BoundedPool;
    use ebbtide::bounded::{Pooled, Settings};

    use super::common::polled::Polled;
    use super::*;

    type LimitedPool = BoundedPool<u8, fn() -> u8>;

    const fn limited(settings: Settings<Manual>) -> LimitedPool {
        BoundedPool::with_settings((|| 0) as fn() -> u8, settings)
    }

    fn one(pool: &LimitedPool) {
        drop(pool.get());
    }

    fn thousand(pool: &LimitedPool) {
        drop((0..1000).map(|_| pool.get()).collect::<Vec<_>>());
    }

    fn many(pool: &LimitedPool) {
        drop(pool.get_many(1000));
    }

    /// Two hundred tasks wait while one holds all items.
    fn waiters(pool: &LimitedPool) {
        let all = pool.get_many(pool.capacity());
        let mut waiting: Vec<Pin<Box<dyn Future<Output = _>>>> = Vec::with_capacity(200);
        waiting.extend((0..200).map(|_| Box::pin(pool.get_async()) as _));
        let context = &mut Context::from_waker(Waker::noop());
        assert!(waiting.iter_mut().all(|wait| wait.as_mut().poll(context).is_pending()));
        drop(all);
        waiting.iter_mut().for_each(|wait| drop(wait.as_mut().poll(context)));
        assert_eq!(pool.waiting(), 0);
    }

    #[test]
    fn two_sweeps_after_bursts_leave_no_more_than_after_one_use() {
        let left_by = |burst: fn(&LimitedPool)| {
            let pool = limited(Settings::new(1000).manual());
            growth(|| {
                burst(&pool);
                (0..2).for_each(|_| _ = pool.advance());
            })
        };
        let least = left_by(one);
        for (name, burst) in [("a thousand", thousand as fn(&_)), ("many", many), ("waiters", waiters)] {
            let left = left_by(burst);
            println!("{left} bytes after {name}, {least} after one");
            assert!(left <= least, "{left} bytes after {name}, {least} after one use");
        }
    }

    /// Each wait has a place in the pool's table of waiters, which the next one uses again.
    #[test]
    fn waits_one_after_another_take_no_more_memory_than_one() {
        for most in [0, 16] {
            let pool = limited(Settings::new(1).manual().max_overtakes(most));
            let wait = || {
                let item = pool.get().unwrap();
                let waiting = Polled::waiting(pool.get_async());
                drop(item);
                drop(waiting.ready());
            };
            wait();
            assert_eq!(growth(|| (0..1000).for_each(|_| wait())), 0, "{most} may overtake");
        }
    }

    /// What was used in an epoch is not freed at its end, to be allocated again in the next one.
    #[test]
    fn a_steady_load_keeps_its_room() {
        let pool = limited(Settings::new(1000).manual());
        thousand(&pool);
        let all = pool.get_many(1000);
        assert_eq!(allocations(|| pool.advance()).1.freed, 0, "they may come back at any time");
        drop(all);
        for _ in 0..3 {
            thousand(&pool);
            waiters(&pool);
            assert_eq!(allocations(|| pool.advance()).1.freed, 0);
        }
    }

    /// What is left after a burst has room for itself.
    #[test]
    fn few_items_that_stay_in_use_need_little_room() {
        let pool = limited(Settings::new(1000).manual());
        thousand(&pool);
        pool.advance();
        drop(pool.get_many(20));
        let item = growth(|| Pooled::detach(pool.get().unwrap()));
        let grown = growth(|| pool.advance()) - 980 * item;
        assert!(pool.idle() == 19 && grown <= -(1000 - 2 * 19) * 2 * size_of::<usize>() as isize, "{grown} bytes");
        assert_eq!(pool.get_many(19).map(|items| items.len()), Ok(19));
        assert_eq!(pool.stats().created, 1000);
    }

    /// The smaller room is allocated without the lock. If it no longer suffices, the larger one stays, because under the
    /// lock nothing is allocated for that.
    #[test]
    fn room_is_allocated_without_the_lock() {
        static POOL: LimitedPool = limited(Settings::new(1000).manual());
        static CALLS: Count = Count::new();
        thousand(&POOL);
        POOL.resize(20).unwrap();
        let refill = || {
            if CALLS.bump() == 0 {
                POOL.resize(60).unwrap();
                POOL.prefill(40).unwrap();
            }
        };
        at_each_allocation(refill, || _ = POOL.advance());
        assert_eq!((CALLS.get(), POOL.idle()), (1, 60));
    }
}
