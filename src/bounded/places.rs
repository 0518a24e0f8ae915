//! The places of a bounded pool: who has them, what lies on them, and who waits for them. No user code runs under the
//! lock here, but for the allocator.
//!
//! A *place* is an item's right to exist, and there are `capacity` of them. A place is *taken* from the moment it is
//! given to somebody until the item that was made on it is idle or gone; on the others lies an idle item each, or
//! nothing. So `taken + idle <= capacity`, but for a while after `resize` made it smaller.
//!
//! An item that is to be dropped keeps its place until its `Drop` has run: else a new one could exist beside it.

use std::any::type_name;
use std::collections::VecDeque;
use std::num::Wrapping;
use std::ops::Deref;
use std::panic::{self, AssertUnwindSafe};
use std::task::{Poll, Waker};

use crossbeam_utils::Backoff;

use super::error::Refused;
use super::waiters::{Answer, Line, Ticket};
use crate::engine::batch::FIRST_EPOCH;
use crate::engine::item::{Contained, Item, Payload, discard, drop_each, keep_first, raise};
use crate::engine::tally::Swept;
use crate::engine::top::Purpose;
use crate::engine::trace::Trace;
use crate::pool::Stats;
use crate::sync::Counter;
use crate::sync::thread::{Mutex, MutexGuard, PoisonError};

/// The heap part of a bounded pool: everything but the recycler.
pub(super) struct Places<T> {
    state: Mutex<State<T>>,
    pub(super) created: Counter,
    pub(super) refused: Counter,
    /// As in [`Stats`].
    pub(super) panics: Counter,
}

struct State<T> {
    capacity: usize,
    min_idle: usize,
    taken: usize,
    /// Of those taken, the ones whose item is being dropped.
    doomed: usize,
    /// The one put last at the back, so that what isn't needed gets old at the front.
    idle: VecDeque<Idle<T>>,
    line: Line<Lot<T>>,
    /// [`FIRST_EPOCH`] and how many sweeps there were.
    epoch: usize,
    closed: bool,
    // A word of 32 bits is full after fifty days of epochs of 1 ms.
    sweeps: Wrapping<usize>,
    dropped: Wrapping<usize>,
    rejected: Wrapping<usize>,
}

struct Idle<T> {
    item: Item<T>,
    /// The epoch in which it was put.
    stamp: usize,
}

/// Places that were taken together, with the items that lay on them; the rest of the places are room for new ones.
pub(super) struct Lot<T> {
    places: usize,
    /// The item put last; apart, so that a lot of one allocates nothing.
    newest: Option<Item<T>>,
    others: Vec<Item<T>>,
}

impl<T> Lot<T> {
    /// One place, and the item that lies there, if one does.
    fn one(item: Option<Item<T>>) -> Self {
        Self { places: 1, newest: item, others: Vec::new() }
    }

    /// The items, the one put last at the end.
    fn into_items(self) -> impl Iterator<Item = Item<T>> {
        self.others.into_iter().chain(self.newest)
    }
}

/// What is left to do when the lock has been released.
#[must_use]
struct After<T> {
    wakers: Vec<Waker>,
    /// To be dropped, each on a place of its own.
    doomed: Vec<Item<T>>,
}

impl<T> After<T> {
    /// Wakes those who were served, and drops what was doomed; each item's place is free as soon as it is gone, unless the pool
    /// was dropped meanwhile and there are no `places` any more. Returns the first panic.
    fn settle<P: Deref<Target = Places<T>>>(self, places: impl Fn() -> Option<P>) -> Option<Payload> {
        let mut first = wake_each(self.wakers);
        for item in self.doomed {
            let panics = [drop_each([item]), places().and_then(|places| places.gone())];
            panics.into_iter().flatten().for_each(|panic| keep_first(&mut first, panic));
        }
        first
    }
}

/// What a sweep decided to drop.
pub(super) struct Condemned<T> {
    after: After<T>,
    pub(super) swept: Swept,
    trace: Trace,
}

impl<T> Condemned<T> {
    /// Drops it, as in [`After::settle`], and tells of the sweep; returns the first panic.
    pub(super) fn drop_items<P: Deref<Target = Places<T>>>(
        self,
        places: impl Fn() -> Option<P>,
    ) -> (Swept, Option<Payload>) {
        let mut first = self.after.settle(places);
        if let Some(panic) = self.trace.end(type_name::<T>(), self.swept) {
            keep_first(&mut first, panic);
        }
        (self.swept, first)
    }
}

/// Numbers that are read by people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snapshot {
    pub(super) capacity: usize,
    pub(super) in_use: usize,
    pub(super) waiting: usize,
    pub(super) closed: bool,
    pub(super) stats: Stats,
}

impl Snapshot {
    pub(super) fn unused(capacity: usize) -> Self {
        Self { capacity, in_use: 0, waiting: 0, closed: false, stats: Stats::default() }
    }
}

impl<T> State<T> {
    /// Takes `n` places at once, if they are free and nobody waits for them.
    fn take(&mut self, n: usize) -> Result<Lot<T>, Refused> {
        if self.closed {
            return Err(Refused::Closed);
        }
        if n > self.capacity {
            return Err(Refused::OverCapacity { asked: n, capacity: self.capacity });
        }
        if n > 0 && !(self.line.is_empty() && self.has_room(n)) {
            return Err(Refused::Busy);
        }
        Ok(self.hand_out(n))
    }

    fn has_room(&self, n: usize) -> bool {
        self.taken + n <= self.capacity
    }

    fn hand_out(&mut self, n: usize) -> Lot<T> {
        self.taken += n;
        let rest = self.idle.len().saturating_sub(n);
        let mut items = self.idle.drain(rest..).map(|idle| idle.item);
        Lot { places: n, newest: items.next_back(), others: items.collect() }
    }

    /// Takes a lot back. Its items become idle, as far as they may stay.
    fn put(&mut self, lot: Lot<T>) -> After<T> {
        let mut doomed = Vec::new();
        self.taken -= lot.places;
        for item in lot.into_items() {
            if self.may_keep() {
                self.idle.push_back(Idle { item, stamp: self.epoch });
            } else {
                self.rejected += 1;
                doomed.push(item);
            }
        }
        self.doom(doomed)
    }

    /// Whether one more item may be idle.
    fn may_keep(&self) -> bool {
        !self.closed && self.taken - self.doomed + self.idle.len() < self.capacity
    }

    /// As `take`, for one place, with the item that lies there if one does.
    #[inline]
    fn take_one(&mut self) -> Option<Option<Item<T>>> {
        let free = !self.closed && self.line.is_empty() && self.has_room(1);
        free.then(|| {
            self.taken += 1;
            self.idle.pop_back().map(|idle| idle.item)
        })
    }

    /// As `put`, for one item, if it may stay: it becomes idle, or it goes to the first in line, who is to be woken, if that
    /// one waits for no more.
    #[inline]
    fn put_one(&mut self, item: Item<T>) -> Result<Option<Waker>, Item<T>> {
        self.taken -= 1;
        match self.line.first() {
            None if self.may_keep() => {
                self.idle.push_back(Idle { item, stamp: self.epoch });
                Ok(None)
            }
            Some(1) if self.may_keep() && self.has_room(1) => {
                self.taken += 1;
                Ok(self.line.serve_first(Lot::one(Some(item))))
            }
            _ => {
                self.taken += 1;
                Err(item)
            }
        }
    }

    /// Keeps the places of these items taken until they have been dropped.
    fn doom(&mut self, doomed: Vec<Item<T>>) -> After<T> {
        self.taken += doomed.len();
        self.doomed += doomed.len();
        After { wakers: self.serve(), doomed }
    }

    /// Gives places to those who wait, in their order, as far as they go round.
    fn serve(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        while let Some(n) = self.line.first().filter(|&n| self.has_room(n)) {
            let lot = self.hand_out(n);
            wakers.extend(self.line.serve_first(lot));
        }
        wakers
    }

    /// Takes the `n` items that have been idle longest.
    fn oldest(&mut self, n: usize) -> Vec<Item<T>> {
        self.idle.drain(..n).map(|idle| idle.item).collect()
    }

    fn sweep(&mut self, purpose: Purpose) -> (Swept, After<T>) {
        let n = match purpose {
            Purpose::Clear => self.idle.len(),
            Purpose::Advance => {
                // Sorted by stamp, as items are put and taken at the back alone.
                let old = self.idle.partition_point(|idle| idle.stamp != self.epoch);
                self.epoch = self.epoch.wrapping_add(1);
                old.min(self.idle.len().saturating_sub(self.min_idle))
            }
        };
        let doomed = self.oldest(n);
        self.line.shrink();
        self.sweeps += 1;
        self.dropped += n;
        (Swept { dropped: n, kept: self.idle.len(), left_busy: 0 }, self.doom(doomed))
    }
}

impl<T> Places<T> {
    pub(super) fn new(capacity: usize, min_idle: usize) -> Self {
        let state = State {
            capacity,
            min_idle,
            taken: 0,
            doomed: 0,
            idle: VecDeque::new(),
            line: Line::new(),
            epoch: FIRST_EPOCH,
            closed: false,
            sweeps: Wrapping(0),
            dropped: Wrapping(0),
            rejected: Wrapping(0),
        };
        Self { state: Mutex::new(state), created: Counter::new(), refused: Counter::new(), panics: Counter::new() }
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        if let Ok(state) = self.state.try_lock() {
            return state;
        }
        self.lock_later()
    }

    /// Looks away for longer and longer before it sleeps. Who holds the lock is done in nanoseconds, and if nobody pulls at its
    /// cache line meanwhile, so are its next calls.
    #[cold]
    fn lock_later(&self) -> MutexGuard<'_, State<T>> {
        let backoff = Backoff::new();
        while !cfg!(all(loom, feature = "loom")) && !backoff.is_completed() {
            backoff.snooze();
            if let Ok(state) = self.state.try_lock() {
                return state;
            }
        }
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes `n` places at once, if they are free and nobody waits for them.
    pub(super) fn take(&self, n: usize) -> Result<Held<'_, T>, Refused> {
        let lot = self.lock().take(n)?;
        Ok(Held { places: self, lot })
    }

    /// The idle item of one place, if there is one and nobody waits for it: what most gets find. A place without an item
    /// comes as an error.
    #[inline]
    pub(super) fn take_one(&self) -> Result<Item<T>, Option<Held<'_, T>>> {
        let taken = self.lock().take_one();
        match taken {
            Some(Some(item)) => Ok(item),
            Some(None) => Err(Some(Held { places: self, lot: Lot::one(None) })),
            None => Err(None),
        }
    }

    /// As `take`, but joins the line if it must, or looks whether its turn has come.
    pub(super) fn poll(
        &self,
        ticket: &mut Option<Ticket>,
        n: usize,
        waker: &Waker,
    ) -> Poll<Result<Held<'_, T>, Refused>> {
        if let Some(held) = *ticket {
            let mut state = self.lock();
            let answer = state.line.fetch(held);
            if answer.is_some() || state.line.wakes(held, waker) {
                drop(state);
                return self.end(ticket, answer);
            }
        }
        // A waker's clone and drop are user code: without the lock, and when what was answered is in good hands.
        let waker = waker.clone();
        let mut state = self.lock();
        let (answer, unused) = match *ticket {
            None => match state.take(n) {
                Err(Refused::Busy) => {
                    *ticket = Some(state.line.join(n, waker));
                    (None, None)
                }
                answer => (Some(answer), Some(waker)),
            },
            Some(held) => match state.line.fetch(held) {
                None => (None, state.line.replace_waker(held, waker)),
                answer => (answer, Some(waker)),
            },
        };
        drop(state);
        let outcome = self.end(ticket, answer);
        drop(unused);
        outcome
    }

    /// An answer ends the wait.
    fn end(&self, ticket: &mut Option<Ticket>, answer: Option<Answer<Lot<T>>>) -> Poll<Result<Held<'_, T>, Refused>> {
        let Some(answer) = answer else { return Poll::Pending };
        *ticket = None;
        Poll::Ready(answer.map(|lot| Held { places: self, lot }))
    }

    /// Gives up a place in the line, and what was served there already.
    pub(super) fn leave(&self, ticket: Ticket) {
        let mut state = self.lock();
        let (served, waker) = state.line.leave(ticket);
        let after = match served {
            Some(Ok(lot)) => state.put(lot),
            Some(Err(_)) | None => After { wakers: state.serve(), doomed: Vec::new() },
        };
        drop(state);
        let mut first = self.settle(after);
        // Its drop is user code, like the wakers of the others.
        if let Some(panic) = drop_each(waker) {
            keep_first(&mut first, panic);
        }
        if let Some(panic) = first {
            raise(panic);
        }
    }

    /// Takes a place on which to make an idle item, if one is free and nobody waits for it.
    pub(super) fn reserve(&self) -> Option<Held<'_, T>> {
        let mut state = self.lock();
        let free = !state.closed && state.line.is_empty() && state.taken + state.idle.len() < state.capacity;
        state.taken += usize::from(free);
        // Lazily: what isn't free must not be given back.
        free.then(|| Held { places: self, lot: Lot::one(None) })
    }

    /// Takes back an item and its place.
    #[inline]
    pub(super) fn give_back(&self, item: Item<T>) {
        let mut state = self.lock();
        match state.put_one(item) {
            Ok(None) => drop(state),
            Ok(Some(waker)) => {
                drop(state);
                wake_each([waker]).into_iter().for_each(raise);
            }
            Err(item) => self.put(state, Lot::one(Some(item))),
        }
    }

    /// Drops an item that comes back and isn't wanted. Returns the first panic, which is that of the recycler if there was one.
    pub(super) fn refuse(&self, item: Item<T>, mut first: Option<Payload>) -> Option<Payload> {
        self.refused.add(1);
        self.lock().doomed += 1;
        if let Some(panic) = self.settle(After { wakers: Vec::new(), doomed: vec![item] }) {
            keep_first(&mut first, panic);
        }
        first
    }

    /// Takes back a place without its item.
    pub(super) fn free_place(&self) {
        self.put(self.lock(), Lot::one(None));
    }

    #[cold]
    #[inline(never)]
    fn put(&self, mut state: MutexGuard<'_, State<T>>, lot: Lot<T>) {
        let after = state.put(lot);
        drop(state);
        self.settle_or_raise(after);
    }

    /// Ages the idle items or takes them all, and decides which are to go. Runs no user code.
    pub(crate) fn condemn(&self, purpose: Purpose) -> Condemned<T> {
        let mut state = self.lock();
        let trace = Trace::begin(purpose, state.epoch);
        let (swept, after) = state.sweep(purpose);
        Condemned { after, swept, trace }
    }

    /// One whole sweep; returns the first panic.
    pub(super) fn sweep(&self, purpose: Purpose) -> (Swept, Option<Payload>) {
        self.condemn(purpose).drop_items(|| Some(self))
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let n = state.idle.len();
        let doomed = state.oldest(n);
        let mut wakers = state.line.refuse(|_| Some(Refused::Closed));
        state.dropped += n;
        let mut after = state.doom(doomed);
        drop(state);
        after.wakers.append(&mut wakers);
        self.settle_or_raise(after);
    }

    pub(super) fn resize(&self, capacity: usize) {
        let mut state = self.lock();
        state.capacity = capacity;
        let mut wakers = state.line.refuse(|n| (n > capacity).then_some(Refused::OverCapacity { asked: n, capacity }));
        let surplus = (state.taken - state.doomed + state.idle.len()).saturating_sub(capacity).min(state.idle.len());
        let doomed = state.oldest(surplus);
        state.rejected += surplus;
        let mut after = state.doom(doomed);
        drop(state);
        after.wakers.append(&mut wakers);
        self.settle_or_raise(after);
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let state = self.lock();
        let State { sweeps: Wrapping(sweeps), dropped: Wrapping(dropped), rejected: Wrapping(rejected), .. } = *state;
        let (created, refused, panics) = (self.created.get(), self.refused.get(), self.panics.get());
        let idle = state.idle.len();
        let stats = Stats { created, refused, rejected, sweeps, dropped, panics, idle, ..Stats::default() };
        let State { capacity, taken, closed, .. } = *state;
        Snapshot { capacity, in_use: taken, waiting: state.line.len(), closed, stats }
    }

    fn settle(&self, after: After<T>) -> Option<Payload> {
        after.settle(|| Some(self))
    }

    fn settle_or_raise(&self, after: After<T>) {
        if let Some(panic) = self.settle(after) {
            raise(panic);
        }
    }

    /// Gives the place of a doomed item free, which is gone.
    fn gone(&self) -> Option<Payload> {
        let mut state = self.lock();
        state.taken -= 1;
        state.doomed -= 1;
        let wakers = state.serve();
        drop(state);
        wake_each(wakers)
    }
}

/// Wakes everybody, whatever the others' wakers do; returns the first panic.
fn wake_each(wakers: impl IntoIterator<Item = Waker>) -> Option<Payload> {
    let mut first = None;
    for waker in wakers {
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            keep_first(&mut first, panic);
        }
    }
    first
}

impl<T> Drop for Places<T> {
    /// Drops every idle item, and what was served to waits that were forgotten, and their wakers: each caught.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let idle = state.idle.drain(..).map(|idle| idle.item);
        let (wakers, answers): (Vec<_>, Vec<_>) = state.line.drain().unzip();
        let served = answers.into_iter().flatten().flatten().flat_map(Lot::into_items);
        [drop_each(idle.chain(served)), drop_each(wakers)].into_iter().flatten().for_each(discard);
    }
}

/// A lot in somebody's hands: what isn't used of it goes back when this is dropped.
pub(super) struct Held<'a, T> {
    places: &'a Places<T>,
    lot: Lot<T>,
}

impl<T> Held<'_, T> {
    pub(super) fn len(&self) -> usize {
        self.lot.places
    }

    /// Parts with one place: with the item that lies there, or else with the one that `create` makes. If that fails or
    /// panics the place stays in here.
    pub(super) fn next<E>(&mut self, create: impl FnOnce() -> Result<T, E>) -> Result<Item<T>, E> {
        let item = match self.idle() {
            Some(item) => return Ok(item),
            None => Item::new(create()?),
        };
        Ok(self.occupy(item))
    }

    /// Parts with one place and the item that lies there, if there is any left.
    pub(super) fn idle(&mut self) -> Option<Item<T>> {
        let item = self.lot.newest.take().or_else(|| self.lot.others.pop())?;
        self.lot.places -= 1;
        Some(item)
    }

    /// Makes this new item idle, on one place.
    pub(super) fn fill(mut self, item: Item<T>) {
        self.lot.places -= 1;
        self.places.give_back(item);
    }

    /// Gives the places free, as this error came in place of an item.
    pub(super) fn fail<E>(self, error: E) -> E {
        let error = Contained::new(error);
        drop(self);
        error.into_inner()
    }

    /// Parts with one place, for this item, which was made for want of an idle one.
    pub(super) fn occupy(&mut self, item: Item<T>) -> Item<T> {
        self.places.created.add(1);
        self.lot.places -= 1;
        item
    }
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        if self.lot.places > 0 {
            let nothing = Lot { places: 0, newest: None, others: Vec::new() };
            self.places.put(self.places.lock(), std::mem::replace(&mut self.lot, nothing));
        }
    }
}
