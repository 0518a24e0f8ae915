//! A rack: a fixed number of places for arrays full of items. Each place is one pointer.
//!
//! A push is one compare-exchange of null for an array. A pop is one swap of the array for null. So nobody waits for a
//! thread that is stopped in the middle of either. No address is compared that may have been freed and used again.

use std::marker::PhantomData;
use std::ptr;

use crate::engine::array::{Array, Header};
use crate::sync::{AtomicPtr, Counter, Ordering};

/// Enough for a thread that spills 2048 items, with the default of 16 in an array.
const PLACES: usize = if cfg!(all(loom, feature = "loom")) { 2 } else { 128 };

/// Last in, first out, as far as `level` is right.
pub(crate) struct Rack<T> {
    /// Null, or an array that the rack owns.
    places: [AtomicPtr<Header<T>>; PLACES],
    /// About where the filled places end. This is only a hint where to look first.
    level: Counter,
    owns: PhantomData<Array<T>>,
}

// SAFETY: a rack hands arrays from thread to thread and shares none of them.
unsafe impl<T: Send> Sync for Rack<T> {}

impl<T> Rack<T> {
    pub(crate) fn new() -> Self {
        Self {
            places: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            level: Counter::new(),
            owns: PhantomData,
        }
    }

    /// Puts an array into the first empty place from the level up, or else from the bottom up to the level. Returns it
    /// if no place is empty.
    #[inline]
    pub(crate) fn push(&self, array: Array<T>) -> Result<(), Array<T>> {
        let array = array.into_raw();
        let level = self.level.get();
        // The level may be far too high: a push may raise it late, while others empty the rack.
        let fill = |index| self.fill(index, array);
        let filled = (level..PLACES).any(fill) || (0..level).any(fill);
        // SAFETY: the pointer is from `into_raw` just now, and in no place.
        if filled { Ok(()) } else { Err(unsafe { Array::from_raw(array) }) }
    }

    /// Takes the first array that it finds, from the level down and then from the top.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Array<T>> {
        let level = self.level.get();
        let found = (0..level).rev().find_map(|index| self.take(index));
        found.or_else(|| (level..PLACES).rev().find_map(|index| self.take(index)))
    }

    /// Takes every array that it finds, one from each place, and passes it to `take`.
    pub(crate) fn drain(&self, mut take: impl FnMut(Array<T>)) {
        for index in (0..PLACES).rev() {
            if let Some(array) = self.take(index) {
                take(array);
            }
        }
    }

    /// Puts an array into a place if that is empty. Returns whether it was.
    #[inline]
    fn fill(&self, index: usize, array: *mut Header<T>) -> bool {
        let place = &self.places[index];
        // ORDERING: Relaxed, no partner; this only decides whether to try.
        if !place.load(Ordering::Relaxed).is_null() {
            return false;
        }
        // ORDERING: SeqCst on success; partners: the swap in `take`, so that the array is seen whole; and the load in
        // `take`, for a caller that goes on to read what another thread wrote before it. Relaxed on failure: tried
        // elsewhere.
        if place.compare_exchange(ptr::null_mut(), array, Ordering::SeqCst, Ordering::Relaxed).is_err() {
            return false;
        }
        self.level.set(index + 1);
        true
    }

    #[inline]
    fn take(&self, index: usize) -> Option<Array<T>> {
        // ORDERING: SeqCst; partner: the compare-exchange in `fill`, as explained there.
        if self.places[index].load(Ordering::SeqCst).is_null() {
            return None;
        }
        // ORDERING: Acquire; partner: the compare-exchange in `fill`.
        let array = self.places[index].swap(ptr::null_mut(), Ordering::Acquire);
        if array.is_null() {
            return None;
        }
        self.level.set(index);
        // SAFETY: the pointer is from `into_raw` in `push`. The swap took it out of its place, so nobody else has it.
        Some(unsafe { Array::from_raw(array) })
    }
}

impl<T> Drop for Rack<T> {
    fn drop(&mut self) {
        self.drain(drop);
    }
}
