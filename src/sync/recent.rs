//! The entry that a thread found last, and the number of the table where it was.
//!
//! To look an entry up takes two loads after that of the table's address, each at an address that the one before
//! returned. Until they are done, a CPU does not know where a get and a put store, and may hold back the loads that
//! follow. Short bursts took twice as long. From here, the entry's address is one load away. The table's number is only
//! compared, and the CPU goes on meanwhile.

#[cfg(not(all(loom, feature = "loom")))]
pub(super) use imp::forget;
pub(super) use imp::{new_number, recall, remember};

#[cfg(not(all(loom, feature = "loom")))]
mod imp {
    use std::cell::Cell;
    use std::ptr::NonNull;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// No table has this number. It stands for nothing remembered.
    const NONE: usize = usize::MAX;

    struct Recent {
        table: Cell<usize>,
        entry: Cell<NonNull<()>>,
    }

    thread_local! {
        /// Needs no drop, so it can be read for as long as the thread lives. Where it is made of a key, it cannot be
        /// read in its destructor. After that it is new.
        static RECENT: Recent =
            const { Recent { table: Cell::new(NONE), entry: Cell::new(NonNull::dangling()) } };
    }

    /// Returns a number that no other table has or had, so that nobody recalls the entry of a dropped one. Returns 0 if
    /// there is none left.
    pub(in crate::sync) fn new_number() -> usize {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let next = |last| Some(last + 1).filter(|next| *next != NONE);
        // ORDERING: Relaxed, no partner; all that matters is that no number comes twice.
        LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).map_or(0, |last| last + 1)
    }

    /// Returns the entry that the calling thread found last, if it is in this table.
    ///
    /// # Safety
    ///
    /// `table` is 0, or the number of a `PerThread<T>` that outlives `'table`. The thread does not use the entry after it
    /// has returned its number.
    #[inline(always)]
    pub(in crate::sync) unsafe fn recall<'table, T>(table: usize) -> Option<&'table T> {
        let entry = |recent: &Recent| (recent.table.get() == table).then(|| recent.entry.get());
        // SAFETY: nothing is remembered for 0, and no two tables have the same number. So the entry is a `T` in that
        // table, which this thread has acquired. The thread has its number still, as `forget` comes before it is
        // returned. So the entry is no other thread's, and no sweep has taken it out.
        RECENT.try_with(entry).ok()?.map(|entry| unsafe { entry.cast().as_ref() })
    }

    /// Remembers an entry that the calling thread found in this table, unless the number is 0.
    ///
    /// # Safety
    ///
    /// `table` is 0, or the number of the `PerThread<T>` in which the calling thread has just found its own entry.
    #[inline(always)]
    pub(in crate::sync) unsafe fn remember<T>(table: usize, entry: &T) {
        if table != 0 {
            _ = RECENT.try_with(|recent| {
                recent.entry.set(NonNull::from(entry).cast());
                recent.table.set(table);
            });
        }
    }

    /// Forgets the entry, which may become another thread's or be freed.
    pub(in crate::sync) fn forget() {
        _ = RECENT.try_with(|recent| recent.table.set(NONE));
    }
}

/// Remembers nothing. That only takes more time.
#[cfg(all(loom, feature = "loom"))]
mod imp {
    pub(in crate::sync) fn new_number() -> usize {
        0
    }

    pub(in crate::sync) unsafe fn recall<'table, T>(_: usize) -> Option<&'table T> {
        None
    }

    pub(in crate::sync) unsafe fn remember<T>(_: usize, _: &T) {}
}
