//! Promise 7: an item has at most one owner and is dropped at most once. Once the pool and all guards are dropped, it
//! was dropped exactly once. See `stress.rs` too.

mod common;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::{Counted, Ledger, MANUAL, Maker, Worker, burst, counted, on_thread, sweep_during};
use ebbtide::{OwnedPooled, Pool, Pooled, Settings};

/// Dropping a pool drops each idle item once: those of this thread, of an idle one and of an ended one, and both
/// generations of the shared queues.
#[test]
fn dropping_a_pool_drops_all_idle_items() {
    let (pool, ledger) = counted(Settings::new());
    let idle = Worker::new();
    burst(&pool, 100);
    pool.advance();
    burst(&pool, 3);
    pool.prefill(20);
    let theirs = Arc::clone(&pool);
    idle.run(move || drop(burst(&theirs, 40)));
    on_thread(|| drop(burst(&pool, 50)));
    assert_eq!(ledger.dropped(), 0);
    assert_eq!(pool.idle(), ledger.made());
    drop(pool);
    ledger.assert_all_dropped_once();
    drop(idle);
}

/// The same for a timed pool, which the janitor knows. Its epochs are long, as the janitor drops what it holds itself.
#[test]
fn dropping_a_timed_pool_drops_all_idle_items() {
    let ledger = Ledger::new();
    let pool = Pool::with_settings(Maker(Arc::clone(&ledger)), Settings::new().every(Duration::from_secs(3600)));
    burst(&pool, 100);
    on_thread(|| drop(burst(&pool, 100)));
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// A thread uses pools in turn, and new ones where others were dropped. Each pool returns only its own items.
#[test]
fn pools_used_in_turn_keep_their_items_apart() {
    let (one, other) = (counted(Settings::new()).0, counted(Settings::new()).0);
    drop((one.get(), other.get()));
    for _ in 0..100 {
        let (new, ledger) = counted(Settings::new());
        assert!(new.try_get().is_none());
        drop((one.get(), other.get(), new.get()));
        drop((new.get(), one.get(), other.get()));
        assert_eq!([one.stats(), other.stats(), new.stats()].map(|stats| (stats.created, stats.idle)), [(1, 1); 3]);
        drop(new);
        ledger.assert_all_dropped_once();
    }
}

/// An owned guard can be the last holder of its pool. Its item returns, and both are dropped.
#[test]
fn an_owned_guard_can_be_the_last_holder() {
    let (pool, ledger) = counted(Settings::new());
    burst(&pool, 5);
    let (first, second) = (pool.get_owned(), pool.get_owned());
    let weak = Arc::downgrade(&pool);
    drop(pool);
    assert_eq!(ledger.dropped(), 0);
    drop(first);
    assert_eq!(ledger.dropped(), 0, "the pool lives as long as a guard");
    on_thread(move || drop(second));
    assert!(weak.upgrade().is_none());
    ledger.assert_all_dropped_once();
}

/// Detaching the last owned guard drops the pool but not the item.
#[test]
fn detaching_the_last_owned_guard_drops_the_pool() {
    let (pool, ledger) = counted(Settings::new());
    burst(&pool, 3);
    let guard = pool.get_owned();
    drop(pool);
    let item = OwnedPooled::detach(guard);
    assert_eq!((ledger.dropped(), ledger.live()), (2, 1));
    drop(item);
    ledger.assert_all_dropped_once();
}

/// A forgotten guard leaks its own item and nothing else.
#[test]
fn forgetting_a_guard_leaks_one_item() {
    let (pool, ledger) = counted(Settings::new());
    burst(&pool, 10);
    std::mem::forget(pool.get());
    burst(&pool, 10);
    assert_eq!((ledger.made(), pool.idle()), (11, 10));
    pool.advance();
    pool.advance();
    assert_eq!((ledger.live(), pool.idle()), (1, 0));
    drop(pool);
    assert_eq!((ledger.live(), ledger.dropped()), (1, 10));
}

/// A forgotten owned guard leaks its item and the pool, as it holds both.
#[test]
fn forgetting_an_owned_guard_leaks_the_pool() {
    let (pool, ledger) = counted(Settings::new());
    burst(&pool, 4);
    std::mem::forget(pool.get_owned());
    pool.clear();
    assert_eq!((ledger.live(), ledger.dropped()), (1, 3));
    let weak = Arc::downgrade(&pool);
    drop(pool);
    assert!(weak.upgrade().is_some());
}

/// A detached item belongs to the caller. The pool neither keeps nor drops it.
#[test]
fn a_detached_item_leaves_the_pool() {
    let (pool, ledger) = counted(Settings::new());
    let item: Counted = Pooled::detach(pool.get());
    assert_eq!(pool.idle(), 0);
    pool.advance();
    pool.advance();
    drop(pool);
    assert_eq!(ledger.dropped(), 0);
    drop(item);
    ledger.assert_all_dropped_once();
}

/// Threads start, end and inherit slots while sweeps empty these. No item is lost or duplicated.
#[test]
fn inherited_slots_lose_and_duplicate_nothing() {
    sweep_during(2, |pool| {
        for _ in 0..100 {
            on_thread(|| {
                for _ in 0..20 {
                    let guards: Vec<_> = (0..7).map(|_| pool.get()).collect();
                    guards.iter().for_each(|item| item.own());
                    guards.iter().for_each(|item| item.disown());
                }
            });
        }
    });
}

/// Guards are dropped on other threads than those that got them. The last holder drops the pool.
#[test]
fn guards_on_other_threads_are_dropped_once() {
    let (pool, ledger) = counted(Settings::new());
    let guards: Vec<Vec<_>> = (0..8).map(|_| (0..20).map(|_| pool.get_owned()).collect()).collect();
    let threads: Vec<_> = guards
        .into_iter()
        .map(|guards| {
            thread::spawn(move || {
                for guard in guards {
                    guard.own();
                    guard.disown();
                }
            })
        })
        .collect();
    drop(pool);
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    ledger.assert_all_dropped_once();
    assert_eq!(ledger.made(), 160);
}

/// An item's address never changes while the pool owns it: in use, moved with its guard, idle, spilled and swept.
#[test]
fn an_item_never_moves() {
    let pool = Pool::with_settings(|| [7_u64; 4], MANUAL);
    let guard = pool.get();
    let address = std::ptr::from_ref(&*guard);
    let moved = Box::new(guard);
    assert_eq!(std::ptr::from_ref(&**moved), address);
    drop(moved);
    for _ in 0..3 {
        pool.advance();
        let guard = pool.get();
        assert_eq!(std::ptr::from_ref(&*guard), address);
        assert_eq!(*guard, [7; 4]);
    }
}

/// Pointers into an item stay valid while its guard moves. A `Box` would not allow that.
#[test]
fn moving_a_guard_keeps_pointers_into_its_item() {
    let pool = Pool::with_settings(|| 5_u32, MANUAL);
    let mut guard = pool.get();
    let inside: *mut u32 = &mut *guard;
    let mut moved = Some(guard);
    // SAFETY: the item lives as long as its guard, which nobody uses meanwhile.
    unsafe { *inside += 1 };
    assert_eq!(moved.take().map(Pooled::detach), Some(6));
}

/// Every item ever made is idle, in use, detached, or dropped for a counted reason.
#[test]
fn stats_account_for_every_item() {
    let (pool, ledger) = counted(Settings::new().private_slots(4).max_idle(30));
    burst(&pool, 100);
    pool.prefill(10);
    let detached = Pooled::detach(pool.get());
    let held = pool.get();
    pool.advance();
    burst(&pool, 50);
    pool.advance();
    pool.clear();
    burst(&pool, 5);
    assert_eq!(pool.idle() + 2, ledger.live());
    drop(held);
    drop(detached);
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// All of the above where the system refuses the heavy barrier from the start, so that both sides use fences.
#[cfg(target_os = "linux")]
#[test]
fn owners_where_both_sides_use_fences() {
    common::linux::all_others_pass_without_membarrier("owners_where_both_sides_use_fences");
}
