//! The queue of waiters for places, in order of arrival. Those who want a turn have a place already, and come first. Next
//! come those whose item another thread is creating. A waiter is *served* when it is given its places. The first may also
//! be *called*: woken, while what it waits for is idle, so that a newcomer may be faster.
//!
//! A waiter has a *ticket*: its index in a table, from when it enters the queue until it has fetched its answer or has
//! left. Then the ticket is reused. The waiters that are not yet answered form a linked list within the table. So
//! adding, serving and removing a waiter take constant time. They allocate only if there are more waiters than ever
//! since the table was last taken.

use std::mem;
use std::num::NonZero;
use std::task::Waker;

use super::error::Refused;

/// A waiter's index in the table, plus one, so that an `Option` of it is one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(NonZero<usize>);

impl Ticket {
    fn at(self) -> usize {
        self.0.get() - 1
    }
}

/// The result of a wait: what the waiter was served, or why not.
pub(super) type Answer<L> = Result<L, Refused>;

/// What a waiter waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// This many places, each with an idle item if there is one, and a turn if one has none.
    Places(usize),
    /// A turn for one who has a place already, or an idle item for that place.
    Turn,
    /// One place with an item. Another thread is creating one for it, in the creation with this number.
    Item(usize),
}

/// What waiters are served.
pub(super) trait Portion: Sized {
    /// The usual one. It is kept apart because it is smaller.
    type One;

    fn of(one: Self::One) -> Self;

    fn into_one(self) -> Result<Self::One, Self>;
}

/// Nothing.
impl Portion for () {
    type One = ();

    fn of((): ()) {}

    fn into_one(self) -> Result<(), ()> {
        Ok(())
    }
}

pub(super) struct Waiters<L: Portion> {
    table: Vec<Waiter<L>>,
    /// The unusual answers, by ticket. They are large, and apart so that a waiter fits into a cache line.
    answers: Vec<Option<Answer<L>>>,
    /// The first unused ticket. Each is linked to the next.
    unused: Option<Ticket>,
    /// How many tickets are used.
    used: usize,
    first: Option<Ticket>,
    /// The last who wants a turn.
    last_turn: Option<Ticket>,
    /// The last who wants an item.
    last_item: Option<Ticket>,
    last: Option<Ticket>,
    len: usize,
}

/// In a cache line of its own, as most waiters are touched by two threads.
#[repr(align(64))]
struct Waiter<L: Portion> {
    want: Want,
    stage: Stage<L>,
    /// How many newcomers have overtaken it.
    overtaken: u32,
    previous: Option<Ticket>,
    next: Option<Ticket>,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Waiter<()>>() == 64);

impl<L: Portion> Waiter<L> {
    /// Begins another stage. The one before must have nothing to drop, so that the compiler need not look.
    #[inline(always)]
    fn set_stage(&mut self, stage: Stage<L>) {
        mem::forget(mem::replace(&mut self.stage, stage));
    }
}

enum Stage<L: Portion> {
    /// In the queue. It has a waker, except from a call to its next poll.
    Waits(Option<Waker>),
    /// Like the next, with the usual answer.
    Served(L::One),
    /// Not in the queue. The answer lies in `answers` and is not fetched.
    Answered,
    /// The ticket is unused.
    Over,
}

impl<L: Portion> Stage<L> {
    fn waker(&mut self) -> Option<&mut Option<Waker>> {
        if let Self::Waits(waker) = self { Some(waker) } else { None }
    }

    /// Returns the answer or the waker. `unusual` is the waiter's place in `answers`.
    fn split(self, unusual: &mut Option<Answer<L>>) -> (Option<Answer<L>>, Option<Waker>) {
        match self {
            Self::Waits(waker) => (None, waker),
            Self::Served(one) => (Some(Ok(L::of(one))), None),
            Self::Answered => (unusual.take(), None),
            Self::Over => (None, None),
        }
    }
}

impl<L: Portion> Waiters<L> {
    pub(super) fn new() -> Self {
        Self {
            table: Vec::new(),
            answers: Vec::new(),
            unused: None,
            used: 0,
            first: None,
            last_turn: None,
            last_item: None,
            last: None,
            len: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// What the first waiter wants.
    pub(super) fn first(&self) -> Option<Want> {
        self.first.map(|ticket| self.table[ticket.at()].want)
    }

    /// The first waiter who may be served, and what it wants. If nothing is idle, that is none whose item is being
    /// created.
    pub(super) fn next(&self, nothing_idle: bool) -> Option<(Ticket, Want)> {
        let first = self.first.filter(|&first| !(nothing_idle && matches!(self.table[first.at()].want, Want::Item(_))));
        let next = first.or_else(|| self.table[self.last_item?.at()].next)?;
        Some((next, self.table[next.at()].want))
    }

    /// Whether one who comes now and wants this is behind a waiter. Those whose items are being created let others begin.
    pub(super) fn is_behind(&self, want: Want) -> bool {
        self.next(true).is_some_and(|(_, next)| want != Want::Turn || next == Want::Turn)
    }

    /// Adds a waiter behind all who want the same, and before those who come later by their kind.
    pub(super) fn enqueue(&mut self, want: Want, waker: Waker) -> Ticket {
        let previous = match want {
            Want::Turn => self.last_turn,
            Want::Item(_) => self.last_item.or(self.last_turn),
            Want::Places(n) => return self.enqueue_last(n, waker),
        };
        let next = previous.map_or(self.first, |previous| self.table[previous.at()].next);
        let ticket = self.add(want, waker, previous, next);
        match next {
            Some(next) => self.table[next.at()].previous = Some(ticket),
            None => self.last = Some(ticket),
        }
        match want {
            Want::Turn => self.last_turn = Some(ticket),
            Want::Item(_) => self.last_item = Some(ticket),
            Want::Places(_) => {}
        }
        ticket
    }

    /// Adds a waiter for places.
    #[inline]
    pub(super) fn enqueue_last(&mut self, places: usize, waker: Waker) -> Ticket {
        let ticket = self.add(Want::Places(places), waker, self.last, None);
        self.last = Some(ticket);
        ticket
    }

    /// Adds a waiter between these two, except to what is behind it.
    #[inline(always)]
    fn add(&mut self, want: Want, waker: Waker, previous: Option<Ticket>, next: Option<Ticket>) -> Ticket {
        let ticket = self.ticket();
        // Field by field: a whole waiter would be built elsewhere and copied.
        let waiter = &mut self.table[ticket.at()];
        (waiter.want, waiter.overtaken, waiter.previous, waiter.next) = (want, 0, previous, next);
        waiter.set_stage(Stage::Waits(Some(waker)));
        match previous {
            Some(previous) => self.table[previous.at()].next = Some(ticket),
            None => self.first = Some(ticket),
        }
        self.len += 1;
        ticket
    }

    /// Takes an unused ticket.
    #[inline(always)]
    fn ticket(&mut self) -> Ticket {
        self.used += 1;
        let Some(ticket) = self.unused else { return self.new_ticket() };
        self.unused = self.table[ticket.at()].next;
        ticket
    }

    #[cold]
    fn new_ticket(&mut self) -> Ticket {
        self.answers.push(None);
        self.table.push(Waiter { want: Want::Turn, stage: Stage::Over, overtaken: 0, previous: None, next: None });
        Ticket(NonZero::new(self.table.len()).expect("one was added"))
    }

    /// Takes a ticket back. Its waiter is not in the queue.
    #[inline(always)]
    fn remove(&mut self, ticket: Ticket) -> Stage<L> {
        let place = &mut self.table[ticket.at()];
        place.next = self.unused.replace(ticket);
        self.used -= 1;
        mem::replace(&mut place.stage, Stage::Over)
    }

    /// Takes a ticket back, with the answer or the waker of its waiter.
    fn end(&mut self, ticket: Ticket) -> (Option<Answer<L>>, Option<Waker>) {
        let stage = self.remove(ticket);
        stage.split(&mut self.answers[ticket.at()])
    }

    /// Takes the answer if there is one, which ends the wait.
    pub(super) fn fetch(&mut self, ticket: Ticket) -> Option<Answer<L>> {
        if matches!(self.table[ticket.at()].stage, Stage::Waits(_)) { None } else { self.end(ticket).0 }
    }

    /// Takes the usual answer if it is there, which ends the wait.
    #[inline(always)]
    pub(super) fn fetch_one(&mut self, ticket: Ticket) -> Option<L::One> {
        if !matches!(self.table[ticket.at()].stage, Stage::Served(_)) {
            return None;
        }
        if let Stage::Served(one) = self.remove(ticket) { Some(one) } else { None }
    }

    /// Whether an answer wakes the same task as `waker`.
    pub(super) fn has_waker(&self, ticket: Ticket, waker: &Waker) -> bool {
        matches!(&self.table[ticket.at()].stage, Stage::Waits(Some(current)) if current.will_wake(waker))
    }

    /// Sets the waker of one in the queue, and returns the previous one.
    pub(super) fn replace_waker(&mut self, ticket: Ticket, waker: Waker) -> Option<Waker> {
        match self.table[ticket.at()].stage.waker() {
            Some(current) => current.replace(waker),
            None => Some(waker),
        }
    }

    /// Whether the first waiter wants one place, and fewer than this have overtaken it.
    pub(super) fn may_call_first(&self, most: u32) -> bool {
        self.first.is_some_and(|first| {
            let Waiter { want, overtaken, .. } = self.table[first.at()];
            want == Want::Places(1) && overtaken < most
        })
    }

    /// Calls the first waiter, unless that was done already. Returns its waker.
    pub(super) fn call_first(&mut self) -> Option<Waker> {
        self.table[self.first?.at()].stage.waker()?.take()
    }

    /// Whether this waiter is called and has not been polled since.
    pub(super) fn is_called(&self, ticket: Ticket) -> bool {
        matches!(self.table[ticket.at()].stage, Stage::Waits(None))
    }

    /// Has a newcomer overtake the first waiter, if that is called and fewer than this have overtaken it.
    pub(super) fn overtake(&mut self, most: u32) -> bool {
        let Some(first) = self.first.filter(|&first| self.is_called(first)) else { return false };
        let overtaken = &mut self.table[first.at()].overtaken;
        let may = *overtaken < most;
        *overtaken += u32::from(may);
        may
    }

    /// Removes a waiter. Returns its answer if it was answered, or else its waker, if it was not called.
    pub(super) fn leave(&mut self, ticket: Ticket) -> (Option<Answer<L>>, Option<Waker>) {
        if matches!(self.table[ticket.at()].stage, Stage::Waits(_)) {
            self.unlink(ticket);
        }
        self.end(ticket)
    }

    /// Removes a waiter behind another that comes first whatever is idle: then nobody waits for this one. Returns its waker.
    #[inline]
    pub(super) fn leave_line(&mut self, ticket: Ticket) -> Option<Waker> {
        let Waiter { stage: Stage::Waits(Some(_)), previous: Some(previous), .. } = self.table[ticket.at()] else {
            return None;
        };
        if matches!(self.table[previous.at()].want, Want::Item(_)) {
            return None;
        }
        self.unlink(ticket);
        self.end(ticket).1
    }

    /// Serves the first waiter, who must want places. Returns its waker, if it was not called.
    #[inline(always)]
    pub(super) fn serve_first(&mut self, one: L::One) -> Option<Waker> {
        let waiter = &mut self.table[self.first?.at()];
        let waker = waiter.stage.waker()?.take();
        waiter.set_stage(Stage::Served(one));
        self.first = waiter.next;
        match self.first {
            Some(first) => self.table[first.at()].previous = None,
            None => self.last = None,
        }
        self.len -= 1;
        waker
    }

    /// Answers this waiter. Returns its waker, if it was not called.
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer<L>) -> Option<Waker> {
        self.unlink(ticket);
        let waiter = &mut self.table[ticket.at()];
        let waker = waiter.stage.waker()?.take();
        let unusual = match answer.map(L::into_one) {
            Ok(Ok(one)) => {
                waiter.set_stage(Stage::Served(one));
                return waker;
            }
            Ok(Err(lot)) => Ok(lot),
            Err(refused) => Err(refused),
        };
        waiter.set_stage(Stage::Answered);
        self.answers[ticket.at()] = Some(unusual);
        waker
    }

    /// Whether this waiter is still the one that wants this, and has no answer.
    pub(super) fn waits(&self, ticket: Ticket, want: Want) -> bool {
        self.table.get(ticket.at()).is_some_and(|waiter| matches!(waiter.stage, Stage::Waits(_)) && waiter.want == want)
    }

    /// Refuses every waiter for which `refusal` returns an error. Its argument is what the waiter wants. Returns their
    /// wakers.
    pub(super) fn refuse(&mut self, refusal: impl Fn(Want) -> Option<Refused>) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let mut at = self.first;
        while let Some(ticket) = at {
            let Waiter { want, next, .. } = self.table[ticket.at()];
            at = next;
            if let Some(refused) = refusal(want) {
                wakers.extend(self.answer(ticket, Err(refused)));
            }
        }
        wakers
    }

    /// Takes the table if nobody is in it, or has been since the last call. That left it empty.
    pub(super) fn take_unused(&mut self) -> Self {
        if self.table.is_empty() {
            return mem::replace(self, Self::new());
        }
        if self.has_unused() {
            self.table.clear();
            self.answers.clear();
            self.unused = None;
        }
        Self::new()
    }

    /// Whether it has memory for a table and nobody is in it.
    pub(super) fn has_unused(&self) -> bool {
        self.table.capacity() > 0 && self.used == 0
    }

    /// Removes all waiters when the pool is dropped. These are waits that were forgotten, whether answered or not.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (Option<Answer<L>>, Option<Waker>)> {
        let answers = self.answers.drain(..);
        self.table.drain(..).zip(answers).map(|(waiter, mut unusual)| waiter.stage.split(&mut unusual))
    }

    /// Takes a waiter out of the queue.
    fn unlink(&mut self, ticket: Ticket) {
        let Waiter { previous, next, .. } = self.table[ticket.at()];
        match previous {
            Some(previous) => self.table[previous.at()].next = next,
            None => self.first = next,
        }
        match next {
            Some(next) => self.table[next.at()].previous = previous,
            None => self.last = previous,
        }
        if self.last_turn == Some(ticket) {
            // Only such waiters are in front of one.
            self.last_turn = previous;
        }
        if self.last_item == Some(ticket) {
            self.last_item = previous.filter(|&previous| matches!(self.table[previous.at()].want, Want::Item(_)));
        }
        self.len -= 1;
    }
}
