//! A small number for every running thread, used again when the thread is gone.
//!
//! A thread gets its number on its first call of [`enroll`] and gives it back in a thread-local destructor. The next
//! thread to get it inherits what is kept under it. From then on, in later destructors of the same thread, there is no
//! number, and there is no new one.

/// A thread's number in the form in which tables are indexed by it: entry `offset` of bucket `bucket`, where bucket `b`
/// has `2^b` entries. Packed into one word, so that reading it is one load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(usize);

/// How many bits of a [`Slot`] are the bucket. Loom has few threads, and explores every look at a bucket.
const BUCKET_BITS: u32 = if cfg!(all(loom, feature = "loom")) { 2 } else { 5 };

/// How many buckets a table has.
pub(crate) const BUCKETS: usize = 1 << BUCKET_BITS;

/// The last bucket, which is never made, so that a look-up of what would lie there finds nothing.
const LAST: usize = BUCKETS - 1;

impl Slot {
    /// No number yet.
    #[cfg(not(all(loom, feature = "loom")))]
    const NONE: Self = Self::at(LAST, 0);
    /// Inside `enroll`: an allocator that uses a pool may be called from there, and is to do without.
    #[cfg(not(all(loom, feature = "loom")))]
    const COMING: Self = Self::at(LAST, 1);
    /// Given back: the thread is ending.
    const GONE: Self = Self::at(LAST, 2);

    const fn at(bucket: usize, offset: usize) -> Self {
        Self(offset << BUCKET_BITS | bucket)
    }

    fn of(id: usize) -> Self {
        let bucket = (id + 1).ilog2();
        Self::at(bucket as usize, id + 1 - (1 << bucket))
    }

    #[inline(always)]
    pub(crate) fn bucket(self) -> usize {
        self.0 & (BUCKETS - 1)
    }

    #[inline(always)]
    pub(crate) fn offset(self) -> usize {
        self.0 >> BUCKET_BITS
    }
}

/// The numbers that are not in use.
struct Ids {
    /// Every number from here on was never used.
    fresh: usize,
    /// The others; the last one given back is the first one used again.
    free: Vec<usize>,
}

impl Ids {
    const fn new() -> Self {
        Self { fresh: 0, free: Vec::new() }
    }

    /// A number, or `None` if there has to be more room first, so that giving back never allocates.
    fn take(&mut self) -> Option<usize> {
        if let Some(id) = self.free.pop() {
            return Some(id);
        }
        if self.fresh == self.free.capacity() {
            return None;
        }
        self.fresh += 1;
        Some(self.fresh - 1)
    }

    /// How much room there should be next.
    fn wanted(&self) -> usize {
        (2 * self.fresh).max(8)
    }

    /// Takes over a larger list, if it still is larger; returns the one that is no longer needed.
    fn grow(&mut self, mut larger: Vec<usize>) -> Vec<usize> {
        if larger.capacity() > self.free.capacity() {
            larger.append(&mut self.free);
            std::mem::swap(&mut larger, &mut self.free);
        }
        larger
    }

    fn give_back(&mut self, id: usize) {
        self.free.push(id);
    }
}

#[cfg(not(all(loom, feature = "loom")))]
pub(crate) use real::{current, enroll};

#[cfg(all(loom, feature = "loom"))]
pub(crate) use model::{current, enroll};

#[cfg(not(all(loom, feature = "loom")))]
mod real {
    use std::cell::Cell;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use super::{Ids, Slot};

    /// Held for a few instructions, when a thread first uses a pool and when it ends.
    static IDS: Mutex<Ids> = Mutex::new(Ids::new());

    thread_local! {
        /// Has no destructor, and so can be read for as long as the thread lives.
        static SLOT: Cell<Slot> = const { Cell::new(Slot::NONE) };
        static LEASE: Lease = const { Lease(Cell::new(None)) };
    }

    /// Gives the number back when the thread ends.
    struct Lease(Cell<Option<usize>>);

    impl Drop for Lease {
        fn drop(&mut self) {
            // First this: from here on the thread finds nothing, so the next one to get the number has it alone.
            SLOT.set(Slot::GONE);
            if let Some(id) = self.0.take() {
                ids().give_back(id);
            }
        }
    }

    fn ids() -> MutexGuard<'static, Ids> {
        // Nothing panics while it is held, and if it did every field would still be whole.
        IDS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for this thread. Allocates and frees only while the lock isn't held: an allocator may have a lock of its
    /// own and use a pool under it.
    fn take() -> usize {
        loop {
            let mut held = ids();
            if let Some(id) = held.take() {
                return id;
            }
            let wanted = held.wanted();
            drop(held);
            let larger = Vec::with_capacity(wanted);
            drop(ids().grow(larger));
        }
    }

    /// The calling thread's slot, or one that finds nothing.
    #[inline(always)]
    pub(crate) fn current() -> Slot {
        SLOT.get()
    }

    /// The calling thread's slot, with a number taken if need be. `None` when the thread is ending, and inside another
    /// call of this function.
    pub(crate) fn enroll() -> Option<Slot> {
        match SLOT.get() {
            Slot::NONE => {}
            Slot::COMING | Slot::GONE => return None,
            enrolled => return Some(enrolled),
        }
        SLOT.set(Slot::COMING);
        // Registering the lease's destructor is what may fail or allocate, so it comes before the number.
        let slot = LEASE
            .try_with(|lease| {
                let id = take();
                lease.0.set(Some(id));
                Slot::of(id)
            })
            .ok();
        SLOT.set(slot.unwrap_or(Slot::GONE));
        slot
    }
}

/// The same on loom's threads; the mutex orders a thread's end before the next thread that gets its number, as above.
#[cfg(all(loom, feature = "loom"))]
mod model {
    use loom::sync::{Arc, Mutex};

    use super::{Ids, LAST, Slot};
    use crate::sync::static_per_execution;

    static_per_execution! {
        static IDS: Arc<Mutex<Ids>> = Arc::new(Mutex::new(Ids::new()));
    }

    loom::thread_local! {
        static LEASE: Lease = Lease::take();
    }

    struct Lease {
        id: usize,
        ids: Arc<Mutex<Ids>>,
    }

    impl Lease {
        fn take() -> Self {
            let ids = Arc::clone(&IDS);
            let mut held = ids.lock().unwrap();
            let id = held.take().unwrap_or_else(|| {
                let larger = Vec::with_capacity(held.wanted());
                held.grow(larger);
                held.take().unwrap()
            });
            drop(held);
            assert!(Slot::of(id).bucket() < LAST, "more threads with numbers than a model has room for");
            Self { id, ids }
        }
    }

    impl Drop for Lease {
        fn drop(&mut self) {
            self.ids.lock().unwrap().give_back(self.id);
        }
    }

    pub(crate) fn current() -> Slot {
        enroll().unwrap_or(Slot::GONE)
    }

    pub(crate) fn enroll() -> Option<Slot> {
        LEASE.try_with(|lease| Slot::of(lease.id)).ok()
    }
}
