//! How threads end: their last destructors, the main thread's too, thousands of threads that end during sweeps, and the
//! child of a `fork`.

mod common;

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};
use std::thread;

use common::{Count, CountedPool, Ledger, MANUAL, Maker, alone, burst, counted, on_thread, sweep_during};
use ebbtide::{OwnedPooled, Pool, Pooled, Settings, advance_all};

/// Thousands of threads end, several at a time, while another one sweeps. Each item that they leave is found, swept or
/// inherited once.
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

/// Threads run one after the other, and each inherits the slots of the one before. So all of them together keep no more
/// items than one. This runs in a process of its own, where no other thread takes part.
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

/// Uses the pool when its thread ends.
struct Late(Arc<CountedPool>);

impl Drop for Late {
    fn drop(&mut self) {
        burst(&self.0, 4);
    }
}

/// The same where the threads' last destructors use the pool too. A destructor gives back the number that it takes. So
/// all of them together keep no more items than one thread and its destructors.
#[test]
fn a_thread_inherits_from_its_predecessors_destructors() {
    thread_local! {
        static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    if !alone("a_thread_inherits_from_its_predecessors_destructors") {
        return;
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    for _ in 0..1000 {
        let pool = Arc::clone(&pool);
        // Where thread-locals are keys, they may be dropped in the order of first use. The pool looks for the thread's
        // number before it creates an item, and takes one when the item returns.
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

/// What a thread keeps until its end: guards and pools.
struct Luggage {
    guard: Pooled<'static, common::Counted, Maker>,
    last_holder: OwnedPooled<common::Counted, Maker>,
    own: CountedPool,
}

/// Uses the thread's luggage and other pools when it is dropped.
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
        // This drops its pool of 20.
        drop(last_holder);
        assert_eq!(ledger.dropped(), before + 20);
        // The thread no longer has slots. So it doesn't find the 4 items in its former ones.
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
            eprintln!("both destructors have run");
        }
    }
}

/// Fills two thread-locals: one older than the thread's own state in the pools, and one younger.
fn pack_twice() {
    thread_local! {
        static BEFORE: Last = const { Last(RefCell::new(None)) };
        static AFTER: Last = const { Last(RefCell::new(None)) };
    }
    BEFORE.with(|_| ());
    BEFORE.with(Last::pack);
    AFTER.with(Last::pack);
}

/// Guards, pools and their last holders are dropped in thread-locals, before and after the thread's own state.
#[test]
fn guards_and_pools_can_be_dropped_when_a_thread_ends() {
    if !alone("guards_and_pools_can_be_dropped_when_a_thread_ends") {
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

    /// Runs before `main`, and so on the main thread, where the harness runs no test.
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
    fn guards_and_pools_can_be_dropped_when_main_ends() {
        if std::env::var_os(ON_MAIN).is_some() {
            return;
        }
        let mut command = child("linux::guards_and_pools_can_be_dropped_when_main_ends");
        let (status, text) = finish(command.env(ON_MAIN, "1"));
        assert!(status.success() && text.contains("both destructors have run"), "{text}");
    }

    /// Forks, and the child executes a shell that exits with `code`. Whether it ended that way.
    fn forked_child_exits_with(code: &CStr) -> bool {
        let arguments = [c"/bin/sh".as_ptr(), c"-c".as_ptr(), c"exit $0".as_ptr(), code.as_ptr(), ptr::null()];
        let execute = || {
            // SAFETY: the arguments were made before and end with a null pointer.
            unsafe { libc::execv(arguments[0], arguments.as_ptr()) };
            1
        };
        // SAFETY: until `exec`, the child calls only async-signal-safe functions.
        let status = unsafe { forked_child(execute) };
        status.is_some_and(|status| code.to_bytes() == status.to_string().as_bytes())
    }

    /// Forks. The child runs `act` and exits with its result. Returns the exit status, if it did exit.
    ///
    /// # Safety
    ///
    /// `act` must not need another thread of this process, or anything that such a thread may hold.
    unsafe fn forked_child(act: impl FnOnce() -> libc::c_int) -> Option<libc::c_int> {
        // SAFETY: the child only runs `act`, for which the caller is responsible.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let code = panic::catch_unwind(AssertUnwindSafe(act)).unwrap_or(101);
            // SAFETY: ends the child without running anything else.
            unsafe { libc::_exit(code) };
        }
        assert!(child > 0, "no process can be started");
        let mut status = 0;
        // SAFETY: `status` is valid for writes.
        let ended = || unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) } == child;
        if !holds_within(Duration::from_secs(30), ended) {
            // SAFETY: the child was not reaped, so its number is still its own.
            unsafe { libc::kill(child, libc::SIGKILL) };
            return None;
        }
        libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status))
    }

    /// The child of a fork has no thread that creates items. Calls do it themselves, and do not wait for ever.
    #[cfg(feature = "bounded")]
    #[test]
    fn a_forked_child_creates_items_itself() {
        use ebbtide::{BoundedPool, bounded::Settings};

        if !alone("linux::a_forked_child_creates_items_itself") {
            return;
        }
        let pool = BoundedPool::with_settings(|| 7_u8, Settings::new(2).manual()).create_in_background();
        drop(pool.get());
        pool.clear();
        let sleeps = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.expect("a task").path().join("stat")).unwrap_or_default();
            stat.contains("(ebbtide-dropper) S")
        };
        until("the thread sleeps", || std::fs::read_dir("/proc/self/task").expect("procfs").any(sleeps));
        let act = || libc::c_int::from(!pool.get().is_ok_and(|item| *item == 7));
        // SAFETY: the only other thread of this process waits, and the child needs nothing of it.
        assert_eq!(unsafe { forked_child(act) }, Some(0));
    }

    /// The child of a fork has no janitor. If it doesn't `exec`, `advance_all` sweeps its pools, which work as before.
    #[test]
    fn a_forked_child_sweeps_with_advance_all() {
        if !alone("linux::a_forked_child_sweeps_with_advance_all") {
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

    /// In a program whose threads use pools, the child of a `fork` reaches `exec`, wherever those threads were.
    #[test]
    fn a_forked_child_reaches_exec() {
        if !alone("linux::a_forked_child_reaches_exec") {
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
        assert!(all_did, "a child didn't end, or ended with another status");
        until("the janitor of this process goes on", || ledger.live() == 0);
        ledger.assert_all_dropped_once();
    }
}
