//! A stand-in for the janitor in loom's models, which have none.

use std::fmt;

use super::Pool;
use crate::engine::store::Store;
use crate::engine::sweep::Sweep;
use crate::engine::top::Purpose;
use crate::sync::{Arc, fence};

/// A reference to a pool's heap part, as the janitor holds it during a sweep. It may outlive the pool.
pub struct Sweeper<T>(Arc<Store<T>>);

/// Returns a reference to the pool's heap part, if it has one.
pub fn sweeper<T: Send, R>(pool: &Pool<T, R>) -> Option<Sweeper<T>> {
    pool.store.share().map(Sweeper)
}

impl<T: Send> Sweeper<T> {
    /// Sweeps once, as the janitor does: releases the reference before it drops any item.
    pub fn sweep(self) {
        if let Some(mut sweep) = Sweep::begin(self.0, Purpose::Advance) {
            let passed = !sweep.close() || fence::heavy();
            sweep.collect(passed);
            sweep.finish().drop_items();
        }
    }
}

impl<T> fmt::Debug for Sweeper<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweeper").finish_non_exhaustive()
    }
}
