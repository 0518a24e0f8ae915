//! Counts of what happened: one thread's, the whole pool's, and one sweep's.

use std::ops::AddAssign;

use crate::sync::Counter;

/// One thread's counts, in its slot set. Only the owner writes them, with plain loads and stores. So they cost no
/// shared cache line. Threads without a slot set share one tally.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) refills: Counter,
    pub(crate) steals: Counter,
    pub(crate) rescues: Counter,
    pub(crate) created: Counter,
    pub(crate) spills: Counter,
    /// Items that this thread put into the shared queues, minus those that it took out. It wraps around.
    pub(crate) shared: Counter,
}

impl Tally {
    /// Adds the counts of a thread that has ended.
    pub(crate) fn absorb(&self, other: &Self) {
        let Self { refills, steals, rescues, created, spills, shared } = other;
        self.refills.add(refills.get());
        self.steals.add(steals.get());
        self.rescues.add(rescues.get());
        self.created.add(created.get());
        self.spills.add(spills.get());
        self.shared.add(shared.get());
    }
}

/// The pool's counts that belong to no slot set.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// The counts of threads without one, and of threads whose slot sets are freed.
    pub(crate) outside: Tally,
    pub(crate) refused: Counter,
    pub(crate) rejected: Counter,
    pub(crate) sweeps: Counter,
    pub(crate) dropped: Counter,
    pub(crate) left_busy: Counter,
    pub(crate) failed_barriers: Counter,
    pub(crate) fetches: Counter,
    pub(crate) panics: Counter,
    /// How often `chaos` was asked.
    pub(crate) draws: Counter,
}

/// What a sweep did. [`Pool::advance`](crate::Pool::advance) and [`Pool::clear`](crate::Pool::clear) return it.
///
/// ```
/// use ebbtide::{Pool, Settings};
///
/// let pool = Pool::with_settings(String::new, Settings::new().manual());
/// drop(pool.get());
/// let first = pool.advance().expect("no other sweep runs");
/// assert_eq!((first.dropped, first.kept), (0, 1));
/// let second = pool.advance().expect("no other sweep runs");
/// assert_eq!((second.dropped, second.kept), (1, 0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Swept {
    /// Items that it dropped, or handed to the closure of `advance_with`.
    pub dropped: usize,
    /// Items that were idle afterwards. This is an estimate while other threads go on.
    pub kept: usize,
    /// Slot sets that it left alone because their owner was inside an operation. The next sweep takes them.
    pub left_busy: usize,
}

impl AddAssign for Swept {
    fn add_assign(&mut self, other: Self) {
        self.dropped += other.dropped;
        self.kept += other.kept;
        self.left_busy += other.left_busy;
    }
}
