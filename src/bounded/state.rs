//! The state of a bounded pool's places: how many are taken, which items are idle, and who waits. Runs no user code but
//! the allocator.
//!
//! A *place* is an item's right to exist, and there are `capacity` of them. A place is *taken* when somebody gets it,
//! and stays so until its item is idle or dropped. Each of the other places has an idle item or none. So `taken + idle
//! <= capacity`, except for a while after `resize` has lowered the capacity.
//!
//! At most `max_creating` of those who have taken places create items, each one after the other. The right to do so is a
//! *turn*. It comes with places that have no idle item, and is returned when there is nothing left to create.
//!
//! A *doomed* item is one that is being dropped. It keeps its place until its `Drop` has run: otherwise a new item
//! could exist beside it.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::num::Wrapping;
use std::task::Waker;

use super::error::Refused;
use super::info::Item;
use super::lot::Lot;
use super::order::Order;
use super::settings::Settings;
use super::waiters::{Answer, Ticket, Waiters, Want};
use crate::engine::batch::FIRST_EPOCH;

pub(super) struct State<T> {
    pub(super) capacity: usize,
    pub(super) settings: Settings<()>,
    pub(super) taken: usize,
    /// How many turns are taken.
    pub(super) creating: usize,
    /// How many creations were begun for calls that wait for them.
    begun: Wrapping<usize>,
    /// Whether a thread creates idle items.
    pub(super) filling: bool,
    /// How many of the taken places have a doomed item.
    pub(super) doomed: usize,
    /// The item returned last is at the back, and the oldest at the front.
    pub(super) idle: VecDeque<Idle<T>>,
    pub(super) waiters: Waiters<Lot<T>>,
    /// Those who wait for the pool's end. They are served nothing.
    pub(super) enders: Waiters<()>,
    /// Those who wait for the end of a sweep.
    pub(super) sweepers: Waiters<()>,
    /// [`FIRST_EPOCH`] plus the number of epochs that ended.
    pub(super) epoch: usize,
    pub(super) closed: bool,
    /// Whether `take_one` is refused, so that who takes an item looks whether a parked pool then lacks one.
    pub(super) alert: bool,
    // With epochs of 1 ms, a 32-bit count wraps after fifty days.
    pub(super) sweeps: Wrapping<usize>,
    /// How many sweeps have ended: their items are dropped.
    pub(super) swept: Wrapping<usize>,
    pub(super) dropped: Wrapping<usize>,
    pub(super) rejected: Wrapping<usize>,
    /// Those that sweeps found.
    pub(super) expired: Wrapping<usize>,
}

pub(super) struct Idle<T> {
    pub(super) item: Item<T>,
    /// The epoch in which the item was returned.
    pub(super) stamp: usize,
}

/// What is left to do after the lock is released.
#[must_use]
pub(super) struct After<T> {
    pub(super) wakers: Vec<Waker>,
    /// Items to drop, each of which keeps its place until then.
    pub(super) doomed: Vec<Item<T>>,
}

impl<T> State<T> {
    pub(super) fn new(settings: Settings<()>) -> Self {
        Self {
            capacity: settings.capacity,
            settings,
            taken: 0,
            creating: 0,
            begun: Wrapping(0),
            filling: false,
            doomed: 0,
            idle: VecDeque::new(),
            waiters: Waiters::new(),
            enders: Waiters::new(),
            sweepers: Waiters::new(),
            epoch: FIRST_EPOCH,
            closed: false,
            alert: false,
            sweeps: Wrapping(0),
            swept: Wrapping(0),
            dropped: Wrapping(0),
            rejected: Wrapping(0),
            expired: Wrapping(0),
        }
    }

    /// Takes what is wanted if it is free and nobody who waits comes first.
    pub(super) fn take(&mut self, want: Want) -> Result<Lot<T>, Refused> {
        if self.closed {
            return Err(Refused::Closed);
        }
        match want {
            Want::Places(0) => return Ok(Lot::nothing()),
            Want::Places(n) if n > self.capacity => {
                return Err(Refused::OverCapacity { asked: n, capacity: self.capacity });
            }
            _ => {}
        }
        if self.waiters.is_behind(want) { Err(Refused::Busy) } else { self.hand_out(want).ok_or(Refused::Busy) }
    }

    /// Whether `take` would find no place free, or waiters before.
    pub(super) fn is_busy(&self) -> bool {
        !self.closed && (self.taken >= self.capacity || self.waiters.is_behind(Want::Places(1)))
    }

    /// Takes what is wanted if it is free.
    fn hand_out(&mut self, want: Want) -> Option<Lot<T>> {
        let may_create = self.may_create();
        let (places, items) = match want {
            Want::Places(n) if self.taken + n <= self.capacity => (n, n.min(self.idle.len())),
            Want::Places(_) => return None,
            Want::Turn => (0, usize::from(!may_create)),
            Want::Item(_) if self.taken < self.capacity => (1, 1),
            Want::Item(_) => return None,
        };
        let creates = items < places.max(1);
        if items > self.idle.len() || (creates && !may_create) {
            return None;
        }
        self.taken += places;
        self.creating += usize::from(creates);
        let rest = self.idle.len() - items;
        let (next, others) = match self.settings.order {
            Order::Lifo => Self::last_first(self.idle.drain(rest..)),
            Order::Fifo => Self::last_first(self.idle.drain(..items).rev()),
        };
        Some(Lot { places, next, others, creates, is_new: false, left: rest })
    }

    /// Takes the last item apart.
    fn last_first(mut idle: impl DoubleEndedIterator<Item = Idle<T>>) -> (Option<Item<T>>, Vec<Item<T>>) {
        let last = idle.next_back().map(|idle| idle.item);
        (last, idle.map(|idle| idle.item).collect())
    }

    /// Whether a turn is free.
    fn may_create(&self) -> bool {
        self.creating < self.settings.max_creating
    }

    /// Takes a lot back. Its items become idle as far as there is room, and the rest are doomed.
    pub(super) fn put(&mut self, lot: Lot<T>) -> After<T> {
        let (mut wakers, mut doomed, order) = (Vec::new(), Vec::new(), self.settings.order);
        self.taken -= lot.places;
        self.creating -= usize::from(lot.creates);
        let mut keep = |item| {
            if self.may_keep() {
                self.idle.push_back(Idle { item, stamp: self.epoch });
            } else if let Some((turn, Want::Turn)) = self.waiters.next(true) {
                // Who waits for a turn has a place for it.
                wakers.extend(self.waiters.answer(turn, Ok(Lot { next: Some(item), ..Lot::nothing() })));
            } else {
                self.rejected += 1;
                doomed.push(item);
            }
        };
        match order {
            Order::Lifo => lot.into_items().for_each(&mut keep),
            Order::Fifo => lot.into_items().rev().for_each(&mut keep),
        }
        let mut after = self.doom(doomed);
        after.wakers.append(&mut wakers);
        after
    }

    /// Whether one more item may be idle.
    fn may_keep(&self) -> bool {
        !self.closed && self.taken - self.doomed + self.idle.len() < self.capacity
    }

    /// Like `take`, for one place and its idle item, or a turn if it has none.
    #[inline]
    pub(super) fn take_one(&mut self) -> Option<Option<Item<T>>> {
        if self.closed || self.alert || self.taken >= self.capacity {
            return None;
        }
        if !self.waiters.is_empty() && !self.overtake() {
            return None;
        }
        let item = self.pop_idle();
        if item.is_none() {
            if !self.may_create() {
                return None;
            }
            self.creating += 1;
        }
        self.taken += 1;
        Some(item)
    }

    /// Takes the idle item that comes next off its place.
    #[inline]
    fn pop_idle(&mut self) -> Option<Item<T>> {
        let idle = match self.settings.order {
            Order::Lifo => self.idle.pop_back(),
            Order::Fifo => self.pop_oldest(),
        };
        idle.map(|idle| idle.item)
    }

    /// Overtakes the first waiter, if it was called for an idle item that is still there.
    #[cold]
    #[inline(never)]
    fn overtake(&mut self) -> bool {
        !self.idle.is_empty() && self.waiters.overtake(self.settings.max_overtakes)
    }

    /// What a waiter was served or refused, or what it was called for, if nobody was faster. If so, its wait has ended.
    pub(super) fn answer(&mut self, ticket: Ticket, want: Want) -> Option<Answer<Lot<T>>> {
        self.waiters.fetch(ticket).or_else(|| self.answer_call(ticket, want).map(Ok))
    }

    /// What a waiter for one place was called for, if nobody was faster. If so, its wait has ended.
    pub(super) fn answer_call_with_item(&mut self, ticket: Ticket) -> Option<Item<T>> {
        if self.taken >= self.capacity || !self.waiters.is_called(ticket) {
            return None;
        }
        let item = self.pop_idle()?;
        self.taken += 1;
        // Nothing of a user's, as below.
        drop(self.waiters.leave(ticket));
        Some(item)
    }

    fn answer_call(&mut self, ticket: Ticket, want: Want) -> Option<Lot<T>> {
        if !self.waiters.is_called(ticket) {
            return None;
        }
        let lot = self.hand_out(want)?;
        // Nothing of a user's: a called waiter has no waker.
        drop(self.waiters.leave(ticket));
        Some(lot)
    }

    /// Takes a place and a turn, for a new idle item.
    pub(super) fn reserve(&mut self) -> Option<Lot<T>> {
        let free = self.has_room();
        self.taken += usize::from(free);
        self.creating += usize::from(free);
        free.then(Lot::unfilled)
    }

    /// Whether there is a place and a turn for a new idle item, and nobody waits.
    pub(super) fn has_room(&self) -> bool {
        let nobody_waits = self.waiters.next(true).is_none();
        let free = !self.closed && nobody_waits && self.taken + self.idle.len() < self.capacity;
        free && self.may_create()
    }

    /// Takes a place for an idle item, if there are fewer than `min_idle`. Otherwise, or if there is none, filling has
    /// ended. So it has if the creation before has failed.
    pub(super) fn reserve_missing(&mut self, goes_on: bool) -> Option<Lot<T>> {
        let lot = if goes_on && self.is_short() { self.reserve() } else { None };
        self.filling = lot.is_some();
        lot
    }

    /// Whether fewer items are idle than a sweep would leave.
    pub(super) fn is_short(&self) -> bool {
        !self.closed && self.idle.len() < self.settings.min_idle
    }

    /// Adds a waiter for the item of a creation that begins now. Serves it if an item came back since its place was taken.
    ///
    /// `left` items were idle before. They may be no better than the one that the new item replaces, so they stay idle:
    /// otherwise one call would replace them all.
    pub(super) fn enqueue_creator(&mut self, left: usize) -> (Ticket, Want) {
        self.begun += 1;
        let want = Want::Item(self.begun.0);
        let ticket = self.waiters.enqueue(want, Waker::noop().clone());
        let lot = if self.idle.len() > left { self.hand_out(want) } else { None };
        if let Some(lot) = lot {
            // Its waker is not a user's.
            drop(self.waiters.answer(ticket, Ok(lot)));
        }
        (ticket, want)
    }

    /// Apart, so that the usual order costs little more for it.
    #[cold]
    fn pop_oldest(&mut self) -> Option<Idle<T>> {
        self.idle.pop_front()
    }

    /// Like `put`, for one item that may be kept. It becomes idle, or goes to the first waiter if that one waits for a
    /// single place. Returns the waker of a waiter.
    #[inline]
    pub(super) fn put_one(&mut self, item: Item<T>) -> Result<Option<Waker>, Item<T>> {
        self.taken -= 1;
        match self.waiters.first() {
            None if self.may_keep() => {
                self.idle.push_back(Idle { item, stamp: self.epoch });
                Ok(None)
            }
            Some(Want::Places(1)) if self.may_keep() && self.taken < self.capacity => {
                if self.settings.max_overtakes > 0 {
                    return Ok(self.call_or_serve(item));
                }
                self.taken += 1;
                Ok(self.waiters.serve_first(item))
            }
            _ => {
                self.taken += 1;
                Err(item)
            }
        }
    }

    /// If the first waiter may be overtaken, the item becomes idle, and the waiter is called. One item is idle in this way
    /// at most: if the one before is still there, this one is for the first waiter, and the next is called.
    #[cold]
    #[inline(never)]
    fn call_or_serve(&mut self, item: Item<T>) -> Option<Waker> {
        let most = self.settings.max_overtakes;
        if self.idle.is_empty() && self.waiters.may_call_first(most) {
            self.idle.push_back(Idle { item, stamp: self.epoch });
            return self.waiters.call_first();
        }
        self.taken += 1;
        let served = self.waiters.serve_first(item);
        if served.is_none() && !self.idle.is_empty() && self.waiters.may_call_first(most) {
            return self.waiters.call_first();
        }
        served
    }

    /// Keeps the places of these items taken until the items are dropped.
    pub(super) fn doom(&mut self, doomed: Vec<Item<T>>) -> After<T> {
        self.taken += doomed.len();
        self.doomed += doomed.len();
        After { wakers: self.serve(), doomed }
    }

    /// Whether the pool is closed and no item exists. If so, that does not change again.
    pub(super) fn has_ended(&self) -> bool {
        self.closed && self.taken == 0
    }

    /// Serves waiters in order, as long as what they want is free, and those who wait for the end if it has come. Returns
    /// their wakers.
    pub(super) fn serve(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        while let Some((ticket, want)) = self.waiters.next(self.idle.is_empty()) {
            let Some(lot) = self.hand_out(want) else { break };
            wakers.extend(self.waiters.answer(ticket, Ok(lot)));
        }
        if self.has_ended() {
            wakers.extend(self.enders.refuse(|_| Some(Refused::Closed)));
        }
        wakers
    }

    /// Takes the `n` items that have been idle longest.
    pub(super) fn oldest(&mut self, n: usize) -> Vec<Item<T>> {
        self.idle.drain(..n).map(|idle| idle.item).collect()
    }

    /// Takes all idle items with their places, the oldest first.
    pub(super) fn take_idle(&mut self) -> VecDeque<Idle<T>> {
        self.taken += self.idle.len();
        std::mem::take(&mut self.idle)
    }

    /// Takes back what `take_idle` took. Sorts by age, because what another `retain` has put back since then may be older.
    pub(super) fn put_back(&mut self, kept: VecDeque<Idle<T>>, mut doomed: Vec<Item<T>>) -> After<T> {
        self.taken -= kept.len() + doomed.len();
        self.dropped += doomed.len();
        for idle in kept.into_iter().rev() {
            if self.may_keep() {
                self.idle.push_front(idle);
            } else {
                self.rejected += 1;
                doomed.push(idle.item);
            }
        }
        let epoch = self.epoch;
        self.idle.make_contiguous().sort_by_key(|idle| Reverse(epoch.wrapping_sub(idle.stamp)));
        self.doom(doomed)
    }
}
