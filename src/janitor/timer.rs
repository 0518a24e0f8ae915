//! Alarms wake a task when a time has come, in any runtime. One thread of the process does that for all of them.
//!
//! The thread starts with the first task that waits for its time. While none does, nothing wakes the thread.

use std::collections::BTreeMap;
use std::mem;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::item::{discard, drop_each, for_each_caught, raise};
use crate::sync::clock;
use crate::sync::signals::Mask;
use crate::sync::thread::{Condvar, JoinHandle, Mutex, MutexGuard, PoisonError, spawn_quiet};

/// A time, or never, and the key of its timer once it has one.
#[derive(Debug)]
pub(crate) struct Alarm {
    due: Option<Instant>,
    key: Option<Key>,
}

/// When a timer is due, and a number that no other has.
type Key = (Instant, u64);

struct Timers {
    wakers: BTreeMap<Key, Waker>,
    made: u64,
    thread: Option<JoinHandle<()>>,
}

static TIMERS: Mutex<Timers> = Mutex::new(Timers { wakers: BTreeMap::new(), made: 0, thread: None });

/// The thread is to look again: a timer is due before the one for which it waits, or it is to end.
static LOOK: Condvar = Condvar::new();

fn timers() -> MutexGuard<'static, Timers> {
    // Never poisoned: nothing panics while the lock is held.
    TIMERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Alarm {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { due: clock().and_then(|now| now.checked_add(limit)), key: None }
    }

    /// Is ready once the time has come. Until then, wakes this task at that time.
    pub(crate) fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
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
        if timers.thread.is_none() {
            // Under the lock, so that `stop` finds it. If the system has no thread, the next poll tries again.
            timers.thread = spawn_quiet("ebbtide-timer", run).ok();
        }
        drop(timers);
        if is_first && before.is_none() {
            LOOK.notify_all();
        }
        drop(before);
        Poll::Pending
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let waker = self.key.and_then(|key| timers().wakers.remove(&key));
        drop_each(waker).into_iter().for_each(raise);
    }
}

/// The thread's body. `starters` is the signal mask of the thread that started it. Wakers run with it.
fn run(starters: Mask) {
    let this = thread::current().id();
    let mut timers = timers();
    while timers.thread.as_ref().is_some_and(|current| current.thread().id() == this) {
        let now = Instant::now();
        let later = timers.wakers.split_off(&(now, u64::MAX));
        let due = mem::replace(&mut timers.wakers, later);
        if !due.is_empty() {
            drop(timers);
            starters.set();
            wake(due);
            Mask::quiet().set();
            timers = self::timers();
            continue;
        }
        timers = match timers.wakers.first_key_value() {
            None => LOOK.wait(timers).unwrap_or_else(PoisonError::into_inner),
            Some((&(first, _), _)) => {
                let left = first.saturating_duration_since(now);
                LOOK.wait_timeout(timers, left).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}

/// Wakes these tasks.
fn wake(tasks: BTreeMap<Key, Waker>) {
    for_each_caught(tasks.into_values(), Waker::wake).into_iter().for_each(discard);
}

/// Ends the thread. Tasks that still wait start another once `wake_all` has woken them.
pub(super) fn stop() {
    let thread = timers().thread.take();
    LOOK.notify_all();
    thread.and_then(|thread| thread.join().err()).into_iter().for_each(discard);
}

/// Wakes every task that waits.
pub(super) fn wake_all() {
    let waiting = mem::take(&mut timers().wakers);
    wake(waiting);
}
