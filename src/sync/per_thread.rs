//! One value per thread, which other threads may read, and which the next thread inherits.
//!
//! The values lie in a table of buckets. The first has room for one thread, and each further one for twice as many. A
//! bucket is created whole when a thread first needs an entry in it, and never moves. So a look-up is two dependent
//! loads, and nothing is copied or waited for. A bucket is retired whole, too, when the threads of its entries have
//! ended.
//!
//! The `thread_local` crate's `ThreadLocal` has the same shape. But it says for each entry whether it is there, and
//! asks a function of its own for the thread's number. It panics when it is used after the thread's state is gone.
//! Doing without these saves a quarter of a get and put.

use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;

use super::atomic::{AtomicPtr, Ordering};
use super::recent::{new_number, recall, remember};
use super::thread_id::{BUCKETS, Slot, current, enroll, while_unused};

/// A table of `T`s with an entry for every thread that asked for one.
///
/// The order of the fields is fixed, so that the number mostly shares a cache line with the first buckets.
#[repr(C)]
pub(crate) struct PerThread<T> {
    /// From [`new_number`].
    number: usize,
    /// Null, or bucket `b` as a `Box<[T]>` of `2^b` entries.
    buckets: [AtomicPtr<T>; BUCKETS],
    _owns: PhantomData<T>,
}

// SAFETY: it hands out shared references to its entries to any thread, which needs `T: Sync`. It drops them wherever it
// is dropped itself, which needs `T: Send`.
unsafe impl<T: Send + Sync> Sync for PerThread<T> {}

impl<T> PerThread<T> {
    pub(crate) fn new() -> Self {
        let buckets = std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut()));
        Self { number: new_number(), buckets, _owns: PhantomData }
    }

    /// Returns the calling thread's entry, if its bucket exists. The entry that the thread found last is found sooner.
    #[inline(always)]
    pub(crate) fn recent(&self) -> Option<&T> {
        // SAFETY: the number is this table's. The entry is borrowed for no longer than the table, as in `get`.
        match unsafe { recall(self.number) } {
            Some(entry) => Some(entry),
            None => {
                let entry = self.get()?;
                // SAFETY: `get` has just found it here, for this thread.
                unsafe { remember(self.number, entry) };
                Some(entry)
            }
        }
    }

    /// Returns the calling thread's entry, if its bucket exists.
    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&T> {
        self.entry(current())
    }

    /// Returns the calling thread's entry, if its bucket exists. Unlike `get`, it takes a number for a new thread.
    pub(crate) fn inherit(&self) -> Option<&T> {
        self.entry(enroll()?)
    }

    /// Returns the calling thread's entry. If need be it creates the bucket, each entry by `make` with a number of its
    /// own. Returns `None` if the thread has no number.
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
        // ORDERING: Release on success; partners: the Acquire loads in `entry`, `next` and `drop`. Relaxed on failure:
        // `entry` loads again.
        let swapped = self.buckets[slot.bucket()].compare_exchange(
            ptr::null_mut(),
            mine.cast(),
            Ordering::Release,
            Ordering::Relaxed,
        );
        if swapped.is_err() {
            // SAFETY: the box is from `Box::into_raw` just now, and nobody else has seen it.
            drop(unsafe { Box::from_raw(mine) });
        }
        self.entry(slot)
    }

    /// Returns the entries of each bucket, which has none if nobody made it.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (usize, &[T])> {
        self.buckets.iter().enumerate().map(|(index, bucket)| {
            // ORDERING: Acquire; partner: the compare-exchange in `make`, so that the entries are seen whole.
            let entries = bucket.load(Ordering::Acquire);
            // SAFETY: the bucket has so many entries. They are only shared, and `retire` leaves them alive.
            let entries = if entries.is_null() { &[] } else { unsafe { slice::from_raw_parts(entries, 1 << index) } };
            (index, entries)
        })
    }

    /// Takes out a bucket that somebody made, if its threads have ended and all entries are `unused`. Nothing else takes
    /// it out meanwhile.
    pub(crate) fn retire(&self, index: usize, unused: impl Fn(&T) -> bool) -> Option<Retired<T>> {
        let bucket = &self.buckets[index];
        let retire = || {
            // ORDERING: Relaxed, no partner; the caller has seen the entries.
            let entries = NonNull::new(ptr::slice_from_raw_parts_mut(bucket.load(Ordering::Relaxed), 1 << index))?;
            // SAFETY: as in `buckets`.
            if !unsafe { entries.as_ref() }.iter().all(unused) {
                return None;
            }
            // ORDERING: Relaxed, no partner; `while_unused` shows it to the next thread with such a number.
            bucket.store(ptr::null_mut(), Ordering::Relaxed);
            Some(Retired(entries))
        };
        while_unused(index, retire).flatten()
    }

    /// Returns every entry, including those of threads that have ended and of threads to come.
    pub(crate) fn iter(&self) -> Iter<'_, T> {
        Iter { buckets: self.buckets.iter(), entries: [].iter(), next_len: 1 }
    }

    #[inline(always)]
    fn entry(&self, slot: Slot) -> Option<&T> {
        // ORDERING: Acquire; partner: the compare-exchange in `make`, so that the entries are seen whole.
        let bucket = self.buckets[slot.bucket()].load(Ordering::Acquire);
        if bucket.is_null() {
            return None;
        }
        // SAFETY: a slot's offset is less than the number of entries in its bucket. The entries live as long as `self`.
        Some(unsafe { &*bucket.add(slot.offset()) })
    }
}

impl<T> Drop for PerThread<T> {
    fn drop(&mut self) {
        for (index, bucket) in self.buckets.iter().enumerate() {
            // ORDERING: Acquire; partner: the compare-exchange in `make`, so that the entries are seen whole.
            let bucket = bucket.load(Ordering::Acquire);
            if !bucket.is_null() {
                // SAFETY: the box is from `Box::into_raw` in `make`. It is dropped once, here.
                drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(bucket, 1 << index)) });
            }
        }
    }
}

/// A bucket that was taken out. Threads that looked at it before may still read it.
pub(crate) struct Retired<T>(NonNull<[T]>);

impl<T> Retired<T> {
    /// Returns the entries.
    pub(crate) fn entries(&self) -> &[T] {
        // SAFETY: the box is from `Box::into_raw` in `make`, and only `into_box` frees it.
        unsafe { self.0.as_ref() }
    }

    /// Turns it into a box again.
    ///
    /// # Safety
    ///
    /// No other thread reads the entries any more.
    pub(crate) unsafe fn into_box(self) -> Box<[T]> {
        // SAFETY: the box is from `Box::into_raw` in `make`, and the table has it no more. The rest is as the caller
        // guarantees.
        unsafe { Box::from_raw(self.0.as_ptr()) }
    }
}

/// The entries of a table. Written out, because the compiler repeats every adapter for every type of item.
pub(crate) struct Iter<'a, T> {
    /// The buckets to come.
    buckets: slice::Iter<'a, AtomicPtr<T>>,
    /// The entries to come of the current bucket.
    entries: slice::Iter<'a, T>,
    /// How many entries the next bucket has.
    next_len: usize,
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Some(entry);
            }
            // ORDERING: Acquire; partner: the compare-exchange in `make`, so that the entries are seen whole.
            let bucket = self.buckets.next()?.load(Ordering::Acquire);
            if !bucket.is_null() {
                // SAFETY: the bucket has so many entries. They live as long as the table, and are only shared.
                self.entries = unsafe { slice::from_raw_parts(bucket, self.next_len) }.iter();
            }
            // After the last bucket this is 0 where a word has 32 bits.
            self.next_len = self.next_len.wrapping_mul(2);
        }
    }
}
