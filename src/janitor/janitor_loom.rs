//! The janitor under loom: none. Loom would explore every schedule of a thread that never ends, so models call
//! `advance`.

#[cfg(feature = "bounded")]
#[path = "timer_loom.rs"]
pub(crate) mod timer;

use std::marker::PhantomData;

#[cfg(feature = "bounded")]
use crate::engine::item::{Payload, discard};
use crate::engine::registration::{Registration, Rest};
use crate::engine::tally::Swept;
use crate::sync::Arc;
#[cfg(feature = "bounded")]
use crate::sync::thread::Weak;

/// Registers no pool.
#[derive(Debug)]
pub struct Registrar<T>(PhantomData<fn(T)>);

impl<T: Send + 'static> Registrar<T> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<T> Registrar<T> {
    pub(crate) fn register<H>(&self, _: &Arc<H>, _: u64) {}
}

/// Runs work for a pool on a thread of its own.
#[cfg(feature = "bounded")]
pub(crate) fn run_soon<P>(_: Weak<P>, work: impl FnOnce() -> Option<Payload> + Send + 'static) {
    loom::thread::spawn(|| work().into_iter().for_each(discard));
}

pub(crate) fn forget(_: &Registration) {}

/// Without a registry, a pool that is unattended counts as parked.
pub(crate) fn park(registration: &Registration, look: impl FnOnce() -> Option<Rest>) {
    if look().is_none() {
        attend(registration);
    }
}

pub(crate) fn attend(registration: &Registration) {
    if registration.is_unattended() {
        registration.attend();
    }
}

/// Does nothing, because under loom there is no thread.
pub fn stop_janitor() {}

/// Early sweeps: none, because under loom there is no thread.
#[cfg(feature = "pressure")]
pub mod pressure {
    use std::io;
    use std::path::Path;

    /// Does nothing.
    pub fn watch_system() -> io::Result<()> {
        Ok(())
    }

    /// Does nothing.
    pub fn watch_file(_: impl AsRef<Path>) -> io::Result<()> {
        Ok(())
    }
}

/// Does nothing, because under loom there is no thread.
pub fn set_trimming(_: bool) {}

/// Sweeps no pool, because under loom none is registered.
pub fn advance_all() -> Swept {
    Swept::default()
}
