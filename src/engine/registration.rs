//! How the janitor knows a pool's heap part.

#![cfg_attr(all(loom, feature = "loom", not(loom_is_shuttle)), expect(dead_code, reason = "no pool is registered"))]

use crate::sync::{AtomicUsize, Counter, Instant, Ordering};

/// A heap part's place in the janitor's registry, and whether the janitor leaves it out.
///
/// The janitor *parks* a pool in which nothing is idle but what `min_idle` keeps, and sweeps it no more until an item
/// returns, or a thread ends that may have left slot sets to free. Two sides meet here:
///
/// - The janitor leaves the pool, passes a barrier, and looks whether anything else is idle after all. If not, it takes the
///   pool out of rounds, unless the pool is attended by then.
/// - Who makes an item idle passes a barrier, and looks whether the pool is unattended. If so, it clears that and brings
///   the pool back into rounds.
///
/// In a `BoundedPool`, an item that is missing is a reason to come, too. And the janitor comes by itself when the first idle
/// item has reached its lifetime, or the first guard the limit of `track_held`.
///
/// One of the two sees what the other did. What they do to rounds is under the registry's lock, and what comes last
/// there is right. In a `Pool` the barriers are the pair in `sync::fence` (see `parking`). In a `BoundedPool` both sides
/// take the pool's lock instead.
///
/// `stop_janitor` also makes pools unattended, but looks at none, and parks none. If another thread's look comes too early
/// for that, a later one starts the threads.
pub(crate) struct Registration {
    /// Written under the registry's lock. Without it, what is read is a hint.
    place: Counter,
    /// One of the three values below.
    state: AtomicUsize,
}

/// How long the janitor may leave a pool alone, if no item returns.
pub(crate) enum Rest {
    #[cfg_attr(not(feature = "bounded"), expect(dead_code, reason = "only items of a `BoundedPool` have a lifetime"))]
    Until(Instant),
    #[cfg_attr(not(feature = "bounded"), expect(dead_code, reason = "a `Pool` has slot sets of threads"))]
    Endless,
    /// Until a thread ends that may have left slot sets to free. This is `sync::vacated` from before the look.
    WhileThreadsLive(usize),
}

impl Registration {
    const NOWHERE: usize = usize::MAX;

    /// Sweeps come, or the pool is not registered.
    const ATTENDED: usize = 0;
    /// The janitor parks the pool, or is about to look whether it can.
    const LEFT: usize = 1;
    /// The janitor was stopped, or could not be started.
    const STOPPED: usize = 2;

    pub(crate) fn new() -> Self {
        Self { place: Counter::at(Self::NOWHERE), state: AtomicUsize::new(Self::ATTENDED) }
    }

    pub(crate) fn place(&self) -> Option<usize> {
        Some(self.place.get()).filter(|place| *place != Self::NOWHERE)
    }

    pub(crate) fn set_place(&self, place: Option<usize>) {
        self.place.set(place.unwrap_or(Self::NOWHERE));
    }

    /// The janitor's side: once the barrier has passed, whoever makes an item idle sees that no sweep will come.
    pub(crate) fn leave(&self) {
        // ORDERING: Relaxed; partner: the load in `is_unattended`. The barrier or lock that comes next orders it.
        self.state.store(Self::LEFT, Ordering::Relaxed);
    }

    /// Returns whether the pool may still be parked, under the registry's lock.
    pub(crate) fn is_left(&self) -> bool {
        // ORDERING: Relaxed; partner: the store in `attend`. The lock orders it.
        self.state.load(Ordering::Relaxed) == Self::LEFT
    }

    /// There is no janitor, so no sweep will come.
    pub(crate) fn stop(&self) {
        // ORDERING: Relaxed; partner: the load in `is_unattended`, some time later.
        self.state.store(Self::STOPPED, Ordering::Relaxed);
    }

    /// The other side's look.
    #[inline]
    pub(crate) fn is_unattended(&self) -> bool {
        // ORDERING: Relaxed; partner: the store in `leave`. If the pool may be parked, the caller has passed a barrier or
        // taken the lock.
        self.state.load(Ordering::Relaxed) != Self::ATTENDED
    }

    /// Sweeps will come again.
    pub(crate) fn attend(&self) {
        // ORDERING: Relaxed; partner: the load in `is_left`. If another thread does not see it, that only asks the registry
        // in vain.
        self.state.store(Self::ATTENDED, Ordering::Relaxed);
    }
}
