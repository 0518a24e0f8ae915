//! How many threads have a number in each bucket. A sweep takes entries away only where none has.
//!
//! ```text
//! thread, at its first use          sweep
//!   users = users + 1                 users = RESERVED, if it is 0
//!   RESERVED? then undo this          take the entries out
//!   look at the entries               users = users - RESERVED
//!   ...
//!   users = users - 1, at its end
//! ```
//!
//! - If the sweep comes first, the thread finds RESERVED, and does without a number for this call. Or it finds what the
//!   sweep left, which is no entries.
//! - If the thread comes first, the sweep leaves the entries alone.

use std::sync::atomic::AtomicUsize as Unmodelled;

use super::atomic::{AtomicUsize, Ordering};
use super::constants::const_unless_loom;
use super::thread_id::BUCKETS;

pub(super) struct Users {
    by_bucket: [AtomicUsize; BUCKETS],
    /// How often the last user of a bucket has left, and how often two sweeps met. Loom need not see it: only the janitor
    /// asks.
    vacated: Unmodelled,
}

/// Added while a sweep takes the entries out. There are never so many threads.
const RESERVED: usize = 1 << (usize::BITS - 1);

impl Users {
    const_unless_loom! {
        pub(super) const fn new() -> Self {
            #[cfg(not(all(loom, feature = "loom")))]
            let by_bucket = [const { AtomicUsize::new(0) }; BUCKETS];
            #[cfg(all(loom, feature = "loom"))]
            let by_bucket = std::array::from_fn(|_| AtomicUsize::new(0));
            Self { by_bucket, vacated: Unmodelled::new(0) }
        }
    }

    /// Adds a thread. Returns `false` if a sweep is just taking the entries out.
    pub(super) fn enter(&self, bucket: usize) -> bool {
        // ORDERING: Acquire; partner: the Release in `while_none`, so that the thread sees that the entries are gone.
        let entered = self.by_bucket[bucket].fetch_add(1, Ordering::Acquire) < RESERVED;
        if !entered {
            self.leave(bucket);
        }
        entered
    }

    /// Removes a thread that entered. Returns whether it was the last.
    pub(super) fn leave(&self, bucket: usize) -> bool {
        // ORDERING: Release; partner: the compare-exchange in `while_none`, so that a sweep sees what the thread did to
        // its entries.
        let last = self.by_bucket[bucket].fetch_sub(1, Ordering::Release) == 1;
        if last {
            // ORDERING: Release; partner: the load in `vacated`.
            self.vacated.fetch_add(1, Ordering::Release);
        }
        last
    }

    /// Returns how often a bucket was vacated. Who then looks at those buckets finds the users gone.
    #[cfg(not(all(loom, feature = "loom")))]
    pub(super) fn vacated(&self) -> usize {
        // ORDERING: Acquire; partner: the addition in `leave`.
        self.vacated.load(Ordering::Acquire)
    }

    /// Calls `act` while the bucket has no users, and gets none. Returns `None` if it has any.
    pub(super) fn while_none<O>(&self, bucket: usize, act: impl FnOnce() -> O) -> Option<O> {
        let users = &self.by_bucket[bucket];
        // ORDERING: Acquire on success; partner: the Release in `leave`. Relaxed on failure: nothing is done then.
        if let Err(users) = users.compare_exchange(0, RESERVED, Ordering::Acquire, Ordering::Relaxed) {
            if users >= RESERVED {
                // Another pool's sweep has it, so this pool must not be parked yet.
                // ORDERING: Relaxed, no partner; this thread finds it.
                self.vacated.fetch_add(1, Ordering::Relaxed);
            }
            return None;
        }
        let outcome = act();
        // ORDERING: Release; partner: the addition in `enter`.
        users.fetch_sub(RESERVED, Ordering::Release);
        Some(outcome)
    }
}
