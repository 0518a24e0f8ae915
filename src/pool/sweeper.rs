//! What the janitor does to a pool, for loom's models, which have no janitor.

use std::fmt;

use super::Pool;
use crate::engine::store::Store;
use crate::engine::sweep::Sweep;
use crate::engine::top::Purpose;
use crate::sync::{Arc, fence};

/// What the janitor has of a pool while it sweeps it: a share of its heap part, which may outlive the pool.
pub struct Sweeper<T>(Arc<Store<T>>);

/// A share of the pool's heap part, if it has one.
pub fn sweeper<T: Send, R>(pool: &Pool<T, R>) -> Option<Sweeper<T>> {
    pool.store.share().map(Sweeper)
}

impl<T: Send> Sweeper<T> {
    /// Sweeps once, as the janitor does: gives up the share before any item is dropped.
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
