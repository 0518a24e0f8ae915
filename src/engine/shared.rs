//! The shards: what lies idle outside the private slots, in two generations of batches.
//!
//! A batch with stamp `s` always lies in the queues of generation `s & 1`. So in epoch `e` the queues of generation
//! `e & 1` hold what was put in this epoch (the primaries) and the others what was put in the one before (the victims).
//! An operation that read the epoch late may leave an older batch among the primaries; its stamp still tells its age.

use std::ops::Range;

use crossbeam_utils::CachePadded;

use crate::engine::array::Array;
use crate::engine::batch::Batch;
use crate::engine::item::{discard, drop_each};
use crate::engine::rack::Rack;
use crate::sync::{AtomicUsize, Ordering, Queue, cpus, fence, seq_cst};

/// One bit of a word per shard says whether it may hold anything, so there can't be more.
const MAX_SHARDS: usize = usize::BITS as usize;

/// Every shared queue of one pool.
pub(crate) struct Shared<T> {
    /// As many as there are CPUs, rounded up to a power of two.
    shards: Box<[CachePadded<Shard<T>>]>,
    /// For each generation, which shards may hold a batch: a bit is set after a push and cleared by a pop that found
    /// nothing there. So that a miss need not touch every shard.
    occupied: [CachePadded<AtomicUsize>; 2],
    room: Room,
}

struct Shard<T> {
    generations: [Generation<T>; 2],
    /// Arrays without items, to be used again: from threads that only take for one that only gives back.
    empties: Rack<T>,
}

/// The batches of one generation in one shard.
struct Generation<T> {
    rack: Rack<T>,
    /// Batches for which the rack had no place, and single items, which travel without an array.
    overflow: Queue<Batch<T>>,
}

/// A batch that was taken from a queue, and where it was.
pub(crate) struct Found<T> {
    pub(crate) batch: Batch<T>,
    pub(crate) shard: usize,
    pub(crate) source: Source,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The own shard; put in the epoch that the caller sees, or later.
    Own,
    /// The same, from another shard.
    Stolen,
    /// Put in an earlier epoch, wherever it was found.
    Victim,
}

impl<T> Shared<T> {
    /// No queue holds anything yet; at most `max_idle` items will ever lie in all of them. How many do is known if that is a
    /// limit, or if it is `wanted`.
    pub(crate) fn new(max_idle: usize, wanted: bool) -> Self {
        let shards = cpus().next_power_of_two().min(MAX_SHARDS);
        Self {
            shards: (0..shards).map(|_| CachePadded::new(Shard::new())).collect(),
            occupied: [CachePadded::new(AtomicUsize::new(0)), CachePadded::new(AtomicUsize::new(0))],
            room: Room { max_idle, counted: wanted || max_idle != usize::MAX, held: AtomicUsize::new(0) },
        }
    }

    fn index(&self, home: usize) -> usize {
        home & (self.shards.len() - 1)
    }

    /// Puts a batch into the queue of its generation; what there is no room for comes back.
    #[inline(always)]
    pub(crate) fn push(&self, home: usize, mut batch: Batch<T>) -> Option<Batch<T>> {
        let offered = batch.len();
        let granted = self.room.reserve(offered, 1);
        if granted == 0 {
            return Some(batch);
        }
        let rejected = if granted < offered { batch.split_off(granted) } else { None };
        self.put_back(home, batch);
        rejected
    }

    /// Puts in what counts as held already, as it was taken from here or there was room reserved for it.
    #[inline(always)]
    pub(crate) fn put_back(&self, home: usize, batch: Batch<T>) {
        let (shard, generation) = (self.index(home), batch.stamp & 1);
        let bit = 1 << shard;
        self.shards[shard].generations[generation].push(batch);
        // If a pop's clearing of the bit comes first, the load below sees it and the bit is set again. If the push comes
        // first, the pop finds the batch when it looks again after clearing. SeqCst on all four makes it one of the two.
        // ORDERING: SeqCst; partner: the fetch_and in `pop_from`.
        if self.occupied[generation].load(Ordering::SeqCst) & bit == 0 {
            // ORDERING: Relaxed, no partner; the place itself orders what is in it.
            self.occupied[generation].fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Takes a batch: of the own shard, primaries and then victims, then of the others likewise.
    ///
    /// With `young_only` it doesn't look among the victims. Its items still count as held until `release` is called for those
    /// that the caller keeps.
    #[inline]
    pub(crate) fn pop(&self, home: usize, epoch: usize, young_only: bool) -> Option<Found<T>> {
        let (primaries, victims, all) = (epoch & 1, !epoch & 1, self.shards.len());
        // ORDERING: Relaxed, no partner; a hint where to look. A batch whose bit isn't seen is still being put, or another
        // pop is looking again.
        let occupied = |generation: usize| self.occupied[generation].load(Ordering::Relaxed);
        let look = |generation: usize, occupied: usize, steps: Range<usize>| {
            let mut shards = steps.map(|step| self.index(home + step)).filter(|shard| occupied & 1 << shard != 0);
            shards.find_map(|shard| Some((shard, self.pop_from(shard, generation)?)))
        };
        let young = occupied(primaries);
        let mut found = look(primaries, young, 0..1);
        if found.is_none() {
            let old = if young_only { 0 } else { occupied(victims) };
            if young | old == 0 {
                return None;
            }
            found = look(victims, old, 0..1)
                .or_else(|| look(primaries, young, 1..all))
                .or_else(|| look(victims, old, 1..all));
        }
        let (shard, batch) = found?;
        let source = match shard {
            _ if is_older(batch.stamp, epoch) => Source::Victim,
            _ if shard == self.index(home) => Source::Own,
            _ => Source::Stolen,
        };
        Some(Found { batch, shard, source })
    }

    /// Takes a batch from one shard, whose bit is set; clears the bit if there is none.
    #[inline]
    fn pop_from(&self, shard: usize, generation: usize) -> Option<Batch<T>> {
        let batches = &self.shards[shard].generations[generation];
        if let Some(batch) = batches.pop() {
            return Some(batch);
        }
        // ORDERING: SeqCst; partner: the load in `put_back`.
        self.occupied[generation].fetch_and(!(1 << shard), Ordering::SeqCst);
        fence::full();
        let batch = batches.pop()?;
        // ORDERING: Relaxed, no partner; as in `put_back`.
        self.occupied[generation].fetch_or(1 << shard, Ordering::Relaxed);
        Some(batch)
    }

    /// Makes room for `items` that `put_back` will put here; or for none of them, and says so.
    pub(crate) fn reserve(&self, items: usize) -> bool {
        self.room.reserve(items, items) == items
    }

    /// Whether there is room for `items`; a hint, as anybody may take it up.
    pub(crate) fn has_room(&self, items: usize) -> bool {
        items <= self.room.free(self.held())
    }

    /// How many items lie in the queues, are on their way there, or were taken and not released yet; so each of them is there,
    /// and counted once. Only if it is counted.
    pub(crate) fn held(&self) -> usize {
        // ORDERING: Relaxed, no partner; a true count at some time since whatever the caller knows of.
        self.room.held.load(Ordering::Relaxed)
    }

    /// `items` that `pop` took are no longer held here.
    #[inline]
    pub(crate) fn release(&self, items: usize) {
        self.room.release(items);
    }

    /// Takes every batch stamped before `epoch` out of both generations; `release` is for the caller to call. Only for the
    /// holder of the sweep token.
    ///
    /// That is all of the victims. Among the primaries there may be the rest of a victim batch whose `get` was overtaken
    /// by a sweep; so they are gone through one by one, each put back at once if it is young.
    pub(crate) fn take_older(&self, epoch: usize, into: &mut Vec<Batch<T>>) {
        for (index, shard) in self.shards.iter().enumerate() {
            for batch in shard.generations.iter().flat_map(Generation::drain) {
                if is_older(batch.stamp, epoch) {
                    into.push(batch);
                } else {
                    self.put_back(index, batch);
                }
            }
        }
    }

    /// Takes every batch. Only for the holder of the sweep token.
    pub(crate) fn take_all(&self, into: &mut Vec<Batch<T>>) {
        into.extend(self.shards.iter().flat_map(|shard| &shard.generations).flat_map(Generation::drain));
    }

    /// An array without items, if one lies at the own shard.
    pub(crate) fn take_empty(&self, home: usize) -> Option<Array<T>> {
        self.shards[self.index(home)].empties.pop()
    }

    /// Keeps an array without items for the next spill, unless there are enough.
    pub(crate) fn keep_empty(&self, home: usize, empty: Array<T>) {
        debug_assert!(empty.is_empty());
        drop(self.shards[self.index(home)].empties.push(empty));
    }

    /// Takes all arrays without items.
    pub(crate) fn drain_empties(&self) -> Vec<Array<T>> {
        self.shards.iter().flat_map(|shard| shard.empties.drain()).collect()
    }
}

/// Whether a batch with this stamp was put before `epoch`; epochs may wrap around.
pub(crate) fn is_older(stamp: usize, epoch: usize) -> bool {
    (stamp.wrapping_sub(epoch) as isize) < 0
}

impl<T> Shard<T> {
    fn new() -> Self {
        Self { generations: [Generation::new(), Generation::new()], empties: Rack::new() }
    }
}

impl<T> Generation<T> {
    fn new() -> Self {
        Self { rack: Rack::new(), overflow: Queue::new() }
    }

    #[inline]
    fn push(&self, batch: Batch<T>) {
        let stamp = batch.stamp;
        let left_over = batch.into_array().and_then(|mut array| {
            array.set_stamp(stamp);
            self.rack.push(array).map_err(|array| Batch::many(array, stamp))
        });
        match left_over {
            // The rack's push is SeqCst, which loom takes for less.
            Ok(()) => seq_cst(),
            Err(batch) => {
                self.overflow.push(batch);
                fence::full();
            }
        }
    }

    #[inline]
    fn pop(&self) -> Option<Batch<T>> {
        match self.rack.pop() {
            Some(array) => Some(racked(array)),
            None if self.overflow.is_empty() => None,
            None => self.overflow.pop(),
        }
    }

    /// Takes what there is. No more than that, or a thread that keeps pushing could keep the caller here.
    fn drain(&self) -> impl Iterator<Item = Batch<T>> {
        let overflow = (0..self.overflow.len()).map_while(|_| self.overflow.pop());
        self.rack.drain().map(racked).chain(overflow)
    }
}

/// The batch that an array in a rack is.
fn racked<T>(array: Array<T>) -> Batch<T> {
    let stamp = array.stamp();
    Batch::many(array, stamp)
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let mut left = Vec::new();
        self.take_all(&mut left);
        if let Some(panic) = drop_each(left.into_iter().flatten()) {
            discard(panic);
        }
    }
}

/// Counts the items in the queues against `max_idle`.
struct Room {
    max_idle: usize,
    /// Otherwise nobody asks, and the threads need not all write to one word.
    counted: bool,
    held: AtomicUsize,
}

impl Room {
    /// Reserves room for `wanted` items, or for as many as there is room for; for none if those are fewer than `least`.
    ///
    /// It never holds more than it grants, not for a moment: another thread would find no room where there is some.
    fn reserve(&self, wanted: usize, least: usize) -> usize {
        if !self.counted {
            return wanted;
        }
        let grant = |held| Some(wanted.min(self.free(held))).filter(|granted| *granted >= least);
        // ORDERING: Relaxed, no partner; only the sum matters, which every read-modify-write changes by what it adds.
        let before = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| Some(held + grant(held)?));
        before.ok().and_then(grant).unwrap_or(0)
    }

    fn release(&self, items: usize) {
        if self.counted {
            // ORDERING: Relaxed, no partner; as in `reserve`.
            self.held.fetch_sub(items, Ordering::Relaxed);
        }
    }

    /// What is left of `max_idle`.
    fn free(&self, held: usize) -> usize {
        self.max_idle.saturating_sub(held)
    }
}
