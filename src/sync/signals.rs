//! Which signals a thread takes.

pub(crate) use system::Mask;

#[cfg(all(
    not(all(loom, feature = "loom")),
    any(
        target_os = "linux",
        target_os = "android",
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "illumos",
        target_os = "solaris",
    )
))]
mod system {
    use std::mem::MaybeUninit;

    /// Signals that a thread raises by its own fault, or by `abort`. If it blocks them, a fault ends the process, even
    /// if the program has a handler that repairs or reports it.
    const OWN: [libc::c_int; 7] =
        [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

    /// The signals that a thread does not take.
    #[derive(Clone, Copy)]
    pub(crate) struct Mask(libc::sigset_t);

    impl Mask {
        /// Takes no signals from elsewhere.
        pub(crate) fn quiet() -> Self {
            let mut set = MaybeUninit::uninit();
            // SAFETY: `set` is room for a signal set. The first call fills it, and the others change it.
            unsafe {
                libc::sigfillset(set.as_mut_ptr());
                for signal in OWN {
                    libc::sigdelset(set.as_mut_ptr(), signal);
                }
                Self(set.assume_init())
            }
        }

        /// Makes this the calling thread's mask. Returns the one before.
        pub(crate) fn set(self) -> Self {
            let mut before = MaybeUninit::uninit();
            // SAFETY: both pointers are to a signal set, and `before` is filled before it is read. The last call fails
            // only if its first argument is unknown.
            unsafe {
                libc::sigemptyset(before.as_mut_ptr());
                libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, before.as_mut_ptr());
                Self(before.assume_init())
            }
        }
    }
}

/// No signals, or none that are known here.
#[cfg(not(all(
    not(all(loom, feature = "loom")),
    any(
        target_os = "linux",
        target_os = "android",
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "illumos",
        target_os = "solaris",
    )
)))]
mod system {
    #[derive(Clone, Copy)]
    pub(crate) struct Mask;

    impl Mask {
        pub(crate) fn quiet() -> Self {
            Self
        }

        pub(crate) fn set(self) -> Self {
            self
        }
    }
}
