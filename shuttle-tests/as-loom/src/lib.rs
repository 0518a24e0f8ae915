//! Shuttle under loom's names, as far as the crate uses them. So code built with `cfg(loom)` on top of this runs
//! unchanged under shuttle's schedulers.
//!
//! Shuttle chooses which thread takes the next step. A step is one operation on an atomic. All operations are
//! sequentially consistent, whatever their ordering, and fences do nothing. So this finds errors in any interleaving of
//! many threads. Loom finds wrong orderings.

pub use shuttle::{lazy_static, thread_local};

/// The part of `loom::sync` that the crate uses.
pub mod sync {
    pub use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak, atomic};
}

/// The part of `loom::cell` that the crate uses.
pub mod cell {
    use shuttle::sync::atomic::{AtomicUsize, Ordering};

    /// More than there are ever readers.
    const WRITER: usize = 1 << 16;

    /// A cell that panics if a write overlaps another access. Another thread may run before, during and after each
    /// access.
    #[derive(Debug)]
    pub struct UnsafeCell<T> {
        /// Accesses under way: 1 for each reader, and `WRITER` for a writer.
        accesses: AtomicUsize,
        value: std::cell::UnsafeCell<T>,
    }

    impl<T> UnsafeCell<T> {
        /// A cell without accesses.
        pub const fn new(value: T) -> Self {
            Self { accesses: AtomicUsize::new(0), value: std::cell::UnsafeCell::new(value) }
        }

        /// Passes on the pointer for reading.
        ///
        /// # Panics
        ///
        /// If it is being written to.
        #[track_caller]
        pub fn with<O>(&self, act: impl FnOnce(*const T) -> O) -> O {
            // ORDERING: SeqCst, here and below. Shuttle has no other.
            assert!(self.accesses.fetch_add(1, Ordering::SeqCst) < WRITER, "read while it is being written to");
            let outcome = act(self.value.get());
            self.accesses.fetch_sub(1, Ordering::SeqCst);
            outcome
        }

        /// Passes on the pointer for writing.
        ///
        /// # Panics
        ///
        /// If any other access is under way.
        #[track_caller]
        pub fn with_mut<O>(&self, act: impl FnOnce(*mut T) -> O) -> O {
            assert_eq!(self.accesses.fetch_add(WRITER, Ordering::SeqCst), 0, "written to while it is being accessed");
            let outcome = act(self.value.get());
            self.accesses.fetch_sub(WRITER, Ordering::SeqCst);
            outcome
        }
    }
}
