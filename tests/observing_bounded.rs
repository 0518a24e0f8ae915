//! The feature `tracing`: what happens to the items and calls of a `BoundedPool`.
#![cfg(all(feature = "bounded", feature = "tracing"))]

#[path = "common/bounded.rs"]
mod bounded;
mod common;
#[path = "common/judge.rs"]
mod judge;
#[path = "common/scribe.rs"]
mod scribe;

use std::any::type_name;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bounded::counted_with;
use common::{Counted, panic_of};
use ebbtide::bounded::Settings;
use ebbtide::{BoundedPool, DefaultRecycle};
use futures_lite::future::block_on;
use judge::{judged, judged_async_with};
use scribe::{events, texts};
use tracing::Level;

/// So short that it passes at once.
const SHORT: Duration = Duration::from_millis(1);

/// Passes if `work` emits these events of a pool named "counted", and no others.
#[track_caller]
fn emits(messages: &[&str], work: impl FnOnce()) {
    let item = type_name::<Counted>();
    let expected: Vec<_> =
        messages.iter().map(|message| format!(" message={message} pool=counted item={item}")).collect();
    assert_eq!(texts(&events(|| (), work)), expected);
}

#[test]
fn creations_emit_events() {
    let (pool, _) = judged(2);
    pool.clear();
    emits(&["created"], || drop(pool.get().unwrap()));
    emits(&[], || drop(pool.get().unwrap()));
    emits(&["created"], || assert_eq!(pool.prefill(2).unwrap(), 1));

    let (pool, _) = judged_async_with(Settings::new(1).manual(), 0);
    emits(&["created"], || drop(block_on(pool.get_async()).unwrap()));
    pool.clear();
    emits(&["created"], || assert_eq!(block_on(pool.prefill_async(1)).unwrap(), 1));
}

#[test]
fn failed_creations_emit_events() {
    let (pool, judge) = judged(1);
    pool.clear();
    judge.fails.set(1);
    emits(&["create failed"], || assert!(pool.get().is_err()));
    emits(&["create failed"], || assert!(pool.prefill(1).is_err()));

    let (pool, judge) = judged_async_with(Settings::new(1).manual().create_timeout(SHORT), 0);
    judge.fails.set(1);
    emits(&["create failed"], || assert!(block_on(pool.get_async()).is_err()));
    judge.creates_slowly.set(1);
    emits(&["create timed out"], || assert!(block_on(pool.get_async()).is_err()));
}

#[test]
fn failed_checks_emit_events() {
    let (pool, judge) = judged(1);
    judge.condemn(0);
    emits(&["check failed", "created"], || drop(pool.get().unwrap()));

    let (pool, judge) = judged_async_with(Settings::new(1).manual().check_timeout(SHORT), 1);
    judge.condemn(0);
    emits(&["check failed", "created"], || drop(block_on(pool.get_async()).unwrap()));
    judge.checks_slowly.set(1);
    emits(&["check timed out", "created"], || drop(block_on(pool.get_async()).unwrap()));
}

#[test]
fn expired_items_emit_events() {
    let (pool, _) = counted_with(Settings::new(1).manual().max_lifetime(SHORT));
    assert_eq!(pool.prefill(1), Ok(1));
    thread::sleep(SHORT);
    let mut item = None;
    emits(&["expired", "created"], || item = Some(pool.get().unwrap()));
    thread::sleep(SHORT);
    emits(&["expired"], || drop(item));
}

#[test]
fn waits_that_time_out_emit_events() {
    let (pool, _) = counted_with(Settings::new(1).manual().wait_timeout(SHORT));
    let only = pool.get().unwrap();
    emits(&[], || assert!(pool.try_get().is_none() && pool.get_timeout(Duration::ZERO).is_err()));
    emits(&["wait timed out"], || assert!(pool.get().is_err()));
    emits(&["wait timed out"], || assert!(pool.get_timeout(SHORT).is_err()));
    emits(&["wait timed out"], || assert!(block_on(pool.get_async()).is_err()));
    drop(only);
}

/// So the subscriber can use the pool, and nobody waits behind who has given up.
#[test]
fn a_wait_that_timed_out_has_left_the_queue_when_its_event_comes() {
    let (pool, _) = counted_with(Settings::new(1).manual());
    let only = pool.get().unwrap();
    let again = Arc::clone(&pool);
    let lines = events(move || assert_eq!(again.waiting(), 0), || assert!(pool.get_timeout(SHORT).is_err()));
    assert_eq!(lines.len(), 1);
    drop(only);
}

/// Wherever an event is emitted.
#[test]
fn a_panic_of_the_subscriber_loses_no_place() {
    let lost = || panic!("out of ink");
    let (pool, judge) = judged(1);
    judge.condemn(0);
    assert_eq!(panic_of(|| events(lost, || drop(pool.get()))), "out of ink", "a check failed");
    assert_eq!(panic_of(|| events(lost, || drop(pool.get()))), "out of ink", "an item was created");
    assert_eq!((pool.in_use(), judge.ledger.live()), (0, 0));

    let (pool, ledger) = counted_with(Settings::new(1).manual().max_lifetime(SHORT));
    let item = pool.get().unwrap();
    thread::sleep(SHORT);
    assert_eq!(panic_of(|| events(lost, || drop(item))), "out of ink", "an item has expired");
    assert_eq!((pool.in_use(), ledger.live()), (0, 0));

    let item = pool.get().unwrap();
    assert_eq!(panic_of(|| events(lost, || drop(pool.get_timeout(SHORT)))), "out of ink", "a wait timed out");
    assert_eq!((pool.in_use(), pool.waiting()), (1, 0));
    drop(item);
}

/// They are emitted with no lock held. So the subscriber can use the pool.
#[test]
fn each_guard_that_is_held_for_long_emits_one_warning() {
    let settings = Settings::new(4).manual().track_held(Duration::ZERO).name("words");
    let pool = Arc::new(BoundedPool::<String>::with_settings(DefaultRecycle, settings));
    let forgotten = pool.get_owned().unwrap();
    let location = pool.held_longer_than(Duration::ZERO)[0].location;
    let again = Arc::clone(&pool);
    let lines = events(move || drop(again.get()), || _ = (pool.advance(), pool.advance()));
    let warnings = lines.into_iter().filter(|line| line.level == Level::WARN).collect::<Vec<_>>();
    let expected = format!(" message=held for long pool=words item=alloc::string::String location={location}");
    assert_eq!(texts(&warnings), [expected]);
    drop(forgotten);
}
