//! `BoundedPool::stats`: waits, timeouts by phase, failed checks and expired items.

use std::future::Future;
use std::thread;
use std::time::Duration;

use crate::common::polled::Polled;
use crate::common::until;
use crate::judge::{judged, judged_async_with};
use crate::pools::{counted, counted_with};
use ebbtide::bounded::Settings;
use ebbtide::{BoxPool, BufferPool, Pool};
use futures_lite::future::block_on;

/// So short that it passes at once.
const SHORT: Duration = Duration::from_millis(1);

/// Polls a future until it is ready.
fn soon<F: Future>(future: F) -> F::Output {
    let mut polled = Polled::new(future);
    let mut output = None;
    until("it is ready", || {
        output = polled.poll();
        output.is_some()
    });
    output.expect("it is ready")
}

/// A call that finds its item at once, or may not wait, is no wait.
#[test]
fn waits_and_those_that_time_out_are_counted() {
    let (pool, _) = counted_with(Settings::new(1).manual().wait_timeout(SHORT));
    let only = pool.get().unwrap();
    assert!(pool.try_get().is_none() && pool.get_timeout(Duration::ZERO).is_err());
    assert_eq!((pool.stats().waits, pool.stats().wait_timeouts), (0, 0));
    assert!(pool.get().is_err() && pool.get_timeout(SHORT).is_err() && soon(pool.get_async()).is_err());
    assert_eq!((pool.stats().waits, pool.stats().wait_timeouts), (3, 3));
    let mut served = Polled::new(pool.get_async());
    assert!(served.poll().is_none());
    drop(only);
    assert!(served.poll().is_some());
    assert_eq!((pool.stats().waits, pool.stats().wait_timeouts), (4, 3));
}

/// In any pool: nobody had to wait for them.
#[test]
fn items_of_prefill_do_not_count_as_created() {
    let (bounded, _) = counted(3);
    let (pool, boxes, buffers) = (Pool::<String>::new(), BoxPool::<u8>::new(), BufferPool::new());
    assert_eq!((bounded.prefill(2), block_on(bounded.prefill_async(1))), (Ok(2), Ok(1)));
    assert_eq!((pool.prefill(2), boxes.prefill(2), buffers.prefill(2, 100)), (2, 2, 2));
    let of_buffers = buffers.stats().map(|(_, stats)| stats.created).sum();
    assert_eq!([bounded.stats().created, pool.stats().created, boxes.stats().created, of_buffers], [0; 4]);
}

#[test]
fn creations_that_time_out_are_counted() {
    let (pool, judge) = judged_async_with(Settings::new(1).manual().create_timeout(SHORT), 0);
    judge.creates_slowly.set(1);
    assert!(soon(pool.get_async()).is_err());
    assert_eq!((pool.stats().create_timeouts, pool.stats().created), (1, 0));
}

#[test]
fn failed_checks_are_counted() {
    let (pool, judge) = judged(1);
    drop(pool.get().unwrap());
    assert_eq!(pool.stats().failed_checks, 0);
    judge.condemn(0);
    drop(pool.get().unwrap());
    assert_eq!((pool.stats().failed_checks, pool.stats().created), (1, 1));

    let (pool, judge) = judged_async_with(Settings::new(1).manual().check_timeout(SHORT), 1);
    judge.condemn(0);
    drop(soon(pool.get_async()).unwrap());
    assert_eq!((pool.stats().failed_checks, pool.stats().check_timeouts), (1, 0));
    judge.checks_slowly.set(1);
    drop(soon(pool.get_async()).unwrap());
    assert_eq!((pool.stats().failed_checks, pool.stats().check_timeouts), (2, 1));
}

/// Wherever it is found: by a `get`, on its return, or by a sweep.
#[test]
fn expired_items_are_counted() {
    let (pool, _) = counted_with(Settings::new(4).manual().max_lifetime(SHORT));
    assert_eq!(pool.prefill(2), Ok(2));
    thread::sleep(SHORT);
    let item = pool.get().unwrap();
    assert_eq!(pool.stats().expired, 1);
    pool.advance();
    assert_eq!(pool.stats().expired, 2);
    thread::sleep(SHORT);
    drop(item);
    assert_eq!((pool.stats().expired, pool.idle()), (3, 0));
}
