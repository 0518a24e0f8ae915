//! A rack: a fixed number of places for arrays full of items. Each place is one pointer.
//!
//! A push is one compare-exchange of null for an array. A pop is one swap of the array for null. So nobody waits for a
//! thread that is stopped in the middle of either. No address is compared that may have been freed and used again.

use std::marker::PhantomData;
use std::ptr;

use crate::engine::array::{Array, Header};
use crate::sync::{AtomicPtr, Ordering, SmallCounter};

/// Enough for a thread that spills 2048 items, with the default of 16 in an array.
const PLACES: usize = if cfg!(all(loom, feature = "loom")) { 2 } else { 128 };

/// A [`Hint`] is one byte.
const _: () = assert!(PLACES <= u8::MAX as usize);

pub(crate) struct Rack<T> {
    /// Null, or an array that the rack owns.
    places: [AtomicPtr<Header<T>>; PLACES],
    owns: PhantomData<Array<T>>,
}

/// Where one thread was last in the racks of any shard: at the place that it emptied, or above the one that it filled.
///
/// Each thread with a slot set has its own. So threads that take back what they pushed do not meet, and write to no line
/// that they share.
#[derive(Default)]
pub(crate) struct Hint(SmallCounter);

// SAFETY: a rack hands arrays from thread to thread and shares none of them.
unsafe impl<T: Send> Sync for Rack<T> {}

impl<T> Rack<T> {
    pub(crate) fn new() -> Self {
        Self { places: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())), owns: PhantomData }
    }

    /// Puts an array into the first empty place. Returns it if no place is empty.
    #[inline]
    pub(crate) fn push(&self, hint: &Hint, array: Array<T>) -> Result<(), Array<T>> {
        let array = array.into_raw();
        match hint.places().find(|&index| self.fill(index, array)) {
            Some(index) => {
                hint.0.set(index + 1);
                Ok(())
            }
            // SAFETY: the pointer is from `into_raw` just now, and in no place.
            None => Err(unsafe { Array::from_raw(array) }),
        }
    }

    /// Takes the first array that it finds.
    #[inline]
    pub(crate) fn pop(&self, hint: &Hint) -> Option<Array<T>> {
        hint.places().find_map(|index| {
            let array = self.take(index)?;
            hint.0.set(index);
            Some(array)
        })
    }

    /// Takes every array that it finds, one from each place, and passes it to `take`.
    pub(crate) fn drain(&self, mut take: impl FnMut(Array<T>)) {
        for index in 0..PLACES {
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
        place.compare_exchange(ptr::null_mut(), array, Ordering::SeqCst, Ordering::Relaxed).is_ok()
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
        // SAFETY: the pointer is from `into_raw` in `push`. The swap took it out of its place, so nobody else has it.
        Some(unsafe { Array::from_raw(array) })
    }
}

impl Hint {
    /// Returns all places in the order in which a push or a pop tries them: from the one below the hint, up and around.
    ///
    /// So a thread pops its last array first. And one that only pops follows one that only pushes.
    #[inline(always)]
    fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let first = self.0.get() + PLACES - 1;
        (first..first + PLACES).map(|place| place % PLACES)
    }
}

impl<T> Drop for Rack<T> {
    fn drop(&mut self) {
        self.drain(drop);
    }
}
