//! The janitor's threads: when they start, which signals they block, and what happens if they can't be started.

#![cfg(target_os = "linux")]

mod common;
#[path = "common/janitors.rs"]
mod janitors;
#[path = "common/timed.rs"]
mod timed;

use std::fs;

use common::linux::filter;
use common::{MANUAL, alone, burst, on_thread, until};
use ebbtide::{Pool, advance_all};
use janitors::janitors;
use timed::{Opens, SHORT, slow, timed};

/// Signals that a thread raises by a fault of its own, or by `abort`.
const OWN: [libc::c_int; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

/// The signals that a thread blocks, as bits, or `None` if it has ended.
fn mask_of(thread: impl AsRef<std::path::Path>) -> Option<u64> {
    let status = fs::read_to_string(thread.as_ref().join("status")).ok()?;
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).expect("a line");
    Some(u64::from_str_radix(blocked.trim(), 16).expect("a number"))
}

fn own_mask() -> u64 {
    mask_of("/proc/thread-self").expect("it lives")
}

/// Whether a thread blocks all signals except those that report a fault of its own.
fn is_quiet(thread: impl AsRef<std::path::Path>) -> bool {
    let others = (1..=31).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal) && !OWN.contains(signal));
    let wanted = others.map(|signal| 1 << (signal - 1)).sum::<u64>();
    mask_of(thread).is_some_and(|mask| mask & 0x7fff_ffff == wanted)
}

/// One thread, with its own name, serves all pools. While it waits it is quiet.
#[test]
fn the_only_janitor_thread_blocks_signals() {
    let pools: Vec<_> = (0..20).map(|_| timed(SHORT)).collect();
    pools.iter().for_each(|(pool, _)| drop(burst(pool, 2)));
    for (pool, ledger) in &pools {
        until("each is swept", || ledger.live() == 0 && pool.idle() == 0);
    }
    // A new thread sets its own name, so the name may take a moment.
    until("there is one, and it is quiet", || matches!(&janitors()[..], [one] if is_quiet(one)));
}

/// From now on, this thread alone cannot start another.
fn refuse_threads() {
    for call in [libc::SYS_clone, libc::SYS_clone3] {
        assert_eq!(filter(call, libc::SECCOMP_RET_ERRNO | libc::EAGAIN as u32, 0), 0);
    }
}

/// If the system has no thread at the first use of the only pool, a later use tries again.
#[test]
fn a_later_use_starts_the_janitor_that_could_not_start() {
    if !alone("a_later_use_starts_the_janitor_that_could_not_start") {
        return;
    }
    let (pool, ledger) = timed(SHORT);
    on_thread(|| {
        refuse_threads();
        drop(burst(&pool, 2));
    });
    assert!(janitors().is_empty());
    until("there is a janitor", || {
        pool.prefill(1);
        !janitors().is_empty()
    });
    until("all is swept", || ledger.live() == 0);
}

/// Pools in use do not try again at once, but rounds must find what they return meanwhile.
#[test]
fn without_a_janitor_advance_all_finds_what_returns_to_an_empty_pool() {
    if !alone("without_a_janitor_advance_all_finds_what_returns_to_an_empty_pool") {
        return;
    }
    on_thread(|| {
        refuse_threads();
        let (pool, ledger) = timed(SHORT);
        for _ in 0..3 {
            drop(burst(&pool, 2));
            // The last ones park the pool.
            (0..6).for_each(|_| _ = advance_all());
            assert_eq!((ledger.live(), pool.idle()), (0, 0));
        }
        assert!(janitors().is_empty());
    });
}

type Tell = std::sync::mpsc::Sender<u64>;

/// An item that reports the signal mask of its drop, and of a thread that its `Drop` starts.
struct Masked(Tell);

impl Drop for Masked {
    fn drop(&mut self) {
        let inherited = std::thread::spawn(own_mask).join().expect("no panic");
        // If the test failed, the receiver is gone.
        let _ = self.0.send(inherited).and_then(|()| self.0.send(own_mask()));
    }
}

/// The mask of SIGUSR1.
const ONE: u64 = 1 << (libc::SIGUSR1 - 1);

/// From now on the calling thread blocks SIGUSR1, and nothing else.
fn block_one() {
    // SAFETY: `set` is initialized before use and valid for reads.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGUSR1);
        assert_eq!(libc::pthread_sigmask(libc::SIG_SETMASK, &set, std::ptr::null_mut()), 0);
    }
}

/// The janitor drops items with the signal mask of the thread that started it. So the program's handlers run there,
/// and threads that a `Drop` starts receive signals.
#[test]
fn items_are_dropped_with_the_signal_mask_of_the_first_user() {
    if !alone("items_are_dropped_with_the_signal_mask_of_the_first_user") {
        return;
    }
    block_one();
    let (tell, told) = std::sync::mpsc::channel();
    let pool = Pool::with_settings(move || Masked(tell.clone()), SHORT);
    // Several times, as the thread blocks signals while it waits.
    for _ in 0..3 {
        drop(pool.get());
        for what in ["what it starts", "its own"] {
            assert_eq!(told.recv().expect("the janitor lives"), ONE, "{what}");
        }
    }
}

/// So are items created in the background. A thread that waits for the next creation is quiet, as the janitor is.
#[cfg(feature = "bounded")]
#[test]
fn items_are_created_with_the_signal_mask_of_the_first_user() {
    use ebbtide::{BoundedPool, bounded::Settings};

    if !alone("items_are_created_with_the_signal_mask_of_the_first_user") {
        return;
    }
    block_one();
    let here = std::thread::current().id();
    let creates = move || {
        assert_ne!(std::thread::current().id(), here);
        [std::thread::spawn(own_mask).join().expect("no panic"), own_mask()]
    };
    let pool = BoundedPool::with_settings(creates, Settings::new(2).manual()).create_in_background();
    // The first of them starts the thread.
    for _ in 0..3 {
        assert_eq!(*pool.get().unwrap(), [ONE; 2]);
        pool.clear();
        until("the threads wait, and are quiet", || {
            let threads = janitors::threads_named("ebbtide-dropper");
            !threads.is_empty() && threads.iter().all(is_quiet)
        });
    }
}

/// The thread that uses a pool first keeps its signal mask.
#[test]
fn the_first_user_keeps_its_signal_mask() {
    if !alone("the_first_user_keeps_its_signal_mask") {
        return;
    }
    let before = own_mask();
    let (pool, _ledger) = timed(SHORT);
    burst(&pool, 1);
    assert_eq!(own_mask(), before);
}

/// Neither manual pools nor unused ones start a thread. The first use of a timed pool starts it.
#[test]
fn the_janitor_starts_on_first_use() {
    if !alone("the_janitor_starts_on_first_use") {
        return;
    }
    let threads = || fs::read_dir("/proc/self/task").expect("procfs").count();
    let before = threads();
    let manual = Pool::with_settings(Vec::<u8>::new, MANUAL);
    manual.get().push(1);
    manual.advance();
    let (pool, _ledger) = timed(SHORT);
    assert_eq!((pool.idle(), pool.try_get().is_some(), pool.advance().is_some()), (0, false, true));
    advance_all();
    assert_eq!((threads(), janitors().len()), (before, 0));
    burst(&pool, 1);
    until("nothing is idle", || pool.idle() == 0);
    // One thread sweeps and one drops. Further items start no other.
    assert_eq!((threads(), janitors().len()), (before + 2, 1));
}

/// How often the janitor went to sleep.
fn sleeps() -> u64 {
    let status = fs::read_to_string(janitors()[0].join("status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).expect("a line");
    line.trim().parse().expect("a number")
}

/// Waits until the janitor sleeps. Returns how often it did so far.
fn asleep() -> u64 {
    let state = || fs::read_to_string(janitors()[0].join("stat")).expect("it lives");
    until("the janitor runs", || janitors().len() == 1);
    until("it sleeps", || state().contains("(ebbtide-janitor) S"));
    sleeps()
}

/// A new pool wakes the janitor only if it is due before the janitor wakes by itself.
#[test]
fn the_janitor_sleeps_on_if_no_new_pool_is_due_sooner() {
    if !alone("the_janitor_sleeps_on_if_no_new_pool_is_due_sooner") {
        return;
    }
    let hour = || timed(ebbtide::Settings::new().every(std::time::Duration::from_secs(3600)));
    let (first, _ledger) = hour();
    burst(&first, 1);
    let before = asleep();
    for _ in 0..1000 {
        let (pool, _ledger) = hour();
        burst(&pool, 1);
    }
    // It may have slept for another reason when `before` was read, such as the lock.
    assert!(asleep() < before + 5);
}

fn set_limit(limit: &libc::rlimit) {
    // SAFETY: `limit` is valid for reads.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, limit) }, 0);
}

/// Leaves no memory for another thread's stack. Returns the limit before.
fn no_more_threads() -> libc::rlimit {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for writes.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) }, 0);
    let before = limit;
    let pages = fs::read_to_string("/proc/self/statm").expect("procfs");
    let pages: libc::rlim_t = pages.split(' ').next().and_then(|pages| pages.parse().ok()).expect("a number");
    // SAFETY: `sysconf` has no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as libc::rlim_t;
    limit.rlim_cur = pages * page + (1 << 20);
    set_limit(&limit);
    assert!(std::thread::Builder::new().spawn(|| ()).is_err(), "the limit has no effect here");
    before
}

/// One thread is inside a `Drop` and no other can be started. The janitor drops items itself and keeps sweeping.
#[test]
fn the_janitor_drops_items_itself_if_no_thread_can_be_started() {
    if !alone("the_janitor_drops_items_itself_if_no_thread_can_be_started") {
        return;
    }
    let (slow, gate, ledger) = slow();
    let _opens = Opens(&gate);
    drop(slow.get());
    until("an item waits in its drop", || gate.waiting.get() == 1);
    let before = no_more_threads();
    let (other, others) = timed(SHORT);
    for _ in 0..3 {
        burst(&other, 5);
        until("it has dropped them", || others.live() == 0);
    }
    assert_eq!((gate.waiting.get(), ledger.live()), (1, 1));
    set_limit(&before);
}

/// Nor can items be created elsewhere than on the calling thread.
#[cfg(feature = "bounded")]
#[test]
fn a_get_creates_items_itself_if_no_thread_can_be_started() {
    use ebbtide::{BoundedPool, bounded::Settings};

    if !alone("a_get_creates_items_itself_if_no_thread_can_be_started") {
        return;
    }
    let creates = || std::thread::current().id();
    let pool = BoundedPool::with_settings(creates, Settings::new(2).manual()).create_in_background();
    let (here, before) = (std::thread::current().id(), no_more_threads());
    assert_eq!(*pool.get().unwrap(), here);
    pool.clear();
    assert_eq!(pool.try_get().as_deref(), Some(&here));
    pool.clear();
    assert_eq!(*common::polled::Polled::new(pool.get_async()).poll().unwrap().unwrap(), here);
    pool.clear();
    set_limit(&before);
    assert_ne!(*pool.get().unwrap(), here);
}

/// Idle items, too, are created on the thread that misses them.
#[cfg(feature = "bounded")]
#[test]
fn a_pool_is_filled_by_its_user_if_no_thread_can_be_started() {
    use ebbtide::{BoundedPool, bounded::Settings};

    if !alone("a_pool_is_filled_by_its_user_if_no_thread_can_be_started") {
        return;
    }
    let creates = || std::thread::current().id();
    let pool = BoundedPool::with_settings(creates, Settings::new(3).manual().min_idle(2)).create_in_background();
    let (here, before) = (std::thread::current().id(), no_more_threads());
    pool.resize(3).unwrap(); // uses it
    for _ in 0..2 {
        assert_eq!(pool.idle(), 2);
        assert!(pool.get_many(2).unwrap().iter().all(|item| **item == here));
        pool.clear();
    }
    set_limit(&before);
}

/// If the janitor can't be started, pools work and `advance` sweeps them. The next pool that is used tries again.
#[test]
fn pools_work_if_no_thread_can_be_started() {
    if !alone("pools_work_if_no_thread_can_be_started") {
        return;
    }
    let before = no_more_threads();
    let (pool, ledger) = timed(SHORT);
    burst(&pool, 40);
    burst(&pool, 40);
    assert_eq!((pool.idle(), ledger.made(), janitors().len()), (40, 40, 0));
    pool.advance();
    advance_all();
    assert_eq!((pool.idle(), ledger.live()), (0, 0));

    set_limit(&before);
    burst(&pool, 5);
    let (next, _ledger) = timed(SHORT);
    burst(&next, 5);
    until("the thread sweeps both", || pool.idle() + next.idle() == 0);
    assert_eq!(janitors().len(), 1);
}
