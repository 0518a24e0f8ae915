//! A spill: moves a batch, or a single item, to the shared queues.

use std::mem;

use crate::engine::array::Array;
use crate::engine::batch::Batch;
use crate::engine::claim::Spilled;
use crate::engine::item::Item;
use crate::engine::slots::SlotSet;
use crate::engine::store::Store;
use crate::engine::visit::Visit;

impl<T> Store<T> {
    /// Makes room in the private slots with an empty array from the own shard, or with a new one.
    pub(super) fn spill(&self, set: &SlotSet<T>, item: Item<T>) -> Option<Batch<T>> {
        let visit = &self.shards.visit(Some(set));
        let home = visit.home();
        let empty = visit.get().and_then(|shared| shared.take_empty(home));
        match set.spill(item, empty.unwrap_or_else(|| self.new_array())) {
            Ok(None) => None,
            Ok(Some(unused)) if unused.items.is_empty() => {
                if let Some(shared) = visit.get() {
                    shared.keep_empty(home, unused.items);
                }
                None
            }
            Ok(Some(full)) => self.stamp_and_share(visit, set, full),
            Err((item, mut array)) => {
                // A sweep keeps this thread out. In an array, the item finds a place in a rack. By itself it would go
                // to the queue behind it.
                let pushed = array.push(item);
                debug_assert!(pushed.is_ok(), "an empty array has room");
                mem::forget(pushed);
                self.offer_array(visit, home.shard, array, self.epoch_of(Some(set)))
            }
        }
    }

    /// Moves a batch from the private slots to the own shard.
    #[inline(always)]
    pub(super) fn stamp_and_share(
        &self,
        visit: &Visit<'_, T>,
        set: &SlotSet<T>,
        Spilled { items, victims }: Spilled<T>,
    ) -> Option<Batch<T>> {
        set.tally.spills.bump(1);
        // The epoch is read after the puts of all items in the batch, so it is no older than any of them.
        let stamp = if victims { items.stamp() } else { self.epoch_of(Some(set)) };
        self.offer_array(visit, set.home.into(), items, stamp)
    }

    /// Puts a single item straight into the shared queues.
    pub(super) fn put_past(&self, set: Option<&SlotSet<T>>, item: Item<T>) -> Option<Batch<T>> {
        let visit = &self.shards.visit(set);
        self.offer(visit, visit.home().shard, Batch::one(item, self.epoch_of(set)))
    }

    /// Puts an item into the shared queues, past the private slots. Returns it if there is no room.
    pub(crate) fn set_aside(&self, item: Item<T>) -> Option<Batch<T>> {
        self.put_past(self.slot_set(), item)
    }

    /// Puts a new batch into the shared queues, where any thread finds it. Returns what there is no room for.
    pub(crate) fn put_batch(&self, items: Array<T>) -> Option<Batch<T>> {
        if items.is_empty() {
            return None;
        }
        self.offer_array(&self.shards.visit(None), self.next_shard.add(1), items, self.epoch())
    }

    /// Puts an array into the shared queues as a batch. Counts and returns what there is no room for.
    ///
    /// Mostly there is room. Then the array stays one word, which the CPU forwards from store to load.
    #[inline(always)]
    fn offer_array(&self, visit: &Visit<'_, T>, shard: usize, mut array: Array<T>, stamp: usize) -> Option<Batch<T>> {
        let items = array.len();
        if !visit.get_or_make().reserve(items) {
            return self.offer(visit, shard, Batch::many(array, stamp));
        }
        array.set_stamp(stamp);
        visit.put_array(shard, array);
        self.count(visit.set, items, |tally| &tally.shared);
        None
    }

    /// Puts a batch into the shared queues. Counts and returns what there is no room for.
    #[cold]
    #[inline(never)]
    fn offer(&self, visit: &Visit<'_, T>, shard: usize, batch: Batch<T>) -> Option<Batch<T>> {
        let rejected = self.push(visit, shard, batch)?;
        self.events.rejected.add(rejected.len());
        Some(rejected)
    }

    /// Puts a batch into the shared queues, and counts its items as shared. Returns what there is no room for.
    pub(crate) fn push(&self, visit: &Visit<'_, T>, shard: usize, mut batch: Batch<T>) -> Option<Batch<T>> {
        let room = visit.get_or_make().admit(batch.len());
        if room == 0 {
            return Some(batch);
        }
        let rejected = batch.split_off(room);
        visit.put_back(shard, batch);
        self.count(visit.set, room, |tally| &tally.shared);
        rejected
    }

    /// Puts in what `put_slow` returned, after room was made for it. Returns what there is still no room for.
    pub(crate) fn put_again(&self, rejected: Batch<T>) -> Option<Batch<T>> {
        self.events.rejected.add(rejected.len().wrapping_neg());
        let set = self.slot_set();
        let visit = &self.shards.visit(set);
        self.offer(visit, visit.home().shard, rejected)
    }
}
