//! The janitor leaves a bounded pool alone while no item is idle that a sweep would drop.
#![cfg(feature = "bounded")]

mod common;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "common/janitors.rs"]
mod janitors;
#[path = "common/timed.rs"]
mod timed;

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use common::{Count, Ledger, Maker, until};
use ebbtide::BoundedPool;
use ebbtide::bounded::{Pooled, Settings};
use timed::{Gate, Opens};

type CountedPool = BoundedPool<common::Counted, Maker>;

const SHORT: Settings = Settings::new(4).every(Duration::from_millis(1));

fn counted(settings: Settings) -> (CountedPool, Arc<Ledger>) {
    let ledger = Ledger::new();
    (BoundedPool::with_settings(Maker(Arc::clone(&ledger)), settings), ledger)
}

/// A pool that is used all the time, and so is swept in every epoch: a clock whose ticks are sweeps.
fn clock() -> impl Fn(usize) {
    let (pool, _ledger) = counted(SHORT);
    move |ticks| {
        let end = pool.stats().sweeps + ticks;
        until("some epochs have passed", || {
            drop(pool.get().expect("it is open"));
            pool.stats().sweeps >= end
        });
    }
}

fn drained(pool: &CountedPool) {
    until("nothing is idle", || pool.idle() == 0);
}

/// The sweep that leaves nothing idle is the last one, whether items are in use or not.
#[test]
fn an_empty_pool_is_not_swept() {
    let tick = clock();
    let (pool, ledger) = counted(SHORT);
    for held in [0, 2] {
        let held = pool.get_many(held).expect("it is open");
        drop(pool.get().expect("it is open"));
        drained(&pool);
        let before = pool.stats().sweeps;
        tick(20);
        assert_eq!(pool.stats().sweeps, before);
        drop(held);
    }
    drained(&pool);
    until("the last one is dropped", || ledger.live() == 0);
    ledger.assert_all_dropped_once();
}

/// Nor is one in which only those are idle that sweeps keep. Another one that returns ends that, and goes.
#[test]
fn a_pool_that_keeps_its_items_is_not_swept() {
    let tick = clock();
    for settings in [SHORT, SHORT.max_lifetime(Duration::from_secs(3600)), SHORT.max_lifetime(Duration::MAX)] {
        let (pool, _ledger) = counted(settings.min_idle(2));
        for _ in 0..3 {
            drop(pool.get_many(3).expect("it is open"));
            until("surplus items are dropped", || pool.idle() == 2);
            let before = pool.stats().sweeps;
            tick(20);
            assert_eq!(pool.stats().sweeps, before);
        }
    }
}

/// But it is when they have reached their lifetimes.
#[test]
fn kept_items_that_grow_too_old_are_dropped() {
    let (pool, ledger) = counted(SHORT.min_idle(2).max_lifetime(Duration::from_millis(100)));
    for _ in 0..3 {
        assert_eq!(pool.prefill(2), Ok(2));
        until("both are dropped", || pool.idle() + pool.in_use() == 0);
    }
    assert_eq!(pool.stats().expired, 6);
    ledger.assert_all_dropped_once();
}

/// A table for waiters is freed by the second sweep after the last one has entered.
#[test]
fn a_pool_that_is_to_free_a_table_is_swept() {
    let tick = clock();
    let (pool, _ledger) = counted(SHORT);
    let held = pool.get_many(4).expect("it is open");
    tick(3);
    let before = pool.stats().sweeps;
    let mut wait = Box::pin(pool.get_async());
    assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(wait);
    held.into_iter().for_each(|item| drop(Pooled::detach(item)));
    until("the table is freed", || pool.stats().sweeps >= before + 2);
}

/// Items that come to be idle again end the parking, whichever way they come.
#[test]
fn a_parked_pool_is_swept_again_when_items_return() {
    let tick = clock();
    type Way = fn(&CountedPool, &dyn Fn(usize));
    let ways: [(usize, Way); 5] = [
        // Somebody waits for the item and is not polled again.
        (1, |pool, tick| {
            let held = pool.get().expect("it is open");
            let mut wait = Box::pin(pool.get_async());
            assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            tick(3);
            drop(held);
            drained(pool);
            drop(wait);
        }),
        // Creating the item ends the parking too, so the pool is parked again before the item returns.
        (4, |pool, tick| {
            let held = pool.get().expect("it is open");
            tick(3);
            drop(held);
        }),
        (4, |pool, _| drop(pool.get_many(3).expect("it is open"))),
        (4, |pool, _| assert_eq!(pool.prefill(2), Ok(2))),
        // The wait is served and then cancelled.
        (1, |pool, _| {
            let held = pool.get().expect("it is open");
            let mut wait = Box::pin(pool.get_async());
            assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            drop(held);
            drop(wait);
        }),
    ];
    for (capacity, way) in ways {
        let (pool, ledger) = counted(Settings::new(capacity).every(Duration::from_millis(1)));
        drop(pool.get().expect("it is open"));
        drained(&pool);
        tick(3);
        way(&pool, &tick);
        drained(&pool);
        until("the last ones are dropped", || ledger.live() == 0);
        ledger.assert_all_dropped_once();
    }
}

/// An item becomes idle although somebody waits, because the first waiter needs two. The pool was parked until then.
#[test]
fn a_parked_pool_is_swept_again_while_somebody_waits_for_more() {
    let tick = clock();
    let (pool, ledger) = counted(Settings::new(2).every(Duration::from_millis(1)));
    let held = [(); 2].map(|()| pool.get().expect("it is open"));
    let mut wait = Box::pin(pool.get_many_async(2));
    assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    tick(3);
    let [first, _second] = held;
    drop(first);
    drained(&pool);
    until("the item is dropped", || ledger.live() == 1);
}

/// Items return while the janitor may be about to park the pool. None is left behind.
#[test]
fn no_item_returns_unseen_while_the_pool_is_parked() {
    let (pool, ledger) = counted(SHORT);
    for _ in 0..300 {
        drop(pool.get().expect("it is open"));
        drained(&pool);
    }
    until("all are dropped", || ledger.live() == 0);
    ledger.assert_all_dropped_once();
}

/// A parked pool can be dropped, and those that were parked before and after it go on.
#[test]
fn a_parked_pool_can_be_dropped() {
    let tick = clock();
    let [first, second, third] = [(); 3].map(|()| counted(SHORT));
    let all = [&first, &second, &third];
    all.iter().for_each(|(pool, _)| drop(pool.get().expect("it is open")));
    all.iter().for_each(|(pool, _)| drained(pool));
    tick(3);
    drop(second);
    for (pool, _) in [&first, &third] {
        drop(pool.get().expect("it is open"));
        drained(pool);
    }
}

/// After `stop_janitor`, an item that returns starts the janitor again, whether the pool was parked or not.
#[test]
fn a_returned_item_starts_a_stopped_janitor() {
    if !common::alone("a_returned_item_starts_a_stopped_janitor") {
        return;
    }
    let (pool, ledger) = counted(SHORT);
    for _ in 0..3 {
        let held = pool.get_many(2).expect("it is open");
        ebbtide::stop_janitor();
        drop(held);
        drained(&pool);
        ebbtide::stop_janitor();
        let (first, second) = (pool.get().expect("it is open"), pool.get().expect("it is open"));
        drop((first, second));
        drained(&pool);
    }
    until("all are dropped", || ledger.live() == 0);
    ledger.assert_all_dropped_once();
}

/// A slow `Drop` delays nothing that the same round condemned, although all pools are parked and no round follows.
#[test]
fn a_slow_drop_does_not_delay_items_of_other_parked_pools() {
    struct First(Arc<Gate>, Arc<Count>);
    impl Drop for First {
        fn drop(&mut self) {
            if self.1.bump() == 0 {
                self.0.pass();
            }
        }
    }
    if !common::alone("a_slow_drop_does_not_delay_items_of_other_parked_pools") {
        return;
    }
    for _ in 0..10 {
        let (gate, dropped) = (Arc::new(Gate::default()), Arc::new(Count::new()));
        let _opens = Opens(&gate);
        let pools = [(); 8].map(|()| {
            let (gate, dropped) = (Arc::clone(&gate), Arc::clone(&dropped));
            let every = Duration::from_millis(20);
            BoundedPool::with_settings(move || First(Arc::clone(&gate), Arc::clone(&dropped)), SHORT.every(every))
        });
        pools.iter().for_each(|pool| drop(pool.get().expect("it is open")));
        until("all drops have begun", || dropped.get() == 8);
    }
}

/// While sweeps have nothing to do in any pool, the janitor sleeps until it is called, not until a time.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn the_janitor_sleeps_without_a_timeout_while_it_has_nothing_to_do() {
    if !common::alone("the_janitor_sleeps_without_a_timeout_while_it_has_nothing_to_do") {
        return;
    }
    // The number of the system call, and its arguments. The fourth is where the timeout is.
    let sleeps_on = || {
        let call = std::fs::read_to_string(janitors::janitors()[0].join("syscall")).expect("it lives");
        let call: Vec<_> = call.split(' ').collect();
        call[0] == libc::SYS_futex.to_string() && call[4] == "0x0"
    };
    let pools = [0, 0, 2].map(|n| BoundedPool::with_settings(Vec::<u8>::new, SHORT.min_idle(n)).create_in_background());
    for _ in 0..3 {
        pools.iter().for_each(|pool| drop(pool.get().expect("it is open")));
        until("nothing is idle that need not be", || pools.each_ref().map(BoundedPool::idle) == [0, 0, 2]);
        until("the janitor sleeps on", sleeps_on);
    }
}
