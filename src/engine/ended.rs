//! The slot sets of threads that have ended: a sweep takes them out of the table, and frees them once nobody reads them.
//!
//! A thread's own slot set is there for as long as the thread has its number. To read those of other threads, it visits
//! (see `visit`):
//!
//! ```text
//! reader                        sweep, holding the token
//!   visiting = true               take slot sets out of the table      `retire_ended`
//!   light barrier
//!   look into the table           heavy barrier
//!   ...                           is any thread visiting?
//!   visiting = false                no: free them
//!                                   yes: keep them for the next sweep  `keep_ended`
//! ```
//!
//! - If the sweep comes first, the reader does not find them.
//! - If the reader comes first, the sweep sees that it visits.

use std::ptr;

use crossbeam_utils::CachePadded;

use crate::engine::slots::SlotSet;
use crate::engine::store::Store;
use crate::sync::{AtomicPtr, Ordering, Retired};

/// A bucket of slot sets that the table does not have any more.
pub(super) type EndedSets<T> = Retired<CachePadded<SlotSet<T>>>;

/// What a sweep took out and could not free.
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

    /// Keeps for the next sweep what this one may not free.
    pub(super) fn keep_ended(&self, ended: Vec<EndedSets<T>>) {
        if !ended.is_empty() {
            // ORDERING: Relaxed, no partner; the token orders it.
            self.kept.0.store(Box::into_raw(Box::new(ended)), Ordering::Relaxed);
        }
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
