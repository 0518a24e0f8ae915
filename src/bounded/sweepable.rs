//! How the janitor sweeps a bounded pool: in one step, under the pool's lock. So it needs no barrier, and closes
//! nothing before one.

use super::disposer::Disposer;
use super::places::Places;
use crate::engine::registration::{Registration, Rest};
use crate::engine::top::Purpose;
use crate::janitor::{self, Job, Pass, PoolHeap, Sweepable};
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
        self.counts.panics.add(1);
    }

    fn registration(&self) -> &Registration {
        &self.registration
    }

    fn weight(&self) -> usize {
        0
    }
}

impl<T> Places<T> {
    /// Returns how long sweeps have nothing to do, unless somebody comes, if that is so. Who takes an item that will be
    /// missing ends that.
    fn rest(&self) -> Option<Rest> {
        let overdue = self.next_overdue();
        let mut state = self.lock();
        if state.idle.len() > state.settings.min_idle || self.is_missing(&state) || state.has_table() {
            return None;
        }
        state.alert |= self.is_filled(&state);
        let ends = state.idle.iter().filter_map(|idle| idle.item.notes().expires());
        Some(ends.chain(overdue).min().map_or(Rest::Endless, Rest::Until))
    }
}

impl<T: Send + 'static> Pass for Arc<Places<T>> {
    fn close(&mut self) -> bool {
        false
    }

    fn collect(&mut self, _: bool) {}

    fn finish(self: Box<Self>) -> Job {
        let places = *self;
        let condemned = places.condemn(Purpose::Advance);
        let (drops, fills) = (condemned.swept.dropped > 0, places.is_missing(&places.lock()));
        if places.rest().is_some() {
            places.registration.leave();
            janitor::park(&places.registration, || places.rest());
        }
        let weak = Arc::downgrade(&places);
        // Without items to drop, the job may be thrown away here, and with it what the function of a disposer holds.
        let disposer = if drops { places.disposer.clone() } else { Disposer::default() };
        // Each place takes a new reference, and only while it is freed, so that the pool can be dropped in between.
        Job::new(places, drops || fills, move || {
            let swept = condemned.drop_items(|item| disposer.dispose(item), || weak.upgrade());
            // Now that there is room.
            weak.upgrade().iter().for_each(Places::fill);
            swept
        })
    }
}
