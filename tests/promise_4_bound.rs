//! Promise 4: the bound on idle items.

mod common;

use std::sync::Arc;
use std::thread;

use common::{Counted, Dice, Worker, burst, counted, on_thread};
use ebbtide::Settings;

/// Puts `n` new items in one by one, from this thread.
fn put_new(pool: &common::CountedPool, ledger: &Arc<common::Ledger>, n: usize) {
    (0..n).for_each(|_| pool.put(ledger.item()));
}

/// How many items a thread without private items finds.
fn found_by_another_thread(pool: &common::CountedPool) -> usize {
    let held: Vec<_> = std::iter::from_fn(|| pool.try_get()).collect();
    held.into_iter().map(ebbtide::Pooled::detach).collect::<Vec<Counted>>().len()
}

/// A thread keeps exactly as many items as it has private slots. One more, and a batch of half of them is shared.
#[test]
fn private_slots_hold_exactly_their_number() {
    for slots in [1, 2, 8, 31, 32, 64] {
        let (pool, ledger) = counted(Settings::new().private_slots(slots));
        let half = slots.div_ceil(2);
        let worker = Worker::new();
        for (put, shared) in [(2 * half, 0), (1, half), (half - 1, 0), (1, half)] {
            let (theirs, made) = (Arc::clone(&pool), Arc::clone(&ledger));
            worker.run(move || put_new(&theirs, &made, put));
            assert_eq!(found_by_another_thread(&pool), shared, "{slots} private slots, {put} more items");
        }
    }
}

/// Without private slots, every item is shared.
#[test]
fn with_no_private_slots_everything_is_shared() {
    let (pool, ledger) = counted(Settings::new().private_slots(0));
    put_new(&pool, &ledger, 5);
    assert_eq!(on_thread(|| found_by_another_thread(&pool)), 5);
}

/// Without a limit, exactly as many items are idle as were in use at once.
#[test]
fn without_a_limit_as_many_are_idle_as_were_in_use() {
    let (pool, ledger) = counted(Settings::new());
    for n in [10, 1000, 1, 500] {
        burst(&pool, n);
    }
    assert_eq!((pool.idle(), ledger.made(), ledger.peak()), (1000, 1000, 1000));
}

/// `max_idle` bounds the shared queues. What is put beyond it is dropped.
#[test]
fn max_idle_bounds_the_shared_queues() {
    for slots in [0, 2, 8, 32] {
        for max_idle in [0, 1, 5, 16, 33, 1000] {
            let (pool, ledger) = counted(Settings::new().private_slots(slots).max_idle(max_idle));
            let worker = Worker::new();
            let theirs = Arc::clone(&pool);
            worker.run(move || drop(burst(&theirs, 300)));
            let case = format!("{slots} slots, at most {max_idle}");
            let stats = pool.stats();
            assert!(stats.idle <= max_idle + slots, "{case}: {} idle", stats.idle);
            assert_eq!((stats.idle, stats.rejected), (ledger.live(), ledger.dropped()), "{case}");
            let bound = max_idle.min(300 - stats.idle.min(slots));
            let shared = found_by_another_thread(&pool);
            assert!(shared <= max_idle, "{case}: {shared} shared");
            assert!(shared + slots >= bound.min(max_idle), "{case}: {shared} shared, though there was room");
        }
    }
}

/// Without private slots, the limit is reached exactly.
#[test]
fn max_idle_is_reached_exactly() {
    let (pool, ledger) = counted(Settings::new().private_slots(0).max_idle(10));
    for _ in 0..3 {
        burst(&pool, 25);
        assert_eq!((pool.idle(), ledger.live()), (10, 10));
    }
    assert_eq!(pool.stats().rejected, 45);
}

/// A sweep that shares private items respects the limit.
#[test]
fn a_sweep_respects_max_idle() {
    let (pool, ledger) = counted(Settings::new().max_idle(10));
    let workers: Vec<_> = (0..4).map(|_| Worker::new()).collect();
    for worker in &workers {
        let (theirs, made) = (Arc::clone(&pool), Arc::clone(&ledger));
        worker.run(move || put_new(&theirs, &made, 8));
    }
    assert_eq!(pool.idle(), 32);
    let swept = pool.advance().expect("no other sweep runs");
    assert_eq!((swept.dropped, swept.kept), (22, 10));
    assert_eq!((pool.idle(), ledger.live()), (10, 10));
    drop(workers);
}

/// Room that an item leaves in the shared queues can be used again, whether the item was got, swept or cleared.
#[test]
fn freed_room_can_be_used_again() {
    let (pool, ledger) = counted(Settings::new().private_slots(0).max_idle(4));
    for round in 0..10 {
        assert_eq!(pool.prefill(4), 4, "round {round}");
        assert_eq!(pool.prefill(1), 0, "round {round}");
        match round % 3 {
            0 => drop(pool.clear()),
            1 => drop((pool.advance(), pool.advance())),
            _ => assert_eq!(found_by_another_thread(&pool), 4),
        }
        assert_eq!((pool.idle(), ledger.live()), (0, 0));
    }
}

/// A refill, which moves a batch into private slots, frees room too.
#[test]
fn refills_free_room() {
    let (pool, ledger) = counted(Settings::new().private_slots(8).max_idle(8));
    for _ in 0..5 {
        assert_eq!(pool.prefill(8), 8);
        let mine: Vec<_> = (0..8).map(|_| pool.get()).collect();
        mine.into_iter().for_each(|item| drop(ebbtide::Pooled::detach(item)));
        assert_eq!((pool.idle(), ledger.live()), (0, 0));
    }
    assert_eq!(ledger.made(), 40);
}

/// The documented bound holds while threads get and put at random. It is the items in use at once, `max_idle`, and, for
/// each thread, its private slots and one batch in flight. In the end nothing is in use.
#[test]
fn the_documented_bound_holds_under_contention() {
    const THREADS: usize = 4;
    const IN_USE: usize = 30;
    for (slots, max_idle) in [(0, 7), (8, 20), (8, 0), (32, 64)] {
        let (pool, ledger) = counted(Settings::new().private_slots(slots).max_idle(max_idle));
        thread::scope(|scope| {
            for seed in 0..THREADS {
                let pool = &pool;
                scope.spawn(move || {
                    let mut dice = Dice::new(seed as u64);
                    for _ in 0..800 {
                        let held: Vec<_> = (0..dice.below(IN_USE + 1)).map(|_| pool.get()).collect();
                        if dice.below(8) == 0 {
                            thread::yield_now();
                        }
                        drop(held);
                    }
                });
            }
            for _ in 0..50 {
                pool.advance();
                thread::yield_now();
            }
        });
        let batch = slots.div_ceil(2).max(1);
        let idle_at_most = max_idle + THREADS * 2 * slots.div_ceil(2);
        // The sweep holds the items of each thread until it shares or drops them.
        let at_most = THREADS * (IN_USE + batch) + idle_at_most + idle_at_most;
        assert!(ledger.peak() <= at_most, "{slots} slots, at most {max_idle}: {} at once", ledger.peak());
        assert!(pool.idle() <= idle_at_most, "{slots} slots, at most {max_idle}: {} idle", pool.idle());
        assert_eq!(pool.idle(), ledger.live());
        pool.advance();
        assert!(pool.idle() <= max_idle);
    }
}

/// Of a batch that fits partly, that part is kept.
#[test]
fn a_batch_that_fits_in_part_is_kept_in_part() {
    let (pool, ledger) = counted(Settings::new().private_slots(32).max_idle(10));
    assert_eq!(pool.prefill(16), 10);
    assert_eq!((pool.idle(), ledger.live(), ledger.dropped()), (10, 10, 6));
    assert_eq!(pool.stats().rejected, 6);
}
