//! The heavy barrier of Linux and Android, `membarrier(2)`, and whether this process may use it.
//!
//! A sandbox may answer a forbidden system call in three ways:
//!
//! - by an error, which is an answer;
//! - by SIGSYS, which ends a program that has no handler for it. So the first calls are made under a handler that takes
//!   it for an answer too;
//! - by ending the process. Nothing helps against that, but to build without the call (`--cfg ebbtide_no_membarrier`).

use std::mem;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use libc::{c_int, c_void, sigaction, siginfo_t};

/// Asks the kernel whether it offers the barrier. Returns `false` where it does not have it (before Linux 4.14), or where
/// a sandbox forbids it by an error or by SIGSYS.
pub(super) fn is_offered() -> bool {
    // One thread at a time, because the handler of a signal is the whole process's. The others wait for some system
    // calls. The thread that makes them calls nothing that could come back here: no allocator, and no handler of an
    // asynchronous signal.
    static OFFERED: OnceLock<bool> = OnceLock::new();
    *OFFERED.get_or_init(|| has_the_call() && untrapped(probe))
}

pub(super) fn heavy() -> bool {
    barrier() || is_unregistered() && membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0 && barrier()
}

fn barrier() -> bool {
    membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0
}

/// Returns whether the process has yet to register for the barrier, which was refused just now. If the process has
/// several threads, the kernel takes milliseconds for that. So the first use of a pool does not do it.
fn is_unregistered() -> bool {
    std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

fn probe() -> bool {
    let commands = membarrier(libc::MEMBARRIER_CMD_QUERY);
    commands > 0 && commands & libc::c_long::from(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0
}

fn membarrier(command: c_int) -> libc::c_long {
    // SAFETY: `membarrier` takes three integers and touches no memory of ours. An unknown command is an error.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }
}

#[cfg(target_os = "linux")]
fn has_the_call() -> bool {
    true
}

/// Android's own filter of system calls has known this one since level 29, Android 10.
#[cfg(target_os = "android")]
fn has_the_call() -> bool {
    let mut value = [0; libc::PROP_VALUE_MAX as usize];
    // SAFETY: the name ends with a zero, and `value` has the room that any value may need, its zero included.
    let level = unsafe {
        libc::__system_property_get(c"ro.build.version.sdk".as_ptr(), value.as_mut_ptr());
        std::ffi::CStr::from_ptr(value.as_ptr())
    };
    level.to_str().ok().and_then(|level| level.parse::<u32>().ok()).is_some_and(|level| level >= 29)
}

/// Signals that the thread's own instructions raise. If they are blocked, they end the process.
const SYNCHRONOUS: [c_int; 6] = [libc::SIGSYS, libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP];

/// The `si_code` of a SIGSYS that a filter of system calls raises.
const SYS_SECCOMP: c_int = 1;

/// The thread inside `untrapped`, by its `pthread_self`; 0 if there is none.
static PROBER: AtomicUsize = AtomicUsize::new(0);
/// One of its system calls was trapped.
static TRAPPED: AtomicBool = AtomicBool::new(false);
/// What the process did on SIGSYS before. Set once, and kept for handlers that still run on other threads.
static BEFORE: OnceLock<sigaction> = OnceLock::new();

/// Runs `act`, once in a process, and returns its result; or `false` if one of its system calls was trapped. Afterwards
/// the process's action on SIGSYS and this thread's signal mask are as before. Neither allocates nor locks.
fn untrapped(act: fn() -> bool) -> bool {
    let handler = (on_sigsys as extern "C" fn(_, _, _) as *const ()).expose_provenance();
    // SAFETY: every pointer is null, or to a local that is there to be read, or written, for the call. All zeros are a
    // valid signal set and a valid `sigaction`. No call fails, because each has a signal that exists and may be caught.
    unsafe {
        let (mut mask, mut mask_before) = (mem::zeroed(), mem::zeroed());
        libc::sigfillset(&mut mask);
        for signal in SYNCHRONOUS {
            libc::sigdelset(&mut mask, signal);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &mask, &mut mask_before);

        let mut before: sigaction = mem::zeroed();
        libc::sigaction(libc::SIGSYS, ptr::null(), &mut before);
        let before = *BEFORE.get_or_init(|| before);
        // ORDERING: Relaxed; partner: the load in `on_sigsys`. On this thread it sees the value; on any other, either
        // value.
        PROBER.store(libc::pthread_self() as usize, Ordering::Relaxed);
        // Has the flags and the mask of the handler before it, which it may have to call.
        let mut ours = before;
        ours.sa_sigaction = handler;
        // Runs on the thread's signal stack, if there is one, because the thread's own stack may be small.
        ours.sa_flags = before.sa_flags & !libc::SA_RESETHAND | libc::SA_SIGINFO | libc::SA_ONSTACK;
        let mut replaced = mem::zeroed();
        libc::sigaction(libc::SIGSYS, &ours, &mut replaced);

        let worked = act();
        // Whoever has installed a handler meanwhile may go on to call ours.
        // ORDERING: Relaxed; partner: the load in `on_sigsys`. On this thread it sees the value; on any other, either
        // value.
        PROBER.store(0, Ordering::Relaxed);

        let mut found: sigaction = mem::zeroed();
        libc::sigaction(libc::SIGSYS, &replaced, &mut found);
        if found.sa_sigaction != handler {
            // Somebody has installed another one meanwhile, and it stays.
            libc::sigaction(libc::SIGSYS, &found, ptr::null_mut());
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &mask_before, ptr::null_mut());
        // ORDERING: Relaxed; partner: the store in `on_sigsys`, on this thread, before the system call there returned.
        worked && !TRAPPED.load(Ordering::Relaxed)
    }
}

/// Takes note if the prober was trapped. Otherwise does what would have been done without this handler.
///
/// It may run on any thread, at any time after it was installed. So it touches nothing but the statics above.
extern "C" fn on_sigsys(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a valid `siginfo_t`, and `pthread_self` only reads a register.
    let (code, thread) = unsafe { ((*info).si_code, libc::pthread_self() as usize) };
    // ORDERING: Relaxed; partner: the store in `untrapped`, before this handler was installed.
    if code == SYS_SECCOMP && thread == PROBER.load(Ordering::Relaxed) {
        // ORDERING: Relaxed; partner: the load in `untrapped`, later on this thread.
        TRAPPED.store(true, Ordering::Relaxed);
        return;
    }
    let Some(before) = BEFORE.get() else { return };
    match before.sa_sigaction {
        // Only what a process sends can be ignored.
        libc::SIG_IGN if code <= 0 => {}
        // SAFETY: as for the calls in `untrapped`. The signal is blocked here, so it ends the process on return, or at
        // once.
        libc::SIG_DFL | libc::SIG_IGN => unsafe {
            let default: sigaction = mem::zeroed();
            libc::sigaction(signal, &default, ptr::null_mut());
            libc::raise(signal);
        },
        handler => {
            let handler = ptr::with_exposed_provenance::<()>(handler);
            // SAFETY: this is a handler of the process for this signal, of the type that its flag says. It gets what
            // the kernel would have passed, with the signals blocked that the kernel would have blocked.
            unsafe {
                if before.sa_flags & libc::SA_SIGINFO != 0 {
                    mem::transmute::<*const (), extern "C" fn(c_int, *mut siginfo_t, *mut c_void)>(handler)(
                        signal, info, context,
                    );
                } else {
                    mem::transmute::<*const (), extern "C" fn(c_int)>(handler)(signal);
                }
            }
        }
    }
}
