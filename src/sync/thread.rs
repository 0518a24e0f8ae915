//! How many threads can run at once, a quiet background thread, and what it sleeps on.

#[cfg(any(not(all(loom, feature = "loom")), feature = "bounded"))]
use crossbeam_utils::Backoff;

#[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
use super::signals::Mask;

#[cfg(not(all(loom, feature = "loom")))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, Weak};

#[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
pub(crate) use std::thread::JoinHandle;

#[cfg(loom_is_shuttle)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, PoisonError, Weak};

#[cfg(all(loom, feature = "loom", not(loom_is_shuttle), feature = "bounded"))]
pub(crate) use {
    loom::sync::{Condvar, Mutex, MutexGuard},
    std::sync::PoisonError,
};

/// Waits for a lock with exponential backoff. Returns `None` when it would be time to block, and under loom at once.
#[cfg(any(not(all(loom, feature = "loom")), feature = "bounded"))]
pub(crate) fn spin<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    let backoff = Backoff::new();
    while !cfg!(all(loom, feature = "loom")) && !backoff.is_completed() {
        backoff.snooze();
        if let Ok(guard) = mutex.try_lock() {
            return Some(guard);
        }
    }
    None
}

#[cfg(all(any(not(all(loom, feature = "loom")), loom_is_shuttle), feature = "bounded"))]
pub(crate) fn downgrade<T>(strong: &super::Arc<T>) -> Weak<T> {
    super::Arc::downgrade(strong)
}

/// Loom has none, so a model's is strong.
#[cfg(all(loom, feature = "loom", not(loom_is_shuttle), feature = "bounded"))]
pub(crate) struct Weak<T>(super::Arc<T>);

#[cfg(all(loom, feature = "loom", not(loom_is_shuttle), feature = "bounded"))]
impl<T> Weak<T> {
    pub(crate) fn upgrade(&self) -> Option<super::Arc<T>> {
        Some(super::Arc::clone(&self.0))
    }
}

#[cfg(all(loom, feature = "loom", not(loom_is_shuttle), feature = "bounded"))]
impl<T> Clone for Weak<T> {
    fn clone(&self) -> Self {
        Self(super::Arc::clone(&self.0))
    }
}

#[cfg(all(loom, feature = "loom", not(loom_is_shuttle), feature = "bounded"))]
pub(crate) fn downgrade<T>(strong: &super::Arc<T>) -> Weak<T> {
    Weak(super::Arc::clone(strong))
}

/// Returns how many threads can run at once. Asks the system once.
pub(crate) fn cpus() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static CPUS: AtomicUsize = AtomicUsize::new(0);

    if cfg!(all(loom, feature = "loom")) {
        return 2;
    }
    // ORDERING: Relaxed, no partner; a thread that finds 0 asks again, and gets the same answer or one as good.
    match CPUS.load(Ordering::Relaxed) {
        0 => {
            let cpus = std::thread::available_parallelism().map_or(1, usize::from);
            // ORDERING: Relaxed, no partner; as above.
            CPUS.store(cpus, Ordering::Relaxed);
            cpus
        }
        cpus => cpus,
    }
}

/// Starts a named thread that takes no signals from elsewhere. So a program's handlers run on the program's own
/// threads. `body` gets the mask of the calling thread, for what the new one does on its behalf.
#[cfg(not(all(loom, feature = "loom")))]
pub(crate) fn spawn_quiet(name: &str, body: fn(Mask)) -> std::io::Result<JoinHandle<()>> {
    // The new thread inherits the mask, so at no moment can it take a signal.
    let starters = Mask::quiet().set();
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        IS_QUIET.set(true);
        body(starters);
    });
    starters.set();
    started
}

#[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
std::thread_local! {
    static IS_QUIET: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether `spawn_quiet` started the calling thread.
#[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
pub(crate) fn is_quiet() -> bool {
    IS_QUIET.get()
}

/// Starts no thread: shuttle's scenarios do its work themselves.
#[cfg(loom_is_shuttle)]
pub(crate) fn spawn_quiet(_name: &str, _body: fn(Mask)) -> std::io::Result<JoinHandle<()>> {
    Err(std::io::ErrorKind::Unsupported.into())
}
