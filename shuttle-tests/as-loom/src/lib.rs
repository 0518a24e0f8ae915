//! Shuttle under loom's names, as far as the crate's source uses them: what is built with `cfg(loom)` on top of this runs
//! under shuttle's schedulers, unchanged.
//!
//! Shuttle chooses which thread takes the next step, and a step is one operation on an atomic. All of these are
//! sequentially consistent, whatever their ordering, and fences do nothing. So this finds what goes wrong in some
//! interleaving, however many threads it takes; wrong orderings are for loom to find.

pub use shuttle::{lazy_static, thread_local};

/// What the source takes from `loom::sync`.
pub mod sync {
    pub use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak, atomic};
}

/// What the source takes from `loom::cell`.
pub mod cell {
    use shuttle::sync::atomic::{AtomicUsize, Ordering};

    /// More than there will ever be readers.
    const WRITER: usize = 1 << 16;

    /// A cell that panics if it is written to while it is being accessed, or accessed while it is being written to.
    /// Another thread may be scheduled before each access, meanwhile and after.
    #[derive(Debug)]
    pub struct UnsafeCell<T> {
        /// Accesses under way: one for each reader, `WRITER` for a writer.
        accesses: AtomicUsize,
        value: std::cell::UnsafeCell<T>,
    }

    impl<T> UnsafeCell<T> {
        /// Nobody accesses it.
        pub const fn new(value: T) -> Self {
            Self { accesses: AtomicUsize::new(0), value: std::cell::UnsafeCell::new(value) }
        }

        /// Hands out the pointer for reading.
        ///
        /// # Panics
        ///
        /// If it is being written to.
        #[track_caller]
        pub fn with<O>(&self, act: impl FnOnce(*const T) -> O) -> O {
            // ORDERING: SeqCst, here and below; shuttle knows no other.
            assert!(self.accesses.fetch_add(1, Ordering::SeqCst) < WRITER, "read while it is being written to");
            let outcome = act(self.value.get());
            self.accesses.fetch_sub(1, Ordering::SeqCst);
            outcome
        }

        /// Hands out the pointer for writing.
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
