//! The janitor leaves a pool alone in which nothing is idle but what `min_idle` keeps, until another item is idle.

mod common;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "common/janitors.rs"]
mod janitors;
#[path = "common/timed.rs"]
mod timed;

use std::mem;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use common::{CountedPool, Ledger, alone, burst, on_thread, until};
use ebbtide::buffers::Settings as BufferSettings;
use ebbtide::{BufferPool, Guard, Pooled, Settings, advance_all, stop_janitor};
use timed::{SHORT, timed};

/// A pool that is used all the time, and so is swept in every epoch: a clock whose ticks are sweeps.
fn clock() -> impl Fn(usize) {
    let (pool, _ledger) = timed(SHORT);
    move |ticks| {
        let end = pool.stats().sweeps + ticks;
        until("some epochs have passed", || {
            drop(pool.get());
            pool.stats().sweeps >= end
        });
    }
}

/// Waits until a pool is no longer swept. A pool whose items are just being dropped is left out for a few epochs, too.
fn parked(tick: &impl Fn(usize), sweeps: impl Fn() -> usize) {
    until("the pool is parked", || {
        let before = sweeps();
        tick(20);
        sweeps() == before
    });
}

fn drained(pool: &CountedPool, ledger: &Ledger, in_use: usize) {
    until("all idle items are dropped", || pool.idle() == 0 && ledger.live() == in_use);
}

/// Runs `meanwhile` while another thread lives that has a slot set without items.
fn before_a_user_ends(pool: &CountedPool, meanwhile: impl FnOnce()) {
    let (used, ends) = (&Barrier::new(2), &Barrier::new(2));
    thread::scope(|scope| {
        let user = scope.spawn(|| {
            pool.with_local(|local| drop(Guard::detach(local.get())));
            used.wait();
            ends.wait();
        });
        used.wait();
        meanwhile();
        ends.wait();
        user.join().expect("no panic");
    });
}

/// A few sweeps after the last item was idle come no more, whether items are in use or not.
#[test]
fn an_empty_pool_is_not_swept() {
    let tick = clock();
    for settings in [SHORT, SHORT.private_slots(0), SHORT.max_idle(20)] {
        let (pool, ledger) = timed(settings);
        for in_use in [0, 3] {
            let held: Vec<_> = (0..in_use).map(|_| pool.get()).collect();
            burst(&pool, 50);
            drained(&pool, &ledger, in_use);
            parked(&tick, || pool.stats().sweeps);
            drop(held);
        }
        drained(&pool, &ledger, 0);
        ledger.assert_all_dropped_once();
    }
}

/// Nor is one in which only those items are idle that sweeps keep. Others that return end that, and go.
#[test]
fn a_pool_that_keeps_its_items_is_not_swept() {
    let tick = clock();
    for settings in [SHORT, SHORT.private_slots(0), SHORT.max_idle(20)] {
        let (pool, ledger) = timed(settings.min_idle(2));
        for n in [5, 2, 3, 50] {
            burst(&pool, n);
            until("surplus items are dropped", || pool.idle() == 2 && ledger.live() == 2);
            parked(&tick, || pool.stats().sweeps);
        }
        drop(pool);
        ledger.assert_all_dropped_once();
    }
}

/// When all of them are gone, it is swept until the memory is freed in which they were.
#[test]
fn a_pool_that_kept_its_items_is_swept_when_they_are_gone() {
    type Way = fn(&CountedPool);
    let ways: [Way; 2] = [|pool| _ = pool.clear(), |pool| drop([pool.get(), pool.get()].map(Pooled::detach))];
    let tick = clock();
    for way in ways {
        let (pool, _ledger) = timed(SHORT.min_idle(2));
        // The thread has slots, so that the janitor alerts it. It need not wait to do so when all items are gone.
        drop(pool.get());
        _ = pool.clear();
        assert_eq!(pool.prefill(2), 2);
        parked(&tick, || pool.stats().sweeps);
        let before = pool.stats().sweeps;
        way(&pool);
        // One retires the shards, the next frees them, and the last finds nothing.
        until("three sweeps have come", || pool.stats().sweeps >= before + 3);
        parked(&tick, || pool.stats().sweeps);
    }
}

/// A pool is swept until the slot sets are freed of a thread that has ended.
#[test]
fn a_pool_is_swept_until_the_slots_of_an_ended_thread_are_freed() {
    if !alone("a_pool_is_swept_until_the_slots_of_an_ended_thread_are_freed") {
        return;
    }
    let (pool, _ledger) = timed(SHORT.every(Duration::from_secs(3600)));
    let rounds = || {
        let before = pool.stats().sweeps;
        (0..10).for_each(|_| _ = advance_all());
        pool.stats().sweeps - before
    };
    drop(pool.get());
    assert!(rounds() < 10, "the pool is not parked");
    on_thread(|| pool.with_local(|local| drop(Guard::detach(local.get()))));
    // One takes them out, the next frees them, and the last finds nothing.
    assert_eq!(rounds(), 3);
    // The same if the pool was parked before the thread ends.
    before_a_user_ends(&pool, || {
        assert!(rounds() < 10, "the pool is not parked");
        assert_eq!(rounds(), 0);
    });
    assert_eq!(rounds(), 3);
}

/// The end of a thread wakes the janitor, if it sleeps because all pools are parked.
#[test]
fn a_parked_pool_is_swept_again_when_a_thread_has_ended() {
    if !alone("a_parked_pool_is_swept_again_when_a_thread_has_ended") {
        return;
    }
    let (pool, _ledger) = timed(SHORT);
    let mut sweeps = 0;
    drop(pool.get());
    before_a_user_ends(&pool, || {
        until("the pool is parked", || {
            thread::sleep(Duration::from_millis(50));
            mem::replace(&mut sweeps, pool.stats().sweeps) == sweeps
        });
    });
    until("the pool is swept", || pool.stats().sweeps >= sweeps + 3);
}

/// Items that come to be idle again end the parking, whichever way they come. Then the pool is parked again.
#[test]
fn a_parked_pool_is_swept_again_when_items_return() {
    let tick = clock();
    type Way = fn(&CountedPool, &Arc<Ledger>);
    let ways: [(Settings, Way); 6] = [
        (SHORT, |pool, _| drop(pool.get())),
        (SHORT, |pool, _| _ = burst(pool, 100)),
        (SHORT, |pool, ledger| pool.put(ledger.item())),
        (SHORT, |pool, _| assert_eq!(pool.prefill(2), 2)),
        (SHORT, |pool, _| on_thread(|| drop(pool.get()))),
        (SHORT.private_slots(0), |pool, _| drop(pool.get())),
    ];
    for (settings, way) in ways {
        let (pool, ledger) = timed(settings);
        for _ in 0..3 {
            way(&pool, &ledger);
            drained(&pool, &ledger, 0);
            parked(&tick, || pool.stats().sweeps);
        }
        ledger.assert_all_dropped_once();
    }
}

/// Items that were in use all the time return to private slots, and to those of another thread.
#[test]
fn a_parked_pool_is_swept_again_when_items_in_use_return() {
    let tick = clock();
    let (pool, ledger) = timed(SHORT);
    drop(pool.get());
    let (first, second, third) = (pool.get(), pool.get(), pool.get());
    for (held, in_use) in [(first, 2), (second, 1)] {
        drained(&pool, &ledger, in_use + 1);
        parked(&tick, || pool.stats().sweeps);
        drop(held);
        drained(&pool, &ledger, in_use);
    }
    parked(&tick, || pool.stats().sweeps);
    on_thread(|| drop(third));
    drained(&pool, &ledger, 0);
    ledger.assert_all_dropped_once();
}

/// Items return while the janitor may be about to park the pool. None is left behind.
#[test]
fn no_item_returns_unseen_while_the_pool_is_parked() {
    let (pool, ledger) = timed(SHORT);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let held = pool.get();
                    let rounds = pool.stats().sweeps + 1;
                    // It is parked, or was swept.
                    until("a round is over", || pool.stats().sweeps >= rounds || pool.idle() == 0);
                    drop(held);
                }
            });
        }
    });
    drained(&pool, &ledger, 0);
    ledger.assert_all_dropped_once();
}

/// Every class of a buffer pool is parked by itself.
#[test]
fn empty_classes_of_buffers_are_not_swept() {
    let tick = clock();
    let settings = BufferSettings::new().every(Duration::from_millis(1)).max_idle_bytes(1 << 20);
    let pool = BufferPool::with_settings(settings);
    let sweeps = || pool.stats().map(|(_, stats)| stats.sweeps).sum::<usize>();
    // The thread has private slots for this size too, to which the buffer in use returns.
    drop((pool.get(3000), pool.get(3000)));
    let in_use = pool.get(3000);
    for _ in 0..3 {
        drop((pool.get(1000), pool.get(100_000)));
        until("nothing is idle", || pool.idle_bytes() == 0);
        parked(&tick, sweeps);
    }
    drop(in_use);
    until("nothing is idle", || pool.idle_bytes() == 0);
}

/// A parked pool can be dropped, and those that were parked before and after it go on.
#[test]
fn a_parked_pool_can_be_dropped() {
    let tick = clock();
    let [first, second, third] = [(); 3].map(|()| timed(SHORT));
    for (pool, ledger) in [&first, &second, &third] {
        drop(pool.get());
        drained(pool, ledger, 0);
        parked(&tick, || pool.stats().sweeps);
    }
    drop(second);
    for (pool, ledger) in [&first, &third] {
        drop(pool.get());
        drained(pool, ledger, 0);
    }
}

/// An item that returns to a parked pool starts the janitor if it was stopped.
#[test]
fn a_returned_item_starts_a_stopped_janitor() {
    if !alone("a_returned_item_starts_a_stopped_janitor") {
        return;
    }
    let tick = clock();
    let (pool, ledger) = timed(SHORT);
    for _ in 0..3 {
        drop(pool.get());
        let held = pool.get();
        drained(&pool, &ledger, 1);
        parked(&tick, || pool.stats().sweeps);
        stop_janitor();
        drop(held);
        drained(&pool, &ledger, 0);
    }
    ledger.assert_all_dropped_once();
}

/// While nothing is idle in any pool, the janitor sleeps until it is called, not until a time.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn the_janitor_sleeps_without_a_timeout_while_nothing_is_idle() {
    if !alone("the_janitor_sleeps_without_a_timeout_while_nothing_is_idle") {
        return;
    }
    // The number of the system call, and its arguments. The fourth is where the timeout is.
    let sleeps_on = || {
        let call = std::fs::read_to_string(janitors::janitors()[0].join("syscall")).expect("it lives");
        let call: Vec<_> = call.split(' ').collect();
        call[0] == libc::SYS_futex.to_string() && call[4] == "0x0"
    };
    let pools = [(); 3].map(|()| timed(SHORT));
    let mut held = pools.iter().map(|(pool, _)| pool.get()).collect::<Vec<_>>();
    until("there is a janitor", || !janitors::janitors().is_empty());
    for _ in 0..3 {
        for (pool, _) in &pools {
            drop((pool.get(), pool.get()));
            held.push(pool.get());
        }
        // It may wait for a lock without a timeout, too, while something is idle.
        until("the janitor sleeps on", || pools.iter().all(|(pool, _)| pool.idle() == 0) && sleeps_on());
    }
}
