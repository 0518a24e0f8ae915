//! A round: several pools of any kind and item type, swept with one heavy barrier.
//!
//! A round runs no user code. It leaves that in jobs: the `Drop` of condemned items, the event, and the `Drop` of a
//! pool that nobody else holds any more.

use super::entries::Place;
use crate::engine::item::{Payload, drop_each, keep_first};
use crate::engine::registration::Registration;
use crate::engine::tally::Swept;
use crate::sync::thread::Weak;
use crate::sync::{Arc, fence};

/// The heap part of a pool of `T`s, as its pool knows it.
pub(crate) trait PoolHeap<T> {
    /// Returns the same, as the janitor knows it.
    fn sweepable(self: Arc<Self>) -> Arc<dyn Sweepable>
    where
        T: Send + 'static;
}

/// The heap part of a pool, as the janitor knows it.
pub(crate) trait Sweepable: Send + Sync {
    /// Begins the pool's part in a round.
    fn begin(self: Arc<Self>) -> Box<dyn Pass>;
    /// Counts a panic that nobody else sees.
    fn count_panic(&self);
    fn registration(&self) -> &Registration;
    /// About how many bytes an item holds; 0 if that is unknown.
    fn weight(&self) -> usize;
}

/// A pool's part in a round.
pub(crate) trait Pass {
    /// Closes slot sets. Returns whether there were any, so that a heavy barrier is needed.
    fn close(&mut self) -> bool;
    /// Empties and reopens them. `passed` says whether the heavy barrier succeeded.
    fn collect(&mut self, passed: bool);
    /// Ends the sweep. Returns what is left to do.
    fn finish(self: Box<Self>) -> Job;
}

/// What a round leaves to do for one pool. It holds no share of the pool. So a pool that is dropped meanwhile drops its
/// other items at once.
pub(crate) struct Job {
    pub(super) pool: Weak<dyn Sweepable>,
    /// Where the registry has the pool, unless it was dropped.
    pub(super) place: Place,
    /// About how many bytes an item holds.
    pub(super) weight: usize,
    /// If not, nobody need run the job.
    pub(super) runs_user_code: bool,
    work: Box<dyn FnOnce() -> (Swept, Option<Payload>) + Send>,
}

impl Job {
    /// What a sweep leaves to do for `pool`. `drops` says whether it condemned items, and `work` drops them and emits the
    /// event.
    pub(crate) fn new<P: Sweepable + 'static>(
        pool: Arc<P>,
        drops: bool,
        work: impl FnOnce() -> (Swept, Option<Payload>) + Send + 'static,
    ) -> Self {
        let weak = Arc::downgrade(&pool);
        let place = pool.registration().place().unwrap_or(Place::MAX);
        let weight = pool.weight();
        // If this is the last reference, the pool was dropped meanwhile and its items are left to this job.
        let left = Arc::into_inner(pool).map(Box::new);
        let runs_user_code = cfg!(feature = "tracing") || left.is_some() || drops;
        let work = move || {
            let (swept, mut first) = work();
            drop_each(left).into_iter().for_each(|panic| keep_first(&mut first, panic));
            (swept, first)
        };
        Self { pool: weak, place, weight, runs_user_code, work: Box::new(work) }
    }

    /// Work for `pool` that no sweep leaves.
    #[cfg(feature = "bounded")]
    pub(super) fn apart(
        pool: Weak<impl Sweepable + 'static>,
        work: impl FnOnce() -> Option<Payload> + Send + 'static,
    ) -> Self {
        let work = Box::new(move || (Swept::default(), work()));
        Self { pool, place: Place::MAX, weight: 0, runs_user_code: true, work }
    }

    /// Both jobs of a pool that was swept twice, as one.
    #[cfg(feature = "pressure")]
    pub(super) fn then(self, second: Self) -> Self {
        let runs_user_code = self.runs_user_code || second.runs_user_code;
        let work = move || {
            let (mut swept, mut first) = (self.work)();
            let (more, panic) = (second.work)();
            swept += more;
            panic.into_iter().for_each(|panic| keep_first(&mut first, panic));
            (swept, first)
        };
        Self { runs_user_code, work: Box::new(work), ..second }
    }

    /// Runs the job, which is user code. Returns what the sweep did, and the first panic.
    pub(super) fn run(self) -> (Swept, Option<Payload>) {
        (self.work)()
    }
}

/// Sweeps these pools together.
pub(super) fn round(pools: Vec<Arc<dyn Sweepable>>) -> Vec<Job> {
    let mut passes: Vec<_> = pools.into_iter().map(Sweepable::begin).collect();
    // Nothing is allocated from the first `close` to the last `collect`, because the slot sets of all these pools are
    // closed.
    let closed = passes.iter_mut().fold(false, |any, pass| pass.close() | any);
    let passed = !closed || fence::heavy();
    passes.iter_mut().for_each(|pass| pass.collect(passed));
    passes.into_iter().map(|pass| pass.finish()).collect()
}
