//! The shards: what is idle outside the private slots, in two generations of batches.
//!
//! A batch with stamp `s` lies in generation `s & 1`. So in epoch `e`, generation `e & 1` holds the primaries and the
//! other one the victims. An operation that read the epoch late may leave an older batch among the primaries. Its stamp
//! still tells its age.

use std::ops::Range;

use crossbeam_utils::CachePadded;

use crate::engine::array::Array;
use crate::engine::batch::Batch;
use crate::engine::item::{discard, drop_each};
use crate::engine::rack::{Hint, Rack};
use crate::engine::room::Share;
use crate::sync::{AtomicUsize, OnceArc, Ordering, Queue, cpus, fence, seq_cst};

/// Each shard has one bit in a word that says whether it may hold anything.
const MAX_SHARDS: usize = usize::BITS as usize;

/// All shared queues of one pool.
pub(crate) struct Shared<T> {
    /// As many as there are CPUs, rounded up to a power of two, and at most [`MAX_SHARDS`]. Each is created when a batch
    /// is put there first.
    shards: Box<[OnceArc<CachePadded<Shard<T>>>]>,
    /// For each generation, which shards may hold a batch. A push sets the shard's bit. A pop that finds nothing clears
    /// it. So a miss need not look into every shard. Sweeps do not use the bits.
    occupied: [CachePadded<AtomicUsize>; 2],
    /// The room that batches here take up; `None` if that is neither limited nor asked for.
    room: Option<Share>,
}

/// A shard, and where a thread looks first in its racks.
#[derive(Clone, Copy)]
pub(crate) struct Home<'a> {
    /// May be more than there are shards. Then it counts around.
    pub(crate) shard: usize,
    pub(crate) hints: &'a Hints,
}

/// Where one thread looks first in the racks of every shard.
#[derive(Default)]
pub(crate) struct Hints {
    batches: Hint,
    empties: Hint,
}

/// The batches and empty arrays of the threads whose home this is.
struct Shard<T> {
    generations: [Generation<T>; 2],
    /// Empty arrays for later spills. Threads that only take leave them here for one that only puts.
    empties: Rack<T>,
}

/// The batches of one generation in one shard.
struct Generation<T> {
    rack: Rack<T>,
    /// Batches for which the rack had no place; and single items, which travel without an array.
    overflow: Queue<Batch<T>>,
}

/// A batch that was taken from a queue, and where it was.
pub(crate) struct Found<T> {
    pub(crate) batch: Batch<T>,
    pub(crate) shard: usize,
    pub(crate) source: Source,
}

/// Where a batch was, and whether it is old.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// In the own shard, and not stamped before the caller's epoch.
    Own,
    /// The same, in another shard.
    Stolen,
    /// In any shard, and stamped before the caller's epoch.
    Victim,
}

impl Home<'_> {
    /// The same for another shard.
    pub(crate) fn at(self, shard: usize) -> Self {
        Self { shard, ..self }
    }
}

impl<T> Shared<T> {
    /// Creates empty queues for as many items as there is `room` for, or for any number.
    pub(crate) fn new(room: Option<Share>) -> Self {
        let shards = cpus().next_power_of_two().min(MAX_SHARDS);
        Self {
            shards: (0..shards).map(|_| OnceArc::new()).collect(),
            occupied: [CachePadded::new(AtomicUsize::new(0)), CachePadded::new(AtomicUsize::new(0))],
            room,
        }
    }

    fn index(&self, shard: usize) -> usize {
        shard & (self.shards.len() - 1)
    }

    /// Returns a shard, and creates it if need be.
    #[inline(always)]
    fn shard(&self, index: usize) -> &Shard<T> {
        match self.shards[index].get() {
            Some(shard) => shard,
            None => self.make_shard(index),
        }
    }

    #[cold]
    #[inline(never)]
    fn make_shard(&self, index: usize) -> &Shard<T> {
        self.shards[index].get_or_make(|| CachePadded::new(Shard::new())).0
    }

    /// Returns the shards that were created, with their indices.
    fn made(&self) -> impl Iterator<Item = (usize, &Shard<T>)> {
        self.shards.iter().enumerate().filter_map(|(index, shard)| Some((index, &**shard.get()?)))
    }

    /// Reserves room for items that the caller then passes to `put_back`. Returns for how many there was room.
    #[inline]
    pub(crate) fn admit(&self, items: usize) -> usize {
        self.room.as_ref().map_or(items, |room| room.reserve(items, 1))
    }

    /// Puts in a batch that already counts as held: it was taken from here, or there was room reserved for it.
    #[inline(always)]
    pub(crate) fn put_back(&self, home: Home<'_>, batch: Batch<T>) {
        self.put(home, batch.stamp, |generation| generation.push(&home.hints.batches, batch));
    }

    /// The same with an array that has its stamp.
    #[inline(always)]
    pub(crate) fn put_array(&self, home: Home<'_>, array: Array<T>) {
        self.put(home, array.stamp(), |generation| generation.push_array(&home.hints.batches, array));
    }

    #[inline(always)]
    fn put(&self, home: Home<'_>, stamp: usize, push: impl FnOnce(&Generation<T>)) {
        let (shard, generation) = (self.index(home.shard), stamp & 1);
        let bit = 1 << shard;
        push(&self.shard(shard).generations[generation]);
        // If a pop clears the bit first, the load below sees that, and the bit is set again. If the push comes first,
        // the pop finds the batch when it looks again after clearing. SeqCst on all four makes it one of the two.
        // ORDERING: SeqCst; partner: the fetch_and in `pop_from`.
        if self.occupied[generation].load(Ordering::SeqCst) & bit == 0 {
            // ORDERING: Relaxed, no partner; the place itself orders what is in it.
            self.occupied[generation].fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Returns whether a pop would find nothing.
    #[inline]
    pub(crate) fn is_vacant(&self) -> bool {
        (0..2).all(|generation| self.occupied(generation) == 0)
    }

    /// Returns which shards may hold batches of a generation.
    #[inline]
    fn occupied(&self, generation: usize) -> usize {
        // ORDERING: Relaxed, no partner; a hint where to look. If the bit of a batch is not seen, its push is still
        // under way, or another pop is looking again.
        self.occupied[generation].load(Ordering::Relaxed)
    }

    /// Takes a batch from the own shard, primaries before victims, or else from the others likewise.
    ///
    /// With `young_only` it does not look among the victims. The items count as held until the caller calls `release`
    /// for those that it keeps.
    #[inline]
    pub(crate) fn pop(&self, home: Home<'_>, epoch: usize, young_only: bool) -> Option<Found<T>> {
        let (own, hint, primaries) = (self.index(home.shard), &home.hints.batches, epoch & 1);
        let near = if self.occupied(primaries) & 1 << own != 0 { self.pop_from(own, hint, primaries) } else { None };
        let (shard, batch) = match near {
            Some(batch) => (own, batch),
            None => self.pop_far(own, hint, epoch, young_only)?,
        };
        let source = match shard {
            _ if is_older(batch.stamp, epoch) => Source::Victim,
            _ if shard == own => Source::Own,
            _ => Source::Stolen,
        };
        Some(Found { batch, shard, source })
    }

    /// Goes on after the own shard's primaries.
    #[inline(never)]
    fn pop_far(&self, own: usize, hint: &Hint, epoch: usize, young_only: bool) -> Option<(usize, Batch<T>)> {
        let (primaries, victims, all) = (epoch & 1, !epoch & 1, self.shards.len());
        let look = |generation: usize, occupied: usize, steps: Range<usize>| {
            let mut shards = steps.map(|step| self.index(own + step)).filter(|shard| occupied & 1 << shard != 0);
            shards.find_map(|shard| Some((shard, self.pop_from(shard, hint, generation)?)))
        };
        let (young, old) = (self.occupied(primaries), if young_only { 0 } else { self.occupied(victims) });
        look(victims, old, 0..1).or_else(|| look(primaries, young, 1..all)).or_else(|| look(victims, old, 1..all))
    }

    /// Takes a batch from one shard, whose bit is set. Clears the bit if there is none.
    #[inline(always)]
    fn pop_from(&self, shard: usize, hint: &Hint, generation: usize) -> Option<Batch<T>> {
        let batches = &self.shards[shard].get()?.generations[generation];
        if let Some(batch) = batches.pop(hint) {
            return Some(batch);
        }
        // ORDERING: SeqCst; partner: the load in `put`.
        self.occupied[generation].fetch_and(!(1 << shard), Ordering::SeqCst);
        fence::full();
        let batch = batches.pop(hint)?;
        // ORDERING: Relaxed, no partner; as in `put`.
        self.occupied[generation].fetch_or(1 << shard, Ordering::Relaxed);
        Some(batch)
    }

    /// Reserves room for `items` that `put_back` will put here. Returns `false`, with nothing reserved, if not all of
    /// them fit.
    pub(crate) fn reserve(&self, items: usize) -> bool {
        self.room.as_ref().is_none_or(|room| room.reserve(items, items) == items)
    }

    /// Returns whether there is room for `items`. This is a hint, because other threads may take the room.
    pub(crate) fn has_room(&self, items: usize) -> bool {
        self.room.as_ref().is_none_or(|room| items <= room.free())
    }

    /// Stops counting `items` that `pop` took as held.
    #[inline]
    pub(crate) fn release(&self, items: usize) {
        if let Some(room) = &self.room {
            room.release(items);
        }
    }

    /// Takes every batch stamped before `epoch` out of both generations. The caller calls `release`. Only the holder of
    /// the sweep token may call this.
    ///
    /// All victims are that old. Among the primaries there may be the rest of a victim batch whose `get` a sweep
    /// overtook. So this goes through the primaries too, and puts each young batch back at once.
    pub(crate) fn take_older(&self, epoch: usize, into: &mut Vec<Batch<T>>) {
        for (index, shard) in self.made() {
            let home = Home { shard: index, hints: &Hints::default() };
            shard.drain(|batch| {
                if is_older(batch.stamp, epoch) {
                    into.push(batch);
                } else {
                    self.put_back(home, batch);
                }
            });
        }
    }

    /// Takes any batch, and says which shard it was in. Other threads may put batches in and take them meanwhile.
    pub(crate) fn take_any(&self, hints: &Hints) -> Option<(usize, Batch<T>)> {
        let pop = |generation: &Generation<T>| generation.pop(&hints.batches);
        self.made().find_map(|(index, shard)| Some((index, shard.generations.iter().find_map(pop)?)))
    }

    /// Takes every batch. The caller calls `release`. Only the holder of the sweep token may call this.
    pub(crate) fn take_all(&self, into: &mut Vec<Batch<T>>) {
        for (_, shard) in self.made() {
            shard.drain(|batch| into.push(batch));
        }
    }

    /// Takes an empty array, if one lies at the own shard.
    pub(crate) fn take_empty(&self, home: Home<'_>) -> Option<Array<T>> {
        self.shards[self.index(home.shard)].get()?.empties.pop(&home.hints.empties)
    }

    /// Keeps an empty array for the next spill. Frees it if there are enough, or if nothing was spilled there yet.
    pub(crate) fn keep_empty(&self, home: Home<'_>, empty: Array<T>) {
        debug_assert!(empty.is_empty());
        let left = match self.shards[self.index(home.shard)].get() {
            Some(shard) => shard.empties.push(&home.hints.empties, empty).err(),
            None => Some(empty),
        };
        drop(left);
    }

    /// Takes all empty arrays.
    pub(crate) fn drain_empties(&self, into: &mut Vec<Array<T>>) {
        for (_, shard) in self.made() {
            shard.empties.drain(|empty| into.push(empty));
        }
    }
}

/// Returns whether a batch with this stamp was put before `epoch`. Epochs may wrap around.
pub(crate) fn is_older(stamp: usize, epoch: usize) -> bool {
    (stamp.wrapping_sub(epoch) as isize) < 0
}

impl<T> Shard<T> {
    fn new() -> Self {
        Self { generations: [Generation::new(), Generation::new()], empties: Rack::new() }
    }

    /// Takes every batch that lies there now, and passes it to `take`.
    fn drain(&self, mut take: impl FnMut(Batch<T>)) {
        for generation in &self.generations {
            generation.drain(&mut take);
        }
    }
}

impl<T> Generation<T> {
    fn new() -> Self {
        Self { rack: Rack::new(), overflow: Queue::new() }
    }

    fn push(&self, hint: &Hint, batch: Batch<T>) {
        let stamp = batch.stamp;
        match batch.into_array() {
            Ok(mut array) => {
                array.set_stamp(stamp);
                self.push_array(hint, array);
            }
            Err(one) => self.push_behind(one),
        }
    }

    #[inline]
    fn push_array(&self, hint: &Hint, array: Array<T>) {
        match self.rack.push(hint, array) {
            // The rack's push is SeqCst, which loom takes for less.
            Ok(()) => seq_cst(),
            Err(array) => self.push_behind(racked(array)),
        }
    }

    #[cold]
    #[inline(never)]
    fn push_behind(&self, batch: Batch<T>) {
        self.overflow.push(batch);
        fence::full();
    }

    #[inline]
    fn pop(&self, hint: &Hint) -> Option<Batch<T>> {
        match self.rack.pop(hint) {
            Some(array) => Some(racked(array)),
            None if self.overflow.is_empty() => None,
            None => self.overflow.pop(),
        }
    }

    /// Takes what lies there now and no more. Otherwise a thread that keeps pushing could keep the caller here.
    fn drain(&self, mut take: impl FnMut(Batch<T>)) {
        self.rack.drain(|array| take(racked(array)));
        for _ in 0..self.overflow.len() {
            let Some(batch) = self.overflow.pop() else { break };
            take(batch);
        }
    }
}

/// Turns an array from a rack into its batch.
fn racked<T>(array: Array<T>) -> Batch<T> {
    let stamp = array.stamp();
    Batch::many(array, stamp)
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let mut left = Vec::new();
        self.take_all(&mut left);
        drop_each(left).into_iter().for_each(discard);
    }
}
