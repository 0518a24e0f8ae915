//! A refill: takes a batch from the shared queues, and finds a place for what the caller does not need of it.

use crate::engine::batch::Batch;
use crate::engine::item::Item;
use crate::engine::shared::{Found, Shared, Source};
use crate::engine::slots::SlotSet;
use crate::engine::store::Store;
use crate::engine::visit::Visit;

impl<T> Store<T> {
    /// Takes an item from the shared queues, which makes room there. With `victims_only` it looks only among those.
    pub(crate) fn get_shared(&self, victims_only: bool) -> Option<Item<T>> {
        // Seen from the epoch before, the victims are what is young.
        self.search(None, victims_only, victims_only.into()).or_else(|| self.leave_lobby(None, !victims_only, true))
    }

    /// Takes a batch from the shared queues, as in the epoch that was so many sweeps `ago`. Returns one of its items.
    #[inline]
    pub(super) fn search(&self, set: Option<&SlotSet<T>>, young_only: bool, ago: usize) -> Option<Item<T>> {
        let visit = &self.shards.visit(set);
        // Most misses end here, so they do without what a refill needs.
        let shared = visit.get().filter(|shared| !shared.is_vacant())?;
        self.refill(visit, shared, young_only, ago)
    }

    #[inline(never)]
    fn refill(&self, visit: &Visit<'_, T>, shared: &Shared<T>, young_only: bool, ago: usize) -> Option<Item<T>> {
        let epoch = self.epoch_of(visit.set).wrapping_sub(ago);
        let Found { mut batch, shard, source } = shared.pop(visit.home(), epoch, young_only)?;
        let item = batch.pop();
        self.count(visit.set, 1, |tally| match source {
            Source::Own => &tally.refills,
            Source::Stolen => &tally.steals,
            Source::Victim => &tally.rescues,
        });
        self.settle(visit, shared, shard, batch, source != Source::Victim);
        item
    }

    /// Finds a place for the rest of a batch, after one item was taken. A young rest becomes the thread's private
    /// slots. The rest of a victim batch lies there apart and stays old. Otherwise the one item in use would make its
    /// idle neighbours young again.
    ///
    /// The item that was taken is no longer shared, nor is the rest if it stays here. `took` counts that before a sweep
    /// can find the rest here. Otherwise the sweep would count it twice, and find no room for it.
    #[inline]
    fn settle(&self, visit: &Visit<'_, T>, shared: &Shared<T>, shard: usize, batch: Batch<T>, young: bool) {
        let (items, stamp) = (batch.len(), batch.stamp);
        let took = |rest: usize| self.took(visit.set, shared, 1 + rest);
        if items == 0 {
            took(0);
            if let Ok(empty) = batch.into_array() {
                shared.keep_empty(visit.home().at(shard), empty);
            }
            return;
        }
        let refilled = match (visit.set, batch.into_array()) {
            (Some(set), Ok(array)) if young => {
                set.refill(array, || took(items)).map_err(|array| Batch::many(array, stamp))
            }
            (Some(set), Ok(mut array)) => {
                array.set_stamp(stamp);
                set.keep_victims(array, || took(items)).map_err(|array| Batch::many(array, stamp))
            }
            (None, Ok(array)) => Err(Batch::many(array, stamp)),
            (_, Err(batch)) => Err(batch),
        };
        match refilled {
            Ok(Some(empty)) => {
                // It goes to the shard that the batch came from: the thread that filled that will need another array.
                shared.keep_empty(visit.home().at(shard), empty);
            }
            Ok(None) => {}
            Err(batch) => {
                visit.put_back(shard, batch);
                took(0);
            }
        }
    }

    /// Counts items as no longer shared.
    #[inline]
    pub(crate) fn took(&self, set: Option<&SlotSet<T>>, shared: &Shared<T>, items: usize) {
        shared.release(items);
        self.count(set, items.wrapping_neg(), |tally| &tally.shared);
    }
}
