//! `Pool::with_local`: the thread's private slots at hand for a loop.

mod common;

use std::cell::RefCell;
use std::panic;
use std::sync::Arc;
use std::thread;

use common::{Bomb, CountedPool, Ledger, Maker, burst, counted, on_thread, panic_of};
use ebbtide::{LocalPooled, Pool, Settings};

fn pool() -> (Arc<CountedPool>, Arc<Ledger>) {
    counted(Settings::new().private_slots(4))
}

/// Asserts that all items are idle, and that each is dropped once.
fn end(pool: Arc<CountedPool>, ledger: &Ledger) {
    assert_eq!(pool.idle(), ledger.live());
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// The handle and the pool get what the other returned, also beyond the private slots.
#[test]
fn a_handle_shares_its_items_with_the_pool() {
    let (pool, ledger) = pool();
    for _ in 0..10 {
        pool.with_local(|local| drop((0..50).map(|_| local.get()).collect::<Vec<_>>()));
        burst(&pool, 50);
    }
    assert_eq!(ledger.made(), 50);
    end(pool, &ledger);
}

/// The closure can get and put, sweep and come back in any order.
#[test]
fn a_closure_can_use_its_pool() {
    let (pool, ledger) = pool();
    let outside: Vec<_> = (0..9).map(|_| pool.get()).collect();
    pool.with_local(|local| {
        let first: LocalPooled<'_, _, Maker> = local.get();
        drop(outside);
        pool.with_local(|inner| {
            let items = (inner.get(), local.get(), pool.get());
            items.0.own_for_a_moment();
            pool.advance();
            pool.clear();
            items.1.own_for_a_moment();
            items.2.own_for_a_moment();
        });
        assert_eq!(pool.idle(), 3);
        pool.advance();
        drop(local.get());
        drop(first);
    });
    end(pool, &ledger);
}

/// Items that are detached, and one that is created, by a user who panics or whose recycler does.
#[test]
fn items_of_a_closure_that_panics_return() {
    let (pool, ledger) = pool();
    let text = panic_of(|| {
        pool.with_local(|local| {
            let _items = (local.get(), local.get());
            panic!("boom")
        })
    });
    assert_eq!((&*text, pool.idle()), ("boom", 2));
    // Also within the closure.
    pool.with_local(|local| assert!(panic::catch_unwind(|| drop((local.get(), Bomb))).is_err()));
    assert_eq!(pool.idle(), 2);
    let mine = pool.with_local(|local| LocalPooled::detach(local.get()));
    assert_eq!((pool.idle(), ledger.live()), (1, 2));
    pool.put(mine);
    end(pool, &ledger);

    let failing: Pool<u8, _> = Pool::with(|| panic!("none"));
    assert_eq!(panic_of(|| failing.with_local(|local| drop(local.get()))), "none");
}

/// No slots, or slots past which every put goes.
#[test]
fn a_handle_without_slots_works() {
    for settings in [Settings::new().private_slots(0), Settings::new().chaos(1)] {
        let (pool, ledger) = counted(settings);
        pool.with_local(|local| (0..100).for_each(|_| local.get().own_for_a_moment()));
        end(pool, &ledger);
    }
}

/// In the first destructor the thread has its slots, and in the last it has none.
#[test]
fn handles_work_in_thread_local_destructors() {
    struct Last(RefCell<Option<Arc<CountedPool>>>);
    impl Drop for Last {
        fn drop(&mut self) {
            let pool = self.0.take().expect("set by the thread");
            pool.with_local(|local| {
                let items: Vec<_> = (0..20).map(|_| local.get()).collect();
                items.iter().for_each(|item| item.own_for_a_moment());
                on_thread(|| burst(&pool, 20));
            });
        }
    }
    thread_local! {
        static ONE: Last = const { Last(RefCell::new(None)) };
        static OTHER: Last = const { Last(RefCell::new(None)) };
    }
    let (pool, ledger) = pool();
    for _ in 0..10 {
        let theirs = Arc::clone(&pool);
        let ended = thread::spawn(move || {
            ONE.with(|last| last.0.replace(Some(Arc::clone(&theirs))));
            drop(theirs.get());
            OTHER.with(|last| last.0.replace(Some(theirs)));
        });
        ended.join().expect("no panic in a destructor");
    }
    end(pool, &ledger);
}

/// Threads get and put through handles while another sweeps.
#[test]
fn sweeps_and_handles_share_no_item() {
    let (pool, ledger) = pool();
    thread::scope(|scope| {
        let users: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    pool.with_local(|local| {
                        for n in 0..5_000 {
                            let items: Vec<_> = (0..n % 7).map(|_| local.get()).collect();
                            items.iter().for_each(|item| item.own_for_a_moment());
                        }
                    });
                })
            })
            .collect();
        while users.iter().any(|user| !user.is_finished()) {
            pool.advance();
            pool.clear();
        }
    });
    end(pool, &ledger);
}

/// `exit` runs the destructors of thread-locals in the middle of the call. The next thread then does not get the slots
/// that the handle still knows.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn nobody_inherits_the_slots_of_a_handle() {
    use common::{MANUAL, child, finish, is_child};
    use ebbtide::Fetch;

    static POOL: Pool<String, fn() -> String> = Pool::with_settings(String::new, MANUAL.fetch(Fetch::Never));
    /// It is older than the thread's use of the pool, so it ends later.
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            let found = thread::spawn(|| POOL.try_get().is_some()).join().expect("no panic");
            eprintln!("an heir found an item: {found}");
        }
    }
    thread_local!(static LAST: Last = const { Last });
    if is_child() {
        LAST.with(|_| ());
        POOL.with_local(|local| {
            drop(local.get());
            std::process::exit(0)
        })
    }
    let (_, text) = finish(&mut child("nobody_inherits_the_slots_of_a_handle"));
    assert!(text.contains("an heir found an item: false"), "{text}");
}
