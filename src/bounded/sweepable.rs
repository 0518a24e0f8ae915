//! How the janitor sweeps a bounded pool: in one step, under the pool's lock. So it needs no barrier, and closes
//! nothing before one.

use super::places::Places;
use crate::engine::item::{drop_each, keep_first};
use crate::engine::top::Purpose;
use crate::janitor::{EMITS_EVENTS, Job, Pass, PoolHeap, Sweepable};
use crate::sync::Arc;

impl<T> PoolHeap<T> for Places<T> {
    fn sweepable(self: Arc<Self>) -> Arc<dyn Sweepable>
    where
        T: Send + 'static,
    {
        self
    }
}

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
        // If this is the last reference, the pool was dropped meanwhile and its items are left to this job.
        let left = Arc::into_inner(places).map(Box::new);
        let runs_user_code = EMITS_EVENTS || left.is_some() || condemned.swept.dropped > 0;
        let places = pool.clone();
        let work = move || {
            // Each place takes a new reference, and only while it is freed, so that the pool can be dropped in between.
            let (swept, mut first) = condemned.drop_items(|| places.upgrade());
            drop_each(left).into_iter().for_each(|panic| keep_first(&mut first, panic));
            (swept, first)
        };
        Job { pool, runs_user_code, work: Box::new(work) }
    }
}
