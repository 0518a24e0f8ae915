//! `BoundedPool`: the timeouts of its settings, one for each phase of a `get`.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use crate::common::polled::Polled;
use crate::common::{Counted, Ledger, Maker, alone, until};
use crate::judge::judged_async_with;
use ebbtide::BoundedPool;
use ebbtide::bounded::{GetError, Phase, Settings};
use futures_lite::future::block_on;

/// So short that it passes at once.
const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3600);

/// Polls a future whenever it is woken, until it is ready.
fn soon<F: Future>(future: F) -> F::Output {
    finish(Polled::new(future))
}

fn finish<F: Future>(mut polled: Polled<F>) -> F::Output {
    loop {
        let seen = polled.wakes();
        if let Some(output) = polled.poll() {
            return output;
        }
        until("it is woken", || polled.wakes() > seen);
    }
}

fn is_late<O, E>(outcome: Result<O, GetError<E>>, phase: Phase) -> bool {
    matches!(outcome, Err(GetError::TimedOut { phase: late, after, .. }) if late == phase && after == SHORT)
}

/// Every wait without a deadline of its own ends with the timeout, and leaves the queue.
#[test]
fn waits_end_with_their_timeout() {
    let ledger = Ledger::new();
    let settings = Settings::new(1).manual().wait_timeout(SHORT);
    let pool: Arc<BoundedPool<Counted, Maker>> =
        Arc::new(BoundedPool::with_settings(Maker(Arc::clone(&ledger)), settings));
    let item = pool.get().unwrap();
    assert!(is_late(pool.get(), Phase::Wait));
    assert!(is_late(pool.get_owned(), Phase::Wait));
    assert!(is_late(pool.get_with(|| unreachable!()), Phase::Wait));
    assert!(is_late(pool.get_many(1), Phase::Wait));
    assert!(is_late(pool.get_many_owned(1), Phase::Wait));
    assert!(is_late(soon(pool.get_async()), Phase::Wait));
    assert!(is_late(soon(pool.get_owned_async()), Phase::Wait));
    assert!(is_late(soon(pool.get_many_async(1)), Phase::Wait));
    assert!(is_late(soon(pool.get_many_owned_async(1)), Phase::Wait));
    assert!(matches!(pool.get_timeout(Duration::ZERO), Err(GetError::Timeout)), "it has its own");
    assert_eq!(pool.waiting(), 0);
    drop(item);
    assert!(pool.get().is_ok());
    assert_eq!(ledger.made(), 1);
}

/// Not even for a moment, where it would block the waiters behind it.
#[test]
fn a_task_with_a_timeout_of_zero_never_enters_the_queue() {
    fn is_late_at_once<O, E>(get: impl Future<Output = Result<O, GetError<E>>>) -> bool {
        let outcome = Polled::new(get).poll().expect("it does not wait");
        matches!(outcome, Err(GetError::TimedOut { phase: Phase::Wait, after: Duration::ZERO, .. }))
    }

    let settings = Settings::new(2).manual().wait_timeout(Duration::ZERO).max_creating(1);
    let (pool, judge) = judged_async_with(settings, 2);
    let both = block_on(pool.get_many_async(2)).unwrap();
    assert!(is_late_at_once(pool.get_async()) && is_late_at_once(pool.get_many_async(2)));
    drop(both);
    // An item that fails its check is replaced, which needs a turn.
    judge.condemn(0);
    judge.condemn(1);
    judge.creates_slowly.set(1);
    let creates = Polled::waiting(pool.get_async());
    assert!(is_late_at_once(pool.get_async()));
    assert_eq!((pool.stats().waits, pool.stats().wait_timeouts), (0, 0));
    drop(creates);
    assert_eq!((pool.in_use(), judge.ledger.live()), (0, 0));
}

/// A future that creates for too long is dropped, and the place is free.
#[test]
fn creation_ends_with_its_timeout() {
    let (pool, judge) = judged_async_with(Settings::new(2).manual().create_timeout(SHORT).wait_timeout(LONG), 0);
    judge.creates_slowly.set(1);
    assert!(is_late(soon(pool.get_async()), Phase::Create));
    assert!(is_late(soon(pool.get_many_async(2)), Phase::Create));
    assert!(is_late(soon(pool.prefill_async(2)), Phase::Create));
    let slow = || async { std::future::pending::<Result<Counted, ()>>().await };
    assert!(is_late(soon(pool.get_async_with(slow)), Phase::Create));
    assert_eq!((pool.in_use(), pool.idle()), (0, 0));
    judge.creates_slowly.set(0);
    assert_eq!(block_on(pool.get_many_async(2)).unwrap().len(), 2);
}

/// A check that takes too long has failed. A new item is created in the same place, and the turn is kept.
#[test]
fn a_check_that_takes_too_long_has_failed() {
    let (pool, judge) = judged_async_with(Settings::new(1).manual().check_timeout(SHORT).create_timeout(LONG), 1);
    judge.checks_slowly.set(1);
    judge.creates_slowly.set(1);
    let mut first = Polled::waiting(pool.get_async());
    until("the check has failed", || first.poll().is_none() && judge.ledger.live() == 0);
    let mut second = Polled::waiting(pool.get_async());
    judge.creates_slowly.set(0);
    let item = first.poll().expect("it is created").unwrap();
    assert!(second.poll().is_none());
    assert_eq!((item.id, pool.waiting(), judge.ledger.peak()), (1, 1, 1));
}

/// With a server that does not answer, those who got a place time out creating, and the others waiting.
#[test]
fn each_error_names_its_phase() {
    let settings = Settings::new(8).manual().wait_timeout(SHORT).create_timeout(Duration::from_millis(100));
    let (pool, judge) = judged_async_with(settings, 0);
    judge.creates_slowly.set(1);
    let mut tasks: Vec<_> = (0..16).map(|_| Polled::waiting(pool.get_async())).collect();
    assert_eq!((pool.status().creating, pool.waiting()), (8, 8));
    let mut texts = Vec::new();
    // Those who wait first, since a creation that ends lets the next begin.
    while let Some(task) = tasks.pop() {
        texts.push(finish(task).map(drop).unwrap_err().to_string());
    }
    assert_eq!(texts[..8], ["no item was free within 1ms"; 8]);
    assert_eq!(texts[8..], ["no item was created within 100ms"; 8]);
    assert_eq!((pool.in_use(), pool.idle(), pool.waiting()), (0, 0, 0));
}

/// Timeouts that have not passed change nothing. Tasks of any runtime, and several at once, can have them.
#[test]
fn timeouts_that_do_not_pass_change_nothing() {
    let (pool, judge) = judged_async_with(Settings::new(1).manual().wait_timeout(LONG).check_timeout(LONG), 1);
    thread::scope(|scope| {
        let item = block_on(pool.get_async()).unwrap();
        let waiting = scope.spawn(|| block_on(pool.get_async()).map(|item| item.id));
        until("it waits", || pool.waiting() == 1);
        drop(item);
        assert_eq!(waiting.join().unwrap().unwrap(), 0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(pool.get_async()).unwrap().id, 0);
    // A sum past the clock's range is no limit.
    let (pool, _judge) = judged_async_with(Settings::new(1).manual().create_timeout(Duration::MAX), 1);
    assert_eq!(block_on(pool.get_async()).unwrap().id, 0);
    assert_eq!(judge.ledger.made(), 1);
}

/// The waker of a timed wait panics when it is woken. Other tasks are still woken in time.
#[test]
fn a_waker_that_panics_does_not_stop_the_timer() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("waker");
        }
    }
    let settings = Settings::new(1).manual().wait_timeout(SHORT);
    let (pool, _judge) = judged_async_with(settings, 1);
    let _item = block_on(pool.get_async()).unwrap();
    let waker = std::task::Waker::from(Arc::new(Panics));
    let mut wait = Box::pin(pool.get_async());
    assert!(wait.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
    assert!(is_late(soon(pool.get_async()), Phase::Wait));
    drop(wait);
    assert!(is_late(soon(pool.get_async()), Phase::Wait));
    assert_eq!(pool.waiting(), 0);
}

/// A timer that is set while the thread sleeps for a later one is not late by that.
#[test]
fn a_later_timer_may_be_due_first() {
    let (slow, _judge) = judged_async_with(Settings::new(1).manual().wait_timeout(LONG), 1);
    let _item = block_on(slow.get_async()).unwrap();
    let _waiting = Polled::waiting(slow.get_async());
    // Time for the thread to fall asleep. If it does not, the test shows less.
    thread::sleep(Duration::from_millis(20));
    let (fast, _judge) = judged_async_with(Settings::new(1).manual().wait_timeout(SHORT), 1);
    let _other = block_on(fast.get_async()).unwrap();
    assert!(is_late(soon(fast.get_async()), Phase::Wait));
}

/// `stop_janitor` ends the thread that wakes tasks in time. A task that waits on starts it again.
#[cfg(target_os = "linux")]
#[test]
fn stopping_the_janitor_ends_the_timer() {
    if !alone("timeouts::stopping_the_janitor_ends_the_timer") {
        return;
    }
    let timers = || crate::janitors::threads_named("ebbtide-timer").len();
    let (pool, _judge) = judged_async_with(Settings::new(1).manual().wait_timeout(LONG), 1);
    let _item = block_on(pool.get_async()).unwrap();
    let mut waiting = Polled::waiting(pool.get_async());
    for n in 1..=3 {
        until("the timer runs", || timers() == 1);
        ebbtide::stop_janitor();
        // The system may show a thread that was joined for a moment.
        until("the timer is gone", || timers() == 0);
        assert_eq!(waiting.wakes(), n);
        assert!(waiting.poll().is_none());
    }
    drop(waiting);
    ebbtide::stop_janitor();
    let (pool, _judge) = judged_async_with(Settings::new(1).manual().wait_timeout(SHORT), 1);
    let _item = block_on(pool.get_async()).unwrap();
    assert!(is_late(soon(pool.get_async()), Phase::Wait));
}

/// Wakers run when the threads are gone, so one may stop them again.
#[cfg(target_os = "linux")]
#[test]
fn a_waker_may_stop_the_janitor() {
    struct Stops;
    impl Wake for Stops {
        fn wake(self: Arc<Self>) {
            ebbtide::stop_janitor();
        }
    }
    if !alone("timeouts::a_waker_may_stop_the_janitor") {
        return;
    }
    let (pool, _judge) = judged_async_with(Settings::new(1).manual().wait_timeout(LONG), 1);
    let _item = block_on(pool.get_async()).unwrap();
    let waker = Waker::from(Arc::new(Stops));
    let mut waiting = Box::pin(pool.get_async());
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let stop = thread::spawn(ebbtide::stop_janitor);
    until("it returns", || stop.is_finished());
}
