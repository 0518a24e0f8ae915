//! A small number for every running thread, used again when the thread is gone.
//!
//! A thread gets its number on its first call of [`enroll`], and gives it back in a thread-local destructor. The next
//! thread to get it inherits what is kept under it, unless a sweep has taken that away (see `users`). In later
//! destructors, the first thread has no number and gets no new one.
//!
//! That holds where std has the system's thread-locals. Elsewhere (Android, OpenBSD, illumos, Windows with the gnu
//! toolchain and others) std makes each of a key with a destructor. Such a thread-local is new again when it is used
//! after its destructor. Destructors run in a few rounds, for as long as there are new ones. There a thread that is
//! ending may take another number, and gives it back in the same round or the next. What it takes in the last round is
//! lost. It never uses a number that is not its own just then.

/// A thread's number, in the form in which tables are indexed by it: an entry of a bucket. Bucket `b` has `2^b` entries.
/// Both are packed into one word: the bucket, plus [`UNIT`] times the entry's offset. From two words, compilers form the
/// entry's address anew in each access. That is fewer instructions, but AMD's CPUs then take 1 ns longer for a get and
/// put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(usize);

/// Entries are mostly a multiple of this size. Then an entry's address is one multiplication by a small number away from
/// its [`Slot`], which an x86 instruction does along with the addition.
const UNIT: usize = 32;

/// How many buckets a table has. Loom has few threads, and explores every look at a bucket.
pub(crate) const BUCKETS: usize = if cfg!(all(loom, feature = "loom")) { 4 } else { 32 };

/// The last bucket. It is never created, so a look-up in it finds nothing.
const LAST: usize = BUCKETS - 1;

impl Slot {
    /// No number yet.
    #[cfg(not(all(loom, feature = "loom")))]
    const NONE: Self = Self::at(LAST, 0);
    /// Inside `enroll`. An allocator that uses a pool may be called there, and does without a number.
    #[cfg(not(all(loom, feature = "loom")))]
    const COMING: Self = Self::at(LAST, 1);
    /// Given back: the thread is ending.
    const GONE: Self = Self::at(LAST, 2);

    const fn at(bucket: usize, offset: usize) -> Self {
        Self(offset * UNIT + bucket)
    }

    fn of(id: usize) -> Self {
        let bucket = (id + 1).ilog2();
        Self::at(bucket as usize, id + 1 - (1 << bucket))
    }

    #[inline(always)]
    pub(crate) fn bucket(self) -> usize {
        self.0 % UNIT
    }

    #[inline(always)]
    pub(crate) fn offset(self) -> usize {
        self.0 / UNIT
    }
}

/// Returns the calling thread's number, taken if need be, if the thread has one.
pub(crate) fn number() -> Option<usize> {
    enroll().map(|slot| (1 << slot.bucket()) - 1 + slot.offset())
}

/// Keeps the calling thread's number from other threads until the end of a call. Otherwise they could get it before that:
/// `exit` runs thread-local destructors wherever the thread is.
#[inline]
pub(crate) fn hold_number() -> Held {
    Held::new()
}

/// A thread's number, in the box that links it to the others while it is free.
struct Number {
    id: usize,
    next: Option<Box<Number>>,
}

impl Number {
    fn new(id: usize) -> Box<Self> {
        Box::new(Self { id, next: None })
    }
}

/// The numbers that are not in use. Nothing is allocated or freed here, under the lock, because an allocator may use a
/// pool under a lock of its own.
struct Ids {
    /// Every number from here on was never used, and has no box yet.
    fresh: usize,
    /// The others, by bucket. The lowest bucket comes first, so that few threads need few buckets, however many there
    /// were before. In it, the last number given back is the first one used again.
    free: [Option<Box<Number>>; BUCKETS],
}

impl Ids {
    const fn new() -> Self {
        Self { fresh: 0, free: [const { None }; BUCKETS] }
    }

    /// Takes a free number. If there is none, returns a fresh one as an error, for `Number::new` after the lock is
    /// released.
    fn take(&mut self) -> Result<Box<Number>, usize> {
        let Some((free, mut number)) = self.free.iter_mut().find_map(|free| free.take().map(|number| (free, number)))
        else {
            self.fresh += 1;
            return Err(self.fresh - 1);
        };
        *free = number.next.take();
        Ok(number)
    }

    fn give_back(&mut self, mut number: Box<Number>) {
        let free = &mut self.free[Slot::of(number.id).bucket()];
        number.next = free.take();
        *free = Some(number);
    }
}

#[cfg(not(all(loom, feature = "loom")))]
pub(crate) use real::{Held, current, enroll, on_vacated, vacated, while_unused};

#[cfg(all(loom, feature = "loom"))]
pub(crate) use model::{Held, current, enroll, while_unused};

#[cfg(all(loom, feature = "loom", loom_is_shuttle))]
pub(crate) use model::vacated;

#[cfg(not(all(loom, feature = "loom")))]
mod real {
    use std::cell::Cell;
    use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

    use super::{Ids, Number, Slot};
    use crate::sync::recent::forget;
    use crate::sync::users::Users;

    /// Held for a few instructions, when a thread first uses a pool and when it ends.
    static IDS: Mutex<Ids> = Mutex::new(Ids::new());

    static USERS: Users = Users::new();

    static ON_VACATED: OnceLock<fn()> = OnceLock::new();

    thread_local! {
        /// Needs no drop, so it can be read for as long as the thread lives. Where it is made of a key, it cannot be
        /// read in its destructor, which may come before the lease's. After that it is `NONE`.
        static SLOT: Cell<Slot> = const { Cell::new(Slot::NONE) };
        static LEASE: Lease = const { Lease { number: Cell::new(None), held: Cell::new(0) } };
    }

    /// Gives the number back when the thread ends.
    struct Lease {
        number: Cell<Option<Box<Number>>>,
        /// How many calls need the number to the end. They may be interleaved, on the stacks of coroutines.
        held: Cell<usize>,
    }

    impl Drop for Lease {
        fn drop(&mut self) {
            // These come first. From here on the thread finds nothing, so the next one to get the number has it alone.
            _ = SLOT.try_with(|slot| slot.set(Slot::GONE));
            forget();
            // What is held is lost.
            if let (Some(number), 0) = (self.number.take(), self.held.get()) {
                let vacated = USERS.leave(Slot::of(number.id).bucket());
                let act = ON_VACATED.get().filter(|_| vacated);
                ids().give_back(number);
                if let Some(act) = act {
                    act();
                }
            }
        }
    }

    /// A call that needs the thread's number to its end.
    pub(crate) struct Held(());

    impl Held {
        pub(crate) fn new() -> Self {
            lease(|lease| lease.held.set(lease.held.get() + 1));
            Self(())
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            lease(|lease| lease.held.set(lease.held.get().saturating_sub(1)));
        }
    }

    /// Returns `None` after the lease's end.
    fn lease<O>(act: impl FnOnce(&Lease) -> O) -> Option<O> {
        LEASE.try_with(act).ok()
    }

    fn ids() -> MutexGuard<'static, Ids> {
        // Nothing panics while the lock is held. If it did, every field would still be whole.
        IDS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a number, unless a sweep is just taking its entries out.
    fn take() -> Option<Box<Number>> {
        // The lock is released at the end of this statement.
        let taken = ids().take();
        let number = taken.unwrap_or_else(Number::new);
        if !USERS.enter(Slot::of(number.id).bucket()) {
            ids().give_back(number);
            return None;
        }
        Some(number)
    }

    /// Calls `act` while no thread has a number in the bucket, and none gets one. Returns `None` if there is one.
    pub(crate) fn while_unused<O>(bucket: usize, act: impl FnOnce() -> O) -> Option<O> {
        USERS.while_none(bucket, act)
    }

    /// Returns how often the last thread with a number in a bucket has ended.
    pub(crate) fn vacated() -> usize {
        USERS.vacated()
    }

    /// Has each such thread call `act` at its end. Only the first call counts.
    pub(crate) fn on_vacated(act: fn()) {
        ON_VACATED.get_or_init(|| act);
    }

    /// Returns the calling thread's slot, or one that finds nothing.
    #[inline(always)]
    pub(crate) fn current() -> Slot {
        SLOT.try_with(Cell::get).unwrap_or(Slot::GONE)
    }

    /// Returns the calling thread's slot, with a number taken if need be. Returns `None` when the thread is ending,
    /// inside another call of this function, and while a sweep takes out what is kept under the number.
    pub(crate) fn enroll() -> Option<Slot> {
        match current() {
            Slot::NONE => {}
            Slot::COMING | Slot::GONE => return None,
            enrolled => return Some(enrolled),
        }
        SLOT.set(Slot::COMING);
        // Registering the lease's destructor may fail or allocate, so it comes before the number is taken.
        let slot = lease(|lease| {
            // There is one already if only the slot is new again.
            let number = lease.number.take().or_else(take)?;
            let slot = Slot::of(number.id);
            lease.number.set(Some(number));
            Some(slot)
        });
        // The next call tries again.
        SLOT.set(slot.map_or(Slot::GONE, |slot| slot.unwrap_or(Slot::NONE)));
        slot.flatten()
    }
}

/// The same on loom's threads. The mutex orders a thread's end before the next thread that gets its number, as above.
#[cfg(all(loom, feature = "loom"))]
mod model {
    use std::cell::Cell;

    use loom::sync::{Arc, Mutex};

    use super::{Ids, LAST, Number, Slot};
    use crate::sync::constants::static_per_execution;
    use crate::sync::users::Users;

    static_per_execution! {
        static SHARED: Arc<Shared> = Arc::new(Shared { ids: Mutex::new(Ids::new()), users: Users::new() });
    }

    struct Shared {
        ids: Mutex<Ids>,
        users: Users,
    }

    loom::thread_local! {
        static LEASE: Lease = Lease { number: Cell::new(None), slot: Cell::new(None), shared: Arc::clone(&SHARED) };
    }

    struct Lease {
        number: Cell<Option<Box<Number>>>,
        slot: Cell<Option<Slot>>,
        shared: Arc<Shared>,
    }

    /// Nothing: no model ends the process.
    pub(crate) struct Held;

    impl Held {
        pub(crate) fn new() -> Self {
            Self
        }
    }

    impl Lease {
        fn take(&self) -> Option<Slot> {
            let taken = self.shared.ids.lock().unwrap().take();
            let number = taken.unwrap_or_else(Number::new);
            let slot = Slot::of(number.id);
            assert!(slot.bucket() < LAST, "more threads with numbers than a model has room for");
            if !self.shared.users.enter(slot.bucket()) {
                self.shared.ids.lock().unwrap().give_back(number);
                return None;
            }
            self.number.set(Some(number));
            self.slot.set(Some(slot));
            Some(slot)
        }
    }

    impl Drop for Lease {
        fn drop(&mut self) {
            if let Some(number) = self.number.take() {
                self.shared.users.leave(Slot::of(number.id).bucket());
                self.shared.ids.lock().unwrap().give_back(number);
            }
        }
    }

    pub(crate) fn while_unused<O>(bucket: usize, act: impl FnOnce() -> O) -> Option<O> {
        SHARED.users.while_none(bucket, act)
    }

    /// As if no thread ended. Otherwise each end would bring parked pools back, and hide one that was parked by mistake.
    #[cfg(loom_is_shuttle)]
    pub(crate) fn vacated() -> usize {
        0
    }

    pub(crate) fn current() -> Slot {
        enroll().unwrap_or(Slot::GONE)
    }

    pub(crate) fn enroll() -> Option<Slot> {
        LEASE.try_with(|lease| lease.slot.get().or_else(|| lease.take())).ok().flatten()
    }
}
