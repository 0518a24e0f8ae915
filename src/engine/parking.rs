//! Parking: how the janitor comes to leave a pool alone in which nothing is idle but what `min_idle` keeps, and how a call
//! that leaves an item there ends that. [`Registration`](crate::engine::registration::Registration) has the last step of
//! both sides.
//!
//! ```text
//! owner, push                      a round                       a later round
//!   places[bottom] = item            settled?                      settled, and every `alert` set?
//!   bottom = bottom + 1                yes: set `alert` on           yes: leave the pool
//!   light barrier                           every slot set           heavy barrier
//!   alert?                                                           still settled, and every `alert` set?
//!     yes: clear it                                                    yes: park the pool
//!          light barrier
//!          left?
//!            yes: attend
//! ```
//!
//! A pool is *settled* if a sweep has neither an item to drop there nor memory to free. What `min_idle` keeps lies in the
//! shards, where one count covers it.
//!
//! `alert` spares pushes the look at another cache line. Every other call that may leave an item in private slots, in
//! the lobby or in shards ends with a light barrier and a look whether the pool was left. So does one that may retire
//! shards.
//!
//! **A call against the later round.** The barriers make the call see that the pool was left, or the round see what the
//! call did.
//!
//! - If the round comes first, the call attends the pool. A push comes to look, because `alert` is set.
//! - If the call comes first, the round finds the item, or what a later call made of it. And it finds `alert` cleared if
//!   the call did that, so that no later push goes without a look.
//! - If an item moves while the round looks for it, in private slots and then in the count, the call that moves it is
//!   still to look, and comes after the barrier.
//!
//! Where the light barrier is not enough, a thread without an `alert` passes no other, as that would cost more than
//! everything else in a push. There it counts on the time between the two rounds: an epoch, or what a call of
//! `advance_all` takes. No CPU keeps a store to itself for so long.

use crate::engine::store::Store;
use crate::sync::{Ordering, fence};

/// A round's side. The caller holds the sweep token.
impl<T> Store<T> {
    /// The first look. Returns whether the pool may be parked. From then on it is unattended. Next come a heavy barrier
    /// and the second look, `may_be_parked`.
    pub(crate) fn leave(&self) -> bool {
        let leave = self.may_be_parked();
        if leave {
            self.registration.leave();
        } else if self.is_settled() {
            for set in self.sets.iter() {
                // ORDERING: Relaxed; partner: the load in `push`, through the barriers of a later round.
                set.alert.store(true, Ordering::Relaxed);
            }
        }
        leave
    }

    /// Returns whether the pool is settled, and every push looks whether it is unattended.
    pub(crate) fn may_be_parked(&self) -> bool {
        // ORDERING: Relaxed; partner: the store in `heed`, through the barriers.
        self.is_settled() && self.sets.iter().all(|set| set.alert.load(Ordering::Relaxed))
    }

    /// Returns whether a sweep has neither an item to drop nor memory to free.
    fn is_settled(&self) -> bool {
        let held = self.shards.held();
        // Empty shards are freed.
        let keeps = held > 0 && held <= self.limits.min_idle as usize && !self.shards.has_retired();
        (keeps || self.shards.is_none())
            && self.kept().is_none()
            && self.lobby.len() == 0
            && self.sets.iter().all(|set| set.looks_empty())
    }
}

/// The side of the calls.
impl<T> Store<T> {
    /// After a push that saw `alert`: clears it. Next comes `is_unattended`.
    pub(crate) fn heed(&self) {
        if let Some(set) = self.sets.get() {
            // ORDERING: Relaxed; partner: the load in `may_be_parked`, through the barriers.
            set.alert.store(false, Ordering::Relaxed);
        }
        // `is_unattended` passes none for a thread without an `alert`, which this one now is.
        fence::full();
    }

    /// Returns whether the caller must attend the pool, after what it did there.
    #[inline]
    pub(crate) fn is_unattended(&self) -> bool {
        fence::light();
        // Otherwise no round parks the pool before it has alerted this thread, an epoch earlier.
        // ORDERING: Relaxed; partner: the store in `leave`, as in `push`.
        if fence::is_symmetric() && self.sets.get().is_none_or(|set| set.alert.load(Ordering::Relaxed)) {
            fence::full();
        }
        self.registration.is_unattended()
    }
}
