//! A sweep: what makes items old and drops them.
//!
//! It holds the pool's sweep token from step 1 to step 4:
//!
//! 1. Retire the empty slot sets of threads that have ended. `close` every other one that does not look empty and whose
//!    owner is not in a claim. Pass one heavy barrier. `collect` the items of those whose owners have not answered
//!    meanwhile.
//! 2. `condemn`: take the victims, which are every batch stamped before this epoch and those in the lobby, into a list.
//!    Take out the shards and slot sets that an earlier sweep retired, unless a thread still visits.
//! 3. Advance the epoch. The emptied queues are the new primaries, and the old primaries the new victims.
//! 4. Push what was collected to the new victims. Retire the shards if they are empty. Return the token.
//! 5. `Condemned::drop_items`: holding nothing, drop the list item by item, or hand it to a receiver. Free the shards and
//!    the slot sets.
//!
//! "A sweep" in `docs/design.md` says how this keeps the promises on retention.

use std::any::type_name;
use std::ops::Deref;
use std::ptr::NonNull;
use std::{iter, mem};

use crossbeam_utils::CachePadded;

use crate::engine::array::{Array, Stack};
use crate::engine::batch::Batch;
use crate::engine::claim::Taken;
use crate::engine::ended::EndedSets;
use crate::engine::item::{Item, Payload, for_each_caught, keep_first};
use crate::engine::shared::Shared;
use crate::engine::slots::SlotSet;
use crate::engine::store::Store;
use crate::engine::tally::Swept;
use crate::engine::top::Purpose;
use crate::engine::trace::Trace;
use crate::engine::visit::Visit;
use crate::sync::{Retired, fence};

/// A sweep under way, on a store that it borrows or shares.
pub(crate) struct Sweep<T, S: Deref<Target = Store<T>>> {
    store: S,
    purpose: Purpose,
    /// Slot sets that an earlier sweep retired.
    ended: Vec<EndedSets<T>>,
    /// The slot sets to close, then those that are closed. They do not move. Only sweeps with the token take them out.
    sets: Vec<NonNull<SlotSet<T>>>,
    /// An empty array for each of them. This and `collected` are allocated beforehand, because nothing may be allocated
    /// while a slot set is closed.
    fresh: Vec<Array<T>>,
    /// What was taken, with the home shard of its slot set.
    collected: Vec<(u16, Taken<T>)>,
    /// How many slot sets were left alone because their owner was in a claim.
    left_busy: usize,
    /// The heavy barrier succeeded, or none was needed.
    passed: bool,
    trace: Trace,
}

/// Shards and slot sets to free.
type Reclaimed<T> = (Option<Box<Shared<T>>>, Vec<Box<[CachePadded<SlotSet<T>>]>>);

/// What a sweep has decided to drop.
pub(crate) struct Condemned<T> {
    batches: Vec<Batch<T>>,
    empties: Vec<Array<T>>,
    stashes: Vec<Stack<T>>,
    retired: Reclaimed<T>,
    /// What the sweep did. Items count as dropped already.
    pub(crate) swept: Swept,
    trace: Trace,
}

/// Runs a whole sweep, which ends with `drop_item` for each condemned item. Returns the first panic with what it did, or
/// `None` if another sweep has the token.
pub(crate) fn sweep<T>(
    store: impl Deref<Target = Store<T>>,
    purpose: Purpose,
    drop_item: impl FnMut(Item<T>),
) -> Option<(Swept, Option<Payload>)> {
    let mut sweep = Sweep::begin(store, purpose)?;
    let passed = !sweep.close() || fence::heavy();
    sweep.collect(passed);
    Some(sweep.condemn().drop_items(drop_item))
}

impl<T, S: Deref<Target = Store<T>>> Sweep<T, S> {
    /// Takes the token, and allocates what `collect` needs. Returns `None` if another sweep has the token.
    pub(crate) fn begin(store: S, purpose: Purpose) -> Option<Self> {
        if !store.take_token() {
            return None;
        }
        let ended = store.kept().take();
        let (mut sets, mut retired) = (Vec::new(), Vec::new());
        for (bucket, all) in store.sets.buckets() {
            let before = sets.len();
            sets.extend(all.iter().filter(|set| !set.looks_empty()).map(|set| NonNull::from(&**set)));
            let is_kept = || ended.iter().any(|kept| kept.entries().len() == all.len());
            if sets.len() == before && !all.is_empty() && !is_kept() {
                retired.extend(store.retire_ended(bucket));
            }
        }
        store.kept().keep(retired);
        let fresh: Vec<_> = sets.iter().map(|_| store.new_array()).collect();
        let collected = Vec::with_capacity(sets.len());
        let trace = Trace::begin(store.limits.name, purpose, store.epoch());
        Some(Self { store, purpose, ended, sets, fresh, collected, left_busy: 0, passed: false, trace })
    }

    /// Closes the slot sets. Returns whether any is closed, or there is something to free that a thread may still visit,
    /// so that a heavy barrier is needed.
    pub(crate) fn close(&mut self) -> bool {
        let all = self.sets.len();
        // SAFETY: each points to a slot set in `store`, which this sweep borrows or shares.
        self.sets.retain(|set| unsafe { set.as_ref() }.close(self.purpose));
        self.left_busy = all - self.sets.len();
        !self.sets.is_empty() || !self.ended.is_empty() || self.store.shards.has_retired()
    }

    /// Takes what lies in the closed slot sets and opens them. `passed` says whether the heavy barrier succeeded. If
    /// not, this takes nothing.
    pub(crate) fn collect(&mut self, passed: bool) {
        self.passed = passed;
        // SAFETY: as in `close`.
        let sets = self.sets.iter().map(|set| unsafe { set.as_ref() });
        if !passed {
            sets.for_each(|set| set.reopen(self.purpose));
            self.store.events.failed_barriers.add(1);
            return;
        }
        // Popped one by one: `drain` would free what is left over while slot sets, of this pool or of others, are
        // closed.
        for (set, into) in sets.zip(iter::from_fn(|| self.fresh.pop())) {
            // SAFETY: this sweep holds the token and closed this slot set, and the heavy barrier came since. No array
            // has more room than a fresh one.
            self.collected.push((set.home, unsafe { set.take(self.purpose, into) }));
        }
    }

    /// Returns the shards and slot sets that an earlier sweep retired, if no thread visits any more.
    fn reclaim(&mut self) -> Reclaimed<T> {
        let (store, ended) = (&*self.store, mem::take(&mut self.ended));
        let may_free = self.passed && (!ended.is_empty() || store.shards.has_retired());
        if !may_free || store.shards.is_visited(store.sets.iter().map(|set| &**set)) {
            store.kept().keep(ended);
            return (None, Vec::new());
        }
        // SAFETY: this sweep holds the token. The heavy barrier came since it took that, and nobody visits.
        unsafe { (store.shards.reclaim(), ended.into_iter().map(|ended| Retired::into_box(ended)).collect()) }
    }

    /// Does steps 2 to 4. A clear takes all batches in step 2, leaves out step 3, and condemns what was collected.
    pub(crate) fn condemn(mut self) -> Condemned<T> {
        let retired = self.reclaim();
        let store = &*self.store;
        let epoch = store.epoch();
        let (mut condemned, mut empties) = (Vec::new(), self.fresh);
        let visit = &store.shards.visit(None);
        if let Some(shared) = visit.get() {
            match self.purpose {
                Purpose::Advance => shared.take_older(epoch, &mut condemned),
                Purpose::Clear => shared.take_all(&mut condemned),
            }
            store.took(None, shared, condemned.iter().map(Batch::len).sum());
        }
        let left = condemned.len();
        let newest = usize::from(self.purpose == Purpose::Advance);
        for epoch in (newest..2).map(|ago| epoch.wrapping_sub(ago)) {
            condemned.extend(store.lobby.drain(epoch).map(|item| Batch::one(item, epoch)));
        }
        store.shards.release(condemned.len() - left);
        if self.purpose == Purpose::Advance {
            store.set_epoch(epoch.wrapping_add(1));
        }
        let mut stashes = Vec::new();
        for (home, Taken { young, victims, stash }) in self.collected {
            stashes.push(stash);
            // Victims that an owner kept in private slots. They were old before this sweep.
            condemned.extend(victims.map(|victims| Batch::many(victims, epoch)));
            for array in young.into_iter().flatten() {
                if array.is_empty() {
                    empties.push(array);
                    continue;
                }
                let batch = Batch::many(array, epoch);
                match self.purpose {
                    Purpose::Advance => condemned.extend(store.push(visit, home.into(), batch)),
                    Purpose::Clear => condemned.push(batch),
                }
            }
        }
        let mut kept = store.idle(visit);
        if self.purpose == Purpose::Advance {
            kept += keep_min_idle(store, visit, &mut condemned, epoch);
        }
        let dropped = condemned.iter().map(Batch::len).sum();
        if let Some(shared) = visit.get() {
            shared.drain_empties(&mut empties);
        }
        if store.shared(visit) == 0 {
            store.shards.retire(visit);
        }
        store.events.sweeps.add(1);
        store.events.dropped.add(dropped);
        store.events.left_busy.add(self.left_busy);
        let swept = Swept { dropped, kept, left_busy: self.left_busy };
        store.return_token();
        Condemned { batches: condemned, empties, stashes, retired, swept, trace: self.trace }
    }
}

/// Puts condemned items back among the victims until the shared queues hold `min_idle`. Returns how many.
///
/// Items in private slots do not count. After a sweep, those are what threads at work took or put meanwhile. While
/// items move, a number that is read in several places counts some of them twice.
fn keep_min_idle<T>(store: &Store<T>, visit: &Visit<'_, T>, condemned: &mut Vec<Batch<T>>, epoch: usize) -> usize {
    let wanted = (store.limits.min_idle as usize).saturating_sub(store.shards.held());
    let mut spared = 0;
    while spared < wanted {
        let Some(mut batch) = condemned.pop() else { break };
        if let Some(rest) = batch.split_off(wanted - spared) {
            condemned.push(rest);
        }
        spared += batch.len();
        batch.stamp = epoch;
        // Any number will do for the shard. This one spreads the batches.
        if let Some(rejected) = store.push(visit, spared, batch) {
            spared -= rejected.len();
            condemned.push(rejected);
            break;
        }
    }
    spared
}

impl<T> Condemned<T> {
    /// Calls `drop_item` for every item and emits the event. Returns the first panic, of `drop_item` or of the event's
    /// subscriber.
    pub(crate) fn drop_items(self, drop_item: impl FnMut(Item<T>)) -> (Swept, Option<Payload>) {
        let mut first = for_each_caught(self.batches.into_iter().flatten(), drop_item);
        drop((self.empties, self.stashes, self.retired));
        if let Some(panic) = self.trace.end(type_name::<T>(), self.swept) {
            keep_first(&mut first, panic);
        }
        (self.swept, first)
    }
}
