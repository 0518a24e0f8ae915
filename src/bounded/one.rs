//! A task's wait for one item, in the usual case.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::error::Refused;
use super::held::Held;
use super::info::Item;
use super::places::Places;
use super::wait::Waiting;
use super::waiters::{Ticket, Want};
use super::{BoundedPool, Manage};

/// Takes an idle item, or waits for one if it needs no look. Otherwise returns the place, if it got one.
///
/// One future, written by hand: what an `async fn` keeps for its later steps would take part in each poll.
#[must_use]
pub(super) struct One<'a, T, R> {
    pool: &'a BoundedPool<T, R>,
    waiting: Waiting<'a, T>,
}

impl<T: Send, R: Manage<T>> BoundedPool<T, R> {
    #[inline(always)]
    pub(super) fn take_or_wait(&self) -> One<'_, T, R> {
        One { pool: self, waiting: self.places().wait(Want::Places(1)) }
    }

    /// Whether an idle item needs no look, and a wait for one has no limit.
    fn hands_out_at_once(&self) -> bool {
        !R::CHECKED && !self.watched && self.background.is_none() && self.settings.timeouts.wait.is_none()
    }
}

impl<'a, T: Send, R: Manage<T>> Future for One<'a, T, R> {
    type Output = Result<Result<Item<T>, Option<Held<'a, T>>>, Refused>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { pool, ref mut waiting } = *self;
        if waiting.ticket.is_none() {
            // One who will wait takes the lock once less. If it need not wait after all, that shows below.
            let taken = if pool.places().is_dry() { Err(None) } else { pool.take_one() };
            if !matches!(taken, Err(None)) || !pool.hands_out_at_once() {
                return Poll::Ready(Ok(taken));
            }
        }
        match waiting.places.poll_item(&mut waiting.ticket, context.waker()) {
            Some(item) => item.map(|item| Ok(Ok(item))),
            None => Pin::new(waiting).poll(context).map_ok(|held| Err(Some(held))),
        }
    }
}

impl<T> Places<T> {
    /// Does for one who wants one place what `poll` does in the usual cases: becomes a waiter, stays one, or gets an item.
    /// Otherwise returns `None`.
    #[inline]
    fn poll_item(&self, ticket: &mut Option<Ticket>, waker: &Waker) -> Option<Poll<Item<T>>> {
        let Some(held) = *ticket else {
            let waker = waker.clone();
            let mut state = self.lock();
            if !state.is_busy() {
                drop(state);
                drop(waker);
                return None;
            }
            self.counts.waits.bump(1);
            *ticket = Some(state.waiters.enqueue_last(1, waker));
            return Some(Poll::Pending);
        };
        let mut state = self.lock();
        let item = match state.waiters.fetch_one(held) {
            Some(item) => {
                drop(state);
                item
            }
            None if state.waiters.has_waker(held, waker) => return Some(Poll::Pending),
            None => {
                let item = state.answer_call_with_item(held)?;
                self.release(state);
                item
            }
        };
        *ticket = None;
        Some(Poll::Ready(item))
    }
}
