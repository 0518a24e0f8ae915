//! `BoundedPool`: `min_idle` items are created in the background, by a thread or by a task.
#![cfg(feature = "bounded")]

mod common;
#[path = "common/counting.rs"]
mod counting;
#[path = "common/judge.rs"]
mod judge;
#[path = "common/server.rs"]
mod server;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::polled::Polled;
use common::{Counted, alone, panic_of, until};
use counting::allocations;
use ebbtide::bounded::{GetError, Manage, Pooled, Settings};
use ebbtide::{BoundedPool, Timed};
use judge::judged_async_with;
use server::{Client, Reply, Served, Server};

fn timed(settings: Settings<Timed>) -> (Served, Arc<Server>) {
    let server = Arc::new(Server::default());
    let settings = settings.every(Duration::from_millis(1));
    (BoundedPool::with_settings(Client(Arc::clone(&server)), settings).create_in_background(), server)
}

/// What is missing to `min_idle` is created at first use, and after a sweep that leaves fewer.
#[test]
fn idle_items_are_kept() {
    let server = Arc::new(Server::default());
    let settings = Settings::new(4).manual().min_idle(2);
    let pool = BoundedPool::with_settings(Client(Arc::clone(&server)), settings).create_in_background();
    server.reply_to_all(Some(Reply::Item));
    pool.resize(4).unwrap(); // uses it
    until("two are idle", || pool.idle() == 2);
    pool.clear();
    until("two are idle again", || pool.idle() == 2 && pool.in_use() == 0);
    server.reply_to_all(Some(Reply::Error));
    let begun = server.begun();
    pool.clear();
    // One failure ends it, until the next sweep.
    until("it has failed", || server.begun() > begun && pool.in_use() == 0);
    assert!(server.begun() <= begun + 2, "the last thread may have gone on for one more");
    server.reply_to_all(Some(Reply::Item));
    until("it is over", || {
        let _ = pool.advance();
        pool.idle() == 2
    });
    drop(pool);
    until("the thread has ended", || Arc::strong_count(&server) == 1);
    server.ledger.assert_all_dropped_once();
}

/// The janitor comes again to a pool in which too few are idle, even if none is.
#[test]
fn a_pool_that_needs_items_is_not_left_alone() {
    let (pool, server) = timed(Settings::new(3).min_idle(2));
    server.reply_to_all(Some(Reply::Error));
    assert!(matches!(pool.get(), Err(GetError::Create(_))));
    until("it was tried several times", || server.begun() > 5);
    server.reply_to_all(Some(Reply::Item));
    until("two are idle", || pool.idle() == 2);
    pool.clear();
    until("two are idle again", || pool.idle() == 2);
    let begun = server.begun();
    pool.close();
    until("the thread has ended", || pool.in_use() == 0);
    assert!(server.begun() <= begun + 1);
}

/// Waits until the janitor leaves a pool alone.
fn left_alone<T>(pool: &BoundedPool<T, impl Manage<T>>) {
    // One that is used all the time, and so is swept in every epoch.
    let (clock, server) = timed(Settings::new(1));
    server.reply_to_all(Some(Reply::Item));
    until("no sweep comes", || {
        let (before, begin) = (pool.stats().sweeps, clock.stats().sweeps);
        until("some epochs have passed", || {
            drop(clock.get().unwrap());
            clock.stats().sweeps > begin + 5
        });
        pool.stats().sweeps == before
    });
}

/// One that has enough is left alone, until an item is taken, in whichever way.
#[test]
fn a_pool_is_left_alone_until_it_lacks_items() {
    let (pool, server) = timed(Settings::new(3).min_idle(2));
    server.reply_to_all(Some(Reply::Item));
    pool.resize(3).unwrap(); // uses it
    type Way = fn(&Served) -> Pooled<'_, Counted, Client>;
    let ways: [Way; 4] = [
        |pool| pool.get().unwrap(),
        |pool| pool.get_timeout(Duration::ZERO).unwrap(),
        |pool| pool.get_many(1).unwrap().pop().unwrap(),
        |pool| Polled::new(pool.get_many_async(1)).poll().unwrap().unwrap().pop().unwrap(),
    ];
    for way in ways {
        until("two are idle", || pool.idle() == 2);
        left_alone(&pool);
        let item = way(&pool);
        until("two are idle again", || pool.idle() == 2);
        drop(item);
        pool.clear();
    }
}

/// So is one whose items need no look when they are taken.
#[test]
fn a_pool_without_checks_is_left_alone_until_it_lacks_items() {
    let settings = Settings::new(3).every(Duration::from_millis(1)).min_idle(2);
    let pool = BoundedPool::with_settings(Vec::<u8>::new, settings).create_in_background();
    drop(pool.get().unwrap());
    for _ in 0..2 {
        until("two are idle", || pool.idle() == 2);
        left_alone(&pool);
        let item = pool.try_get().unwrap();
        until("two are idle again", || pool.idle() == 2);
        drop(item);
    }
}

/// One whose items are all in use is left alone until there is room.
#[test]
fn a_pool_in_full_use_is_left_alone_until_there_is_room() {
    let (pool, server) = timed(Settings::new(2).min_idle(2));
    server.reply_to_all(Some(Reply::Item));
    let in_full_use = || {
        let items = pool.get_many(2).unwrap();
        left_alone(&pool);
        items
    };
    type Items<'a> = Vec<Pooled<'a, Counted, Client>>;
    let ways: [&dyn Fn(&mut Items<'_>); 3] = [
        &|items| items.truncate(1),
        // The recycler refuses one.
        &|items| {
            server.condemn(items[0].id);
            drop(items.remove(0));
        },
        // There would be room, but for somebody who waits for more.
        &|items| {
            let waiting = Polled::waiting(pool.get_many_async(2));
            drop(Pooled::detach(items.pop().unwrap()));
            left_alone(&pool);
            drop(waiting);
        },
    ];
    for way in ways {
        let mut items = in_full_use();
        way(&mut items);
        until("one is idle", || pool.idle() == 1);
    }
    let items = in_full_use();
    pool.resize(4).unwrap();
    until("two are idle", || pool.idle() == 2);
    drop(items);
}

/// A panic ends the round and is counted. The next sweep tries again.
#[test]
fn a_panic_does_not_end_the_filling() {
    let (pool, server) = timed(Settings::new(3).min_idle(1));
    server.reply_to_all(Some(Reply::Panic));
    assert_eq!(panic_of(|| drop(pool.get())), "tripped");
    until("several are counted", || pool.stats().panics > 2);
    server.reply_to_all(Some(Reply::Item));
    until("one is idle", || pool.idle() == 1);
}

/// Items that are too old are replaced.
#[test]
fn old_items_are_replaced() {
    let (pool, server) = timed(Settings::new(2).min_idle(2).max_lifetime(Duration::from_millis(5)));
    server.reply_to_all(Some(Reply::Item));
    drop(pool.get().unwrap());
    until("they are replaced", || server.ledger.dropped() > 3 && pool.idle() == 2);
    assert!(server.ledger.peak() <= 2);
}

/// A sweep that finds no room for an item starts no thread.
#[test]
fn a_pool_in_full_use_is_not_filled() {
    let server = Arc::new(Server::default());
    let settings = Settings::new(1).manual().min_idle(1);
    let pool = BoundedPool::with_settings(Client(Arc::clone(&server)), settings).create_in_background();
    server.reply_to_all(Some(Reply::Item));
    let item = pool.get().unwrap();
    until("nothing is created", || pool.status().creating == 0);
    for _ in 0..100 {
        assert_eq!(allocations(|| pool.advance()).1.blocks, 0);
    }
    drop(item);
    pool.clear();
    until("one is idle", || pool.idle() == 1);
    assert_eq!(server.begun(), 2);
}

/// A creation that hangs delays neither sweeps nor the `get`s, which create their own.
#[test]
fn a_hanging_creation_delays_nothing() {
    let (pool, server) = timed(Settings::new(3).min_idle(1));
    pool.resize(3).unwrap(); // uses it
    server.wait_for(1);
    server.reply(1, Reply::Item);
    let item = pool.get().unwrap();
    let sweeps = pool.stats().sweeps;
    until("it is swept", || pool.stats().sweeps > sweeps + 2);
    assert_eq!((pool.status().creating, server.begun()), (1, 2));
    drop(item);
    server.reply_to_all(Some(Reply::Item));
}

/// `stop_janitor` waits for a creation, which loses nothing. Later ones start threads again.
#[test]
fn the_threads_can_be_stopped_during_a_creation() {
    if !alone("the_threads_can_be_stopped_during_a_creation") {
        return;
    }
    let (pool, server) = timed(Settings::new(2));
    for n in 0..3 {
        let waiting = Polled::waiting(pool.get_async());
        server.wait_for(n + 1);
        let stop = thread::spawn(ebbtide::stop_janitor);
        server.reply(n, Reply::Item);
        until("it has stopped", || stop.is_finished());
        assert_eq!(waiting.ready().unwrap().id, n);
        pool.clear();
    }
    drop(pool);
    server.ledger.assert_all_dropped_once();
}

/// A task creates what is missing, now and after each sweep, until the pool is closed.
#[test]
fn a_task_keeps_items_idle() {
    let (pool, judge) = judged_async_with(Settings::new(3).manual().min_idle(2), 0);
    judge.creates_slowly.set(1);
    let mut keeping = Polled::waiting(pool.keep_idle());
    assert_eq!(pool.status().creating, 1);
    judge.creates_slowly.set(0);
    assert!(keeping.poll().is_none());
    assert_eq!((pool.idle(), pool.in_use()), (2, 0));
    let wakes = keeping.wakes();
    pool.clear();
    assert!(keeping.wakes() > wakes);
    judge.fails.set(1);
    assert!(keeping.poll().is_none());
    judge.fails.set(0);
    assert!(keeping.poll().is_none());
    assert_eq!((pool.idle(), pool.in_use()), (0, 0), "it waits for the next sweep");
    let _ = pool.advance();
    assert!(keeping.poll().is_none());
    assert_eq!(pool.idle(), 2);
    let wakes = keeping.wakes();
    pool.close();
    assert!(keeping.wakes() > wakes);
    keeping.ready();
    judge.ledger.assert_all_dropped_once();
}

/// Dropping the future frees the place, and the sweep wakes nobody.
#[test]
fn a_task_may_stop_keeping_items() {
    let (pool, judge) = judged_async_with(Settings::new(2).manual().min_idle(2), 0);
    judge.creates_slowly.set(1);
    drop(Polled::waiting(pool.keep_idle()));
    assert_eq!((pool.idle(), pool.in_use(), pool.status().creating), (0, 0, 0));
    judge.creates_slowly.set(0);
    drop(Polled::waiting(pool.keep_idle()));
    let _ = pool.advance();
    assert_eq!(pool.idle(), 2);
}

/// The janitor leaves a pool alone that a task has filled, until an item is taken.
#[test]
fn a_task_sleeps_until_items_are_missing() {
    let settings = Settings::new(3).every(Duration::from_millis(1)).min_idle(2);
    let pool = BoundedPool::with_settings(Vec::<u8>::new, settings);
    let mut keeping = Polled::waiting(pool.keep_idle());
    assert_eq!(pool.idle(), 2);
    for _ in 0..2 {
        // A sweep has woken it, and now nobody would fill the pool.
        left_alone(&pool);
        drop(pool.get().unwrap());
        left_alone(&pool);
        assert!(keeping.poll().is_none());
        let wakes = keeping.wakes();
        let item = pool.get().unwrap();
        until("it is woken", || keeping.wakes() > wakes);
        assert!(keeping.poll().is_none());
        assert_eq!(pool.idle(), 2);
        drop(item);
    }
}

/// The janitor comes again to a pool that a task fills, even if nothing is idle. The sweep wakes the task after its drops.
#[test]
fn the_janitor_wakes_who_keeps_items() {
    let settings = Settings::new(1).every(Duration::from_millis(1)).min_idle(1).max_lifetime(Duration::from_millis(5));
    let judge = Arc::new(judge::Judge::default());
    let pool = BoundedPool::with_settings(judge::Tasks(Arc::clone(&judge)), settings);
    let mut keeping = Polled::waiting(pool.keep_idle());
    let mut polled = 0;
    until("several are replaced", || {
        if keeping.wakes() > polled {
            polled = keeping.wakes();
            assert!(keeping.poll().is_none());
        }
        judge.ledger.dropped() > 3
    });
}
