//! Promise 9, where a thread ends: in the destructors of its thread-locals.

mod common;

use std::cell::RefCell;
use std::sync::Arc;
use std::thread;

use common::{Count, MANUAL, Maker, burst, counted, until};
use ebbtide::{DefaultRecycle, OwnedPooled, Pool, Pooled, Settings};

thread_local! {
    static EARLY: RefCell<Vec<Pooled<'static, String, DefaultRecycle>>> = const { RefCell::new(Vec::new()) };
    static LATE: RefCell<Vec<Pooled<'static, String, DefaultRecycle>>> = const { RefCell::new(Vec::new()) };
}

/// A guard in a thread-local is dropped when its thread ends. The thread-local may be older or younger than the
/// thread's first use of the pool. The item is idle again.
#[test]
fn guards_can_be_dropped_in_thread_local_destructors() {
    static POOL: Pool<String> = Pool::with_settings(DefaultRecycle, MANUAL);
    for round in 1..=20 {
        let exited = thread::spawn(|| {
            EARLY.with_borrow_mut(|early| assert!(early.is_empty()));
            let first = POOL.get();
            LATE.with_borrow_mut(|late| late.push(POOL.get()));
            EARLY.with_borrow_mut(|early| early.extend([first, POOL.get()]));
        });
        exited.join().expect("no panic in a destructor");
        let stats = POOL.stats();
        assert_eq!(stats.idle, stats.created, "round {round}: every item came back");
    }
    let swept = POOL.clear().expect("no other sweep runs");
    assert_eq!((swept.kept, POOL.idle()), (0, 0));
}

/// Uses pools when its thread ends: gets, puts, spills and sweeps.
struct AtExit;

static AT_EXIT: Pool<Vec<u8>> = Pool::with_settings(DefaultRecycle, MANUAL.private_slots(4));
static FIRST_SEEN_AT_EXIT: Pool<Vec<u8>> = Pool::with_settings(DefaultRecycle, MANUAL);
static EXITS: Count = Count::new();

impl Drop for AtExit {
    fn drop(&mut self) {
        for pool in [&AT_EXIT, &FIRST_SEEN_AT_EXIT] {
            let guards: Vec<_> = (0..20).map(|_| pool.get()).collect();
            drop(guards);
            pool.put(Vec::new());
            pool.prefill(2);
            assert!(pool.try_get().is_some());
            pool.advance();
            assert!(pool.idle() >= 20);
        }
        EXITS.bump();
    }
}

/// The destructor of a thread-local can use pools, even for the first time, if the thread has used a pool before.
#[test]
fn pools_can_be_used_in_thread_local_destructors() {
    thread_local! {
        static BEFORE: AtExit = const { AtExit };
        static AFTER: AtExit = const { AtExit };
    }
    for _ in 0..10 {
        let exited = thread::spawn(|| {
            BEFORE.with(|_| ());
            drop(AT_EXIT.get());
            AFTER.with(|_| ());
        });
        exited.join().expect("no panic in a destructor");
    }
    assert_eq!(EXITS.get(), 20);
    for pool in [&AT_EXIT, &FIRST_SEEN_AT_EXIT] {
        pool.advance();
        pool.advance();
        assert_eq!(pool.idle(), 0);
    }
}

/// The same where the destructor is the thread's first use of any pool.
#[test]
fn pools_can_be_first_used_in_a_thread_local_destructor() {
    static POOL: Pool<Vec<u8>> = Pool::with_settings(DefaultRecycle, MANUAL.private_slots(4));
    static TOUCHES: Count = Count::new();
    struct Touch;
    impl Drop for Touch {
        fn drop(&mut self) {
            let guards: Vec<_> = (0..20).map(|_| POOL.get()).collect();
            drop(guards);
            drop(POOL.get());
            TOUCHES.bump();
        }
    }
    thread_local! {
        static FIRST: Touch = const { Touch };
        static SECOND: Touch = const { Touch };
    }
    for _ in 0..10 {
        let exited = thread::spawn(|| {
            FIRST.with(|_| ());
            SECOND.with(|_| ());
        });
        exited.join().expect("no panic in a destructor");
    }
    assert_eq!((TOUCHES.get(), POOL.idle()), (20, POOL.stats().created));
    POOL.advance();
    POOL.advance();
    assert_eq!(POOL.idle(), 0);
}

/// A thread in its last destructors and the heir of its slots never have the same item, and lose none.
#[test]
fn an_ending_thread_and_its_heir_share_no_item() {
    static ENDING: Count = Count::new();
    static ENDED: Count = Count::new();
    type Shared = RefCell<Option<Arc<common::CountedPool>>>;
    struct Last(Shared);
    impl Drop for Last {
        fn drop(&mut self) {
            ENDING.bump();
            let pool = self.0.take().expect("set by the thread");
            use_it(&pool);
            ENDED.bump();
        }
    }
    fn use_it(pool: &common::CountedPool) {
        for _ in 0..3000 {
            let guards = (pool.get(), pool.get());
            guards.0.own_for_a_moment();
            guards.1.own_for_a_moment();
        }
    }
    thread_local! {
        static ONE: Last = const { Last(RefCell::new(None)) };
        static OTHER: Last = const { Last(RefCell::new(None)) };
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    for round in 0..100 {
        let theirs = Arc::clone(&pool);
        // The order of destructors is unspecified. One of the two runs after the thread has given up its slots.
        let ending = thread::spawn(move || {
            ONE.with(|last| last.0.replace(Some(Arc::clone(&theirs))));
            drop(theirs.get());
            OTHER.with(|last| last.0.replace(Some(Arc::clone(&theirs))));
        });
        until("the thread ends", || ENDING.get() > 2 * round);
        while ENDED.get() < 2 * round + 2 {
            // Two at once: one of them has the returned number.
            thread::scope(|scope| {
                scope.spawn(|| use_it(&pool));
                scope.spawn(|| use_it(&pool));
            });
        }
        ending.join().expect("no panic in a destructor");
    }
    assert_eq!(pool.idle(), ledger.live());
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// An owned guard in a thread-local can be the last holder of its pool. The thread's teardown then drops the pool.
#[test]
fn a_pool_can_be_dropped_in_a_thread_local_destructor() {
    type Last = RefCell<Option<OwnedPooled<common::Counted, Maker>>>;
    thread_local! {
        static LAST: Last = const { RefCell::new(None) };
    }
    let (pool, ledger) = counted(Settings::new());
    let exited = thread::spawn(move || {
        LAST.with_borrow_mut(|last| assert!(last.is_none()));
        burst(&pool, 50);
        LAST.set(Some(pool.get_owned()));
    });
    exited.join().expect("no panic in a destructor");
    ledger.assert_all_dropped_once();
    assert_eq!(ledger.made(), 50);
}
