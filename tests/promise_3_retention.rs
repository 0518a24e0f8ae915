//! Promise 3: what is kept, for how long, and the order of reuse. See `stress.rs` for the lower bound under contention.

mod common;

use std::sync::Arc;

use common::{Counted, CountedPool, Ledger, Worker, burst, counted, on_thread, take_all};
use ebbtide::Settings;

/// The item put last is got first.
#[test]
fn reuse_is_last_in_first_out() {
    for slots in [2, 32, 64] {
        let (pool, ledger) = counted(Settings::new().private_slots(slots));
        let (a, b) = (pool.get(), pool.get());
        let (a_id, b_id) = (a.id, b.id);
        drop(a);
        drop(b);
        let (first, second) = (pool.get(), pool.get());
        assert_eq!((first.id, second.id), (b_id, a_id), "with {slots} private slots");
        assert_eq!(ledger.made(), 2);
    }
}

/// Within the private slots, any number of items is reused last in, first out.
#[test]
fn reuse_of_many_is_last_in_first_out() {
    let (pool, _ledger) = counted(Settings::new());
    let guards: Vec<_> = (0..32).map(|_| pool.get()).collect();
    let mut ids: Vec<_> = guards.iter().map(|item| item.id).collect();
    guards.into_iter().for_each(drop);
    ids.reverse();
    assert_eq!(burst(&pool, 32), ids);
}

/// An idle item survives one sweep and not two, wherever it was put.
#[test]
fn an_idle_item_survives_one_sweep_and_not_two() {
    for slots in [0, 1, 2, 32] {
        for items in [1, 2, 16, 17, 33, 100] {
            let (pool, ledger) = counted(Settings::new().private_slots(slots));
            burst(&pool, items);
            let first = pool.advance().expect("no other sweep runs");
            assert_eq!((first.dropped, first.kept, first.left_busy), (0, items, 0), "{slots} slots, {items} items");
            assert_eq!((pool.idle(), ledger.live()), (items, items));
            let second = pool.advance().expect("no other sweep runs");
            assert_eq!((second.dropped, second.kept, second.left_busy), (items, 0, 0), "{slots} slots, {items} items");
            assert_eq!((pool.idle(), ledger.live()), (0, 0));
        }
    }
}

/// An item that is used between every two sweeps survives all of them.
#[test]
fn an_item_used_between_sweeps_survives() {
    for slots in [0, 1, 32] {
        let (pool, ledger) = counted(Settings::new().private_slots(slots));
        burst(&pool, 1);
        for _ in 0..20 {
            pool.advance();
            assert_eq!(burst(&pool, 1), [0]);
        }
        assert_eq!(ledger.made(), 1);
        pool.advance();
        assert_eq!(pool.idle(), 1);
        pool.advance();
        assert_eq!(pool.idle(), 0);
    }
}

/// An item that is in use over any number of sweeps is young when it returns.
#[test]
fn an_item_in_use_across_sweeps_returns_young() {
    let (pool, ledger) = counted(Settings::new());
    let item = pool.get();
    for _ in 0..5 {
        pool.advance();
    }
    drop(item);
    pool.advance();
    assert_eq!(pool.idle(), 1);
    pool.advance();
    assert_eq!(pool.idle(), 0);
    ledger.assert_all_dropped_once();
}

/// A thread uses one of 64 idle items per epoch. The other 63 are dropped after two epochs.
#[test]
fn unused_items_age_out_beside_used_ones() {
    for slots in [0, 1, 2, 16, 32, 63, 64, 65, 128] {
        let (pool, ledger) = counted(Settings::new().private_slots(slots));
        burst(&pool, 64);
        assert_eq!(pool.idle(), 64);
        pool.advance();
        burst(&pool, 1);
        pool.advance();
        assert_eq!((pool.idle(), ledger.live()), (1, 1), "with {slots} private slots");
        for _ in 0..3 {
            burst(&pool, 1);
            pool.advance();
        }
        assert_eq!((pool.idle(), ledger.live(), ledger.made()), (1, 1, 64), "with {slots} private slots");
    }
}

/// The same where another thread put the idle items, so the user gets them through the shared queues.
#[test]
fn taking_one_item_of_another_thread_keeps_only_that_one() {
    let (pool, ledger) = counted(Settings::new());
    let other = Arc::clone(&pool);
    on_thread(move || drop(burst(&other, 64)));
    pool.advance();
    burst(&pool, 1);
    pool.advance();
    assert_eq!((pool.idle(), ledger.live(), ledger.made()), (1, 1, 64));
}

/// A sweep empties the shared queues, and the private slots of this thread, of an idle one and of an ended one.
#[test]
fn items_are_swept_wherever_they_lie() {
    let (pool, ledger) = counted(Settings::new());
    let idle = Worker::new();
    let theirs = Arc::clone(&pool);
    idle.run(move || drop(burst(&theirs, 10)));
    let theirs = Arc::clone(&pool);
    on_thread(move || drop(burst(&theirs, 20)));
    // A thread that starts now may inherit the ended thread's slots. This thread has its own.
    let shared_and_mine = burst(&pool, 48).len();
    let before = pool.idle();
    assert!(before >= shared_and_mine, "{before}");
    assert_eq!(before, ledger.live());

    let first = pool.advance().expect("no other sweep runs");
    assert_eq!((first.dropped, first.kept), (0, before));
    let second = pool.advance().expect("no other sweep runs");
    assert_eq!((second.dropped, second.kept), (before, 0));
    assert_eq!(ledger.live(), 0);
    drop(idle);
}

/// The upper bound, for each place: the second sweep drops the item.
#[test]
fn the_upper_bound_holds_in_every_place() {
    type Put = fn(&Arc<CountedPool>) -> Option<Worker>;
    let places: [(&str, Put); 5] = [
        ("this thread's private slots", |pool| {
            burst(pool, 3);
            None
        }),
        ("an idle thread's private slots", |pool| {
            let worker = Worker::new();
            let pool = Arc::clone(pool);
            worker.run(move || drop(burst(&pool, 3)));
            Some(worker)
        }),
        ("an exited thread's private slots", |pool| {
            on_thread(|| drop(burst(pool, 3)));
            None
        }),
        ("the shared queues, by a spill", |pool| {
            on_thread(|| drop(burst(pool, 200)));
            None
        }),
        ("the shared queues, by prefill", |pool| {
            pool.prefill(40);
            None
        }),
    ];
    for (place, put) in places {
        for sweeps_before in 0..3 {
            let (pool, ledger) = counted(Settings::new());
            for _ in 0..sweeps_before {
                // An unused pool has no epochs. This creates them.
                burst(&pool, 1);
                pool.clear();
                pool.advance();
            }
            let worker = put(&pool);
            assert!(ledger.live() > 0);
            pool.advance();
            assert_eq!(pool.idle(), ledger.live(), "{place}");
            assert!(ledger.live() > 0, "{place}: dropped by the first sweep");
            pool.advance();
            assert_eq!((pool.idle(), ledger.live()), (0, 0), "{place}: kept by the second sweep");
            drop(worker);
        }
    }
}

/// The lower bound: an item put after sweep number k survives sweep k + 1, wherever it is.
#[test]
fn an_item_put_after_a_sweep_survives_the_next() {
    for slots in [0, 1, 2, 32] {
        let (pool, ledger) = counted(Settings::new().private_slots(slots));
        let worker = Worker::new();
        for k in 0..8 {
            let mine = ledger.made();
            pool.put(ledger.item());
            let (theirs, made) = (Arc::clone(&pool), Arc::clone(&ledger));
            worker.run(move || theirs.put(made.item()));
            let (theirs, made) = (Arc::clone(&pool), Arc::clone(&ledger));
            on_thread(move || theirs.put(made.item()));
            pool.prefill(1);
            pool.advance().expect("no other sweep runs");
            let dropped = ledger.drop_order();
            assert!(dropped.iter().all(|id| *id < mine), "sweep {} dropped an item of this epoch", k + 1);
            assert_eq!(dropped.len(), mine, "sweep {} left an item of an earlier epoch", k + 1);
        }
    }
}

/// A batch that a refill brought into private slots ages like any other.
#[test]
fn refilled_items_age_too() {
    let (pool, ledger) = counted(Settings::new());
    on_thread(|| drop(burst(&pool, 64)));
    // Brings a batch of 16 into this thread's slots.
    burst(&pool, 1);
    assert_eq!(ledger.made(), 64);
    pool.advance();
    assert_eq!(ledger.live(), 64);
    pool.advance();
    assert_eq!(ledger.live(), 0);
}

/// Young items are taken before victims, so that the victims age out.
#[test]
fn young_items_are_taken_before_victims() {
    let (pool, ledger) = counted(Settings::new().private_slots(0));
    pool.put(ledger.item());
    pool.advance();
    pool.put(ledger.item());
    let (young, old) = (pool.get(), pool.get());
    assert_eq!((young.id, old.id), (1, 0));
    assert_eq!(pool.stats().rescues, 1);
}

/// After a sweep, every thread can get the items of an idle thread.
#[test]
fn a_sweep_shares_the_items_of_an_idle_thread() {
    let (pool, ledger) = counted(Settings::new());
    let idle = Worker::new();
    let theirs = Arc::clone(&pool);
    idle.run(move || drop(burst(&theirs, 8)));
    assert!(pool.try_get().is_none(), "private items are private until a sweep");
    pool.advance();
    assert_eq!(take_all(&pool).len(), 8);
    drop(idle);
    ledger.assert_all_dropped_once();
}

/// Numbers of private slots around the bits of a word, with as many items. All are kept, found again and dropped.
#[test]
fn every_number_of_slots_keeps_finds_and_drops() {
    let sizes = [0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 127, 128, 129];
    for slots in sizes {
        for items in sizes {
            let (pool, ledger) = counted(Settings::new().private_slots(slots));
            let case = format!("{slots} slots, {items} items");
            burst(&pool, items);
            assert_eq!((pool.idle(), ledger.made()), (items, items), "{case}");
            let mut found = burst(&pool, items);
            found.sort_unstable();
            assert_eq!(found, (0..items).collect::<Vec<_>>(), "{case}");
            assert_eq!(take_all(&pool).len(), items, "{case}");
            assert_eq!(pool.idle(), 0, "{case}");

            burst(&pool, items);
            assert_eq!(pool.idle(), items, "{case}");
            pool.advance();
            assert_eq!(pool.idle(), items, "{case}");
            pool.advance();
            assert_eq!((pool.idle(), ledger.live()), (0, 0), "{case}");
        }
    }
}

/// `clear` drops the items of every epoch and place.
#[test]
fn clear_drops_all() {
    let (pool, ledger) = counted(Settings::new());
    let worker = Worker::new();
    burst(&pool, 50);
    pool.advance();
    let theirs = Arc::clone(&pool);
    worker.run(move || drop(burst(&theirs, 70)));
    burst(&pool, 5);
    let live = ledger.live();
    let swept = pool.clear().expect("no other sweep runs");
    assert_eq!((swept.dropped, swept.kept, swept.left_busy), (live, 0, 0));
    assert_eq!((ledger.live(), pool.idle()), (0, 0));
}

/// `min_idle` items survive any number of sweeps. `clear` drops them.
#[test]
fn min_idle_items_are_exempt() {
    for slots in [0, 2, 8, 32] {
        let (pool, ledger) = counted(Settings::new().private_slots(slots).min_idle(10));
        burst(&pool, 50);
        pool.advance();
        assert_eq!(pool.idle(), 50);
        for _ in 0..20 {
            pool.advance();
            assert_eq!((pool.idle(), ledger.live()), (10, 10), "{slots} private slots");
        }
        assert_eq!(take_all(&pool).len(), 10);
        burst(&pool, 3);
        for _ in 0..5 {
            pool.advance();
        }
        assert_eq!(pool.idle(), 3, "fewer than min_idle are all kept, and none is created");
        assert_eq!(pool.clear().map(|swept| swept.dropped), Some(3));
        assert_eq!(pool.idle(), 0);
        ledger.assert_all_dropped_once();
    }
}

/// Items in use don't count as idle. `min_idle` items stay beside them.
#[test]
fn min_idle_counts_idle_items_only() {
    let (pool, _ledger) = counted(Settings::new().min_idle(4));
    burst(&pool, 12);
    let held: Vec<_> = (0..5).map(|_| pool.get()).collect();
    pool.advance();
    pool.advance();
    assert_eq!(pool.idle(), 4);
    drop(held);
    assert_eq!(pool.idle(), 9);
}

/// A sweep of an unused pool does nothing and reports nothing.
#[test]
fn sweeping_an_unused_pool_does_nothing() {
    let (pool, ledger) = counted(Settings::new());
    assert_eq!(pool.advance(), Some(ebbtide::Swept::default()));
    assert_eq!(pool.clear(), Some(ebbtide::Swept::default()));
    assert_eq!(pool.stats(), ebbtide::Stats::default());
    assert_eq!(ledger.made(), 0);
}

/// The ledger counts its items and their drops. All other tests rely on it.
#[test]
fn the_ledger_counts() {
    let ledger = Ledger::new();
    let items: Vec<Counted> = (0..3).map(|_| ledger.item()).collect();
    assert_eq!((ledger.live(), ledger.peak()), (3, 3));
    drop(items);
    assert_eq!((ledger.live(), ledger.made(), ledger.dropped()), (0, 3, 3));
    ledger.assert_all_dropped_once();
}

/// All of the above where the system refuses the heavy barrier from the start, so that both sides use fences.
#[cfg(target_os = "linux")]
#[test]
fn retention_where_both_sides_use_fences() {
    common::linux::all_others_pass_without_membarrier("retention_where_both_sides_use_fences");
}
