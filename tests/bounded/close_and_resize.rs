//! `BoundedPool`: what becomes of waiters and items when the pool is closed, and when its capacity changes.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::common::polled::Polled;
use crate::common::{Count, Dice, Ledger, lock, until};
use crate::pools::{counted, counted_with};
use ebbtide::BoundedPool;
use ebbtide::bounded::{GetError, Pooled, Settings};
use futures_lite::future::block_on;

/// `close` wakes all waiters with an error, and later calls get one too.
#[test]
fn close_wakes_every_waiter() {
    let (pool, ledger) = counted(2);
    let (one, two) = (pool.get().unwrap(), pool.get().unwrap());
    drop(two);
    assert_eq!((pool.idle(), pool.is_closed()), (1, false));
    let many = Polled::waiting(pool.get_many_async(2));
    let task = Polled::waiting(pool.get_async());
    thread::scope(|scope| {
        let thread = scope.spawn(|| pool.get().map(Pooled::detach));
        until("the thread waits", || pool.waiting() == 3);
        pool.close();
        assert_eq!(thread.join().unwrap().unwrap_err(), GetError::Closed);
    });
    assert_eq!(many.ready().unwrap_err(), GetError::Closed);
    assert_eq!(task.ready().unwrap_err(), GetError::Closed);
    assert_eq!(pool.get().unwrap_err(), GetError::Closed);
    assert_eq!(pool.get_timeout(Duration::MAX).unwrap_err(), GetError::Closed);
    assert!(pool.try_get().is_none());
    assert_eq!(pool.prefill(2), Ok(0));
    // The idle item is dropped now, the other one when it returns.
    assert_eq!((pool.waiting(), pool.is_closed(), ledger.live()), (0, true, 1));
    drop(one);
    assert_eq!((ledger.live(), pool.idle(), pool.in_use()), (0, 0, 0));
    pool.close();
    ledger.assert_all_dropped_once();
}

/// A wait that was served before `close` keeps its item, which is dropped when it returns.
#[test]
fn a_wait_served_before_close_keeps_its_item() {
    let (pool, ledger) = counted_with(Settings::new(1).manual().max_overtakes(0));
    let held = pool.get().unwrap();
    let served = Polled::waiting(pool.get_async());
    let late = Polled::waiting(pool.get_async());
    drop(held);
    pool.close();
    assert_eq!(late.ready().unwrap_err(), GetError::Closed);
    let item = served.ready().unwrap();
    assert_eq!(ledger.live(), 1);
    drop(item);
    assert_eq!((ledger.live(), pool.in_use()), (0, 0));
}

/// A pool is closed while an item is being created. The caller gets the item, and it isn't kept.
#[test]
fn an_item_created_during_close_is_not_kept() {
    let (at_work, started) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let (ledger, may_go_on) = (Ledger::new(), Mutex::new(may_go_on));
    let make = {
        let ledger = Arc::clone(&ledger);
        move || {
            at_work.send(()).unwrap();
            lock(&may_go_on).recv().unwrap();
            ledger.item()
        }
    };
    let pool = BoundedPool::with(make, 1);
    thread::scope(|scope| {
        let maker = scope.spawn(|| {
            let item = pool.get().unwrap();
            assert_eq!((item.id, ledger.live()), (0, 1));
        });
        started.recv().unwrap();
        let waiting = Polled::waiting(pool.get_async());
        pool.close();
        assert_eq!(waiting.ready().unwrap_err(), GetError::Closed);
        go_on.send(()).unwrap();
        maker.join().unwrap();
    });
    assert_eq!((ledger.live(), pool.idle(), pool.in_use()), (0, 0, 0));
}

/// Who gets several goes on to create only while the pool is open.
#[test]
fn get_many_creates_no_more_after_close() {
    type Pool = BoundedPool<u8, fn() -> u8>;
    static CREATED: Count = Count::new();
    static THREADS: Pool = BoundedPool::with_settings(|| create(&THREADS), Settings::new(3).manual());
    static TASKS: Pool = BoundedPool::with_settings(|| create(&TASKS), Settings::new(3).manual());
    fn create(pool: &Pool) -> u8 {
        CREATED.bump();
        pool.close();
        0
    }
    assert_eq!(THREADS.get_many(3).unwrap_err(), GetError::Closed);
    assert_eq!(block_on(TASKS.get_many_async(3)).unwrap_err(), GetError::Closed);
    assert_eq!((CREATED.get(), THREADS.in_use(), TASKS.in_use()), (2, 0, 0));
}

/// A larger capacity serves waiters in order, as far as it goes.
#[test]
fn resize_up_serves_waiters_in_order() {
    let (pool, ledger) = counted(1);
    let held = pool.get().unwrap();
    let first = Polled::waiting(pool.get_async());
    let second = Polled::waiting(pool.get_async());
    let mut third = Polled::waiting(pool.get_async());
    pool.resize(3).unwrap();
    let (first, second) = (first.ready().unwrap(), second.ready().unwrap());
    assert!(third.poll().is_none());
    assert_eq!((pool.capacity(), pool.in_use(), ledger.live()), (3, 3, 3));
    assert_eq!(pool.get_many_timeout(3, Duration::ZERO).unwrap_err(), GetError::Timeout);
    drop((held, first, second));
}

/// A smaller capacity refuses all waiters for more items than that, wherever they are in the queue. The others are
/// served as far as there is room.
#[test]
fn resize_down_refuses_waits_that_no_longer_fit() {
    let (pool, ledger) = counted(4);
    let one = pool.get().unwrap();
    let four = Polled::waiting(pool.get_many_async(4));
    let mut two = Polled::waiting(pool.get_many_async(2));
    let three = Polled::waiting(pool.get_many_async(3));
    let mut last = Polled::waiting(pool.get_async());
    pool.resize(2).unwrap();
    for (refused, n) in [(four, 4), (three, 3)] {
        assert!(
            matches!(refused.ready(), Err(GetError::OverCapacity { asked, capacity: 2, .. }) if asked == n),
            "{n} no longer fit"
        );
    }
    // One is in use, so two don't fit yet. They still come first.
    assert!(two.poll().is_none() && last.poll().is_none());
    drop(one);
    let pair = two.ready().unwrap();
    assert!(last.poll().is_none());
    drop(pair);
    assert!(last.ready().is_ok());
    assert_eq!(ledger.peak(), 2);
}

/// After the capacity shrank, a returned item goes to no waiter until there is room.
#[test]
fn resize_down_serves_no_waiter_until_there_is_room() {
    let (pool, ledger) = counted(2);
    let (one, two) = (pool.get().unwrap(), pool.get().unwrap());
    let wait = Polled::waiting(pool.get_async());
    pool.resize(1).unwrap();
    drop(one);
    assert_eq!((wait.wakes(), pool.in_use(), ledger.live()), (0, 1, 1));
    let id = two.id;
    drop(two);
    assert_eq!(wait.ready().unwrap().id, id);
    assert_eq!((pool.idle(), ledger.made(), ledger.live()), (1, 2, 1));
}

/// When the head no longer fits, the next waiter is served at once.
#[test]
fn resize_down_serves_next_after_head_is_refused() {
    let (pool, _ledger) = counted(3);
    let one = pool.get().unwrap();
    let three = Polled::waiting(pool.get_many_async(3));
    let behind = Polled::waiting(pool.get_async());
    pool.resize(2).unwrap();
    assert!(three.ready().is_err());
    drop((one, behind.ready().unwrap()));
}

/// A smaller capacity drops idle items first, the oldest first. Items in use are dropped as they return.
#[test]
fn resize_down_takes_effect_as_items_return() {
    let (pool, ledger) = counted(6);
    let mut items = pool.get_many(6).unwrap();
    let ids: Vec<_> = items.iter().map(|item| item.id).collect();
    items.drain(..3).for_each(drop);
    pool.resize(5).unwrap();
    assert_eq!(ledger.drop_order(), ids[..1], "the one idle longest");
    pool.resize(2).unwrap();
    assert_eq!((pool.idle(), pool.in_use(), ledger.live()), (0, 3, 3));
    assert!(pool.try_get().is_none());
    items.pop();
    assert_eq!((pool.idle(), pool.in_use(), ledger.live()), (0, 2, 2));
    assert!(pool.try_get().is_none());
    items.pop();
    assert_eq!((pool.idle(), pool.in_use(), ledger.live()), (1, 1, 2));
    drop(pool.try_get().unwrap());
    items.clear();
    assert_eq!((pool.idle(), pool.in_use(), ledger.live()), (2, 0, 2));
    assert_eq!((pool.stats().rejected, pool.stats().idle), (4, 2));

    pool.resize(3).unwrap();
    assert_eq!(pool.get_many(3).unwrap().len(), 3);
    assert_eq!(ledger.made(), 7);
}

/// The capacity changes while threads use the pool. There are never more items than the largest capacity, and in the
/// end no place is lost.
#[test]
fn concurrent_resizes_lose_no_place() {
    let (pool, ledger) = counted(4);
    let served = Count::new();
    thread::scope(|scope| {
        for seed in 0..3 {
            let (pool, served) = (&pool, &served);
            scope.spawn(move || {
                let mut dice = Dice::new(seed);
                while served.get() < 5000 {
                    match pool.get_many(1 + dice.below(4)) {
                        Ok(items) => {
                            items.iter().for_each(|item| item.own());
                            thread::yield_now();
                            items.iter().for_each(|item| item.disown());
                            served.bump();
                        }
                        Err(error) => assert!(matches!(error, GetError::OverCapacity { .. }), "{error}"),
                    }
                }
            });
        }
        let mut dice = Dice::new(9);
        while served.get() < 5000 {
            pool.resize(1 + dice.below(8)).unwrap();
            thread::yield_now();
        }
        pool.resize(4).unwrap();
    });
    assert!(ledger.peak() <= 8);
    assert_eq!((pool.in_use(), pool.waiting(), pool.idle()), (0, 0, ledger.live()));
    assert_eq!(pool.get_many(4).unwrap().len(), 4);
    assert_eq!(ledger.live(), 4);
}
