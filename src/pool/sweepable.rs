//! How the janitor sweeps a pool.

use std::mem::needs_drop;

use crate::engine::registration::{Registration, Rest};
use crate::engine::store::Store;
use crate::engine::sweep::Sweep;
use crate::engine::top::Purpose;
use crate::janitor::{self, Job, Pass, PoolHeap, Sweepable};
use crate::sync::{self, Arc};

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
        let vacated = sync::vacated();
        let sweep = Sweep::begin(Arc::clone(&self), Purpose::Advance);
        Box::new(StorePass { store: self, vacated, sweep, left: false, passed: false })
    }

    fn count_panic(&self) {
        self.events.panics.add(1);
    }

    fn registration(&self) -> &Registration {
        &self.registration
    }

    fn weight(&self) -> usize {
        let weight = self.cost.weight();
        // A closure's items weigh their own size, whatever memory they own.
        if needs_drop::<T>() && weight <= size_of::<T>() { 0 } else { weight }
    }
}

struct StorePass<T: Send> {
    store: Arc<Store<T>>,
    /// From before the sweep looked for slot sets of ended threads.
    vacated: usize,
    /// `None` if another sweep has the token.
    sweep: Option<Sweep<T, Arc<Store<T>>>>,
    /// The pool is left unattended, if the second look finds nothing.
    left: bool,
    /// The heavy barrier succeeded.
    passed: bool,
}

impl<T: Send + 'static> Pass for StorePass<T> {
    fn close(&mut self) -> bool {
        let Some(sweep) = &mut self.sweep else { return false };
        let closed = sweep.close();
        // What this sweep finds to take or to free it may have to leave to the next one.
        self.left = !closed && self.store.leave();
        closed || self.left
    }

    fn collect(&mut self, passed: bool) {
        self.passed = passed;
        if let Some(sweep) = &mut self.sweep {
            sweep.collect(passed);
        }
    }

    fn finish(self: Box<Self>) -> Job {
        let Self { store, vacated, sweep, left, passed } = *self;
        if left {
            let may_be_parked = || passed && store.may_be_parked();
            janitor::park(&store.registration, || may_be_parked().then_some(Rest::WhileThreadsLive(vacated)));
        }
        let condemned = sweep.map(Sweep::condemn);
        let drops = condemned.as_ref().is_some_and(|condemned| condemned.swept.dropped > 0);
        Job::new(store, drops, || condemned.map(|condemned| condemned.drop_items(drop)).unwrap_or_default())
    }
}
