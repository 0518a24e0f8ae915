//! Room: a limit on what lies in shared queues. One store has it for itself, or several share it.

use crossbeam_utils::CachePadded;

use crate::sync::{Arc, AtomicUsize, Ordering};

/// A limit in units, and how many of them are taken.
#[derive(Debug)]
pub(crate) struct Room {
    limit: usize,
    held: CachePadded<AtomicUsize>,
}

/// One store's handle of a room. Each of its items takes up the same number of units.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    /// Shared with the other stores, any of which may live longest, because the janitor may hold it.
    room: Arc<Room>,
    /// The units of one item, at least 1.
    weight: usize,
}

impl Room {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, held: CachePadded::new(AtomicUsize::new(0)) }
    }

    /// Returns how many units are free. This is a hint, because other threads may take them.
    pub(crate) fn free(&self) -> usize {
        self.limit.saturating_sub(self.units())
    }

    fn units(&self) -> usize {
        // ORDERING: Relaxed, no partner; the count was true at some time since whatever the caller knows of.
        self.held.load(Ordering::Relaxed)
    }
}

impl Share {
    pub(crate) fn new(room: Arc<Room>, weight: usize) -> Self {
        Self { room, weight }
    }

    /// Reserves room for `wanted` items, or for as many as fit, or for none if fewer than `least` fit. Returns how
    /// many.
    ///
    /// It never holds more than it grants, not even for a moment. Otherwise another thread would find no room where
    /// there is some.
    pub(crate) fn reserve(&self, wanted: usize, least: usize) -> usize {
        let grant = |held| Some(wanted.min(self.fitting(held))).filter(|granted| *granted >= least);
        let take = |held| Some(held + grant(held)? * self.weight);
        // ORDERING: Relaxed, no partner; only the sum matters, and no read-modify-write is lost.
        let before = self.room.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        before.ok().and_then(grant).unwrap_or(0)
    }

    pub(crate) fn release(&self, items: usize) {
        // ORDERING: Relaxed, no partner; as in `reserve`.
        self.room.held.fetch_sub(items * self.weight, Ordering::Relaxed);
    }

    /// Returns how many more items fit. This is a hint, because other threads may take the room.
    pub(crate) fn free(&self) -> usize {
        self.fitting(self.room.units())
    }

    /// Returns how many items are held, if no other store shares the room.
    pub(crate) fn held(&self) -> usize {
        self.room.units() / self.weight
    }

    /// Returns how many items fit beside what is held. It is rounded down, so what is granted never overflows.
    fn fitting(&self, held: usize) -> usize {
        self.room.limit.saturating_sub(held) / self.weight
    }
}
