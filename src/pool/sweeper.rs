//! A stand-in for the janitor in loom's models, which have none.

use std::fmt;

use super::Pool;
use crate::engine::registration::Rest;
use crate::engine::store::Store;
use crate::engine::sweep::{Sweep, sweep};
use crate::engine::top::Purpose;
use crate::janitor;
use crate::sync::{Arc, fence};

/// A reference to a pool's heap part, as the janitor holds it during a sweep. It may outlive the pool.
pub struct Sweeper<T>(Arc<Store<T>>);

/// Returns a reference to the pool's heap part, if it has one.
pub fn sweeper<T: Send, R>(pool: &Pool<T, R>) -> Option<Sweeper<T>> {
    pool.store.to_arc().map(Sweeper)
}

impl<T: Send> Sweeper<T> {
    /// Sweeps once, as the janitor does: releases the reference before it drops any item.
    pub fn sweep(self) {
        sweep(self.0, Purpose::Advance, drop);
    }

    /// Sweeps once and may leave the pool unattended, as a round of the janitor does.
    pub fn round(&self) {
        let store = &*self.0;
        let Some(mut sweep) = Sweep::begin(store, Purpose::Advance) else { return };
        let closed = sweep.close();
        let left = store.leave();
        let passed = !(closed || left) || fence::heavy();
        sweep.collect(passed);
        if left {
            janitor::park(&store.registration, || (passed && store.may_be_parked()).then_some(Rest::Endless));
        }
        sweep.condemn().drop_items(drop);
    }

    /// Returns whether rounds leave the pool out.
    pub fn is_unattended(&self) -> bool {
        self.0.registration.is_unattended()
    }
}

impl<T> fmt::Debug for Sweeper<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweeper").finish_non_exhaustive()
    }
}
