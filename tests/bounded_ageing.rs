//! `BoundedPool`: surplus items are dropped after one to two epochs, down to `min_idle`. Items in use stay.
#![cfg(feature = "bounded")]

#[path = "common/bounded.rs"]
mod bounded;
mod common;

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bounded::{counted, counted_with};
use common::{Count, Counted, Ledger, Maker, lock, until};
use ebbtide::bounded::Settings;
use ebbtide::{BoundedPool, DefaultRecycle, Pool, advance_all};

/// `advance_all` holds the items of every timed pool for a moment. Tests that would notice take turns.
static TURN: Mutex<()> = Mutex::new(());

/// The janitor doesn't sweep within this time.
const HOUR: Duration = Duration::from_secs(3600);

/// An idle item survives one sweep and not two.
#[test]
fn idle_items_survive_one_sweep_and_not_two() {
    let (pool, ledger) = counted(4);
    drop(pool.get_many(4).unwrap());
    let first = pool.advance().unwrap();
    assert_eq!((first.dropped, first.kept, ledger.live()), (0, 4, 4));
    let second = pool.advance().unwrap();
    assert_eq!((second.dropped, second.kept, ledger.live()), (4, 0, 0));
    assert_eq!((pool.stats().sweeps, pool.stats().dropped), (2, 4));
    // An item in use has no age. Its age starts when it returns.
    let held = pool.get().unwrap();
    pool.advance();
    pool.advance();
    drop(held);
    pool.advance();
    assert_eq!(pool.idle(), 1);
    pool.advance();
    assert_eq!(pool.idle(), 0);
}

/// Under light load needed items stay and surplus ones age out, in any load pattern, as the item returned last is
/// reused first.
#[test]
fn surplus_items_age_out_under_light_load() {
    let (pool, ledger) = counted(10);
    drop(pool.get_many(10).unwrap());
    for epoch in 0..4 {
        for _ in 0..100 {
            drop(pool.get_many(2).unwrap());
            drop((pool.get().unwrap(), pool.get().unwrap()));
        }
        pool.advance();
        let idle = if epoch == 0 { 10 } else { 2 };
        assert_eq!((pool.idle(), ledger.live()), (idle, idle), "after epoch {epoch}");
    }
    assert_eq!(ledger.made(), 10);
}

/// Sweeps keep the `min_idle` items that were used last. `clear` keeps none.
#[test]
fn sweeps_keep_min_idle_items() {
    let (pool, ledger) = counted_with(Settings::new(6).min_idle(2).manual());
    drop(pool.get_many(6).unwrap());
    pool.advance();
    let youngest = pool.get().unwrap().id;
    for _ in 0..3 {
        pool.advance();
        assert_eq!((pool.idle(), ledger.live()), (2, 2));
    }
    assert_eq!(pool.get().unwrap().id, youngest);
    let cleared = pool.clear().unwrap();
    assert_eq!((cleared.dropped, cleared.kept, ledger.live()), (2, 0, 0));
    assert_eq!(pool.advance().unwrap().dropped, 0);
}

/// Prefilled items age like returned ones.
#[test]
fn prefilled_items_age() {
    let (pool, _ledger) = counted(3);
    assert_eq!(pool.prefill(3), Ok(3));
    pool.advance();
    assert_eq!(pool.idle(), 3);
    pool.advance();
    assert_eq!(pool.idle(), 0);
}

/// An unused or closed pool has nothing to sweep.
#[test]
fn sweeping_an_unused_or_closed_pool_does_nothing() {
    let (pool, ledger) = counted(3);
    assert_eq!((pool.advance().unwrap().dropped, pool.clear().unwrap().dropped, pool.stats().sweeps), (0, 0, 0));
    drop(pool.get().unwrap());
    pool.close();
    assert_eq!((pool.advance().unwrap().dropped, ledger.live()), (0, 0));
    assert_eq!(pool.stats().dropped, 1, "by `close`");
}

/// The janitor sweeps bounded pools, also in statics.
#[test]
fn the_janitor_sweeps_bounded_pools() {
    static POOL: BoundedPool<Vec<u8>> =
        BoundedPool::with_settings(DefaultRecycle, Settings::new(3).every(Duration::from_millis(1)));
    let ledger = Ledger::new();
    let settings = Settings::new(8).every(Duration::from_millis(1)).min_idle(1);
    let pool = BoundedPool::with_settings(Maker(Arc::clone(&ledger)), settings);
    for _ in 0..3 {
        drop(POOL.get_many(3).unwrap());
        drop(pool.get_many(8).unwrap());
        until("all is gone but what is to stay", || (pool.idle(), ledger.live(), POOL.idle()) == (1, 1, 0));
    }
    drop(pool);
    until("what the janitor held is dropped", || ledger.live() == 0);
    ledger.assert_all_dropped_once();
}

/// `advance_all` sweeps pools of both kinds and returns the sum. It leaves manual pools alone.
#[test]
fn advance_all_sweeps_both_kinds() {
    let _turn = lock(&TURN);
    let (manual, kept) = counted(3);
    drop(manual.get_many(3).unwrap());
    let ledger = Ledger::new();
    let bounded = BoundedPool::with_settings(Maker(Arc::clone(&ledger)), Settings::new(5).every(HOUR));
    let pool = Pool::with_settings(Maker(Arc::clone(&ledger)), ebbtide::Settings::new().every(HOUR));
    drop(bounded.get_many(5).unwrap());
    drop((pool.get(), pool.get()));
    assert!(advance_all().kept >= 7);
    assert_eq!((bounded.idle(), pool.idle()), (5, 2));
    assert!(advance_all().dropped >= 7);
    assert_eq!((bounded.idle(), pool.idle(), ledger.live()), (0, 0, 0));
    assert_eq!((manual.idle(), kept.live()), (3, 3));
}

/// An item whose `Drop`, if it is the first to be dropped, waits for a message.
struct First {
    counted: Counted,
    waits: Arc<Count>,
    go_on: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Drop for First {
    fn drop(&mut self) {
        if self.counted.id == 0 {
            self.waits.bump();
            // If the test failed, the sender is gone.
            let _ = lock(&self.go_on).recv();
        }
    }
}

/// While the janitor drops an item, only that item's place is occupied. If the pool is dropped meanwhile, its other
/// items are dropped at once.
#[test]
fn a_slow_drop_in_the_janitor_occupies_one_place() {
    let _turn = lock(&TURN);
    let (ledger, waits, (tell, go_on)) = (Ledger::new(), Arc::new(Count::new()), mpsc::channel());
    let make = {
        let (ledger, waits, go_on) = (Arc::clone(&ledger), Arc::clone(&waits), Arc::new(Mutex::new(go_on)));
        move || First { counted: ledger.item(), waits: Arc::clone(&waits), go_on: Arc::clone(&go_on) }
    };
    let pool = BoundedPool::with_settings(make, Settings::new(2).every(Duration::from_millis(1)));
    drop(pool.get());
    until("the janitor drops it", || waits.get() == 1);
    assert_eq!((pool.in_use(), pool.idle()), (1, 0));
    let second = pool.get().unwrap();
    assert!(pool.try_get().is_none());
    drop(second);
    assert_eq!((pool.in_use(), pool.idle(), ledger.made()), (1, 1, 2));
    drop(pool);
    assert_eq!(ledger.drop_order(), [1]);
    tell.send(()).unwrap();
    until("the first is gone", || ledger.live() == 0);
    ledger.assert_all_dropped_once();
}

/// Dropping a pool drops its items, although the janitor knows the pool.
#[test]
fn the_janitor_forgets_a_dropped_pool() {
    let _turn = lock(&TURN);
    let ledger = Ledger::new();
    for _ in 0..50 {
        let pool = BoundedPool::with_settings(Maker(Arc::clone(&ledger)), Settings::new(5).every(HOUR));
        drop(pool.get_many(5).unwrap());
    }
    ledger.assert_all_dropped_once();
}
