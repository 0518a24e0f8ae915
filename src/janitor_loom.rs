//! No janitor under loom, which would explore every schedule of a thread that never ends: models call `advance`.

use std::fmt;

#[cfg(feature = "bounded")]
use crate::bounded::Places;
use crate::pool::Pool;
use crate::store::Store;
use crate::sweep::{Purpose, Sweep, Swept};
use crate::sync::{Arc, fence};

/// Tells the janitor about a pool that is to be swept every so many nanoseconds.
#[derive(Debug)]
pub struct Registrar<T>(pub(crate) fn(Heap<'_, T>, u64));

/// The heap part of a pool of either kind.
#[expect(dead_code, reason = "nobody is told about it here")]
pub(crate) enum Heap<'a, T> {
    Pool(&'a Arc<Store<T>>),
    #[cfg(feature = "bounded")]
    Bounded(&'a Arc<Places<T>>),
}

impl<T: Send + 'static> Registrar<T> {
    pub(crate) const NEW: Self = Self(register);
}

fn register<T: Send + 'static>(_: Heap<'_, T>, _: u64) {}

pub(crate) fn forget<T>(_: *const T) {}

/// Sweeps no pool: under loom none is registered.
pub fn advance_all() -> Swept {
    Swept::default()
}

/// What the janitor has of a pool while it sweeps it: a share of its heap part, which may outlive the pool.
pub struct Sweeper<T>(Arc<Store<T>>);

/// A share of the pool's heap part, if it has one.
pub fn sweeper<T: Send, R>(pool: &Pool<T, R>) -> Option<Sweeper<T>> {
    pool.share().map(Sweeper)
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
