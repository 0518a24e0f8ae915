//! An `Arc` that is created on first use, without a lock.
//!
//! `OnceLock` would make a second thread wait for the first. It would also deadlock if a global allocator that uses a
//! pool is called from inside the initializer. Here every thread that finds nothing creates its own value, and one of
//! them wins.

use std::{marker::PhantomData, mem::ManuallyDrop, ptr};

use super::atomic::{Arc, AtomicPtr, Ordering};
use super::constants::const_unless_loom;

/// Empty, or an `Arc<T>`.
pub(crate) struct OnceArc<T> {
    /// Null until the value is created. From then on the pointer from `Arc::into_raw`, with one count held here.
    value: AtomicPtr<T>,
    _owns: PhantomData<Arc<T>>,
}

impl<T> OnceArc<T> {
    const_unless_loom! {
        pub(crate) const fn new() -> Self {
            Self { value: AtomicPtr::new(ptr::null_mut()), _owns: PhantomData }
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        // SAFETY: the pointer is null, or from `Arc::into_raw` with a count that lives as long as `self`.
        unsafe { self.load().as_ref() }
    }

    /// Returns another handle to the value.
    pub(crate) fn to_arc(&self) -> Option<Arc<T>> {
        // SAFETY: the handle is forgotten, so its count is neither used up nor given back.
        let held = ManuallyDrop::new(unsafe { self.held() }?);
        Some(Arc::clone(&held))
    }

    /// Returns the handle whose count is held here.
    ///
    /// # Safety
    ///
    /// The caller forgets it, or nobody uses `self` again.
    unsafe fn held(&self) -> Option<Arc<T>> {
        let value = self.load();
        // SAFETY: the pointer is not null, so it is from `Arc::into_raw`, and unchanged since. (One made from a `&T`
        // would reach neither the counts nor the allocation.) The caller answers for the count.
        (!value.is_null()).then(|| unsafe { Arc::from_raw(value) })
    }

    #[inline(always)]
    fn load(&self) -> *mut T {
        // ORDERING: Acquire; partner: the compare-exchange in `get_or_make`, so that the value is seen whole.
        self.value.load(Ordering::Acquire)
    }

    /// Returns the value, and whether this call created it.
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> T) -> (&T, bool) {
        if let Some(value) = self.get() {
            return (value, false);
        }
        let mine = Arc::into_raw(Arc::new(make())).cast_mut();
        // ORDERING: Release on success; partner: the load in `load`. Acquire on failure; partner: the Release of the
        // thread that won.
        match self.value.compare_exchange(ptr::null_mut(), mine, Ordering::Release, Ordering::Acquire) {
            // SAFETY: the pointer is from `Arc::into_raw` just now. `self.value` holds its count until `self` is
            // dropped.
            Ok(_) => (unsafe { &*mine }, true),
            Err(theirs) => {
                // SAFETY: the pointer is from `Arc::into_raw` just now, and nobody else has seen it.
                drop(unsafe { Arc::from_raw(mine) });
                // SAFETY: the pointer is not null, so it is the winner's, whose count `self` holds.
                (unsafe { &*theirs }, false)
            }
        }
    }
}

impl<T> Drop for OnceArc<T> {
    fn drop(&mut self) {
        // SAFETY: this gives back the one count that was held here, once.
        drop(unsafe { self.held() });
    }
}
