//! How a process finds out, at its first use of a pool, whether it can have the heavy barrier. Each test is a process of
//! its own, as a filter of system calls can't be removed. The system must have the barrier, as Linux does since 4.14.
//! Built with `--cfg ebbtide_no_membarrier`, the crate finds nothing out, and most of the tests are ignored.

#![cfg(target_os = "linux")]

mod common;

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{fs, ptr, thread};

use common::linux::{filter, filter_membarrier, filter_registering, forbid_membarrier, install, trap_membarrier};
use common::{Count, MANUAL, Worker, alone, burst, child, counted, finish, is_child, on_thread, take_all, until};
use ebbtide::{DefaultRecycle, Pool, Settings};

/// If the system refuses the barrier from the start, both sides use fences. No barrier fails, and private slots are
/// swept as usual.
#[test]
fn private_slots_are_swept_without_a_barrier() {
    if alone("private_slots_are_swept_without_a_barrier") {
        forbid_membarrier();
        private_slots_are_swept();
    }
}

/// The same where the system answers the call with a signal that ends the process.
#[test]
fn first_use_survives_a_sandbox_that_traps_membarrier() {
    if alone("first_use_survives_a_sandbox_that_traps_membarrier") {
        filter_membarrier(libc::SECCOMP_RET_TRAP);
        private_slots_are_swept();
        assert_eq!(on_sigsys().sa_sigaction, libc::SIG_DFL);
    }
}

/// The first use does not register for the barrier, as that takes milliseconds in a process with threads. A sweep does,
/// and counts if it is refused.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "nothing registers")]
fn a_sweep_registers_and_not_the_first_use() {
    if !alone("a_sweep_registers_and_not_the_first_use") {
        return;
    }
    filter_registering(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
    let (pool, _) = counted(Settings::new().private_slots(4));
    burst(&pool, 4);
    pool.advance();
    assert_eq!((pool.idle(), pool.stats().failed_barriers), (4, 1));
}

/// The janitor does as soon as it starts, so that no `get` that fetches has to.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "nothing registers")]
fn the_janitor_registers_before_its_first_sweep() {
    if !alone("the_janitor_registers_before_its_first_sweep") {
        return;
    }
    install(libc::SIGSYS, called_with_more);
    filter_registering(libc::SECCOMP_RET_TRAP);
    let hour = Duration::from_secs(3600);
    let pool: Pool<Vec<u8>> = Pool::with_settings(DefaultRecycle, Settings::new().every(hour));
    drop(pool.get());
    until("the janitor has tried to", || CALLED.get() == 1);
    assert_eq!(pool.stats().sweeps, 0);
}

/// The same where the system ends the process. No program can prevent that, so a build can leave the call out.
#[test]
#[cfg(ebbtide_no_membarrier)]
fn built_without_membarrier_survives_a_sandbox_that_kills() {
    if alone("built_without_membarrier_survives_a_sandbox_that_kills") {
        filter_membarrier(libc::SECCOMP_RET_KILL_PROCESS);
        private_slots_are_swept();
    }
}

/// Uses a pool for the first time in this process. A sweep then empties the private slots of an idle thread.
fn private_slots_are_swept() {
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    let idle = Worker::new();
    let theirs = Arc::clone(&pool);
    idle.run(move || drop(burst(&theirs, 3)));
    on_thread(|| drop(burst(&pool, 2)));
    burst(&pool, 4);
    let all = pool.idle();
    assert_eq!(all, ledger.live());
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((0, all)));
    // The sweep took them from the idle thread.
    assert_eq!(on_thread(|| take_all(&pool)).len(), all);
    burst(&pool, 4);
    pool.advance();
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((4, 0)));
    assert_eq!((pool.idle(), ledger.live(), pool.stats().failed_barriers), (0, 0, 0));
    drop(idle);
}

/// The process's action on SIGSYS.
fn on_sigsys() -> libc::sigaction {
    let mut action = MaybeUninit::uninit();
    // SAFETY: only reads the action, and fills `action`.
    unsafe {
        assert_eq!(libc::sigaction(libc::SIGSYS, ptr::null(), action.as_mut_ptr()), 0);
        action.assume_init()
    }
}

/// Sets the process's action on SIGSYS.
fn set_on_sigsys(action: usize, flags: libc::c_int) {
    // SAFETY: all zeros is a valid `sigaction`; the handlers here call only what handlers may call.
    unsafe {
        let mut sigsys: libc::sigaction = std::mem::zeroed();
        (sigsys.sa_sigaction, sigsys.sa_flags) = (action, flags);
        assert_eq!(libc::sigaction(libc::SIGSYS, &sigsys, ptr::null_mut()), 0);
    }
}

/// Runs `act` while a thread is in its first use of a pool, inside a call of `membarrier`. `act` gets the thread's
/// number. Then the call is refused.
fn during_first_use<O>(act: impl FnOnce(libc::pid_t) -> O) -> O {
    // These numbers are the same everywhere on Linux.
    const RECEIVE: usize = 3 << 30 | size_of::<libc::seccomp_notif>() << 16 | 0x2100;
    const SEND: usize = 3 << 30 | size_of::<libc::seccomp_notif_resp>() << 16 | 0x2101;

    thread::scope(|scope| {
        let (sender, listener) = mpsc::channel();
        scope.spawn(move || {
            let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
            let listener = filter(libc::SYS_membarrier, libc::SECCOMP_RET_USER_NOTIF, flags);
            assert!(listener >= 0);
            // SAFETY: `gettid` has no preconditions, and the file descriptor is new.
            let tell = unsafe { (libc::gettid(), OwnedFd::from_raw_fd(listener as i32)) };
            sender.send(tell).expect("somebody waits for it");
            drop(Pool::<Vec<u8>, _>::with_settings(Vec::new, MANUAL).get());
        });
        let (thread, listener) = listener.recv().expect("no panic there");
        // SAFETY: the kernel asks for all zeros. Both pointers are valid for reads and writes.
        unsafe {
            let mut asked: libc::seccomp_notif = std::mem::zeroed();
            assert_eq!(libc::syscall(libc::SYS_ioctl, listener.as_raw_fd(), RECEIVE, &raw mut asked), 0);
            let outcome = act(thread);
            let answer = libc::seccomp_notif_resp { id: asked.id, val: 0, error: -libc::EPERM, flags: 0 };
            assert_eq!(libc::syscall(libc::SYS_ioctl, listener.as_raw_fd(), SEND, &raw const answer), 0);
            outcome
        }
    })
}

/// Makes a system call in this thread that traps.
fn be_trapped() {
    assert_eq!(filter(libc::SYS_getppid, libc::SECCOMP_RET_TRAP, 0), 0);
    // SAFETY: `getppid` has no preconditions.
    unsafe { libc::syscall(libc::SYS_getppid) };
}

/// How often a handler of this program was called, and the code of the last SIGSYS.
static CALLED: Count = Count::new();
static CODE: Count = Count::new();

extern "C" fn called(_: libc::c_int) {
    CALLED.bump();
}

extern "C" fn called_with_more(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    CALLED.bump();
    // SAFETY: the kernel passes a valid pointer.
    CODE.set(unsafe { (*info).si_code } as usize);
}

/// The program's handler isn't called for the pool's own calls. Handler and mask are restored afterwards.
#[test]
fn first_use_restores_signal_handling() {
    if !alone("first_use_restores_signal_handling") {
        return;
    }
    let blocked = || {
        let status = fs::read_to_string("/proc/thread-self/status").expect("Linux has it");
        status.lines().find(|line| line.starts_with("SigBlk:")).expect("so has that").to_owned()
    };
    // SAFETY: blocks two signals in this thread. All zeros is a valid signal set.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigaddset(&mut set, libc::SIGSYS);
        libc::sigaddset(&mut set, libc::SIGUSR2);
        assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut()), 0);
    }
    let blocked_before = blocked();
    trap_membarrier(called_with_more);
    let before = on_sigsys();
    let (pool, _) = counted(Settings::new());
    burst(&pool, 1);
    let after = on_sigsys();
    assert_eq!((after.sa_sigaction, after.sa_flags), (before.sa_sigaction, before.sa_flags));
    assert_eq!((blocked(), CALLED.get()), (blocked_before, 0));
}

/// While one thread probes the barrier, another thread's trap reaches the program's own handler.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "nothing is found out")]
fn during_first_use_traps_reach_the_programs_handler() {
    if !alone("during_first_use_traps_reach_the_programs_handler") {
        return;
    }
    install(libc::SIGSYS, called_with_more);
    during_first_use(|_| be_trapped());
    assert_eq!((CALLED.get(), CODE.get()), (1, 1));
}

/// The same with a handler that gets only the signal's number.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "nothing is found out")]
fn during_first_use_traps_reach_a_plain_handler() {
    if !alone("during_first_use_traps_reach_a_plain_handler") {
        return;
    }
    set_on_sigsys(called as extern "C" fn(_) as *const () as usize, 0);
    during_first_use(|_| be_trapped());
    assert_eq!(CALLED.get(), 1);
}

/// The same without a handler: the trap ends the process.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "nothing is found out")]
fn during_first_use_traps_without_a_handler_end_the_process() {
    if is_child() {
        during_first_use(|_| be_trapped());
        return;
    }
    let (status, text) = finish(&mut child("during_first_use_traps_without_a_handler_end_the_process"));
    assert_eq!(status.signal(), Some(libc::SIGSYS), "{text}");
}

/// A signal that another process sends, and that this one ignores, stays ignored.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "nothing is found out")]
fn during_first_use_ignored_signals_stay_ignored() {
    if !alone("during_first_use_ignored_signals_stay_ignored") {
        return;
    }
    set_on_sigsys(libc::SIG_IGN, 0);
    // SAFETY: sends a signal to this thread.
    during_first_use(|_| assert_eq!(unsafe { libc::raise(libc::SIGSYS) }, 0));
    assert_eq!(on_sigsys().sa_sigaction, libc::SIG_IGN);
}

/// A handler that the program installs while a thread probes the barrier stays installed.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "nothing is found out")]
fn during_first_use_a_newly_installed_handler_stays() {
    if !alone("during_first_use_a_newly_installed_handler_stays") {
        return;
    }
    during_first_use(|_| install(libc::SIGSYS, called_with_more));
    assert_eq!(on_sigsys().sa_sigaction, called_with_more as extern "C" fn(_, _, _) as *const () as usize);
}

/// A thread that probes the barrier blocks signals until it is done. A handler that uses a pool would wait for itself.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "nothing is found out")]
fn during_first_use_signals_are_blocked() {
    if !alone("during_first_use_signals_are_blocked") {
        return;
    }
    install(libc::SIGUSR1, called_with_more);
    during_first_use(|thread| {
        let status = fs::read_to_string(format!("/proc/self/task/{thread}/status")).expect("it is there");
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).expect("Linux has it");
        let blocked = u64::from_str_radix(blocked.trim(), 16).expect("a set in hexadecimal");
        assert_ne!(blocked & 1 << (libc::SIGUSR1 - 1), 0, "the thread takes the signal");
        // SAFETY: sends a signal to that thread of this process.
        assert_eq!(unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, libc::SIGUSR1) }, 0);
        assert_eq!(CALLED.get(), 0);
    });
    assert_eq!(CALLED.get(), 1);
}
