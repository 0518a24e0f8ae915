//! A visit: how a thread reaches the shards, which a sweep may free. `ended` says what else it keeps.
//!
//! The shards are created at the first spill. A sweep that leaves them empty retires them. A later sweep frees them:
//!
//! ```text
//! visitor                       sweep, holding the token
//!   visiting = true               current = null                      `retire`
//!   light barrier
//!   look at current               heavy barrier, of the next sweep
//!   ...                           is any thread visiting?             `reclaim`
//!   visiting = false                no: free what was retired
//! ```
//!
//! - If the sweep comes first, the visitor finds null. It creates new shards if it needs any.
//! - If the visitor comes first, the sweep sees that it visits, and leaves the retired shards to a later sweep.
//!
//! A visitor may put a batch into shards that are retired at that moment. Then it looks at `current` again, after the
//! put, and the sweep looks into the shards again, after it has made `current` null. One of the two finds the batch and
//! moves it to the current shards.

use std::ptr;

use crate::engine::array::Array;
use crate::engine::batch::Batch;
use crate::engine::room::Share;
use crate::engine::shared::{Hints, Home, Shared};
use crate::engine::slots::SlotSet;
use crate::sync::{AtomicPtr, AtomicU32, Ordering, fence, seq_cst};

/// The shards of one pool, if it has any.
pub(crate) struct Shards<T> {
    /// Null, or from `Box::into_raw`. A visitor sets it, and a sweep makes it null.
    current: AtomicPtr<Shared<T>>,
    /// The same, for shards that were retired. Only the holder of the sweep token touches it.
    retired: AtomicPtr<Shared<T>>,
    /// How many threads without a slot set are visiting.
    visitors: AtomicU32,
    /// Where those look first.
    hints: Hints,
    /// The room for the batches; `None` if that is neither limited nor counted.
    room: Option<Share>,
}

/// Keeps the shards that the calling thread finds from being freed.
pub(crate) struct Visit<'a, T> {
    shards: &'a Shards<T>,
    /// The calling thread's slot set, if it has one.
    pub(crate) set: Option<&'a SlotSet<T>>,
    /// This visit lies within another of the same thread, as when the allocator uses the pool.
    nested: bool,
}

impl<T> Shards<T> {
    pub(crate) fn new(room: Option<Share>) -> Self {
        let none = || AtomicPtr::new(ptr::null_mut());
        Self { current: none(), retired: none(), visitors: AtomicU32::new(0), hints: Hints::default(), room }
    }

    /// Begins a visit by a thread with this slot set, or without one.
    #[inline(always)]
    pub(crate) fn visit<'a>(&'a self, set: Option<&'a SlotSet<T>>) -> Visit<'a, T> {
        let nested = match set {
            Some(set) => {
                // ORDERING: Relaxed, no partner; only this thread writes it.
                let nested = set.visiting.load(Ordering::Relaxed);
                // ORDERING: Relaxed; partner: the load in `is_visited`, through the barriers.
                set.visiting.store(true, Ordering::Relaxed);
                set.barrier();
                nested
            }
            None => {
                // ORDERING: Relaxed; partner: the load in `is_visited`, through the barriers.
                self.visitors.fetch_add(1, Ordering::Relaxed);
                fence::full();
                false
            }
        };
        Visit { shards: self, set, nested }
    }

    /// Returns how many items take up room. The result means nothing without a room, or if others share it.
    pub(crate) fn held(&self) -> usize {
        self.room.as_ref().map_or(0, Share::held)
    }

    /// Reserves room for an item. Returns whether there is some.
    pub(crate) fn reserve_one(&self) -> bool {
        self.room.as_ref().is_none_or(|room| room.reserve(1, 1) == 1)
    }

    /// Gives back room for items that were not in the shards.
    pub(crate) fn release(&self, items: usize) {
        if let Some(room) = &self.room {
            room.release(items);
        }
    }

    /// Takes the shards out of use, unless there are others that were not freed yet. Only the holder of the sweep token
    /// may call this and the next two.
    pub(crate) fn retire(&self, visit: &Visit<'_, T>) {
        if self.has_retired() {
            return;
        }
        // ORDERING: SeqCst; partners: the load in `is_current`, and the compare-exchange in `make`. The heavy barrier
        // makes it visible to other visitors; partner: the load in `get`.
        let retired = self.current.swap(ptr::null_mut(), Ordering::SeqCst);
        seq_cst();
        // ORDERING: Relaxed, no partner; the token orders it.
        self.retired.store(retired, Ordering::Relaxed);
        // SAFETY: the pointer is null, or from `Box::into_raw`. Only a later sweep frees it.
        if let Some(retired) = unsafe { retired.as_ref() } {
            visit.empty(retired);
        }
    }

    /// Returns whether there are no shards. This is a hint.
    pub(crate) fn is_none(&self) -> bool {
        // ORDERING: Relaxed; partner: the compare-exchange in `make`, through the barriers that `parking` names.
        self.current.load(Ordering::Relaxed).is_null() && !self.has_retired()
    }

    /// Returns whether there are shards for `reclaim`, so that a heavy barrier is needed.
    pub(crate) fn has_retired(&self) -> bool {
        // ORDERING: Relaxed, no partner; the token orders it.
        !self.retired.load(Ordering::Relaxed).is_null()
    }

    /// Returns whether any thread visits. `sets` are all slot sets of the pool.
    pub(crate) fn is_visited<'a>(&self, mut sets: impl Iterator<Item = &'a SlotSet<T>>) -> bool
    where
        T: 'a,
    {
        // ORDERING: Acquire; partner: the Release in `Visit::drop`, so that what a visitor did is seen.
        self.visitors.load(Ordering::Acquire) > 0 || sets.any(|set| set.visiting.load(Ordering::Acquire))
    }

    /// Returns the retired shards.
    ///
    /// # Safety
    ///
    /// A heavy barrier came since `retire`, and after that `is_visited` returned `false`.
    pub(crate) unsafe fn reclaim(&self) -> Option<Box<Shared<T>>> {
        // ORDERING: Relaxed, no partner; the token orders it.
        let retired = self.retired.swap(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: the pointer is null, or from `Box::into_raw`, and the swaps here and in `retire` took it out of both
        // places. Who visits now began after the heavy barrier, and cannot have found it.
        (!retired.is_null()).then(|| unsafe { Box::from_raw(retired) })
    }
}

impl<T> Visit<'_, T> {
    /// Returns the shards, if there are any.
    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&Shared<T>> {
        // ORDERING: Acquire; partner: the compare-exchange in `make`, so that the shards are seen whole. The
        // barriers make the swap in `retire` visible here, or the visit there.
        let current = self.shards.current.load(Ordering::Acquire);
        // SAFETY: the pointer is null, or from `Box::into_raw` and not freed before this visit ends.
        unsafe { current.as_ref() }
    }

    #[inline(always)]
    pub(crate) fn get_or_make(&self) -> &Shared<T> {
        match self.get() {
            Some(shared) => shared,
            None => self.make(),
        }
    }

    /// Returns the shard that the calling thread spills to, and refills from first.
    #[inline(always)]
    pub(crate) fn home(&self) -> Home<'_> {
        match self.set {
            Some(set) => Home { shard: set.home.into(), hints: &set.hints },
            None => Home { shard: 0, hints: &self.shards.hints },
        }
    }

    /// Puts in a batch that already counts as held.
    pub(crate) fn put_back(&self, shard: usize, batch: Batch<T>) {
        self.put(|shared| shared.put_back(self.home().at(shard), batch));
    }

    /// The same with an array that has its stamp.
    #[inline(always)]
    pub(crate) fn put_array(&self, shard: usize, array: Array<T>) {
        self.put(|shared| shared.put_array(self.home().at(shard), array));
    }

    #[inline(always)]
    fn put(&self, put: impl FnOnce(&Shared<T>)) {
        let shared = self.get_or_make();
        put(shared);
        if !self.is_current(shared) {
            self.empty(shared);
        }
    }

    #[inline(always)]
    fn is_current(&self, shared: &Shared<T>) -> bool {
        // ORDERING: SeqCst; partner: the swap in `retire`. The put before this is SeqCst too, as is the sweep's look
        // after the swap. So the load sees the swap, or the sweep sees the batch.
        ptr::eq(self.shards.current.load(Ordering::SeqCst), shared)
    }

    /// Moves every batch from retired shards to the current ones.
    #[cold]
    #[inline(never)]
    fn empty(&self, retired: &Shared<T>) {
        while let Some((shard, batch)) = retired.take_any(self.home().hints) {
            self.put_back(shard, batch);
        }
    }

    #[cold]
    #[inline(never)]
    fn make(&self) -> &Shared<T> {
        let mine = Box::into_raw(Box::new(Shared::new(self.shards.room.clone())));
        // ORDERING: Release on success; partner: the load in `get`. Acquire on failure; partner: the Release of the
        // thread that won.
        match self.shards.current.compare_exchange(ptr::null_mut(), mine, Ordering::Release, Ordering::Acquire) {
            // SAFETY: the pointer is from `Box::into_raw` just now. It is not freed before this visit ends.
            Ok(_) => unsafe { &*mine },
            Err(theirs) => {
                // SAFETY: the pointer is from `Box::into_raw` just now, and nobody else has seen it.
                drop(unsafe { Box::from_raw(mine) });
                // SAFETY: the pointer is the winner's. It is not freed before this visit ends.
                unsafe { &*theirs }
            }
        }
    }
}

impl<T> Drop for Visit<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        match self.set {
            // ORDERING: Release; partner: the load in `is_visited`.
            Some(set) => set.visiting.store(self.nested, Ordering::Release),
            // ORDERING: Release; partner: the load in `is_visited`.
            None => drop(self.shards.visitors.fetch_sub(1, Ordering::Release)),
        }
    }
}

impl<T> Drop for Shards<T> {
    fn drop(&mut self) {
        for shards in [&self.current, &self.retired] {
            // ORDERING: Relaxed, no partner; nobody else is left.
            let shards = shards.load(Ordering::Relaxed);
            if !shards.is_null() {
                // SAFETY: the pointer is from `Box::into_raw`, in one of the two places, and nobody uses it again.
                drop(unsafe { Box::from_raw(shards) });
            }
        }
    }
}
