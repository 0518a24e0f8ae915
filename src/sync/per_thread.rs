//! One value per thread that other threads may look at, and that outlives its thread for the next one to inherit.

#[cfg(not(loom))]
pub(crate) use real::PerThread;

#[cfg(loom)]
pub(crate) use model::PerThread;

#[cfg(not(loom))]
mod real {
    use std::cell::Cell;

    use thread_local::ThreadLocal;

    /// How far the calling thread is with the `thread_local` crate.
    #[derive(Clone, Copy)]
    enum Enrolment {
        Never,
        /// Inside `enroll`: an allocator that uses a pool may be called from there, and is to do without.
        Running,
        Done,
    }

    thread_local! {
        /// Has no destructor, so that it can be read during the thread's whole life, teardown included.
        static ENROLMENT: Cell<Enrolment> = const { Cell::new(Enrolment::Never) };
    }

    /// Has an entry for every enrolled thread until that thread's state in the `thread_local` crate is gone.
    static PROBE: ThreadLocal<()> = ThreadLocal::new();

    #[derive(Debug)]
    pub(crate) struct PerThread<T: Send> {
        entries: ThreadLocal<T>,
    }

    impl<T: Send + Sync> PerThread<T> {
        pub(crate) const fn new() -> Self {
            Self { entries: ThreadLocal::new() }
        }

        /// The calling thread's value, if it has one.
        #[inline(always)]
        pub(crate) fn get(&self) -> Option<&T> {
            self.entries.get()
        }

        /// The calling thread's value, made if need be. `None` while the thread is being torn down, since the
        /// `thread_local` crate would panic then, and inside another call of this function.
        #[cold]
        pub(crate) fn enroll(&self, make: impl FnOnce() -> T) -> Option<&T> {
            match ENROLMENT.get() {
                Enrolment::Running => return None,
                Enrolment::Done if PROBE.get().is_none() => return None,
                Enrolment::Never | Enrolment::Done => {}
            }
            ENROLMENT.set(Enrolment::Running);
            PROBE.get_or(|| ());
            let value = self.entries.get_or(make);
            ENROLMENT.set(Enrolment::Done);
            Some(value)
        }

        /// Every value that has been made, those of exited threads included.
        pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
            self.entries.iter()
        }
    }
}

#[cfg(loom)]
mod model {
    use loom::cell::UnsafeCell;
    use loom::sync::atomic::AtomicBool;
    use loom::sync::{Arc, Mutex};
    use std::fmt;
    use std::sync::atomic::Ordering;

    /// Loom runs at most this many threads; ids are reused, so this many entries are enough.
    const THREADS: usize = loom::MAX_THREADS;

    loom::lazy_static! {
        /// Which ids are taken. Like the real manager's it is a mutex that orders a thread's exit before the next
        /// thread that gets its id.
        static ref IDS: Arc<Mutex<[bool; THREADS]>> = Arc::new(Mutex::new([false; THREADS]));
    }

    struct Id(usize, Arc<Mutex<[bool; THREADS]>>);

    impl Id {
        fn take() -> Self {
            let ids = Arc::clone(&IDS);
            let mut taken = ids.lock().unwrap();
            let free = taken.iter().position(|taken| !taken).unwrap();
            taken[free] = true;
            drop(taken);
            Self(free, ids)
        }
    }

    impl Drop for Id {
        fn drop(&mut self) {
            self.1.lock().unwrap()[self.0] = false;
        }
    }

    loom::thread_local! {
        static ID: Id = Id::take();
    }

    /// The stand-in: a table of entries, each made once, with the same two atomics as the real one.
    pub(crate) struct PerThread<T> {
        entries: [Entry<T>; THREADS],
    }

    struct Entry<T> {
        present: AtomicBool,
        value: UnsafeCell<Option<T>>,
    }

    // SAFETY: a value is written once, by the thread that has its id, before `present` is set with Release; from then
    // on there are only shared references, which T: Sync allows. T: Send since it may be dropped by another thread.
    unsafe impl<T: Send + Sync> Sync for PerThread<T> {}
    // SAFETY: it owns its values.
    unsafe impl<T: Send> Send for PerThread<T> {}

    impl<T: Send + Sync> PerThread<T> {
        pub(crate) fn new() -> Self {
            Self {
                entries: std::array::from_fn(|_| Entry {
                    present: AtomicBool::new(false),
                    value: UnsafeCell::new(None),
                }),
            }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            ID.try_with(|id| self.entries[id.0].get()).ok().flatten()
        }

        pub(crate) fn enroll(&self, make: impl FnOnce() -> T) -> Option<&T> {
            ID.try_with(|id| {
                let entry = &self.entries[id.0];
                if entry.get().is_none() {
                    let made = make();
                    // SAFETY: only the thread with this id writes here, and `present` is false, so nobody reads.
                    entry.value.with_mut(|value| unsafe { *value = Some(made) });
                    // ORDERING: Release; partner: the Acquire load in `Entry::get`.
                    entry.present.store(true, Ordering::Release);
                }
                entry.get()
            })
            .ok()
            .flatten()
        }

        pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
            self.entries.iter().filter_map(Entry::get)
        }
    }

    impl<T> Entry<T> {
        fn get(&self) -> Option<&T> {
            // ORDERING: Acquire; partner: the Release store in `enroll`.
            if self.present.load(Ordering::Acquire) {
                // SAFETY: written before `present` was set, and only read since.
                self.value.with(|value| unsafe { (*value).as_ref() })
            } else {
                None
            }
        }
    }

    impl<T> fmt::Debug for PerThread<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("PerThread").finish_non_exhaustive()
        }
    }
}
