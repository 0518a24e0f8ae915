//! The room that a burst leaves in a bounded pool's collections. A sweep gives it back.
//!
//! The allocator runs user code. So what gets smaller is allocated before the lock is taken, and what it replaces is freed
//! after the lock is released.

use std::collections::VecDeque;
use std::mem;

use super::lot::Lot;
use super::places::Places;
use super::state::State;
use super::waiters::Waiters;

/// As many items have room where the first one is idle.
const LEAST: usize = 4;

impl<T> State<T> {
    /// Returns how many idle items need room, if there is more than twice as much.
    ///
    /// What was used since the last sweep exists, so a pool in steady use keeps its room.
    pub(super) fn surplus(&self) -> Option<usize> {
        let needed = self.taken - self.doomed + self.idle.len();
        (self.idle.capacity() > 2 * needed.max(LEAST)).then_some(needed)
    }

    /// Takes the tables of those queues that nobody was in since the last sweep.
    pub(super) fn unused_tables(&mut self) -> (Waiters<Lot<T>>, [Waiters<()>; 2]) {
        (self.waiters.take_unused(), [self.enders.take_unused(), self.sweepers.take_unused()])
    }

    /// Whether a later sweep takes a table, if nobody waits.
    #[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
    pub(super) fn has_table(&self) -> bool {
        self.waiters.has_unused() || self.enders.has_unused() || self.sweepers.has_unused()
    }
}

impl<T> Places<T> {
    /// Leaves room for this many idle items, unless there are more by now.
    pub(super) fn shrink(&self, needed: usize) {
        let mut idle = VecDeque::with_capacity(needed);
        let mut state = self.lock();
        if state.idle.len() <= idle.capacity() {
            idle.append(&mut state.idle);
            mem::swap(&mut state.idle, &mut idle);
        }
        drop(state);
    }
}
