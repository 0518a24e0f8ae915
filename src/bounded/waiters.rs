//! Those who wait for places, in the order in which they came.
//!
//! A wait has a number, its ticket, from when it joins the line until it has fetched its answer or has left; then the
//! number is another's. What is known of it lies in a table by ticket, through which those who wait are linked. So each
//! step takes as long however many wait, and allocates nothing unless more wait than ever since the last `shrink`.

use std::task::Waker;

use super::error::Refused;

/// The number of a wait.
pub(super) type Ticket = usize;

/// What became of a wait: what it was served, or why not.
pub(super) type Answer<L> = Result<L, Refused>;

pub(super) struct Line<L> {
    waits: Vec<Wait<L>>,
    /// The tickets that nobody has.
    free: Vec<Ticket>,
    first: Option<Ticket>,
    last: Option<Ticket>,
    len: usize,
}

struct Wait<L> {
    /// How many places it waits for.
    n: usize,
    /// Until it is answered.
    waker: Option<Waker>,
    /// From then on, until it is fetched.
    answer: Option<Answer<L>>,
    previous: Option<Ticket>,
    next: Option<Ticket>,
}

impl<L> Line<L> {
    pub(super) fn new() -> Self {
        Self { waits: Vec::new(), free: Vec::new(), first: None, last: None, len: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many places the first one waits for.
    pub(super) fn first(&self) -> Option<usize> {
        self.first.map(|ticket| self.waits[ticket].n)
    }

    /// Waits at the end of the line for `n` places.
    pub(super) fn join(&mut self, n: usize, waker: Waker) -> Ticket {
        let wait = Wait { n, waker: Some(waker), answer: None, previous: self.last, next: None };
        let ticket = match self.free.pop() {
            Some(ticket) => {
                self.waits[ticket] = wait;
                ticket
            }
            None => {
                self.waits.push(wait);
                self.waits.len() - 1
            }
        };
        match self.last.replace(ticket) {
            Some(last) => self.waits[last].next = Some(ticket),
            None => self.first = Some(ticket),
        }
        self.len += 1;
        ticket
    }

    /// The answer, if there is one, and with it the wait is over.
    pub(super) fn fetch(&mut self, ticket: Ticket) -> Option<Answer<L>> {
        let answer = self.waits[ticket].answer.take()?;
        self.free.push(ticket);
        Some(answer)
    }

    /// Whether an answer will wake the same as `waker` would.
    pub(super) fn wakes(&self, ticket: Ticket, waker: &Waker) -> bool {
        self.waits[ticket].waker.as_ref().is_some_and(|theirs| theirs.will_wake(waker))
    }

    /// Another is to be woken when there is an answer; returns the one before.
    pub(super) fn replace_waker(&mut self, ticket: Ticket, waker: Waker) -> Option<Waker> {
        self.waits[ticket].waker.replace(waker)
    }

    /// Leaves the line; what comes back is an answer that wasn't fetched, or the waker of one who still waited.
    pub(super) fn leave(&mut self, ticket: Ticket) -> (Option<Answer<L>>, Option<Waker>) {
        let waker = self.step_out(ticket);
        self.free.push(ticket);
        (self.waits[ticket].answer.take(), waker)
    }

    /// Answers the first one, who is to be woken.
    pub(super) fn serve_first(&mut self, lot: L) -> Option<Waker> {
        let first = self.first?;
        self.waits[first].answer = Some(Ok(lot));
        self.step_out(first)
    }

    /// Answers everybody for whom `refusal` has one, given the places they wait for; they are to be woken.
    pub(super) fn refuse(&mut self, refusal: impl Fn(usize) -> Option<Refused>) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let mut at = self.first;
        while let Some(ticket) = at {
            let wait = &mut self.waits[ticket];
            at = wait.next;
            if let Some(refused) = refusal(wait.n) {
                wait.answer = Some(Err(refused));
                wakers.extend(self.step_out(ticket));
            }
        }
        wakers
    }

    /// Gives back the table's memory, if there is no wait in it.
    pub(super) fn shrink(&mut self) {
        if self.free.len() == self.waits.len() {
            *self = Self::new();
        }
    }

    /// Takes out every wait that is left when nobody waits any more: those that were forgotten, served or not.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (Option<Waker>, Option<Answer<L>>)> {
        self.waits.drain(..).map(|wait| (wait.waker, wait.answer))
    }

    /// Takes a wait out of those that are to be answered, unless it is out already.
    fn step_out(&mut self, ticket: Ticket) -> Option<Waker> {
        let Wait { ref mut waker, previous, next, .. } = self.waits[ticket];
        let waker = waker.take()?;
        match previous {
            Some(previous) => self.waits[previous].next = next,
            None => self.first = next,
        }
        match next {
            Some(next) => self.waits[next].previous = previous,
            None => self.last = previous,
        }
        self.len -= 1;
        Some(waker)
    }
}
