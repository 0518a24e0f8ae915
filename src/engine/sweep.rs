//! What makes items old and drops them.
//!
//! One sweep, which holds the pool's sweep token from the first step to the fourth:
//!
//! 1. `close` every slot set that doesn't look empty and whose owner isn't inside a claim, pass one heavy barrier, and
//!    `collect` the items of those whose owners haven't taken them out themselves meanwhile;
//! 2. `finish`: take every batch that was put before this epoch, the victims, into a list to be dropped;
//! 3. advance the epoch: the emptied queues are the new primaries, the old primaries the new victims;
//! 4. push what was collected to the new victims and return the token;
//! 5. `Condemned::drop_items`: holding nothing, drop the list item by item.
//!
//! What a sweep from epoch `e` to `e + 1` drops is stamped `e - 1` or earlier, so it was put before the last sweep. What it
//! collects from private slots was put before it advances the epoch, and is stamped `e`: the next sweep may drop it.

use std::any::type_name;
use std::iter;
use std::ops::Deref;
use std::ptr::NonNull;

use crate::engine::array::{Array, Stack};
use crate::engine::batch::Batch;
use crate::engine::claim::Taken;
use crate::engine::item::{Payload, drop_each, keep_first};
use crate::engine::shared::Shared;
use crate::engine::slots::SlotSet;
use crate::engine::store::Store;
use crate::engine::tally::Swept;
use crate::engine::top::Purpose;
use crate::engine::trace::Trace;
use crate::sync::fence;

/// A sweep under way, on a store that it borrows or shares.
pub(crate) struct Sweep<T, S: Deref<Target = Store<T>>> {
    store: S,
    purpose: Purpose,
    /// The slot sets to be closed, then those that are. They neither move nor go before `store` does.
    sets: Vec<NonNull<SlotSet<T>>>,
    /// An empty array for each of them, and room for what is taken: made beforehand, as nothing may be allocated while a
    /// slot set is closed.
    fresh: Vec<Array<T>>,
    /// What was taken, with the home of its slot set.
    collected: Vec<(u16, Taken<T>)>,
    left_busy: usize,
    trace: Trace,
}

/// What a sweep decided to drop.
pub(crate) struct Condemned<T> {
    batches: Vec<Batch<T>>,
    empties: Vec<Array<T>>,
    stashes: Vec<Stack<T>>,
    pub(crate) swept: Swept,
    trace: Trace,
}

/// One whole sweep; `None` if another one has the token.
pub(crate) fn sweep<T>(store: &Store<T>, purpose: Purpose) -> Option<(Swept, Option<Payload>)> {
    let mut sweep = Sweep::begin(store, purpose)?;
    let passed = !sweep.close() || fence::heavy();
    sweep.collect(passed);
    Some(sweep.finish().drop_items())
}

impl<T, S: Deref<Target = Store<T>>> Sweep<T, S> {
    pub(crate) fn begin(store: S, purpose: Purpose) -> Option<Self> {
        if !store.take_token() {
            return None;
        }
        let sets: Vec<_> =
            store.sets.iter().filter(|set| !set.looks_empty()).map(|set| NonNull::from(&**set)).collect();
        let fresh = sets.iter().map(|_| Array::new(store.limits.array)).collect();
        let collected = Vec::with_capacity(sets.len());
        let trace = Trace::begin(purpose, store.epoch());
        Some(Self { store, purpose, sets, fresh, collected, left_busy: 0, trace })
    }

    /// Closes what doesn't look empty; says whether there was any, so that a heavy barrier is needed.
    pub(crate) fn close(&mut self) -> bool {
        let all = self.sets.len();
        // SAFETY: each points to a slot set in `store`, which this sweep borrows or holds.
        self.sets.retain(|set| unsafe { set.as_ref() }.close(self.purpose));
        self.left_busy = all - self.sets.len();
        !self.sets.is_empty()
    }

    /// Takes what lies in the closed slot sets and opens them; `passed` says whether the heavy barrier succeeded.
    pub(crate) fn collect(&mut self, passed: bool) {
        // SAFETY: as in `close`.
        let sets = self.sets.iter().map(|set| unsafe { set.as_ref() });
        if !passed {
            sets.for_each(|set| set.reopen(self.purpose));
            self.store.events.failed_barriers.add(1);
            return;
        }
        // One by one, as what is left over must not be freed while slot sets, of this pool or of others, are closed.
        for (set, into) in sets.zip(iter::from_fn(|| self.fresh.pop())) {
            // SAFETY: this sweep holds the token and closed this slot set, and the heavy barrier came since. No array has
            // more room than a fresh one.
            self.collected.push((set.home, unsafe { set.take(self.purpose, into) }));
        }
    }

    /// Takes out the victims, advances the epoch, makes what was collected victims, and returns the token.
    pub(crate) fn finish(self) -> Condemned<T> {
        let store = &*self.store;
        let epoch = store.epoch();
        let (mut condemned, mut empties) = (Vec::new(), self.fresh);
        if let Some(shared) = store.shared_if_made() {
            match self.purpose {
                Purpose::Advance => shared.take_older(epoch, &mut condemned),
                Purpose::Clear => shared.take_all(&mut condemned),
            }
            store.took(None, shared, condemned.iter().map(Batch::len).sum());
        }
        if self.purpose == Purpose::Advance {
            store.set_epoch(epoch.wrapping_add(1));
        }
        let mut stashes = Vec::new();
        for (home, Taken { young, victims, stash }) in self.collected {
            stashes.push(stash);
            // Victims that an owner kept: the epoch in which it found them to be that has come to its end.
            condemned.extend(victims.map(|victims| Batch::many(victims, epoch)));
            for array in young.into_iter().flatten() {
                if array.is_empty() {
                    empties.push(array);
                    continue;
                }
                let batch = Batch::many(array, epoch);
                match self.purpose {
                    Purpose::Advance => condemned.extend(store.push(None, home.into(), batch)),
                    Purpose::Clear => condemned.push(batch),
                }
            }
        }
        let mut kept = store.idle();
        if self.purpose == Purpose::Advance {
            kept += spare(store, &mut condemned, epoch);
        }
        let dropped = condemned.iter().map(Batch::len).sum();
        if let Some(shared) = store.shared_if_made() {
            empties.extend(shared.drain_empties());
        }
        store.events.sweeps.add(1);
        store.events.dropped.add(dropped);
        store.events.left_busy.add(self.left_busy);
        let swept = Swept { dropped, kept, left_busy: self.left_busy };
        store.return_token();
        Condemned { batches: condemned, empties, stashes, swept, trace: self.trace }
    }
}

/// Puts condemned items back among the victims, as many as there are fewer than `min_idle` in the shared queues; returns how
/// many.
///
/// Items in private slots don't count. After a sweep those are what threads that are at work took or put meanwhile; while
/// items move, no number that is read in several places says how many there are without counting some twice.
fn spare<T>(store: &Store<T>, condemned: &mut Vec<Batch<T>>, epoch: usize) -> usize {
    let wanted = store.limits.min_idle.saturating_sub(store.shared_if_made().map_or(0, Shared::held));
    let mut spared = 0;
    while spared < wanted {
        let Some(mut batch) = condemned.pop() else { break };
        if let Some(rest) = batch.split_off(wanted - spared) {
            condemned.push(rest);
        }
        spared += batch.len();
        batch.stamp = epoch;
        if let Some(rejected) = store.push(None, spared, batch) {
            spared -= rejected.len();
            condemned.push(rejected);
            break;
        }
    }
    spared
}

impl<T> Condemned<T> {
    /// Drops every item and tells of it; returns the first panic, of an item's `Drop` or of who was told.
    pub(crate) fn drop_items(self) -> (Swept, Option<Payload>) {
        let mut first = None;
        for mut batch in self.batches {
            if let Some(panic) = drop_each(&mut batch) {
                keep_first(&mut first, panic);
            }
        }
        drop((self.empties, self.stashes));
        if let Some(panic) = self.trace.end(type_name::<T>(), self.swept) {
            keep_first(&mut first, panic);
        }
        (self.swept, first)
    }
}
