//! How the janitor sweeps a pool.

use crate::engine::item::{drop_each, keep_first};
use crate::engine::store::Store;
use crate::engine::sweep::Sweep;
use crate::engine::top::Purpose;
use crate::janitor::{EMITS_EVENTS, Job, Pass, PoolHeap, Sweepable};
use crate::sync::Arc;

impl<T> PoolHeap<T> for Store<T> {
    fn sweepable(self: Arc<Self>) -> Arc<dyn Sweepable>
    where
        T: Send + 'static,
    {
        self
    }
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
    /// `None` if another sweep has the token.
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
        let condemned = sweep.map(Sweep::condemn);
        // If this is the last reference, the pool was dropped meanwhile and its items are left to this job.
        let left = Arc::into_inner(store).map(Box::new);
        let drops = condemned.as_ref().is_some_and(|condemned| condemned.swept.dropped > 0);
        let runs_user_code = EMITS_EVENTS || left.is_some() || drops;
        let work = move || {
            let (swept, mut first) = condemned.map(|condemned| condemned.drop_items()).unwrap_or_default();
            drop_each(left).into_iter().for_each(|panic| keep_first(&mut first, panic));
            (swept, first)
        };
        Job { pool, runs_user_code, work: Box::new(work) }
    }
}
