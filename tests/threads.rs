//! How threads end: their last destructors, those of the main thread too, thousands of threads that end while another one
//! sweeps, and the child of a `fork`.

mod common;

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};
use std::thread;

use common::{Count, CountedPool, Ledger, MANUAL, Maker, alone, burst, counted, on_thread, sweep_during};
use ebbtide::{OwnedPooled, Pool, Pooled, Settings, advance_all};

/// Threads by the thousand that end, several at a time, while another one sweeps: each item that they leave behind is
/// found, swept or inherited once.
#[test]
fn thousands_of_threads_end_while_another_sweeps() {
    sweep_during(3, |pool| {
        for _ in 0..1500 {
            on_thread(|| {
                let guards = [(); 6].map(|()| pool.get());
                guards.iter().for_each(|item| item.own());
                guards.iter().for_each(|item| item.disown());
            });
        }
    });
}

/// Of threads that come one after the other each inherits the slots of the one before, so that all together they keep no
/// more than one. In a process of its own, where no other thread takes part.
#[test]
fn a_thread_inherits_from_the_one_before() {
    if !alone("a_thread_inherits_from_the_one_before") {
        return;
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    for _ in 0..1000 {
        on_thread(|| drop(burst(&pool, 4)));
    }
    assert_eq!((ledger.made(), pool.idle()), (4, 4));
}

/// Uses the pool when its thread exits.
struct Late(Arc<CountedPool>);

impl Drop for Late {
    fn drop(&mut self) {
        burst(&self.0, 4);
    }
}

/// The same where the threads' last destructors use the pool too: what a thread takes to do so it gives back, so that all
/// together keep no more than one thread and its destructors.
#[test]
fn a_thread_inherits_from_the_last_destructors_of_the_one_before() {
    thread_local! {
        static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    if !alone("a_thread_inherits_from_the_last_destructors_of_the_one_before") {
        return;
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    for _ in 0..1000 {
        let pool = Arc::clone(&pool);
        // Where thread-locals are keys, they may be dropped in the order in which they were first used. The pool looks for the
        // thread's number before it makes an item, and takes one when that comes back.
        let exited = thread::spawn(move || {
            let guard = pool.get();
            LATE.set(Some(Late(Arc::clone(&pool))));
            drop(guard);
            burst(&pool, 4);
        });
        exited.join().expect("no panic in a destructor");
    }
    let made = ledger.made();
    assert!(made <= 8 && pool.idle() == made, "{made} items were made for one thread at a time");
}

/// What a thread takes with it to its end: guards and pools.
struct Luggage {
    guard: Pooled<'static, common::Counted, Maker>,
    last_holder: OwnedPooled<common::Counted, Maker>,
    own: CountedPool,
}

/// Uses what the thread had, and pools that it had not, when it is dropped.
struct Last(RefCell<Option<Luggage>>);

static POOL: OnceLock<CountedPool> = OnceLock::new();
static LEDGER: OnceLock<Arc<Ledger>> = OnceLock::new();
static ENDS: Count = Count::new();

fn pool_of(ledger: &Arc<Ledger>) -> CountedPool {
    Pool::with_settings(Maker(Arc::clone(ledger)), MANUAL.private_slots(4))
}

impl Last {
    fn pack(&self) {
        let ledger = LEDGER.get_or_init(Ledger::new);
        let shared = POOL.get_or_init(|| pool_of(ledger));
        let (last, own) = (Arc::new(pool_of(ledger)), pool_of(ledger));
        burst(&last, 20);
        burst(&own, 20);
        self.0.replace(Some(Luggage { guard: shared.get(), last_holder: last.get_owned(), own }));
    }
}

impl Drop for Last {
    fn drop(&mut self) {
        let Luggage { guard, last_holder, own } = self.0.take().expect("packed by the thread");
        let (shared, ledger) = (POOL.get().expect("made before"), LEDGER.get().expect("made before"));
        let before = ledger.dropped();
        drop(guard);
        // With this goes its pool of 20.
        drop(last_holder);
        assert_eq!(ledger.dropped(), before + 20);
        // Without slots of its own any more, the thread doesn't find the 4 items that lie in those it had.
        assert_eq!((own.idle(), burst(&own, 25).len()), (20, 25));
        let idle = own.idle();
        assert!(idle == 25 || idle == 29, "{idle}");
        assert_eq!(own.advance().map(|swept| (swept.dropped, swept.kept)), Some((0, idle)));
        assert_eq!(own.prefill(5), 5);
        drop(own);
        assert_eq!(ledger.dropped(), before + 20 + idle + 5);
        let new = pool_of(ledger);
        assert_eq!((burst(&new, 30).len(), new.clear().map(|swept| swept.dropped)), (30, Some(30)));
        burst(shared, 30);
        shared.advance();
        if ENDS.bump() == 1 {
            assert_eq!(shared.clear().map(|swept| swept.kept), Some(0));
            ledger.assert_all_dropped_once();
            eprintln!("both destructors are through");
        }
    }
}

/// Fills two thread-locals: one that was there before the thread's own state in the pools, and one that came after.
fn pack_twice() {
    thread_local! {
        static BEFORE: Last = const { Last(RefCell::new(None)) };
        static AFTER: Last = const { Last(RefCell::new(None)) };
    }
    BEFORE.with(|_| ());
    BEFORE.with(Last::pack);
    AFTER.with(Last::pack);
}

/// Guards, pools and last holders of pools in thread-locals, dropped before the thread's own state and after it.
#[test]
fn guards_and_pools_dropped_when_their_thread_ends() {
    if !alone("guards_and_pools_dropped_when_their_thread_ends") {
        return;
    }
    thread::spawn(pack_twice).join().expect("no panic in a destructor");
    assert_eq!(ENDS.get(), 2);
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;

    use std::ffi::CStr;
    use std::panic::{self, AssertUnwindSafe};
    use std::ptr;
    use std::time::Duration;

    use common::{child, finish, holds_within, until};

    const ON_MAIN: &str = "EBBTIDE_ON_MAIN";

    /// Runs before `main`, and thus on the main thread, where the test harness runs no test.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static BEFORE_MAIN: extern "C" fn() = {
        extern "C" fn before_main() {
            if std::env::var_os(ON_MAIN).is_some() {
                pack_twice();
            }
        }
        before_main
    };

    /// The same on the main thread, whose destructors run when the process exits.
    #[test]
    fn guards_and_pools_dropped_when_the_main_thread_ends() {
        if std::env::var_os(ON_MAIN).is_some() {
            return;
        }
        let mut command = child("linux::guards_and_pools_dropped_when_the_main_thread_ends");
        let (status, text) = finish(command.env(ON_MAIN, "1"));
        assert!(status.success() && text.contains("both destructors are through"), "{text}");
    }

    /// Forks; the child executes a shell that exits with `code`. Whether that is how it ended.
    fn forked_child_exits_with(code: &CStr) -> bool {
        let arguments = [c"/bin/sh".as_ptr(), c"-c".as_ptr(), c"exit $0".as_ptr(), code.as_ptr(), ptr::null()];
        let execute = || {
            // SAFETY: the arguments were made before, and end with a null pointer.
            unsafe { libc::execv(arguments[0], arguments.as_ptr()) };
            1
        };
        // SAFETY: until it executes another program, the child calls only what is allowed in a child.
        let status = unsafe { forked_child(execute) };
        status.is_some_and(|status| code.to_bytes() == status.to_string().as_bytes())
    }

    /// Forks; the child does `act` and exits with what that returns. With what it did exit, if it did.
    ///
    /// # Safety
    ///
    /// `act` must do nothing that needs another thread of this process, or what such a thread may hold.
    unsafe fn forked_child(act: impl FnOnce() -> libc::c_int) -> Option<libc::c_int> {
        // SAFETY: the child does `act`, of which the caller answers for.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let code = panic::catch_unwind(AssertUnwindSafe(act)).unwrap_or(101);
            // SAFETY: ends the child, and runs nothing else there.
            unsafe { libc::_exit(code) };
        }
        assert!(child > 0, "no process can be started");
        let mut status = 0;
        // SAFETY: `status` is there to be written.
        let ended = || unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) } == child;
        if !holds_within(Duration::from_secs(30), ended) {
            // SAFETY: it was not waited for, so its number is still its own.
            unsafe { libc::kill(child, libc::SIGKILL) };
            return None;
        }
        libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status))
    }

    /// The child of a fork has no janitor. Where it goes on without `exec`, its pools are swept by `advance_all`, and serve as
    /// before.
    #[test]
    fn a_child_of_a_fork_sweeps_by_advance_all() {
        if !alone("linux::a_child_of_a_fork_sweeps_by_advance_all") {
            return;
        }
        let ledger = Ledger::new();
        let settings = Settings::new().every(Duration::from_secs(3600));
        let pool = Pool::with_settings(Maker(Arc::clone(&ledger)), settings);
        burst(&pool, 2);
        let sleeps = |task: &std::fs::DirEntry| {
            let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            stat.contains("(ebbtide-janitor) S")
        };
        let tasks = || std::fs::read_dir("/proc/self/task").expect("procfs").map(|task| task.expect("a task"));
        until("the janitor sleeps", || tasks().any(|task| sleeps(&task)));
        let act = || {
            for idle in [2, 0] {
                advance_all();
                assert_eq!((pool.idle(), ledger.live()), (idle, idle));
            }
            burst(&pool, 1);
            assert_eq!((pool.idle(), pool.stats().sweeps), (1, 2));
            7
        };
        // SAFETY: the only other thread that uses pools is the janitor, which sleeps and holds nothing.
        assert_eq!(unsafe { forked_child(act) }, Some(7));
    }

    /// In a program whose threads use pools, the child of a `fork` comes as far as `exec`, wherever those threads were.
    #[test]
    fn a_child_of_a_fork_comes_as_far_as_exec() {
        if !alone("linux::a_child_of_a_fork_comes_as_far_as_exec") {
            return;
        }
        let ledger = Ledger::new();
        let settings = Settings::new().every(Duration::from_millis(1)).private_slots(4);
        let pool = Pool::with_settings(Maker(Arc::clone(&ledger)), settings);
        let over = Count::new();
        let all_did = thread::scope(|scope| {
            for n in [10, 20] {
                let (pool, over) = (&pool, &over);
                scope.spawn(move || {
                    while over.get() == 0 {
                        burst(pool, n);
                    }
                });
            }
            let all_did = (0..50).all(|_| {
                let _in_hand = pool.get();
                forked_child_exits_with(c"7")
            });
            over.set(1);
            all_did
        });
        assert!(all_did, "a child came to no end, or to another one");
        until("the janitor of this process goes on", || ledger.live() == 0);
        ledger.assert_all_dropped_once();
    }
}
