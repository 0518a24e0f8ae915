//! Waiting for places or a turn: as a future for any runtime, or on a blocked thread with a deadline.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use super::error::Refused;
use super::events::{self, Event};
use super::held::Held;
use super::in_time::Wait;
use super::lot::Lot;
use super::places::{Places, wake_each};
use super::waiters::{Answer, Ticket, Want};
use crate::engine::item::{drop_each, keep_first, raise, run};
use crate::sync::thread::{Condvar, Mutex, MutexGuard, PoisonError};

/// Waits for what it wants, from its first poll on. Dropping it leaves the queue. If it was already served, it returns
/// what it got.
#[must_use]
pub(super) struct Waiting<'a, T> {
    pub(super) places: &'a Places<T>,
    want: Want,
    /// If it is in the queue.
    pub(super) ticket: Option<Ticket>,
}

impl<T> Places<T> {
    pub(super) fn wait(&self, want: Want) -> Waiting<'_, T> {
        Waiting { places: self, want, ticket: None }
    }

    /// The wait of one who is in the queue.
    pub(super) fn wait_on(&self, ticket: Ticket, want: Want) -> Waiting<'_, T> {
        Waiting { places: self, want, ticket: Some(ticket) }
    }

    /// Blocks until it gets what it wants, or until the deadline that `deadline` returns, if any. Calls `deadline` only
    /// if it must wait.
    #[inline]
    pub(super) fn take_by(
        &self,
        want: Want,
        deadline: impl FnOnce() -> Option<Instant>,
    ) -> Result<Held<'_, T>, Refused> {
        match self.take(want) {
            Err(Refused::Busy) => self.wait_by(deadline, self.wait(want)),
            answer => answer,
        }
    }

    /// Waits on this thread, until `deadline`.
    pub(super) fn wait_by<O>(
        &self,
        deadline: impl FnOnce() -> Option<Instant>,
        waiting: impl Future<Output = Result<O, Refused>>,
    ) -> Result<O, Refused> {
        match deadline() {
            // Not even for a moment in the queue: there it would block the waiters behind it.
            Some(deadline) if deadline <= Instant::now() => Err(Refused::Busy),
            deadline => {
                let answer = {
                    let _stopwatch = self.time_wait();
                    block_on(pin!(waiting), deadline)
                };
                // The waiter has left the queue.
                answer.unwrap_or_else(|| {
                    self.counts.wait_timeouts.add(1);
                    events::emit_or_raise::<T>(self.name, Event::WaitTimedOut);
                    Err(Refused::Busy)
                })
            }
        }
    }
}

impl<T> Wait for Waiting<'_, T> {
    fn look(&mut self) -> Self::Output {
        self.places.take(self.want)
    }
}

impl<'a, T> Future for Waiting<'a, T> {
    type Output = Result<Held<'a, T>, Refused>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { places, want, ref mut ticket } = *self;
        places.poll(ticket, want, context.waker())
    }
}

impl<T> Drop for Waiting<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            drop(self.places.leave(ticket));
        }
    }
}

/// The steps of a wait, each under the lock.
impl<T> Places<T> {
    /// Takes places as `take` does, or becomes a waiter, or looks whether this waiter was answered.
    pub(super) fn poll(
        &self,
        ticket: &mut Option<Ticket>,
        want: Want,
        waker: &Waker,
    ) -> Poll<Result<Held<'_, T>, Refused>> {
        if let Some(held) = *ticket {
            let mut state = self.lock();
            let answer = state.answer(held, want);
            if answer.is_some() || state.waiters.has_waker(held, waker) {
                self.release(state);
                return self.end(ticket, answer);
            }
        }
        // Cloning and dropping a waker runs user code, so it happens outside the lock, and only when no answer can be
        // lost.
        let waker = waker.clone();
        let mut state = self.lock();
        let (answer, unused) = match *ticket {
            None => match state.take(want) {
                Err(Refused::Busy) => {
                    self.counts.waits.bump(1);
                    *ticket = Some(state.waiters.enqueue(want, waker));
                    (None, None)
                }
                answer => (Some(answer), Some(waker)),
            },
            Some(held) => match state.answer(held, want) {
                None => (None, state.waiters.replace_waker(held, waker)),
                answer => (answer, Some(waker)),
            },
        };
        self.release(state);
        let outcome = self.end(ticket, answer);
        drop(unused);
        outcome
    }

    /// Ends the wait if there is an answer.
    fn end(&self, ticket: &mut Option<Ticket>, answer: Option<Answer<Lot<T>>>) -> Poll<Result<Held<'_, T>, Refused>> {
        let Some(answer) = answer else { return Poll::Pending };
        *ticket = None;
        Poll::Ready(answer.map(|lot| Held::new(self, lot)))
    }

    /// Leaves the queue. Returns what the waiter was already served.
    pub(super) fn leave(&self, ticket: Ticket) -> Option<Held<'_, T>> {
        let mut state = self.lock();
        if let Some(waker) = state.waiters.leave_line(ticket) {
            drop(state);
            run(|| drop(waker));
            return None;
        }
        let (served, waker) = state.waiters.leave(ticket);
        let served = served.and_then(Result::ok);
        let wakers = if served.is_none() { state.serve() } else { Vec::new() };
        self.release(state);
        let served = served.map(|lot| Held::new(self, lot));
        let mut first = wake_each(wakers);
        // Dropping a waker runs user code, as waking does.
        if let Some(panic) = drop_each(waker) {
            keep_first(&mut first, panic);
        }
        if let Some(panic) = first {
            raise(panic);
        }
        served
    }
}

/// Runs a future on this thread. Returns `None` if it is not ready by the deadline.
pub(super) fn block_on<F: Future>(mut future: Pin<&mut F>, deadline: Option<Instant>) -> Option<F::Output> {
    let parker = Arc::new(Parker { woken: Mutex::new(false), signal: Condvar::new() });
    let waker = Waker::from(Arc::clone(&parker));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        if !parker.park(deadline) {
            return None;
        }
    }
}

/// What a thread blocks on. `std::thread::park` would use up the thread's only token, which belongs to its user.
struct Parker {
    woken: Mutex<bool>,
    signal: Condvar,
}

impl Parker {
    fn lock(&self) -> MutexGuard<'_, bool> {
        // Never poisoned: nothing panics while the lock is held.
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks until woken, or returns at once if woken since the last call. Returns `false` if the deadline passes
    /// first.
    fn park(&self, deadline: Option<Instant>) -> bool {
        let mut woken = self.lock();
        while !std::mem::take(&mut *woken) {
            woken = match deadline {
                None => self.signal.wait(woken).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.signal.wait_timeout(woken, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        *self.lock() = true;
        self.signal.notify_one();
    }
}
