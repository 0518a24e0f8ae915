//! `BoundedPool`: what isn't needed goes after one to two epochs, down to `min_idle`; what is needed stays.
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

/// `advance_all` holds the items of every timed pool for a moment, so the tests that would notice take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Long enough that the janitor doesn't come by itself.
const HOUR: Duration = Duration::from_secs(3600);

/// An idle item survives one sweep and not two.
#[test]
fn one_sweep_and_not_two() {
    let (pool, ledger) = counted(4);
    drop(pool.get_many(4).unwrap());
    let first = pool.advance();
    assert_eq!((first.dropped, first.kept, ledger.live()), (0, 4, 4));
    let second = pool.advance();
    assert_eq!((second.dropped, second.kept, ledger.live()), (4, 0, 0));
    assert_eq!((pool.stats().sweeps, pool.stats().dropped), (2, 4));
    // What is in use has no age: it starts when it comes back.
    let held = pool.get().unwrap();
    pool.advance();
    pool.advance();
    drop(held);
    pool.advance();
    assert_eq!(pool.idle(), 1);
    pool.advance();
    assert_eq!(pool.idle(), 0);
}

/// Under light load what is needed stays and the rest goes, however the load comes: the item put back last is used first.
#[test]
fn what_is_not_needed_goes_under_light_load() {
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

/// Sweeps leave `min_idle` items, those used last; `clear` leaves none.
#[test]
fn min_idle_stays() {
    let (pool, ledger) = counted_with(Settings::new(6).min_idle(2).manual());
    drop(pool.get_many(6).unwrap());
    pool.advance();
    let youngest = pool.get().unwrap().id;
    for _ in 0..3 {
        pool.advance();
        assert_eq!((pool.idle(), ledger.live()), (2, 2));
    }
    assert_eq!(pool.get().unwrap().id, youngest);
    let cleared = pool.clear();
    assert_eq!((cleared.dropped, cleared.kept, ledger.live()), (2, 0, 0));
    assert_eq!(pool.advance().dropped, 0);
}

/// Items that are made ahead age as those that come back do.
#[test]
fn items_made_ahead_age_too() {
    let (pool, _ledger) = counted(3);
    assert_eq!(pool.prefill(3), Ok(3));
    pool.advance();
    assert_eq!(pool.idle(), 3);
    pool.advance();
    assert_eq!(pool.idle(), 0);
}

/// A pool that nobody used yet has nothing to sweep, and a closed one neither.
#[test]
fn nothing_to_sweep() {
    let (pool, ledger) = counted(3);
    assert_eq!((pool.advance().dropped, pool.clear().dropped, pool.stats().sweeps), (0, 0, 0));
    drop(pool.get().unwrap());
    pool.close();
    assert_eq!((pool.advance().dropped, ledger.live()), (0, 0));
    assert_eq!(pool.stats().dropped, 1, "by `close`");
}

/// The janitor sweeps bounded pools as it does others, those in statics too.
#[test]
fn idle_items_go_by_themselves() {
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

/// `advance_all` sweeps pools of both kinds, and says what it did in all; manual ones are none of its business.
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

/// An item that waits in its `Drop` until it is told to go on, if it is the first one.
struct First {
    counted: Counted,
    waits: Arc<Count>,
    go_on: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Drop for First {
    fn drop(&mut self) {
        if self.counted.id == 0 {
            self.waits.bump();
            // When the test has failed, nobody tells it any more.
            let _ = lock(&self.go_on).recv();
        }
    }
}

/// While the janitor drops an item, only that one's place is taken; and when the pool is dropped meanwhile its other items go at
/// once.
#[test]
fn a_slow_drop_in_the_janitor_keeps_one_place() {
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

/// A dropped pool's items go with it, though the janitor knows it.
#[test]
fn a_dropped_pool_is_forgotten() {
    let _turn = lock(&TURN);
    let ledger = Ledger::new();
    for _ in 0..50 {
        let pool = BoundedPool::with_settings(Maker(Arc::clone(&ledger)), Settings::new(5).every(HOUR));
        drop(pool.get_many(5).unwrap());
    }
    ledger.assert_all_dropped_once();
}
