//! `stop_janitor` ends the janitor's threads, and later use of a pool starts them again.
#![cfg(target_os = "linux")]

mod common;
#[path = "common/janitors.rs"]
mod janitors;
#[path = "common/timed.rs"]
mod timed;

use std::sync::Arc;
use std::thread;

use common::{Count, alone, burst, until};
use ebbtide::{Pool, stop_janitor};
use janitors::janitors;
use timed::{Opens, SHORT, slow, timed};

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("procfs").count()
}

/// No thread is left. Every kind of later use starts them again, and then all pools are swept.
#[test]
fn later_use_starts_the_janitor_again() {
    if !alone("later_use_starts_the_janitor_again") {
        return;
    }
    let before = threads();
    stop_janitor();
    let (pool, ledger) = timed(SHORT.private_slots(0));
    let held = pool.get();
    let stop = || {
        stop_janitor();
        // The system may show a thread that was joined for a moment.
        until("the threads are gone", || threads() == before);
        stop_janitor();
    };
    let drained = || {
        until("nothing is idle", || pool.idle() == 0 && ledger.live() == 1);
        assert_eq!(janitors().len(), 1);
    };
    stop();
    let (other, _ledger) = timed(SHORT);
    drop(other.get());
    until("the other pool is swept", || other.idle() == 0);
    stop();
    let second = pool.get();
    until("the janitor runs", || janitors().len() == 1);
    stop();
    drop(second);
    drained();
    stop();
    pool.prefill(3);
    drained();
    drop(held);
    until("all are dropped", || ledger.live() == 0);
    ledger.assert_all_dropped_once();
}

/// What a sweep has condemned is dropped when the call returns, even if a `Drop` is slow.
#[test]
fn stopping_waits_for_what_was_condemned() {
    if !alone("stopping_waits_for_what_was_condemned") {
        return;
    }
    let (slow, gate, ledger) = slow();
    let _opens = Opens(&gate);
    let (other, others) = timed(SHORT);
    slow.prefill(3);
    burst(&other, 5);
    until("an item waits in its drop", || gate.waiting.get() == 1);
    until("all are condemned", || slow.idle() + other.idle() == 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            stop_janitor();
            assert_eq!((ledger.live(), others.live()), (0, 0));
        });
        until("the janitor has ended", || janitors().is_empty());
        gate.open();
    });
    // They were dropped by the threads, or by the call.
    ledger.assert_all_dropped_once();
    others.assert_all_dropped_once();
}

/// The same holds for items of a pool that was dropped meanwhile.
#[test]
fn stopping_waits_for_items_of_dropped_pools() {
    if !alone("stopping_waits_for_items_of_dropped_pools") {
        return;
    }
    let (slow, gate, ledger) = slow();
    let _opens = Opens(&gate);
    slow.prefill(1);
    until("the item waits in its drop", || gate.waiting.get() == 1);
    // Does not wait, or this would never return.
    drop(slow);
    assert_eq!(ledger.live(), 1);
    thread::scope(|scope| {
        scope.spawn(|| {
            stop_janitor();
            assert_eq!(ledger.live(), 0);
        });
        until("the janitor has ended", || janitors().is_empty());
        gate.open();
    });
    ledger.assert_all_dropped_once();
}

/// In an item's `Drop` on one of the threads, the call returns, and the threads go on.
#[test]
fn a_drop_on_the_threads_does_not_wait_for_itself() {
    struct Stops(Arc<Count>);
    impl Drop for Stops {
        fn drop(&mut self) {
            stop_janitor();
            self.0.bump();
        }
    }
    let count = Arc::new(Count::new());
    let made = Arc::clone(&count);
    let pool = Pool::with_settings(move || Stops(Arc::clone(&made)), SHORT);
    for n in 1..=3 {
        drop(pool.get());
        until("it is dropped", || count.get() == n);
    }
}

/// Threads use pools, and start and stop the janitor. Nothing is lost, and nobody waits forever.
#[test]
fn threads_stop_the_janitor_while_others_start_it() {
    let (pool, ledger) = timed(SHORT.private_slots(2));
    thread::scope(|scope| {
        for thread in 0..4 {
            let (pool, ledger) = (&pool, &ledger);
            scope.spawn(move || {
                for turn in 0..100 {
                    burst(pool, 5);
                    let own = Pool::with_settings(common::Maker(Arc::clone(ledger)), SHORT);
                    burst(&own, 3);
                    if turn % 4 == thread {
                        stop_janitor();
                    }
                }
            });
        }
    });
    burst(&pool, 5);
    until("all are dropped", || pool.idle() == 0 && ledger.live() == 0);
    ledger.assert_all_dropped_once();
}
