//! A round: several pools of any kind and item type, swept with one heavy barrier.
//!
//! It runs no user code. What that has to do with, the items that a sweep condemned and the pool itself if nobody else has it
//! any more, it leaves in jobs.

use crate::item::{Payload, drop_each, keep_first};
use crate::store::Store;
use crate::sweep::{Purpose, Sweep, Swept};
use crate::sync::thread::Weak;
use crate::sync::{Arc, fence};

/// Whether sweeps are told of.
const TOLD: bool = cfg!(feature = "tracing");

/// The heap part of a pool, to be swept.
pub(super) trait Sweepable: Send + Sync {
    fn begin(self: Arc<Self>) -> Box<dyn Pass>;
    /// Counts a panic that nobody else sees.
    fn count_panic(&self);
}

/// A pool's part in a round.
pub(super) trait Pass {
    fn close(&mut self) -> bool;
    fn collect(&mut self, passed: bool);
    fn finish(self: Box<Self>) -> Job;
}

/// What a round leaves to do for one pool. It holds no share of the pool, so that one which is dropped meanwhile drops its other
/// items at once.
pub(super) struct Job {
    /// Keeps the address, by which the registry knows the pool, from being another's.
    pub(super) pool: Weak<dyn Sweepable>,
    /// Whether there are items to drop, or somebody to be told of the sweep.
    pub(super) runs_user_code: bool,
    work: Box<dyn FnOnce() -> (Swept, Option<Payload>) + Send>,
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

impl<T: Send + 'static> Sweepable for Store<T> {
    fn begin(self: Arc<Self>) -> Box<dyn Pass> {
        let sweep = Sweep::begin(Arc::clone(&self), Purpose::Advance);
        Box::new(StorePass { store: self, sweep })
    }

    fn count_panic(&self) {
        self.events.panics.add(1);
    }
}

struct StorePass<T: Send> {
    store: Arc<Store<T>>,
    /// None if another sweep has the token.
    sweep: Option<Sweep<T, Arc<Store<T>>>>,
}

impl<T: Send + 'static> Pass for StorePass<T> {
    fn close(&mut self) -> bool {
        self.sweep.as_mut().is_some_and(Sweep::close)
    }

    fn collect(&mut self, passed: bool) {
        if let Some(sweep) = &mut self.sweep {
            sweep.collect(passed);
        }
    }

    fn finish(self: Box<Self>) -> Job {
        let Self { store, sweep } = *self;
        let pool = Arc::downgrade(&store);
        let condemned = sweep.map(Sweep::finish);
        // The pool was dropped meanwhile if this is the last share of it, and leaves its items to this.
        let left = Arc::into_inner(store).map(Box::new);
        let drops = condemned.as_ref().is_some_and(|condemned| condemned.swept.dropped > 0);
        let runs_user_code = TOLD || drops || left.is_some();
        let work = move || {
            let (swept, mut first) = condemned.map(|condemned| condemned.drop_items()).unwrap_or_default();
            drop_each(left).into_iter().for_each(|panic| keep_first(&mut first, panic));
            (swept, first)
        };
        Job { pool, runs_user_code, work: Box::new(work) }
    }
}

/// A bounded pool needs no barrier, and closes nothing before it: its sweep is one step, under a lock of the pool's own.
#[cfg(feature = "bounded")]
mod bounded {
    use super::*;
    use crate::bounded::Places;

    impl<T: Send + 'static> Sweepable for Places<T> {
        fn begin(self: Arc<Self>) -> Box<dyn Pass> {
            Box::new(self)
        }

        fn count_panic(&self) {
            self.panics.add(1);
        }
    }

    impl<T: Send + 'static> Pass for Arc<Places<T>> {
        fn close(&mut self) -> bool {
            false
        }

        fn collect(&mut self, _: bool) {}

        fn finish(self: Box<Self>) -> Job {
            let places = *self;
            let pool = Arc::downgrade(&places);
            let condemned = places.condemn(Purpose::Advance);
            // As above.
            let left = Arc::into_inner(places).map(Box::new);
            let runs_user_code = TOLD || left.is_some() || condemned.swept.dropped > 0;
            let places = pool.clone();
            let work = move || {
                // Shared anew for each place, and only as long as it takes to give it free.
                let (swept, mut first) = condemned.drop_items(|| places.upgrade());
                drop_each(left).into_iter().for_each(|panic| keep_first(&mut first, panic));
                (swept, first)
            };
            Job { pool, runs_user_code, work: Box::new(work) }
        }
    }
}
