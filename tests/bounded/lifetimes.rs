//! `BoundedPool`: items that outlive `max_lifetime`, what `retain` keeps, and `status`.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::common::polled::Polled;
use crate::common::{Count, panic_of};
use crate::pools::{counted, counted_with};
use ebbtide::BoundedPool;
use ebbtide::bounded::{Pooled, Settings};
use futures_lite::future::block_on;

/// Items live for at least 9/10 of it.
const SHORT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_secs(3600);

/// By whatever way: an idle item that is too old is dropped, and a new one is created in its place.
#[test]
fn a_get_replaces_an_expired_item() {
    for way in 0..4 {
        let (pool, ledger) = counted_with(Settings::new(1).manual().max_lifetime(SHORT));
        assert_eq!(pool.prefill(1), Ok(1));
        thread::sleep(SHORT);
        let id = match way {
            0 => pool.get().unwrap().id,
            1 => pool.try_get().unwrap().id,
            2 => pool.get_many(1).unwrap()[0].id,
            _ => block_on(pool.get_async()).unwrap().id,
        };
        assert_eq!((id, ledger.peak()), (1, 1));
    }
}

/// An item that outlived its lifetime in use is not kept, and its place is free.
#[test]
fn an_expired_item_is_dropped_when_it_returns() {
    let (pool, ledger) = counted_with(Settings::new(1).manual().max_lifetime(Duration::from_nanos(1)));
    drop(pool.get().unwrap());
    assert_eq!((pool.idle(), pool.in_use(), ledger.live()), (0, 0, 0));
}

/// A sweep drops items that are too old, even those that `min_idle` would keep.
#[test]
fn a_sweep_drops_expired_items() {
    let (pool, ledger) = counted_with(Settings::new(2).manual().min_idle(2).max_lifetime(SHORT));
    assert_eq!(pool.prefill(2), Ok(2));
    thread::sleep(SHORT);
    assert_eq!((pool.advance().unwrap().dropped, ledger.live()), (2, 0));
    assert_eq!((pool.idle(), pool.in_use()), (0, 0));
}

/// Items that are not too old are kept.
#[test]
fn items_that_have_not_expired_stay() {
    let (pool, ledger) = counted_with(Settings::new(2).manual().min_idle(2).max_lifetime(LONG));
    drop(pool.get_many(2).unwrap());
    for _ in 0..3 {
        pool.advance();
    }
    assert_eq!((pool.get_many(2).unwrap().len(), ledger.made()), (2, 2));
    let (pool, ledger) = counted_with(Settings::new(1).manual().max_lifetime(Duration::MAX));
    drop(pool.get().unwrap());
    assert_eq!((pool.get().unwrap().id, ledger.made()), (0, 1));
}

/// Items that were created together, in whatever way, have lifetimes from 90 to 100 % of the most, spread over that.
#[test]
fn lifetimes_differ() {
    let (pool, _ledger) = counted_with(Settings::new(100).manual().max_lifetime(LONG));
    assert_eq!(pool.prefill(50), Ok(50));
    let lifetimes: Vec<_> = pool
        .get_many(100)
        .unwrap()
        .iter()
        .map(Pooled::info)
        .map(|info| info.expires().unwrap().duration_since(info.created().unwrap()))
        .collect();
    for lifetimes in lifetimes.chunks(50) {
        let (least, most) = (lifetimes.iter().min().unwrap(), lifetimes.iter().max().unwrap());
        assert!(*least >= LONG * 9 / 10 && *most <= LONG);
        assert!(*most - *least > LONG * 9 / 100);
    }
}

/// `retain` drops what it is told to. The others age as if nothing had happened.
#[test]
fn retain_keeps_the_order_and_age_of_items() {
    let (pool, ledger) = counted(4);
    assert_eq!(pool.prefill(4), Ok(4));
    pool.advance();
    drop(pool.get().unwrap());
    let mut seen = Vec::new();
    let swept = pool.retain(|item, info| {
        seen.push((item.id, info.uses()));
        item.id != 1
    });
    assert_eq!((swept.dropped, swept.kept), (1, 3));
    assert_eq!(seen, [(0, 0), (1, 0), (2, 0), (3, 1)]);
    pool.advance();
    assert_eq!((ledger.drop_order(), pool.idle(), pool.in_use()), (vec![1, 0, 2], 1, 0));
}

/// A panic in the closure of `retain` drops that item. The closure still gets the others.
#[test]
fn a_panic_in_retain_loses_one_item() {
    let (pool, ledger) = counted(3);
    assert_eq!(pool.prefill(3), Ok(3));
    let mut calls = 0;
    let retain = || {
        pool.retain(|item, _| {
            calls += 1;
            assert_ne!(item.id, 1, "tripped");
            true
        })
    };
    assert!(panic_of(retain).contains("tripped"));
    assert_eq!((calls, ledger.drop_order(), pool.idle(), pool.in_use()), (3, vec![1], 2, 0));
}

/// A waiter that comes while `retain` looks at the items is served afterwards. Nobody sees an item twice.
#[test]
fn retain_serves_those_who_came_meanwhile() {
    let (pool, ledger) = counted(1);
    assert_eq!(pool.prefill(1), Ok(1));
    let mut waiting = None;
    pool.retain(|_, _| {
        waiting = Some(Polled::waiting(pool.get_async()));
        true
    });
    let item = waiting.unwrap().ready().unwrap();
    assert_eq!((item.id, pool.in_use(), pool.idle(), ledger.made()), (0, 1, 0, 1));
}

/// If the pool is closed or becomes smaller meanwhile, `retain` drops what has no room.
#[test]
fn retain_and_close_leave_nothing() {
    let (pool, ledger) = counted(3);
    assert_eq!(pool.prefill(3), Ok(3));
    pool.retain(|_, _| pool.resize(2).is_ok());
    assert_eq!((pool.idle(), pool.in_use(), ledger.live()), (2, 0, 2));
    pool.retain(|_, _| {
        pool.close();
        true
    });
    assert_eq!((pool.idle(), pool.in_use(), ledger.live()), (0, 0, 0));
}

struct Looks;

static LOOKED: BoundedPool<Looks, fn() -> Looks> = BoundedPool::with_settings(|| Looks, Settings::new(3).manual());
static DROPPING: Count = Count::new();

impl Drop for Looks {
    fn drop(&mut self) {
        let status = LOOKED.status();
        assert!(status.in_use >= status.dropping);
        DROPPING.add(status.dropping);
    }
}

/// The counts are of one moment, and an item that is being dropped is in use.
#[test]
fn status_counts_items_that_are_being_dropped() {
    drop(LOOKED.get_many(2).unwrap());
    let item = LOOKED.get().unwrap();
    let waiting = Polled::waiting(LOOKED.get_many_async(3));
    let status = LOOKED.status();
    assert_eq!((status.capacity, status.in_use, status.dropping), (3, 1, 0));
    assert_eq!((status.idle, status.waiting, status.closed), (1, 1, false));
    drop(waiting);
    LOOKED.clear();
    assert_eq!(DROPPING.get(), 1);
    drop(item);
    LOOKED.close();
    assert_eq!(DROPPING.get(), 2);
    let status = LOOKED.status();
    assert_eq!((status.in_use, status.dropping, status.idle, status.closed), (0, 0, 0, true));
}

/// Whatever is put back meanwhile, a sweep drops what was idle for an epoch, and nothing younger.
#[test]
fn overlapping_retains_keep_the_ages() {
    let (pool, _) = counted(3);
    let retain = |started: Sender<()>, go: Receiver<()>| {
        let pool = Arc::clone(&pool);
        thread::spawn(move || {
            pool.retain(|_, _| {
                // Only the first of its items is met by the others.
                if started.send(()).is_ok() {
                    let _ = go.recv();
                }
                true
            })
        })
    };
    drop(pool.get_many(2).unwrap());
    let (started, first_started) = channel();
    let (first_go, go) = channel();
    let first = retain(started, go);
    first_started.recv().expect("it has an item");
    pool.advance();
    let young = pool.get().unwrap();
    let id = young.id;
    drop(young);
    let (started, second_started) = channel();
    let (second_go, go) = channel();
    let second = retain(started, go);
    second_started.recv().expect("it has an item");
    drop((first_go, first_started));
    first.join().expect("no panic");
    drop((second_go, second_started));
    second.join().expect("no panic");
    assert_eq!((pool.idle(), pool.advance().unwrap().dropped), (3, 2));
    assert_eq!(pool.get().unwrap().id, id);
}
