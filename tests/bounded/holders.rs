//! `Settings::track_held`: who holds items and for how long, and what sweeps count.

use std::convert::Infallible;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::polled::Polled;
use crate::common::{Bomb, Ledger, Maker, panic_of, until};
use crate::pools::{CountedPool, counted, counted_with};
use ebbtide::bounded::{Pooled, Settings};
use ebbtide::{BoundedPool, Manual};
use futures_lite::future::block_on;

/// So short that it passes at once.
const SHORT: Duration = Duration::from_millis(1);

const TRACKED: Settings<Manual> = Settings::new(1).manual().track_held(Duration::ZERO);

/// The lines of this file that hold items.
fn lines(pool: &CountedPool) -> Vec<u32> {
    let holders = pool.held_longer_than(Duration::ZERO);
    assert!(holders.iter().all(|holder| holder.location.file() == file!()));
    holders.iter().map(|holder| holder.location.line()).collect()
}

/// Passes if this line holds the pool's item as long as the guard exists.
fn known(pool: &CountedPool, line: u32, guard: impl Sized) {
    assert_eq!(lines(pool), [line]);
    drop(guard);
    assert_eq!(lines(pool), []);
}

#[test]
fn threads_are_known_by_the_line_of_their_get() {
    let (pool, ledger) = counted_with(TRACKED);
    let end = || Instant::now() + SHORT;
    // The first one creates the item.
    known(&pool, line!(), pool.get());
    known(&pool, line!(), pool.get());
    known(&pool, line!(), pool.try_get());
    known(&pool, line!(), pool.get_timeout(SHORT));
    known(&pool, line!(), pool.get_deadline(end()));
    known(&pool, line!(), pool.get_with(|| ledger.item()));
    known(&pool, line!(), pool.get_owned());
    known(&pool, line!(), pool.get_owned_timeout(SHORT));
    known(&pool, line!(), pool.get_owned_deadline(end()));
    known(&pool, line!(), pool.get_many(1));
    known(&pool, line!(), pool.get_many_timeout(1, SHORT));
    known(&pool, line!(), pool.get_many_deadline(1, end()));
    known(&pool, line!(), pool.get_many_owned(1));
}

#[test]
fn tasks_are_known_by_the_line_that_returned_their_future() {
    let (pool, ledger) = counted_with(TRACKED);
    let connect = || async { Ok::<_, Infallible>(ledger.item()) };
    known(&pool, line!(), block_on(pool.get_async()));
    known(&pool, line!(), block_on(pool.get_async()));
    known(&pool, line!(), block_on(pool.get_async_with(connect)));
    known(&pool, line!(), block_on(pool.get_owned_async()));
    known(&pool, line!(), block_on(pool.get_owned_async_with(connect)));
    known(&pool, line!(), block_on(pool.get_many_async(1)));
    known(&pool, line!(), block_on(pool.get_many_owned_async(1)));
    let (line, getting) = (line!(), pool.get_async());
    assert_eq!(lines(&pool), []);
    known(&pool, line, block_on(getting));
}

#[test]
fn a_guard_keeps_its_holder_when_its_item_is_replaced() {
    let (pool, ledger) = counted_with(TRACKED);
    let (line, mut guard) = (line!(), pool.get().unwrap());
    drop(Pooled::replace(&mut guard, ledger.item()));
    known(&pool, line, guard);
}

#[test]
fn a_detached_item_has_no_holder() {
    let (pool, _) = counted_with(TRACKED);
    let mine = Pooled::detach(pool.get().unwrap());
    assert_eq!(lines(&pool), []);
    drop(mine);
}

/// The item was already tracked when what was not needed to create it panicked.
#[test]
fn a_get_that_panics_leaves_no_holder() {
    let (pool, ledger) = counted_with(TRACKED);
    drop(pool.get().unwrap());
    let bomb = Bomb;
    let create = move || {
        let _ = &bomb;
        ledger.item()
    };
    assert_eq!(panic_of(|| pool.get_with(create).map(drop)), "bomb");
    assert_eq!((lines(&pool), pool.in_use()), (vec![], 0));
}

#[test]
fn a_sweep_counts_each_overdue_guard_once() {
    let (pool, _) = counted_with(Settings::new(4).manual().track_held(Duration::ZERO));
    let first = pool.get().unwrap();
    pool.clear();
    assert_eq!(pool.stats().overdue, 0, "a clear does not look");
    for (more, overdue) in [(0, 1), (0, 1), (2, 3), (1, 4)] {
        let more = pool.get_many(more).unwrap();
        pool.advance();
        assert_eq!(pool.stats().overdue, overdue);
        drop(more);
    }
    drop(first);
    pool.advance();
    assert_eq!(pool.stats().overdue, 4);
}

#[test]
fn guards_within_the_limit_are_not_overdue() {
    let (pool, _) = counted_with(Settings::new(4).manual().track_held(Duration::MAX));
    let item = pool.get().unwrap();
    thread::sleep(SHORT);
    pool.advance();
    assert_eq!((pool.stats().overdue, pool.held_longer_than(Duration::MAX).len()), (0, 0));
    let [holder] = pool.held_longer_than(SHORT)[..] else { panic!("one holds an item") };
    assert!(holder.time >= SHORT);
    drop(item);
}

#[test]
fn nobody_is_tracked_unless_asked_for() {
    let (pool, _) = counted(1);
    let item = pool.get().unwrap();
    assert!(pool.get_timeout(SHORT).is_err());
    pool.advance();
    assert_eq!(lines(&pool), []);
    drop(item);
    let stats = pool.stats();
    assert_eq!((stats.overdue, stats.hold_time, stats.wait_time), (0, Duration::ZERO, Duration::ZERO));
}

#[test]
fn hold_times_are_summed_when_guards_end() {
    let (pool, _) = counted_with(TRACKED);
    for sum in [SHORT, SHORT * 2] {
        let item = pool.get().unwrap();
        let before = pool.stats().hold_time;
        thread::sleep(SHORT);
        assert_eq!(pool.stats().hold_time, before);
        drop(item);
        assert!(pool.stats().hold_time >= sum);
    }
}

#[test]
fn wait_times_are_summed_when_waits_end() {
    let (pool, _) = counted_with(TRACKED);
    let only = pool.get().unwrap();
    assert!(pool.try_get().is_none() && pool.get_timeout(Duration::ZERO).is_err());
    assert_eq!(pool.stats().wait_time, Duration::ZERO, "they may not wait");
    assert!(pool.get_timeout(SHORT).is_err());
    let before = pool.stats().wait_time;
    assert!(before >= SHORT);
    let task = Polled::waiting(pool.get_async());
    thread::sleep(SHORT);
    assert_eq!(pool.stats().wait_time, before);
    drop(task);
    assert!(pool.stats().wait_time >= before + SHORT);
    drop(only);
}

/// A pool that the janitor sweeps.
fn timed(limit: Duration) -> (CountedPool, Arc<Ledger>) {
    let ledger = Ledger::new();
    let settings = Settings::new(1).every(SHORT).track_held(limit);
    (BoundedPool::with_settings(Maker(Arc::clone(&ledger)), settings), ledger)
}

/// It leaves the pool alone until then, and afterwards.
#[test]
fn the_janitor_comes_for_an_overdue_guard() {
    let (clock, _) = timed(Duration::MAX);
    let left_alone = |pool: &CountedPool| {
        until("no sweep comes", || {
            let (before, begin) = (pool.stats().sweeps, clock.stats().sweeps);
            until("some epochs have passed", || {
                drop(clock.get().unwrap());
                clock.stats().sweeps > begin + 5
            });
            pool.stats().sweeps == before
        });
    };
    for limit in [Duration::ZERO, SHORT * 10] {
        let (pool, _) = timed(limit);
        let item = pool.get().unwrap();
        until("it is overdue", || pool.stats().overdue == 1);
        left_alone(&pool);
        drop(item);
    }
    let (pool, _) = timed(Duration::from_secs(3600));
    let item = pool.get().unwrap();
    left_alone(&pool);
    drop(item);
}

#[test]
fn a_get_brings_the_janitor_back() {
    let (pool, ledger) = timed(Duration::ZERO);
    drop(pool.get().unwrap());
    until("the janitor has left the empty pool", || ledger.live() == 0);
    let before = pool.stats().overdue;
    let item = pool.get().unwrap();
    until("the janitor sees it", || pool.stats().overdue > before);
    drop(item);
}
