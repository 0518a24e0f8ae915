//! Those who wait for places, in the order in which they came.

use std::collections::BTreeMap;
use std::task::Waker;

use super::error::Refused;
use super::places::Lot;

/// A place in the line: a lower number is served first.
pub(super) type Ticket = u64;

/// What became of a wait.
pub(super) type Answer<T> = Result<Lot<T>, Refused>;

pub(super) struct Line<T> {
    waiting: BTreeMap<Ticket, Waiter>,
    /// Answers that their waiters haven't fetched yet.
    served: BTreeMap<Ticket, Answer<T>>,
    next: Ticket,
}

struct Waiter {
    /// How many places it waits for.
    n: usize,
    waker: Waker,
}

impl<T> Line<T> {
    pub(super) fn new() -> Self {
        Self { waiting: BTreeMap::new(), served: BTreeMap::new(), next: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many places the first one waits for.
    pub(super) fn first(&self) -> Option<usize> {
        self.waiting.first_key_value().map(|(_, waiter)| waiter.n)
    }

    /// Waits at the end of the line for `n` places.
    pub(super) fn join(&mut self, n: usize, waker: Waker) -> Ticket {
        let ticket = self.next;
        self.next += 1;
        self.waiting.insert(ticket, Waiter { n, waker });
        ticket
    }

    /// The answer, if there is one; else `waker` is the one to be woken from now on. The waker that isn't needed comes
    /// back, to be dropped without the lock.
    pub(super) fn ask(&mut self, ticket: Ticket, waker: Waker) -> (Option<Answer<T>>, Waker) {
        match self.waiting.get_mut(&ticket) {
            Some(waiter) => (None, std::mem::replace(&mut waiter.waker, waker)),
            None => (self.served.remove(&ticket), waker),
        }
    }

    /// Leaves the line; what comes back is an answer that wasn't fetched, or the waker of one who still waited.
    pub(super) fn leave(&mut self, ticket: Ticket) -> (Option<Answer<T>>, Option<Waker>) {
        (self.served.remove(&ticket), self.waiting.remove(&ticket).map(|waiter| waiter.waker))
    }

    /// Answers the first one, who is to be woken.
    pub(super) fn serve_first(&mut self, answer: Answer<T>) -> Option<Waker> {
        let (ticket, waiter) = self.waiting.pop_first()?;
        self.served.insert(ticket, answer);
        Some(waiter.waker)
    }

    /// Answers everybody for whom `refusal` has one, given the places they wait for; they are to be woken.
    pub(super) fn refuse(&mut self, refusal: impl Fn(usize) -> Option<Refused>) -> Vec<Waker> {
        let refused: Vec<_> =
            self.waiting.iter().filter_map(|(&ticket, waiter)| Some((ticket, refusal(waiter.n)?))).collect();
        let mut wakers = Vec::with_capacity(refused.len());
        for (ticket, refusal) in refused {
            self.served.insert(ticket, Err(refusal));
            wakers.extend(self.waiting.remove(&ticket).map(|waiter| waiter.waker));
        }
        wakers
    }
}
