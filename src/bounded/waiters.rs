//! The queue of waiters for places, in order of arrival. A waiter is *served* when it is given its places.
//!
//! A waiter has a *ticket*: its index in a table, from when it enters the queue until it has fetched its answer or has
//! left. Then the ticket is reused. The waiters that are not yet answered form a linked list within the table. So
//! adding, serving and removing a waiter take constant time. They allocate only if there are more waiters than ever
//! since the last `shrink`.

use std::task::Waker;

use super::error::Refused;

/// A waiter's index in the table.
pub(super) type Ticket = usize;

/// The result of a wait: what the waiter was served, or why not.
pub(super) type Answer<L> = Result<L, Refused>;

pub(super) struct Waiters<L> {
    table: Vec<Waiter<L>>,
    /// Unused tickets.
    free: Vec<Ticket>,
    first: Option<Ticket>,
    last: Option<Ticket>,
    len: usize,
}

struct Waiter<L> {
    /// How many places it waits for.
    n: usize,
    /// Set until it is answered.
    waker: Option<Waker>,
    /// Set from then on, until it is fetched.
    answer: Option<Answer<L>>,
    previous: Option<Ticket>,
    next: Option<Ticket>,
}

impl<L> Waiters<L> {
    pub(super) fn new() -> Self {
        Self { table: Vec::new(), free: Vec::new(), first: None, last: None, len: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many places the first waiter waits for.
    pub(super) fn first(&self) -> Option<usize> {
        self.first.map(|ticket| self.table[ticket].n)
    }

    /// Adds a waiter for `n` places at the end of the queue.
    pub(super) fn enqueue(&mut self, n: usize, waker: Waker) -> Ticket {
        let waiter = Waiter { n, waker: Some(waker), answer: None, previous: self.last, next: None };
        let ticket = match self.free.pop() {
            Some(ticket) => {
                self.table[ticket] = waiter;
                ticket
            }
            None => {
                self.table.push(waiter);
                self.table.len() - 1
            }
        };
        match self.last.replace(ticket) {
            Some(last) => self.table[last].next = Some(ticket),
            None => self.first = Some(ticket),
        }
        self.len += 1;
        ticket
    }

    /// Takes the answer if there is one, which ends the wait.
    pub(super) fn fetch(&mut self, ticket: Ticket) -> Option<Answer<L>> {
        let answer = self.table[ticket].answer.take()?;
        self.free.push(ticket);
        Some(answer)
    }

    /// Whether an answer wakes the same task as `waker`.
    pub(super) fn has_waker(&self, ticket: Ticket, waker: &Waker) -> bool {
        self.table[ticket].waker.as_ref().is_some_and(|current| current.will_wake(waker))
    }

    /// Sets the waker for the answer, and returns the previous one.
    pub(super) fn replace_waker(&mut self, ticket: Ticket, waker: Waker) -> Option<Waker> {
        self.table[ticket].waker.replace(waker)
    }

    /// Removes a waiter. Returns its answer if it was answered, or else its waker.
    pub(super) fn leave(&mut self, ticket: Ticket) -> (Option<Answer<L>>, Option<Waker>) {
        let waker = self.unlink(ticket);
        self.free.push(ticket);
        (self.table[ticket].answer.take(), waker)
    }

    /// Serves the first waiter, and returns its waker.
    pub(super) fn serve_first(&mut self, lot: L) -> Option<Waker> {
        let first = self.first?;
        self.table[first].answer = Some(Ok(lot));
        self.unlink(first)
    }

    /// Refuses every waiter for which `refusal` returns an error. Its argument is the number of places. Returns their
    /// wakers.
    pub(super) fn refuse(&mut self, refusal: impl Fn(usize) -> Option<Refused>) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let mut at = self.first;
        while let Some(ticket) = at {
            let waiter = &mut self.table[ticket];
            at = waiter.next;
            if let Some(refused) = refusal(waiter.n) {
                waiter.answer = Some(Err(refused));
                wakers.extend(self.unlink(ticket));
            }
        }
        wakers
    }

    /// Frees the table's memory if nobody uses it.
    pub(super) fn shrink(&mut self) {
        if self.free.len() == self.table.len() {
            *self = Self::new();
        }
    }

    /// Removes all waiters when the pool is dropped. These are waits that were forgotten, whether answered or not.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (Option<Waker>, Option<Answer<L>>)> {
        self.table.drain(..).map(|waiter| (waiter.waker, waiter.answer))
    }

    /// Unlinks a waiter from the queue and takes its waker, unless it is unlinked already.
    fn unlink(&mut self, ticket: Ticket) -> Option<Waker> {
        let Waiter { ref mut waker, previous, next, .. } = self.table[ticket];
        let waker = waker.take()?;
        match previous {
            Some(previous) => self.table[previous].next = next,
            None => self.first = next,
        }
        match next {
            Some(next) => self.table[next].previous = previous,
            None => self.last = previous,
        }
        self.len -= 1;
        Some(waker)
    }
}
