//! The queue behind a rack: crossbeam's, and under loom a rack of pointers that orders no more than they do.

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

    /// As many values as one queue holds in a model; more is the model's mistake. Shuttle doesn't mind the steps that it
    /// takes to look at a few more.
    const PLACES: usize = if cfg!(loom_is_shuttle) { 32 } else { 3 };

    /// The stand-in: a push releases and the pop that finds its value acquires, nothing more. A pop that finds
    /// nothing orders nothing, and may overlook a value that is pushed meanwhile.
    pub(crate) struct Queue<T> {
        places: [AtomicPtr<T>; PLACES],
        /// The boxes of popped values. They are kept so that no two pushes use the same address: which ones the allocator
        /// hands out again differs from run to run, and so would what a compare-exchange of addresses does.
        emptied: Mutex<Vec<Box<MaybeUninit<T>>>>,
        /// Whether a push ever began. Loom doesn't see it.
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
                // ORDERING: Release on success; partner: the compare_exchange in `pop`.
                if place.compare_exchange(ptr::null_mut(), value, Ordering::Release, Ordering::Relaxed).is_ok() {
                    return;
                }
            }
            panic!("the model's queue holds {PLACES} values at most");
        }

        /// Whether a pop is of no use: sure only where nothing was ever pushed.
        pub(crate) fn is_empty(&self) -> bool {
            // ORDERING: Relaxed, no partner; as in `push`.
            !self.used.load(Ordering::Relaxed)
        }

        /// How many pops may be needed to empty it: a bound, where the real one counts.
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
                // ORDERING: Acquire on success; partner: the Release in `push`.
                if place.compare_exchange(value, ptr::null_mut(), Ordering::Acquire, Ordering::Relaxed).is_ok() {
                    // SAFETY: from `Box::into_raw` in `push`; taking it out of its place made it ours alone.
                    let boxed = unsafe { Box::from_raw(value.cast::<MaybeUninit<T>>()) };
                    // SAFETY: it holds a value until here.
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
