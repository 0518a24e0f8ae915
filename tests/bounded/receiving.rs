//! `BoundedPool::advance_with`: an item keeps its place until its receiver returns, and no longer.

use std::thread;

use crate::common::polled::Polled;
use crate::common::{Counted, Ledger, Maker, panic_of};
use ebbtide::BoundedPool;
use ebbtide::bounded::Settings;

/// A pool of this capacity, all of whose items expire in the next sweep.
fn expiring(capacity: usize) -> (BoundedPool<Counted, Maker>, std::sync::Arc<Ledger>) {
    let ledger = Ledger::new();
    let pool = BoundedPool::with_settings(Maker(ledger.clone()), Settings::new(capacity).manual());
    assert_eq!(pool.advance_with(|_| unreachable!("nothing was created")).unwrap().kept, 0);
    assert_eq!(pool.prefill(capacity), Ok(capacity));
    assert_eq!(pool.advance_with(|_| unreachable!("the items are young")).unwrap().kept, capacity);
    (pool, ledger)
}

/// Its place is free, and goes to a waiter, when the receiver returns. The item may live on.
#[test]
fn a_place_is_free_when_the_receiver_returns() {
    let (pool, ledger) = expiring(2);
    let (mut received, mut waiting) = (Vec::new(), None);
    let swept = pool.advance_with(|item| {
        assert_eq!((pool.in_use(), pool.idle(), ledger.live()), (2, 0, 2));
        received.push(item);
        let next = waiting.replace(Polled::waiting(pool.get_async()));
        std::mem::forget(next.map(|next| next.ready().expect("the first place is free")));
    });
    let second = waiting.expect("it was called").ready().expect("the second place is free");
    assert_eq!((swept.unwrap().dropped, pool.in_use(), ledger.live()), (2, 2, 4));
    drop((received, second));
    assert_eq!((pool.in_use(), pool.idle(), ledger.live()), (1, 1, 2));
}

/// Nothing is locked meanwhile: other threads use the pool.
#[test]
fn the_receiver_may_use_the_pool() {
    let (pool, ledger) = expiring(3);
    let mut left = 3;
    pool.advance_with(|item| {
        drop(item);
        left -= 1;
        thread::scope(|scope| {
            let user = || drop(pool.try_get());
            scope.spawn(user).join().expect("no panic");
            user();
        });
        assert_eq!(pool.in_use(), left + 1);
    });
    assert_eq!((pool.in_use(), left), (0, 0));
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// If the receiver panics, it still gets the other items, and all places are free.
#[test]
fn a_panic_of_the_receiver_loses_no_place() {
    let (pool, ledger) = expiring(3);
    let mut received = 0;
    let text = panic_of(|| {
        pool.advance_with(|_| {
            received += 1;
            assert_eq!(received, 0, "the {received}th");
        })
    });
    assert!(text.contains("the 1th"), "{text}");
    assert_eq!((received, pool.in_use(), pool.idle()), (3, 0, 0));
    ledger.assert_all_dropped_once();
    assert_eq!(pool.prefill(3), Ok(3));
}
