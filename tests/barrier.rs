//! Heavy barriers that fail, are slow, or don't exist, and how a process finds out. Each test is a process of its own,
//! as a filter of system calls can't be removed. The system must have the barrier, as Linux does since 4.14. Built with
//! `--cfg ebbtide_no_membarrier`, the crate doesn't use it, and half of the tests are ignored.

#![cfg(target_os = "linux")]

mod common;

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{fs, ptr, thread};

use common::linux::{filter, filter_membarrier, forbid_membarrier, install, trap_membarrier};
use common::{
    Count, CountedPool, Ledger, MANUAL, Maker, Worker, alone, burst, child, counted, finish, is_child, on_thread,
    take_all, until,
};
use ebbtide::{Pool, Settings, Swept, advance_all};

/// A sweep whose barrier fails leaves every private slot unswept and counts that. Shared items age as usual.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "there is no call that could fail")]
fn a_failed_barrier_leaves_private_slots_unswept() {
    if !alone("a_failed_barrier_leaves_private_slots_unswept") {
        return;
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    let idle = Worker::new();
    let theirs = Arc::clone(&pool);
    idle.run(move || drop(burst(&theirs, 3)));
    burst(&pool, 4);
    pool.prefill(10);
    assert_eq!((pool.idle(), pool.stats().failed_barriers), (17, 0));

    forbid_membarrier();
    let first = pool.advance().expect("no other sweep runs");
    assert_eq!((first.dropped, first.kept, first.left_busy), (0, 17, 0));
    let second = pool.advance().expect("no other sweep runs");
    assert_eq!((second.dropped, second.kept, second.left_busy), (10, 7, 0));
    assert_eq!(pool.stats().failed_barriers, 2);

    // Private slots still serve their owners, the last item first. Items that pass through them never age.
    for _ in 0..5 {
        let mine = pool.get();
        let id = mine.id;
        drop(mine);
        assert_eq!(burst(&pool, 1), [id]);
        let theirs = Arc::clone(&pool);
        assert_eq!(idle.run(move || burst(&theirs, 3).len()), 3);
        let swept = pool.advance().expect("no other sweep runs");
        assert_eq!((swept.dropped, swept.kept), (0, 7));
    }
    let cleared = pool.clear().expect("no other sweep runs");
    assert_eq!((cleared.dropped, cleared.kept), (0, 7));
    let stats = pool.stats();
    assert_eq!((stats.failed_barriers, stats.sweeps, stats.left_busy, stats.created), (8, 8, 0, 7));
    drop(idle);
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// The janitor keeps sweeping too, for all pools that share the barrier.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "there is no call that could fail")]
fn the_janitor_keeps_sweeping_after_a_failed_barrier() {
    if !alone("the_janitor_keeps_sweeping_after_a_failed_barrier") {
        return;
    }
    let timed = |every| {
        let ledger = Ledger::new();
        let pool: CountedPool =
            Pool::with_settings(Maker(Arc::clone(&ledger)), Settings::new().every(every).private_slots(4));
        burst(&pool, 4);
        (pool, ledger)
    };
    let hour = Duration::from_secs(3600);
    let pools = [timed(hour), timed(hour)];
    forbid_membarrier();
    advance_all();
    advance_all();
    assert!(pools.iter().all(|(pool, _)| (pool.idle(), pool.stats().failed_barriers) == (4, 2)));

    let (pool, ledger) = timed(Duration::from_millis(1));
    until("the janitor has tried", || pool.stats().failed_barriers >= 3);
    assert_eq!((pool.idle(), ledger.dropped()), (4, 0));
    pool.prefill(10);
    until("what is shared is dropped", || ledger.live() == 4);
    assert_eq!(pool.idle(), 4);
}

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

/// Set while a sweep is to be held at its barrier, and while it is held.
static HOLD: Count = Count::new();
static HELD: Count = Count::new();

/// Called instead of the barrier, which then counts as failed.
extern "C" fn hold(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    HELD.set(HOLD.get());
    while HOLD.get() == 1 {
        thread::yield_now();
    }
}

/// The result of `act` while a sweep is at its barrier, and of the sweep.
fn at_the_barrier<O>(pool: &CountedPool, act: impl FnOnce() -> O) -> (O, Swept) {
    trap_membarrier(hold);
    HOLD.set(1);
    thread::scope(|scope| {
        let sweep = scope.spawn(|| pool.advance());
        until("the sweep is at its barrier", || HELD.get() == 1);
        let outcome = act();
        HOLD.set(0);
        (outcome, sweep.join().expect("no panic").expect("it was the only sweep when it began"))
    })
}

/// While a sweep is at its barrier, all other threads proceed. Each owner moves its own items out and uses them as
/// victims, which are young again when they return.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "there is no call that could fail")]
fn owners_proceed_while_a_sweep_is_at_its_barrier() {
    if !alone("owners_proceed_while_a_sweep_is_at_its_barrier") {
        return;
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    let worker = Worker::new();
    let theirs = Arc::clone(&pool);
    worker.run(move || drop(burst(&theirs, 4)));
    let mine = burst(&pool, 4);

    let ((), swept) = at_the_barrier(&pool, || {
        let found = burst(&pool, 4);
        assert!(mine.iter().all(|id| found.contains(id)));
        // The first burst creates six items, and the others reuse them.
        for _ in 0..3 {
            burst(&pool, 10);
            let theirs = Arc::clone(&pool);
            worker.run(move || drop(burst(&theirs, 10)));
        }
        assert_eq!((pool.idle(), ledger.made()), (14, 14));
        on_thread(|| pool.prefill(3));
        assert!(pool.advance().is_none() && pool.clear().is_none(), "the other sweep has the token");
    });
    assert_eq!((swept.dropped, swept.kept, swept.left_busy), (0, 17, 0));
    // Items that weren't used since are dropped by the next sweep. Used ones are a sweep younger, except in private
    // slots, as barriers keep failing.
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((3, 14)));
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((6, 8)));
    worker.run(move || drop(pool));
    ledger.assert_all_dropped_once();
}

/// Items that an owner moves out for a sweep are victims, as if the sweep had taken them. The next sweep drops those
/// that aren't used.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "there is no call that could fail")]
fn items_moved_out_for_a_sweep_are_victims() {
    if !alone("items_moved_out_for_a_sweep_are_victims") {
        return;
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    burst(&pool, 4);

    let (used, swept) = at_the_barrier(&pool, || pool.get());
    assert_eq!((swept.dropped, swept.kept, swept.left_busy), (0, 3, 0));
    // The other item of its batch is in private slots, and barriers keep failing.
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((2, 1)));
    assert_eq!(pool.stats().rescues, 1);
    drop(used);
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// If the shared queues have no room for an owner's items, the owner leaves them to the sweep and reserves no room.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "there is no call that could fail")]
fn an_owner_moves_items_out_only_if_there_is_room() {
    if !alone("an_owner_moves_items_out_only_if_there_is_room") {
        return;
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4).max_idle(3));
    burst(&pool, 4);
    assert_eq!(pool.prefill(2), 2);

    let ((used, shared, room), _) =
        at_the_barrier(&pool, || (pool.get(), on_thread(|| take_all(&pool).len()), pool.prefill(4)));
    assert_eq!((shared, room), (1, 3), "one of two prefilled items is left, then there is room for three");
    drop(used);
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// Items that an owner moves out for a sweep take up room until the owner takes them back.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "there is no call that could fail")]
fn items_moved_out_for_a_sweep_take_up_room() {
    if !alone("items_moved_out_for_a_sweep_take_up_room") {
        return;
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4).max_idle(3));
    burst(&pool, 2);

    let ((used, room), _) = at_the_barrier(&pool, || (pool.get(), pool.prefill(4)));
    assert_eq!(room, 3, "one item is in use, and the other in a private slot again");
    drop(used);
    drop(pool);
    ledger.assert_all_dropped_once();
}
