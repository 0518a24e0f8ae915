//! Waiting for places: as a future of any runtime's, and as a thread that sleeps until a deadline.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use super::error::Refused;
use super::places::{Held, Places};
use super::waiters::Ticket;
use crate::sync::thread::{Condvar, Mutex, MutexGuard, PoisonError};

/// Waits for `n` places at once, from its first poll on. Dropping it gives up its place in the line, and if it was served
/// already, what it was served.
#[must_use]
pub(super) struct Waiting<'a, T> {
    places: &'a Places<T>,
    n: usize,
    ticket: Option<Ticket>,
}

impl<T> Places<T> {
    pub(super) fn wait(&self, n: usize) -> Waiting<'_, T> {
        Waiting { places: self, n, ticket: None }
    }

    /// Sleeps until there are `n` places, or until the deadline that `deadline` gives, if it does; it is asked only if
    /// there aren't enough at once.
    #[inline]
    pub(super) fn take_by(&self, n: usize, deadline: impl FnOnce() -> Option<Instant>) -> Result<Held<'_, T>, Refused> {
        match self.take(n) {
            Err(Refused::Busy) => match deadline() {
                // Not even for a moment in the line, where it would hold up others.
                Some(deadline) if deadline <= Instant::now() => Err(Refused::Busy),
                deadline => block_on(pin!(self.wait(n)), deadline).unwrap_or(Err(Refused::Busy)),
            },
            answer => answer,
        }
    }
}

impl<'a, T> Future for Waiting<'a, T> {
    type Output = Result<Held<'a, T>, Refused>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { places, n, ref mut ticket } = *self;
        places.poll(ticket, n, context.waker())
    }
}

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.places.leave(ticket);
        }
    }
}

/// Runs a future on this thread, until the deadline if there is one; `None` if it wasn't ready by then.
fn block_on<F: Future>(mut future: Pin<&mut F>, deadline: Option<Instant>) -> Option<F::Output> {
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

/// What a thread sleeps on. Not `std::thread::park`, whose one token belongs to the thread's user.
struct Parker {
    woken: Mutex<bool>,
    signal: Condvar,
}

impl Parker {
    fn lock(&self) -> MutexGuard<'_, bool> {
        // Nothing panics while it is held.
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until it is woken, or has been since the last time, and says whether it was; `false` means it is too late.
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
