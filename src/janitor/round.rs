//! A round: several pools of any kind and item type, swept with one heavy barrier.
//!
//! A round runs no user code. What does (the `Drop` of condemned items, and of a pool that nobody else holds any more) it leaves
//! in jobs.

use crate::engine::item::Payload;
use crate::engine::tally::Swept;
use crate::sync::thread::Weak;
use crate::sync::{Arc, fence};

/// Whether sweeps are told of, which runs user code.
pub(crate) const TOLD: bool = cfg!(feature = "tracing");

/// The heap part of a pool of `T`s, as its pool knows it.
pub(crate) trait Heap<T> {
    /// The same, as the janitor knows it.
    fn sweepable(self: Arc<Self>) -> Arc<dyn Sweepable>
    where
        T: Send + 'static;
}

/// The heap part of a pool, to be swept.
pub(crate) trait Sweepable: Send + Sync {
    fn begin(self: Arc<Self>) -> Box<dyn Pass>;
    /// Counts a panic that nobody else sees.
    fn count_panic(&self);
}

/// A pool's part in a round.
pub(crate) trait Pass {
    /// Closes slot sets; says whether there were any, so that a heavy barrier is needed.
    fn close(&mut self) -> bool;
    /// Empties and reopens them; `passed` says whether the heavy barrier succeeded.
    fn collect(&mut self, passed: bool);
    fn finish(self: Box<Self>) -> Job;
}

/// What a round leaves to do for one pool. It holds no share of the pool, so that one which is dropped meanwhile drops its other
/// items at once.
pub(crate) struct Job {
    /// Keeps the address, by which the registry knows the pool, from being another's.
    pub(crate) pool: Weak<dyn Sweepable>,
    pub(crate) runs_user_code: bool,
    pub(crate) work: Box<dyn FnOnce() -> (Swept, Option<Payload>) + Send>,
}

impl Job {
    /// Runs user code. Returns the first panic.
    pub(super) fn run(self) -> (Swept, Option<Payload>) {
        (self.work)()
    }
}

pub(super) fn round(pools: Vec<Arc<dyn Sweepable>>) -> Vec<Job> {
    let mut passes: Vec<_> = pools.into_iter().map(Sweepable::begin).collect();
    // From the first `close` to the last `collect` nothing is allocated: the slot sets of all these pools are closed.
    let closed = passes.iter_mut().fold(false, |any, pass| pass.close() | any);
    let passed = !closed || fence::heavy();
    passes.iter_mut().for_each(|pass| pass.collect(passed));
    passes.into_iter().map(|pass| pass.finish()).collect()
}
