//! The rest of the public API: every way to get and put, and the numbers.

mod common;

use std::io::{Cursor, Read};
use std::sync::Arc;

use common::{Ledger, MANUAL, Maker, Worker, alone, burst, counted, on_thread, take_all};
use ebbtide::{OwnedPooled, Pool, Pooled, Settings, Stats, Swept};

/// `try_get` takes an idle item and never makes one.
#[test]
fn try_get_never_creates() {
    let (pool, ledger) = counted(Settings::new());
    assert!(pool.try_get().is_none());
    assert_eq!((ledger.made(), pool.stats()), (0, Stats::default()));
    drop(pool.get());
    let item = pool.try_get().expect("one is idle");
    assert!(pool.try_get().is_none());
    assert_eq!(item.id, 0);
    drop(item);
    assert!(on_thread(|| pool.try_get().is_none()), "private until a sweep");
    pool.advance();
    assert_eq!(on_thread(|| pool.try_get().map(|item| item.id)), Some(0));
}

/// `try_get_owned` does the same, and its guard keeps the pool alive.
#[test]
fn try_get_owned_never_creates() {
    let (pool, ledger) = counted(Settings::new());
    assert!(pool.try_get_owned().is_none());
    drop(pool.get());
    let guard = pool.try_get_owned().expect("one is idle");
    assert!(pool.try_get_owned().is_none());
    assert_eq!((Arc::strong_count(&pool), ledger.made()), (2, 1));
    drop(guard);
    assert_eq!((Arc::strong_count(&pool), pool.idle()), (1, 1));
}

/// `get_with` calls its own factory if no item is idle.
#[test]
fn get_with_uses_its_own_factory() {
    let pool = Pool::with_settings(|| 0, MANUAL);
    let (one, two) = (1, 2);
    let first = pool.get_with(|| one);
    let second = pool.get_with(|| two);
    assert_eq!((*first, *second), (1, 2));
    drop(first);
    assert_eq!(*pool.get_with(|| unreachable!("one is idle")), 1);
    assert_eq!(pool.stats().created, 2);
}

/// `get_owned` returns a guard without a lifetime that keeps the pool alive.
#[test]
fn get_owned_holds_the_pool() {
    let (pool, ledger) = counted(Settings::new());
    let guard = pool.get_owned();
    assert_eq!(Arc::strong_count(&pool), 2);
    drop(guard);
    assert_eq!((Arc::strong_count(&pool), pool.idle()), (1, 1));
    assert_eq!(pool.get_owned().id, 0);
    let item = OwnedPooled::detach(pool.get_owned());
    assert_eq!((Arc::strong_count(&pool), pool.idle()), (1, 0));
    drop(item);
    ledger.assert_all_dropped_once();
}

/// `put` makes a foreign item idle.
#[test]
fn put_accepts_items_made_elsewhere() {
    let (pool, ledger) = counted(Settings::new());
    for _ in 0..100 {
        pool.put(ledger.item());
    }
    assert_eq!((pool.idle(), pool.stats().created), (100, 0));
    assert_eq!(take_all(&pool).len(), 100);
}

/// A detached item can be put back.
#[test]
fn a_detached_item_can_be_put_back() {
    let (pool, ledger) = counted(Settings::new());
    let item = Pooled::detach(pool.get());
    pool.put(item);
    assert_eq!((pool.get().id, ledger.made()), (0, 1));
}

/// A guard converts to whatever its item converts to, as a `Box` does. So a `Cursor` can read from a guard or write
/// into it.
#[test]
fn a_guard_converts_like_its_item() {
    let pool: Arc<Pool<Vec<u8>>> = Arc::new(Pool::new());
    let (mut guard, mut owned) = (pool.get(), pool.get_owned());
    guard.extend_from_slice(b"ebb");
    owned.extend_from_slice(b"tide");
    let mut all = String::new();
    Cursor::new(guard).chain(Cursor::new(owned)).read_to_string(&mut all).expect("UTF-8");
    assert_eq!((all.as_str(), pool.idle()), ("ebbtide", 2));

    fn shout(text: &mut impl AsMut<[u8]>) {
        text.as_mut().make_ascii_uppercase();
    }
    let (mut guard, mut owned) = (pool.get(), pool.get_owned());
    for text in [&mut *guard, &mut *owned] {
        text.extend_from_slice(b"tide");
    }
    shout(&mut guard);
    shout(&mut owned);
    assert_eq!((guard.as_slice(), owned.as_slice()), (&b"TIDE"[..], &b"TIDE"[..]));
}

/// `prefill` makes as many items as asked for, and every thread finds them.
#[test]
fn prefilled_items_are_found_by_every_thread() {
    for slots in [0, 1, 32] {
        let (pool, ledger) = counted(Settings::new().private_slots(slots));
        assert_eq!(pool.prefill(0), 0);
        assert_eq!(pool.prefill(100), 100);
        assert_eq!((pool.idle(), ledger.made()), (100, 100));
        let mut found = on_thread(|| take_all(&pool).len());
        found += take_all(&pool).len();
        assert_eq!(found, 100, "{slots} private slots");
        let stats = pool.stats();
        assert_eq!((stats.created, stats.rejected), (0, 0), "{slots} private slots: no get created one");
    }
}

/// `prefill` returns how many items were kept.
#[test]
fn prefill_returns_how_many_were_kept() {
    let (pool, ledger) = counted(Settings::new().max_idle(40));
    assert_eq!(pool.prefill(30), 30);
    assert_eq!(pool.prefill(30), 10);
    assert_eq!(pool.prefill(30), 0);
    assert_eq!((pool.idle(), ledger.live()), (40, 40));
}

/// `idle` counts the items in all threads' private slots and in the shared queues.
#[test]
fn idle_counts_private_and_shared_items() {
    let (pool, _ledger) = counted(Settings::new());
    let worker = Worker::new();
    let theirs = Arc::clone(&pool);
    worker.run(move || drop(burst(&theirs, 7)));
    on_thread(|| drop(burst(&pool, 50)));
    let found = pool.idle();
    assert_eq!(found, 57);
    let mine: Vec<_> = (0..3).map(|_| pool.get()).collect();
    assert_eq!(pool.idle() + 3, 57);
    drop(mine);
    assert_eq!(pool.idle(), 57);
    drop(worker);
    assert_eq!(pool.idle(), 57, "the items of an exited thread");
}

/// Each number in `Stats` counts what its name says.
#[test]
fn each_stat_counts_its_events() {
    let (pool, ledger) = counted(Settings::new().private_slots(0).max_idle(10));
    let expect = |created, refills, rescues, rejected, sweeps, dropped, idle| {
        let stats = pool.stats();
        let found = (stats.created, stats.rescues, stats.rejected, stats.sweeps, stats.dropped, stats.idle);
        assert_eq!(found, (created, rescues, rejected, sweeps, dropped, idle));
        assert_eq!(stats.refills + stats.steals, refills);
        assert_eq!((stats.refused, stats.left_busy, stats.failed_barriers), (0, 0, 0));
    };
    burst(&pool, 12);
    expect(12, 0, 0, 2, 0, 0, 10);
    burst(&pool, 3);
    expect(12, 3, 0, 2, 0, 0, 10);
    pool.advance();
    expect(12, 3, 0, 2, 1, 0, 10);
    burst(&pool, 2);
    expect(12, 3, 2, 2, 1, 0, 10);
    pool.advance();
    expect(12, 3, 2, 2, 2, 8, 2);
    pool.clear();
    expect(12, 3, 2, 2, 3, 10, 0);
    assert_eq!(ledger.dropped(), 12);
}

/// Each item is counted once when it is dropped, whatever the reason.
#[test]
fn each_dropped_item_is_counted_once() {
    let (pool, ledger) = counted(Settings::new().private_slots(8).max_idle(5));
    let worker = Worker::new();
    for _ in 0..3 {
        let theirs = Arc::clone(&pool);
        worker.run(move || drop(burst(&theirs, 4)));
        burst(&pool, 30);
        pool.advance();
        burst(&pool, 3);
        pool.advance();
    }
    let stats = pool.stats();
    assert_eq!(stats.dropped + stats.rejected + stats.refused, ledger.dropped());
    assert_eq!(stats.idle, ledger.live());
}

/// Spills, refills and steals are counted, each on the thread that did it.
#[test]
fn spills_refills_and_steals_are_counted() {
    let (pool, _ledger) = counted(Settings::new().private_slots(8));
    let worker = Worker::new();
    let theirs = Arc::clone(&pool);
    worker.run(move || drop(burst(&theirs, 40)));
    let spilled = pool.stats();
    assert_eq!(spilled.spills * 4, 40 - 8, "what doesn't fit into 8 slots goes in batches of 4");
    assert_eq!((spilled.refills, spilled.steals, spilled.created), (0, 0, 40));
    let found = take_all(&pool).len();
    let after = pool.stats();
    assert_eq!(after.refills + after.steals, found / 4);
    assert_eq!((after.spills, after.created, after.idle), (spilled.spills, 40, 8));
    drop(worker);
}

/// A batch from the own shard is a refill, and one from another shard is a steal. This runs in a process of its own, so
/// that the two threads have neighbouring shards. One CPU has one shard.
#[test]
fn refills_and_steals_are_counted_separately() {
    if !alone("refills_and_steals_are_counted_separately") {
        return;
    }
    let (pool, _ledger) = counted(Settings::new().private_slots(2));
    burst(&pool, 8);
    let (worker, theirs) = (Worker::new(), Arc::clone(&pool));
    let travelled = worker.run(move || {
        [0; 2].map(|_| {
            burst(&theirs, 6);
            (theirs.stats().refills, theirs.stats().steals)
        })
    });
    let one_shard = std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() == 1);
    assert_eq!(travelled, if one_shard { [(6, 0), (10, 0)] } else { [(0, 6), (4, 6)] });
    assert_eq!(pool.stats().created, 8);
    drop(worker);
}

/// A thread takes victims from its own shard before young items from others.
#[test]
fn own_victims_are_taken_before_stealing() {
    let (pool, ledger) = counted(Settings::new().private_slots(2));
    burst(&pool, 8);
    pool.advance();
    let (worker, theirs) = (Worker::new(), Arc::clone(&pool));
    worker.run(move || (0..8).for_each(|_| theirs.put(ledger.item())));
    burst(&pool, 8);
    let stats = pool.stats();
    // Both may have the same shard. Then its young items come first.
    assert_eq!((stats.rescues + stats.refills, stats.steals), (8, 0));
    drop(worker);
}

/// An item that is got and put repeatedly is created once, and nothing else is counted.
#[test]
fn private_hits_are_not_counted() {
    let (pool, _ledger) = counted(Settings::new());
    for _ in 0..1000 {
        drop(pool.get());
    }
    let stats = pool.stats();
    assert_eq!((stats.created, stats.idle), (1, 1));
    assert_eq!((stats.spills, stats.refills, stats.steals, stats.rescues, stats.rejected), (0, 0, 0, 0, 0));
}

/// `Swept` reports what the sweep did.
#[test]
fn swept_reports_what_the_sweep_did() {
    let (pool, ledger) = counted(Settings::new().min_idle(3));
    burst(&pool, 20);
    let said = |swept: Option<Swept>| {
        let swept = swept.expect("no other sweep runs");
        (swept.dropped, swept.kept, swept.left_busy)
    };
    assert_eq!(said(pool.advance()), (0, 20, 0));
    assert_eq!(said(pool.advance()), (17, 3, 0));
    assert_eq!(said(pool.advance()), (0, 3, 0));
    assert_eq!(said(pool.clear()), (3, 0, 0));
    assert_eq!(said(pool.clear()), (0, 0, 0));
    assert_eq!((ledger.live(), pool.stats().dropped, pool.stats().sweeps), (0, 20, 5));
}

/// Threads that sweep the same pool at once don't wait for each other. Each sweeps or is refused. No item is dropped
/// too early, twice or never.
#[test]
fn concurrent_sweeps_do_not_wait() {
    let (pool, ledger) = counted(Settings::new());
    let ran = common::Count::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    burst(&pool, 3);
                    if pool.advance().is_some() {
                        ran.bump();
                    }
                }
            });
        }
    });
    assert_eq!(pool.stats().sweeps, ran.get());
    assert!(ran.get() > 0);
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// Two pools of the same type don't share items.
#[test]
fn pools_of_one_type_share_no_items() {
    let ledger = Ledger::new();
    let (one, two) = (
        Pool::with_settings(Maker(Arc::clone(&ledger)), MANUAL),
        Pool::with_settings(Maker(Arc::clone(&ledger)), MANUAL),
    );
    drop(one.get());
    assert!(two.try_get().is_none());
    // A guard returns its item to the pool that it came from.
    let (of_one, of_two) = (one.get(), two.get());
    let (mut a, mut b) = (of_one, of_two);
    std::mem::swap(&mut *a, &mut *b);
    drop((a, b));
    assert_eq!((one.idle(), two.idle()), (1, 1));
    let (mut first, mut second) = (one.get(), one.get());
    std::mem::swap(&mut first, &mut second);
    drop((first, second));
    assert_eq!(one.idle(), 2);
}
