//! The heap part of a bounded pool: the state of its places under a lock, and what is done after the lock is released.
//! Only the allocator runs user code under the lock.

use std::any::type_name;
use std::collections::VecDeque;
use std::mem;
use std::ops::Deref;
use std::task::Waker;
use std::time::Duration;

use super::background::Filler;
use super::counts::Counts;
use super::disposer::Disposer;
use super::error::Refused;
use super::events;
use super::held::Held;
use super::info::{Item, lifetime};
use super::lot::Lot;
use super::settings::Settings;
use super::state::{After, State};
use super::tracking::{Holder, Tracking};
use super::waiters::Want;
use crate::engine::item::{Payload, discard, drop_each, for_each_caught, keep_first, raise, run};
use crate::engine::registration::Registration;
use crate::engine::tally::Swept;
use crate::engine::top::Purpose;
use crate::engine::trace::Trace;
use crate::janitor;
use crate::sync::Counter;
use crate::sync::thread::{Mutex, MutexGuard, PoisonError, spin};

/// The heap part of a bounded pool: everything but the recycler.
pub(super) struct Places<T> {
    state: Mutex<State<T>>,
    /// The pool's, for events.
    pub(super) name: Option<&'static str>,
    max_lifetime: Option<Duration>,
    pub(super) disposer: Disposer<T>,
    /// How many items got a lifetime.
    mortals: Counter,
    pub(super) counts: Counts,
    /// Not zero if the item that came back last went to a waiter.
    dry: Counter,
    /// If the settings ask for it.
    pub(super) tracking: Option<Tracking>,
    /// If the settings ask for it.
    pub(super) filler: Filler<T>,
    pub(super) registration: Registration,
}

impl<T> After<T> {
    /// Wakes the served waiters, and calls `drop_item` for the doomed items. Frees each place as soon as that returns for
    /// its item, unless the pool is gone and `places` returns `None`. Returns the first panic.
    fn settle<P: Deref<Target = Places<T>>>(
        self,
        mut drop_item: impl FnMut(Item<T>),
        places: impl Fn() -> Option<P>,
    ) -> Option<Payload> {
        let mut first = wake_each(self.wakers);
        for item in self.doomed {
            let panics = [for_each_caught([item], &mut drop_item), places().and_then(|places| places.gone())];
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
    pool: Option<&'static str>,
    overdue: Vec<Holder>,
}

impl<T> Condemned<T> {
    /// Does what [`After::settle`] does, then reports the sweep and what is overdue. Returns the first panic.
    pub(super) fn drop_items<P: Deref<Target = Places<T>>>(
        self,
        drop_item: impl FnMut(Item<T>),
        places: impl Fn() -> Option<P>,
    ) -> (Swept, Option<Payload>) {
        let mut first = self.after.settle(drop_item, &places);
        if let Some(panic) = places().and_then(|places| places.end_sweep()) {
            keep_first(&mut first, panic);
        }
        if let Some(panic) = self.trace.end(type_name::<T>(), self.swept) {
            keep_first(&mut first, panic);
        }
        if let Some(panic) = events::overdue::<T>(self.pool, self.overdue) {
            keep_first(&mut first, panic);
        }
        (self.swept, first)
    }
}

impl<T> Places<T> {
    pub(super) fn new(settings: Settings<()>, disposer: Disposer<T>, filler: Filler<T>) -> Self {
        Self {
            state: Mutex::new(State::new(settings)),
            name: settings.name,
            max_lifetime: settings.max_lifetime,
            disposer,
            mortals: Counter::new(),
            counts: Counts::default(),
            dry: Counter::new(),
            tracking: settings.track_held.map(Tracking::new),
            filler,
            registration: Registration::new(),
        }
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        if let Ok(state) = self.state.try_lock() {
            return state;
        }
        self.lock_later()
    }

    /// Spins with exponential backoff before it blocks. The lock is held for nanoseconds. While other threads stay away
    /// from its cache line, the holder's next calls are fast too.
    #[cold]
    fn lock_later(&self) -> MutexGuard<'_, State<T>> {
        // Never poisoned: nothing panics while the lock is held.
        spin(&self.state).unwrap_or_else(|| self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn epoch(&self) -> usize {
        self.lock().epoch
    }

    /// Whether one who wants an item now will wait, in all likelihood.
    #[inline]
    pub(super) fn is_dry(&self) -> bool {
        self.dry.get() != 0
    }

    /// Takes what is wanted if it is free and nobody waits for the same.
    pub(super) fn take(&self, want: Want) -> Result<Held<'_, T>, Refused> {
        let mut state = self.lock();
        let taken = state.take(want);
        self.release(state);
        Ok(Held::new(self, taken?))
    }

    /// Takes the idle item of one place if nobody waits: the usual case. If it needs a look, it comes as an error with its
    /// place. So does a place without an item, with a turn to create one.
    #[inline(always)]
    pub(super) fn take_one(&self, looks: bool) -> Result<Item<T>, Option<Held<'_, T>>> {
        let mut state = self.lock();
        match state.take_one() {
            Some(Some(item)) if !looks => Ok(item),
            taken => Err(self.hold(state, taken)),
        }
    }

    /// Apart, so that the usual case has little to move.
    #[inline(never)]
    fn hold(&self, mut state: MutexGuard<'_, State<T>>, taken: Option<Option<Item<T>>>) -> Option<Held<'_, T>> {
        let taken = if mem::take(&mut state.alert) { state.take_one() } else { taken };
        let left = state.idle.len();
        self.release(state);
        let item = taken?;
        Some(Held::new(self, Lot { creates: item.is_none(), left, ..Lot::one(item) }))
    }

    /// Gives a new item its lifetime, if the settings limit that.
    pub(super) fn admit(&self, mut item: Item<T>) -> Item<T> {
        if let Some(most) = self.max_lifetime {
            item.notes_mut().limit(lifetime(most, self.mortals.add(1)));
        }
        item
    }

    /// Takes a place for a new idle item, if one is free and nobody waits.
    pub(super) fn reserve(&self) -> Option<Held<'_, T>> {
        let lot = self.lock().reserve()?;
        Some(Held::new(self, lot))
    }

    /// Takes back an item and its place.
    #[inline]
    pub(super) fn give_back(&self, item: Item<T>) {
        let mut state = self.lock();
        match state.put_one(item) {
            Ok(None) => {
                self.dry.set(0);
                drop(state);
                janitor::attend(&self.registration);
            }
            Ok(Some(waker)) => {
                self.dry.set(usize::from(state.idle.is_empty()));
                drop(state);
                // If waiters may be overtaken, the item is idle.
                janitor::attend(&self.registration);
                run(|| waker.wake());
            }
            Err(item) => self.put(state, Lot::one(Some(item))),
        }
    }

    /// Drops an item that the recycler refused. Returns the first panic, which is the recycler's if it panicked.
    pub(super) fn refuse(&self, item: Item<T>, mut first: Option<Payload>) -> Option<Payload> {
        self.counts.refused.add(1);
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
    pub(super) fn put(&self, mut state: MutexGuard<'_, State<T>>, lot: Lot<T>) {
        let after = state.put(lot);
        drop(state);
        janitor::attend(&self.registration);
        self.settle_or_raise(after);
    }

    /// Begins a sweep: decides which idle items to drop. Runs no user code.
    pub(super) fn condemn(&self, purpose: Purpose) -> Condemned<T> {
        let mut state = self.lock();
        let trace = Trace::begin(self.name, purpose, state.epoch);
        let (swept, after) = state.sweep(purpose);
        let (surplus, unused) = (state.surplus(), state.unused_tables());
        drop(state);
        drop(unused);
        if let Some(needed) = surplus {
            self.shrink(needed);
        }
        let overdue = match (&self.tracking, purpose) {
            (Some(tracking), Purpose::Advance) => tracking.overdue(),
            _ => Vec::new(),
        };
        Condemned { after, swept, trace, pool: self.name, overdue }
    }

    /// Runs a whole sweep, with `drop_item` for each condemned item. Returns the first panic.
    pub(super) fn sweep(&self, purpose: Purpose, drop_item: impl FnMut(Item<T>)) -> (Swept, Option<Payload>) {
        self.condemn(purpose).drop_items(drop_item, || Some(self))
    }

    /// Drops the idle items that `keep` refuses, or in which it panics. Returns the number of both, and the first panic.
    pub(super) fn retain(&self, mut keep: impl FnMut(&mut Item<T>) -> bool) -> (Swept, Option<Payload>) {
        let taken = self.lock().take_idle();
        let (mut kept, mut doomed, mut first) = (VecDeque::new(), Vec::new(), None);
        for mut idle in taken {
            let mut keeps = false;
            if let Some(panic) = for_each_caught([&mut idle.item], |item| keeps = keep(item)) {
                keep_first(&mut first, panic);
            }
            if keeps { kept.push_back(idle) } else { doomed.push(idle.item) }
        }
        let swept = Swept { dropped: doomed.len(), kept: kept.len(), left_busy: 0 };
        let after = self.lock().put_back(kept, doomed);
        janitor::attend(&self.registration);
        if let Some(panic) = self.settle(after) {
            keep_first(&mut first, panic);
        }
        (swept, first)
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let n = state.idle.len();
        let doomed = state.oldest(n);
        let mut refused = state.waiters.refuse(|_| Some(Refused::Closed));
        refused.append(&mut state.sweepers.refuse(|_| Some(Refused::Closed)));
        state.dropped += n;
        self.doom(state, doomed, refused);
    }

    pub(super) fn resize(&self, capacity: usize) {
        let mut state = self.lock();
        state.capacity = capacity;
        let refused = state.waiters.refuse(|want| match want {
            Want::Places(asked) if asked > capacity => Some(Refused::OverCapacity { asked, capacity }),
            _ => None,
        });
        let surplus = (state.taken - state.doomed + state.idle.len()).saturating_sub(capacity).min(state.idle.len());
        let doomed = state.oldest(surplus);
        state.rejected += surplus;
        self.doom(state, doomed, refused);
    }

    /// Drops these items, and wakes the refused waiters and those that can be served now.
    fn doom(&self, mut state: MutexGuard<'_, State<T>>, doomed: Vec<Item<T>>, mut refused: Vec<Waker>) {
        let mut after = state.doom(doomed);
        self.release(state);
        after.wakers.append(&mut refused);
        self.settle_or_raise(after);
    }

    /// Ends an item. Its place stays taken.
    pub(super) fn dispose(&self, item: Item<T>) {
        self.disposer.dispose(item);
    }

    pub(super) fn settle(&self, after: After<T>) -> Option<Payload> {
        after.settle(|item| self.dispose(item), || Some(self))
    }

    fn settle_or_raise(&self, after: After<T>) {
        if let Some(panic) = self.settle(after) {
            raise(panic);
        }
    }

    /// Frees the place of a doomed item that was dropped.
    fn gone(&self) -> Option<Payload> {
        let mut state = self.lock();
        state.taken -= 1;
        state.doomed -= 1;
        let wakers = state.serve();
        self.release(state);
        wake_each(wakers)
    }
}

/// Wakes all of them. Returns the first panic.
pub(super) fn wake_each(wakers: impl IntoIterator<Item = Waker>) -> Option<Payload> {
    for_each_caught(wakers, Waker::wake)
}

impl<T> Drop for Places<T> {
    /// Disposes of every idle item. Then ends what is left of forgotten waits: items that they were served, and their
    /// wakers. Every panic is caught.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let idle = state.idle.drain(..).map(|idle| idle.item);
        let (answers, mut wakers): (Vec<_>, Vec<_>) = state.waiters.drain().unzip();
        wakers.extend(state.enders.drain().chain(state.sweepers.drain()).map(|(_, waker)| waker));
        let served = answers.into_iter().flatten().flatten().flat_map(Lot::into_items);
        let disposed = for_each_caught(idle.chain(served), |item| self.disposer.dispose(item));
        [disposed, drop_each(wakers)].into_iter().flatten().for_each(discard);
    }
}
