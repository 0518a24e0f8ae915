//! Futures that end when a time has come, in any runtime. One thread of the process wakes their tasks.
//!
//! The thread starts when the first future waits for its time. While none does, nothing wakes the thread.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::engine::item::{discard, drop_each, for_each_caught, raise};
use crate::sync::clock;
use crate::sync::signals::Mask;
use crate::sync::thread::{Condvar, Mutex, MutexGuard, PoisonError, spawn_quiet};

/// Runs a future for at most this long. Returns `None` if it is not ready by then.
pub(super) async fn within<F: Future>(limit: Option<Duration>, future: F) -> Option<F::Output> {
    let Some(limit) = limit else { return Some(future.await) };
    let mut alarm = Alarm { due: clock().and_then(|now| now.checked_add(limit)), key: None };
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => alarm.poll(context).map(|()| None),
    })
    .await
}

/// A time, or never, and the key of its timer once it has one.
struct Alarm {
    due: Option<Instant>,
    key: Option<Key>,
}

/// When a timer is due, and a number that no other has.
type Key = (Instant, u64);

struct Timers {
    wakers: BTreeMap<Key, Waker>,
    made: u64,
    /// Whether there is a thread.
    running: bool,
}

static TIMERS: Mutex<Timers> = Mutex::new(Timers { wakers: BTreeMap::new(), made: 0, running: false });

/// A timer is due before the one for which the thread waits.
static SOONER: Condvar = Condvar::new();

fn timers() -> MutexGuard<'static, Timers> {
    // Never poisoned: nothing panics while the lock is held.
    TIMERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Alarm {
    fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        let Some(due) = self.due else { return Poll::Pending };
        if due <= Instant::now() {
            return Poll::Ready(());
        }
        // Cloning and dropping a waker runs user code, so it happens outside the lock.
        let waker = context.waker().clone();
        let mut timers = timers();
        let key = *self.key.get_or_insert_with(|| {
            timers.made += 1;
            (due, timers.made)
        });
        let before = timers.wakers.insert(key, waker);
        let is_first = timers.wakers.first_key_value().is_some_and(|(first, _)| *first == key);
        let starts = !mem::replace(&mut timers.running, true);
        drop(timers);
        drop(before);
        if starts {
            start();
        } else if is_first {
            SOONER.notify_one();
        }
        Poll::Pending
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let waker = self.key.and_then(|key| timers().wakers.remove(&key));
        drop_each(waker).into_iter().for_each(raise);
    }
}

/// Starts the thread. If that fails, the next timer tries again.
fn start() {
    if spawn_quiet("ebbtide-timer", run).is_err() {
        timers().running = false;
    }
}

/// The thread's body. `starters` is the signal mask of the thread that started it. Wakers run with it.
fn run(starters: Mask) {
    let mut timers = timers();
    loop {
        let now = Instant::now();
        let later = timers.wakers.split_off(&(now, u64::MAX));
        let due = mem::replace(&mut timers.wakers, later);
        if !due.is_empty() {
            drop(timers);
            starters.set();
            for_each_caught(due.into_values(), Waker::wake).into_iter().for_each(discard);
            Mask::quiet().set();
            timers = self::timers();
            continue;
        }
        timers = match timers.wakers.first_key_value() {
            None => SOONER.wait(timers).unwrap_or_else(PoisonError::into_inner),
            Some((&(first, _), _)) => {
                let left = first.saturating_duration_since(now);
                SOONER.wait_timeout(timers, left).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}
