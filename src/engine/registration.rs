//! How the janitor knows a pool's heap part.

#![cfg_attr(all(loom, feature = "loom", not(loom_is_shuttle)), expect(dead_code, reason = "no pool is registered"))]

use crate::sync::{AtomicBool, Counter, Ordering, fence};

/// A heap part's place in the janitor's registry, and whether the janitor leaves it out.
///
/// The janitor *parks* a `BoundedPool` in which nothing is idle, and sweeps it no more until an item returns. Two sides
/// meet here:
///
/// - The janitor sets `unattended`, passes a full fence, and looks whether anything is idle after all.
/// - Who makes an item idle passes a full fence, and looks whether the pool is unattended.
///
/// One of the two sees what the other did, and then ends the parking. A lock that the janitor's look and the other
/// side's change both take replaces both fences.
///
/// `stop_janitor` leaves all pools unattended and looks at none. So a `Pool` passes no fence before its look. If that
/// comes too early, a later one starts the threads.
pub(crate) struct Registration {
    /// Written under the registry's lock. Without it, what is read is a hint.
    place: Counter,
    unattended: AtomicBool,
}

impl Registration {
    const NOWHERE: usize = usize::MAX;

    pub(crate) fn new() -> Self {
        Self { place: Counter::at(Self::NOWHERE), unattended: AtomicBool::new(false) }
    }

    pub(crate) fn place(&self) -> Option<usize> {
        Some(self.place.get()).filter(|place| *place != Self::NOWHERE)
    }

    pub(crate) fn set_place(&self, place: Option<usize>) {
        self.place.set(place.unwrap_or(Self::NOWHERE));
    }

    /// The janitor's side: from now on, whoever makes an item idle sees that no sweep will come.
    pub(crate) fn leave(&self) {
        // ORDERING: Relaxed, then a full fence; partner: the load in `is_unattended`, after the other side's fence or
        // lock.
        self.unattended.store(true, Ordering::Relaxed);
        fence::full();
    }

    /// The other side's look.
    #[inline]
    pub(crate) fn is_unattended(&self) -> bool {
        // ORDERING: Relaxed; partner: the store in `leave`. If the pool may be parked, the caller has passed a full fence
        // or taken the lock.
        self.unattended.load(Ordering::Relaxed)
    }

    /// Sweeps will come again.
    pub(crate) fn attend(&self) {
        // ORDERING: Relaxed, no partner; if another thread does not see it, it only asks the registry in vain.
        self.unattended.store(false, Ordering::Relaxed);
    }
}
