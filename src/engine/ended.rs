//! The slot sets of threads that have ended: a sweep takes them out of the table, and a later one frees them once nobody
//! reads them.
//!
//! A thread's own slot set is there for as long as the thread has its number. To read those of other threads, it visits
//! (see `visit`):
//!
//! ```text
//! reader                        sweep, holding the token
//!   visiting = true               take slot sets out of the table      `retire_ended`
//!   light barrier
//!   look into the table           heavy barrier, of the next sweep
//!   ...                           is any thread visiting?
//!   visiting = false                no: free them
//!                                   yes: keep them for the next sweep
//! ```
//!
//! - If the sweep comes first, the reader does not find them.
//! - If the reader comes first, the sweep sees that it visits.
//!
//! The first sweep could free them itself. But they may be the last blocks in a thread's heap, and free memory that
//! reaches the end of such a heap is not returned by glibc's `malloc_trim`. So they outlive the trim after that sweep.
//!
//! There may always be some thread that visits, or barriers may fail. So a sweep takes no bucket out while an earlier one
//! of the same size is not freed. The table has at most as much again beside it.

use std::ptr;

use crossbeam_utils::CachePadded;

use crate::engine::slots::SlotSet;
use crate::engine::store::Store;
use crate::sync::{AtomicPtr, Ordering, Retired};

/// A bucket of slot sets that the table does not have any more.
pub(super) type EndedSets<T> = Retired<CachePadded<SlotSet<T>>>;

/// What sweeps took out and have not freed.
pub(crate) struct Kept<T>(
    /// Null, or from `Box::into_raw`. Only the holder of the sweep token touches it.
    AtomicPtr<Vec<EndedSets<T>>>,
);

impl<T> Kept<T> {
    pub(crate) fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    pub(super) fn take(&self) -> Vec<EndedSets<T>> {
        // ORDERING: Relaxed, no partner; the token orders it.
        let kept = self.0.swap(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: the pointer is null, or from `Box::into_raw`. The swap took it out.
        if kept.is_null() { Vec::new() } else { *unsafe { Box::from_raw(kept) } }
    }

    pub(super) fn keep(&self, ended: Vec<EndedSets<T>>) {
        if !ended.is_empty() {
            let mut all = self.take();
            all.extend(ended);
            // ORDERING: Relaxed, no partner; the token orders it.
            self.0.store(Box::into_raw(Box::new(all)), Ordering::Relaxed);
        }
    }

    pub(super) fn is_none(&self) -> bool {
        // ORDERING: Relaxed, no partner; the token orders it.
        self.0.load(Ordering::Relaxed).is_null()
    }
}

/// The caller holds the sweep token.
impl<T> Store<T> {
    /// Takes out a bucket of slot sets, if they are empty and their threads have ended.
    pub(super) fn retire_ended(&self, bucket: usize) -> Option<EndedSets<T>> {
        let ended = self.sets.retire(bucket, |set| set.looks_empty())?;
        for set in ended.entries() {
            self.events.outside.absorb(&set.tally);
        }
        Some(ended)
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        for ended in self.take() {
            // SAFETY: nobody else is left.
            drop(unsafe { ended.into_box() });
        }
    }
}
