//! The queue behind a rack: crossbeam's, or under loom a stand-in that orders no more than crossbeam's does.

#[cfg(not(all(loom, feature = "loom")))]
pub(crate) use crossbeam_queue::SegQueue as Queue;

#[cfg(all(loom, feature = "loom"))]
pub(crate) use model::Queue;

#[cfg(all(loom, feature = "loom"))]
mod model {
    use loom::sync::atomic::AtomicPtr;
    use std::mem::MaybeUninit;
    use std::ptr;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// As many values as one queue holds in a model. More is the model's mistake. Shuttle can afford the steps that it
    /// takes to look at a few more.
    const PLACES: usize = if cfg!(loom_is_shuttle) { 32 } else { 3 };

    /// The stand-in. A push releases, and the pop that finds its value acquires. A pop that finds nothing orders
    /// nothing, and may overlook a value that is pushed meanwhile.
    pub(crate) struct Queue<T> {
        places: [AtomicPtr<T>; PLACES],
        /// The boxes of popped values. They are kept so that no two pushes use the same address. Which addresses the
        /// allocator reuses differs from run to run, and so would the result of a compare-exchange of addresses.
        emptied: Mutex<Vec<Box<MaybeUninit<T>>>>,
        /// Whether a push ever began. Loom does not see it.
        used: AtomicBool,
    }

    impl<T> Queue<T> {
        pub(crate) fn new() -> Self {
            Self {
                places: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
                emptied: Mutex::new(Vec::new()),
                used: AtomicBool::new(false),
            }
        }

        pub(crate) fn push(&self, value: T) {
            // ORDERING: Relaxed, no partner; loom runs one thread at a time.
            self.used.store(true, Ordering::Relaxed);
            let value = Box::into_raw(Box::new(value));
            for place in &self.places {
                // ORDERING: Release on success; partner: the compare-exchange in `pop`. Relaxed on failure: tried
                // elsewhere.
                if place.compare_exchange(ptr::null_mut(), value, Ordering::Release, Ordering::Relaxed).is_ok() {
                    return;
                }
            }
            panic!("the model's queue holds {PLACES} values at most");
        }

        /// Returns whether nothing was ever pushed. Only then a pop surely finds nothing.
        pub(crate) fn is_empty(&self) -> bool {
            // ORDERING: Relaxed, no partner; as in `push`.
            !self.used.load(Ordering::Relaxed)
        }

        /// Returns how many pops may be needed to empty it. This is a bound, where the real queue counts.
        pub(crate) fn len(&self) -> usize {
            PLACES
        }

        pub(crate) fn pop(&self) -> Option<T> {
            for place in &self.places {
                // ORDERING: Relaxed, no partner; only a hint where to try.
                let value = place.load(Ordering::Relaxed);
                if value.is_null() {
                    continue;
                }
                // ORDERING: Acquire on success; partner: the compare-exchange in `push`. Relaxed on failure: tried
                // elsewhere.
                if place.compare_exchange(value, ptr::null_mut(), Ordering::Acquire, Ordering::Relaxed).is_ok() {
                    // SAFETY: the pointer is from `Box::into_raw` in `push`. It was just taken out of its place, so
                    // nobody else has it.
                    let boxed = unsafe { Box::from_raw(value.cast::<MaybeUninit<T>>()) };
                    // SAFETY: the box holds a value until here.
                    let value = unsafe { boxed.assume_init_read() };
                    self.emptied.lock().unwrap().push(boxed);
                    return Some(value);
                }
            }
            None
        }
    }

    impl<T> Drop for Queue<T> {
        fn drop(&mut self) {
            while self.pop().is_some() {}
        }
    }
}
