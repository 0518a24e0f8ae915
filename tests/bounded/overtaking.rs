//! `BoundedPool`: who may overtake a waiter that was called, and how often.

use std::future::Future;
use std::thread;
use std::time::Duration;

use crate::common::polled::Polled;
use crate::pools::{CountedPool, counted, counted_with};
use ebbtide::bounded::{GetError, Settings};

const MANUAL: Settings<ebbtide::Manual> = Settings::new(1).manual();

/// Each `get` that comes before the waiter has woken up counts, whether it was polled in between or not.
#[test]
fn a_waiter_is_overtaken_as_often_as_the_settings_say() {
    for most in 0..4 {
        let (pool, ledger) = counted_with(MANUAL.max_overtakes(most));
        let mut held = pool.get().unwrap();
        let mut waiter = Polled::waiting(pool.get_async());
        for n in 0..most {
            drop(held);
            held = pool.try_get().expect("it may overtake");
            assert!(n % 2 == 0 || waiter.poll().is_none());
        }
        drop(held);
        assert!(pool.try_get().is_none(), "it is the waiter's");
        assert_eq!(pool.get_timeout(Duration::ZERO).unwrap_err(), GetError::Timeout);
        drop(waiter.ready().unwrap());
        assert_eq!((ledger.made(), pool.waiting(), pool.idle()), (1, 0, 1));
    }
}

#[test]
fn a_task_overtakes_a_waiter_that_sleeps() {
    let (pool, ledger) = counted(1);
    let held = pool.get().unwrap();
    let waiter = Polled::waiting(pool.get_async());
    drop(held);
    drop(Polled::new(pool.get_async()).poll().expect("it may overtake").unwrap());
    drop(waiter.ready().unwrap());
    assert_eq!((ledger.made(), pool.waiting()), (1, 0));
}

/// A waiter is woken once for an item. If it was faster, it has the item. If not, it is woken again.
#[test]
fn a_waiter_that_came_too_late_is_woken_again() {
    let (pool, ledger) = counted(1);
    came_too_late(&pool, pool.get_async());
    assert_eq!((ledger.made(), pool.waiting()), (1, 0));
}

/// One who waits for several is served in another way than one who waits for an item.
#[test]
fn a_waiter_for_a_list_of_one_that_came_too_late_is_woken_again() {
    let (pool, ledger) = counted(1);
    came_too_late(&pool, pool.get_many_async(1));
    assert_eq!((ledger.made(), pool.waiting()), (1, 0));
}

fn came_too_late<O>(pool: &CountedPool, waiting: impl Future<Output = Result<O, GetError>>) {
    let held = pool.get().unwrap();
    let mut waiter = Polled::waiting(waiting);
    drop(held);
    let overtaken = pool.get().unwrap();
    assert!(waiter.poll().is_none());
    assert_eq!((waiter.wakes(), pool.waiting()), (1, 1));
    drop(overtaken);
    assert_eq!(waiter.wakes(), 2);
    drop(waiter.ready().unwrap());
}

/// Waiters stay in order, however many items return before the first is polled.
#[test]
fn a_second_item_is_for_the_called_waiter_and_calls_the_next() {
    let (pool, ledger) = counted(3);
    let held = pool.get_many(3).unwrap();
    let waiters: Vec<_> = (0..4).map(|_| Polled::waiting(pool.get_async())).collect();
    let mut called = Vec::new();
    for item in held {
        drop(item);
        called.push(waiters.iter().map(Polled::wakes).collect::<Vec<_>>());
    }
    assert_eq!(called, [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]]);
    let mut items = Vec::new();
    let mut last = None;
    for waiter in waiters {
        if waiter.wakes() > 0 { items.push(waiter.ready().unwrap()) } else { last = Some(waiter) }
    }
    assert_eq!((items.len(), pool.waiting(), pool.idle()), (3, 1, 0));
    drop(items);
    drop(last.expect("one waits").ready().unwrap());
    assert_eq!(ledger.made(), 3);
}

/// A called waiter leaves: the item is for the next.
#[test]
fn dropping_a_called_wait_serves_the_next() {
    let (pool, ledger) = counted(1);
    let held = pool.get().unwrap();
    let [first, second] = [(); 2].map(|()| Polled::waiting(pool.get_async()));
    drop(held);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first);
    drop(second.ready().unwrap());
    assert_eq!((ledger.made(), pool.waiting(), pool.idle()), (1, 0, 1));
}

/// The item for which a waiter was called is swept. The waiter creates another in its place.
#[test]
fn a_called_waiter_whose_item_was_swept_creates_one() {
    for polled_between in [false, true] {
        let (pool, ledger) = counted(1);
        let held = pool.get().unwrap();
        let mut waiter = Polled::waiting(pool.get_async());
        drop(held);
        assert_eq!(pool.clear().map(|swept| swept.dropped), Some(1));
        if polled_between {
            drop(waiter.poll().expect("it has the place").unwrap());
        } else {
            drop(waiter.ready().unwrap());
        }
        assert_eq!((ledger.made(), pool.waiting(), pool.idle()), (2, 0, 1));
    }
}

#[test]
fn a_called_waiter_of_a_closed_pool_gets_an_error() {
    let (pool, ledger) = counted(1);
    let held = pool.get().unwrap();
    let waiter = Polled::waiting(pool.get_async());
    drop(held);
    pool.close();
    assert_eq!(waiter.ready().unwrap_err(), GetError::Closed);
    assert_eq!((ledger.live(), pool.in_use()), (0, 0));
}

/// A waiter that wants several keeps what has returned so far, also if it is polled now and then.
#[test]
fn nobody_overtakes_a_waiter_for_several() {
    let (pool, _ledger) = counted(2);
    let [one, two] = [(); 2].map(|()| pool.get().unwrap());
    let mut several = Polled::waiting(pool.get_many_async(2));
    drop(one);
    for _ in 0..3 {
        assert!(pool.try_get().is_none());
        assert!(several.poll().is_none());
    }
    drop(two);
    assert_eq!(several.ready().unwrap().len(), 2);
}

/// Threads that get and put without a pause all come to their end, in strict order or not.
#[test]
fn threads_that_overtake_each_other_all_end() {
    for most in [0, 1, 1000] {
        let (pool, ledger) = counted_with(Settings::new(2).manual().max_overtakes(most));
        let rounds = |pool: &CountedPool| (0..500).for_each(|_| drop(pool.get().unwrap()));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| rounds(&pool));
            }
        });
        assert_eq!((pool.waiting(), pool.in_use(), ledger.live()), (0, 0, pool.idle()));
    }
}
