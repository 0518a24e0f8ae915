//! One value per thread that other threads may look at, and that outlives its thread for the next one to inherit.
//!
//! A table of buckets, the first with room for one thread and each further one with twice as much. A bucket is made
//! whole when a thread first needs an entry in it, and is never moved; so a look-up is two dependent loads, and nothing
//! is ever copied or waited for. The `thread_local` crate's `ThreadLocal` has the same shape. It says for each entry
//! whether it is there, asks a function of its own for the thread's number, and panics when it is used after the
//! thread's state is gone; doing without these is worth a quarter of a get and put.

use std::marker::PhantomData;
use std::ptr;

use super::thread_id::{BUCKETS, Slot, current, enroll};
use super::{AtomicPtr, Ordering};

/// A table of `T`s with an entry for every thread that asked for one.
pub(crate) struct PerThread<T> {
    /// Null, or bucket `b` as `Box<[T]>` of `2^b` entries.
    buckets: [AtomicPtr<T>; BUCKETS],
    _owns: PhantomData<T>,
}

// SAFETY: it hands out shared references to its entries to any thread, for which T: Sync, and drops them wherever it is
// dropped itself, for which T: Send.
unsafe impl<T: Send + Sync> Sync for PerThread<T> {}

impl<T> PerThread<T> {
    pub(crate) fn new() -> Self {
        Self { buckets: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())), _owns: PhantomData }
    }

    /// The calling thread's entry, if its bucket has been made.
    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&T> {
        self.entry(current())
    }

    /// The calling thread's entry; if need be its bucket is made, each entry by `make` with a number of its own. `None`
    /// when the thread is ending.
    #[inline]
    pub(crate) fn get_or_make(&self, make: impl Fn(usize) -> T) -> Option<&T> {
        self.get().or_else(|| self.make(make))
    }

    #[cold]
    #[inline(never)]
    fn make(&self, make: impl Fn(usize) -> T) -> Option<&T> {
        let slot = enroll()?;
        if let Some(entry) = self.entry(slot) {
            return Some(entry);
        }
        let first = 1 << slot.bucket();
        let mine = Box::into_raw((first..2 * first).map(make).collect::<Box<[T]>>());
        // ORDERING: Release on success; partners: the Acquire loads in `entry` and `made`. Relaxed on failure: `entry` loads
        // again.
        let swapped = self.buckets[slot.bucket()].compare_exchange(
            ptr::null_mut(),
            mine.cast(),
            Ordering::Release,
            Ordering::Relaxed,
        );
        if swapped.is_err() {
            // SAFETY: from `Box::into_raw` just now, and nobody else has seen it.
            drop(unsafe { Box::from_raw(mine) });
        }
        self.entry(slot)
    }

    /// Every entry, those of exited threads and of threads to come included.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        // SAFETY: they live as long as `self`, and are only shared.
        self.made().flat_map(|entries| unsafe { &*entries })
    }

    #[inline(always)]
    fn entry(&self, slot: Slot) -> Option<&T> {
        // ORDERING: Acquire; partner: the Release in `make`, so that the entries are seen whole.
        let bucket = self.buckets[slot.bucket()].load(Ordering::Acquire);
        if bucket.is_null() {
            return None;
        }
        // SAFETY: a slot's offset is less than the number of entries in its bucket, which live as long as `self`.
        Some(unsafe { &*bucket.add(slot.offset()) })
    }

    /// The buckets that have been made, as `make` stored them.
    fn made(&self) -> impl Iterator<Item = *mut [T]> {
        self.buckets.iter().zip(0..).filter_map(|(bucket, index)| {
            // ORDERING: Acquire; partner: the Release in `make`, so that the entries are seen whole.
            let entries = bucket.load(Ordering::Acquire);
            (!entries.is_null()).then(|| ptr::slice_from_raw_parts_mut(entries, 1 << index))
        })
    }
}

impl<T> Drop for PerThread<T> {
    fn drop(&mut self) {
        for entries in self.made() {
            // SAFETY: from `Box::into_raw` in `make`, dropped once, here.
            drop(unsafe { Box::from_raw(entries) });
        }
    }
}
