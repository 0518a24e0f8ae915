//! What a bounded pool has at one moment.

use std::num::Wrapping;

use super::BoundedPool;
use super::places::Places;
use super::state::State;
use crate::pool::Stats;

/// The counts of a [`BoundedPool`](super::BoundedPool) at one moment.
/// [`BoundedPool::status`](super::BoundedPool::status) returns it.
///
/// ```
/// use ebbtide::BoundedPool;
///
/// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
/// let status = pool.status();
/// assert!(status.in_use + status.idle <= status.capacity);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Status {
    /// How many items may exist.
    pub capacity: usize,
    /// Items in use, being created, dropped or checked, or on their way to a waiter. Also the places of those who wait to
    /// create one.
    pub in_use: usize,
    /// Calls that create items, or may do so now.
    pub creating: usize,
    /// Items in use that the pool is dropping.
    pub dropping: usize,
    /// Idle items.
    pub idle: usize,
    /// Threads and tasks that wait.
    pub waiting: usize,
    /// Whether the pool was closed.
    pub closed: bool,
}

impl<T> Places<T> {
    /// The counts of one moment.
    pub(super) fn snapshot(&self) -> (Status, Stats) {
        let counted = self.counts.stats();
        let counted = self.tracking.as_ref().map_or(counted, |tracking| tracking.add_to(counted));
        let state = self.lock();
        let State { sweeps: Wrapping(sweeps), dropped: Wrapping(dropped), rejected: Wrapping(rejected), .. } = *state;
        let expired = counted.expired.wrapping_add(state.expired.0);
        let stats = Stats { rejected, sweeps, dropped, expired, idle: state.idle.len(), ..counted };
        let State { capacity, taken, creating, doomed, closed, .. } = *state;
        let (idle, waiting) = (state.idle.len(), state.waiters.len());
        (Status { capacity, in_use: taken, creating, dropping: doomed, idle, waiting, closed }, stats)
    }
}

impl<T, R> BoundedPool<T, R> {
    pub(super) fn snapshot(&self) -> (Status, Stats) {
        match self.places.get() {
            Some(places) => places.snapshot(),
            None => (Status { capacity: self.settings.capacity, ..Status::default() }, Stats::default()),
        }
    }
}
