//! How many threads can run at once, a quiet background thread, and what it sleeps on.

#[cfg(not(loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, Weak};

#[cfg(loom_is_shuttle)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, PoisonError, Weak};

#[cfg(all(loom, not(loom_is_shuttle), feature = "bounded"))]
pub(crate) use {
    loom::sync::{Condvar, Mutex, MutexGuard},
    std::sync::PoisonError,
};

/// How many threads can run at once; asked of the system once.
pub(crate) fn cpus() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static CPUS: AtomicUsize = AtomicUsize::new(0);

    if cfg!(loom) {
        return 2;
    }
    // ORDERING: Relaxed, no partner; whoever finds 0 asks again, and gets the same answer or one as good.
    match CPUS.load(Ordering::Relaxed) {
        0 => {
            let cpus = std::thread::available_parallelism().map_or(1, usize::from);
            // ORDERING: Relaxed, as above.
            CPUS.store(cpus, Ordering::Relaxed);
            cpus
        }
        cpus => cpus,
    }
}

/// Starts a named thread that takes no signals: a program's handlers run on the program's own threads.
#[cfg(not(loom))]
pub(crate) fn spawn_quiet(name: &str, body: fn()) -> std::io::Result<()> {
    // The new thread inherits the mask, so there is no moment at which it could take a signal.
    let _blocked = signals::Blocked::all();
    std::thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
}

/// No thread: shuttle's scenarios do its work themselves.
#[cfg(loom_is_shuttle)]
pub(crate) fn spawn_quiet(_name: &str, _body: fn()) -> std::io::Result<()> {
    Ok(())
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(loom)))]
mod signals {
    use std::mem::MaybeUninit;
    use std::ptr;

    /// While this lives, the calling thread takes no signals.
    pub(super) struct Blocked {
        before: libc::sigset_t,
    }

    impl Blocked {
        pub(super) fn all() -> Self {
            let mut all = MaybeUninit::uninit();
            let mut before = MaybeUninit::uninit();
            // SAFETY: both point to room for a signal set, and both are filled before they are read.
            let before = unsafe {
                libc::sigfillset(all.as_mut_ptr());
                libc::sigemptyset(before.as_mut_ptr());
                // Fails only if its first argument is unknown.
                libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
                before.assume_init()
            };
            Self { before }
        }
    }

    impl Drop for Blocked {
        fn drop(&mut self) {
            // SAFETY: `before` is the mask that `all` found.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, ptr::null_mut()) };
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", loom)))]
mod signals {
    pub(super) struct Blocked;

    impl Blocked {
        pub(super) fn all() -> Self {
            Self
        }
    }
}
