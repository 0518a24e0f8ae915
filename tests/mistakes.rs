//! Mistakes that other pools made, and the tests that catch them. The last column names the break in `ci/breaks` that
//! repeats the mistake.
//!
//! | mistake | caught by | break |
//! | --- | --- | --- |
//! | guards that are `Sync` over a `Cell` | `compile_fail/guard_is_not_sync_for_a_cell`, `owned_guard_…` | `guard-shared-for-any-item` |
//! | a pool that is `Sync` for `T: Sync`, and so carries a `MutexGuard` to another thread | `compile_fail/items_must_be_send_mutex_guard`, `…_rc`, `…_raw_pointer` | `items-need-not-be-send` |
//! | an `Rc` in the factory | `compile_fail/pool_is_not_sync_with_an_rc_in_its_factory`, `pool_is_not_send_…`, `guard_is_not_send_…` | `pool-shared-with-any-recycler`, `guard-sent-with-any-recycler` |
//! | a pointer loaded `Relaxed` and then dereferenced | the models in `loom-tests` | `…-relaxed` |
//! | a release without an acquire before reuse | the models in `loom-tests` | `…-relaxed` |
//! | thread-locals used in destructors after their end | `promise_9_thread_ends`, `threads` | `state-used-after-its-end`, `main-thread-…` |
//! | user code under a borrow or a lock | `promise_9_items::items_can_use_their_own_pool`, `promise_2_never_locks` | `create-under-a-borrow`, `clear-drops-with-the-token`, `token-kept-over-drops` |
//! | numbers of items around the bits of a word | `promise_3_retention::every_number_of_slots_keeps_finds_and_drops` | `lengths-of-six-bits` |
//! | all others | the tests below | those that name these tests |

mod common;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use common::{
    Count, Counted, CountedPool, Ledger, MANUAL, Maker, Worker, burst, counted, on_large_stack, on_thread, panic_of,
};
use ebbtide::{OwnedPooled, Pool, Pooled, Recycle, Settings};

/// An item that records where it was first seen.
#[derive(Default)]
struct Anchored {
    seen_at: Cell<usize>,
    padding: [u64; 5],
}

impl Anchored {
    #[track_caller]
    fn check(&self) {
        let here = std::ptr::from_ref(self).addr();
        let before = self.seen_at.replace(here);
        assert!(before == 0 || before == here, "seen at {before:x} and then at {here:x}");
        assert_eq!(self.padding, [0; 5]);
    }
}

/// An unstable address. An item stays in place while its guard moves, and on its way through batches, shards, other
/// threads' slots and sweeps.
#[test]
fn an_items_address_is_stable() {
    for slots in [0, 1, 4, 32] {
        let pool = Arc::new(Pool::with_settings(Anchored::default, MANUAL.private_slots(slots)));
        let worker = Worker::new();
        for round in 0..6 {
            let guards: Vec<_> = (0..100).map(|_| pool.get()).collect();
            guards.iter().for_each(|item| item.check());
            let mut moved: Vec<_> = guards.into_iter().map(Box::new).rev().collect();
            moved.iter().for_each(|item| item.check());
            let theirs = moved.split_off(50);
            on_thread(move || theirs.iter().for_each(|item| item.check()));
            drop(moved);
            let theirs = Arc::clone(&pool);
            worker.run(move || {
                let guards: Vec<_> = (0..70).map(|_| theirs.get_owned()).collect();
                guards.iter().for_each(|item| item.check());
            });
            if round % 2 == 0 {
                pool.advance();
            }
        }
        assert!(pool.stats().created < 200, "hardly any item was used again");
    }
}

/// Recycles items, and panics or refuses when the item says so.
struct Moody;

struct Mood {
    panics_in: Option<&'static str>,
}

impl Recycle<Mood> for Moody {
    fn create(&self) -> Mood {
        Mood { panics_in: None }
    }

    fn recycle(&self, item: &mut Mood) -> bool {
        assert_ne!(item.panics_in, Some("recycle"));
        item.panics_in != Some("refused")
    }
}

impl Drop for Mood {
    fn drop(&mut self) {
        assert_ne!(self.panics_in, Some("drop"));
    }
}

/// Room that a panicking callback takes with it. Here, after any number of panics, there is as much room as before.
#[test]
fn panics_lose_no_room() {
    fn survived<O>(f: impl FnOnce() -> O) {
        let _survived = catch_unwind(AssertUnwindSafe(f));
    }
    for slots in [0, 4] {
        let pool = Pool::with_settings(Moody, MANUAL.private_slots(slots).max_idle(8));
        for round in 0..20 {
            survived(|| pool.get_with(|| panic!("create")));
            // Some find room, and some don't.
            for panics_in in ["recycle", "refused", "drop", "drop", "drop"].repeat(5) {
                survived(|| pool.put(Mood { panics_in: Some(panics_in) }));
            }
            match round % 3 {
                0 => survived(|| pool.clear()),
                1 => (0..2).for_each(|_| survived(|| pool.advance())),
                _ => {
                    while let Some(item) = pool.try_get() {
                        survived(|| drop(Pooled::detach(item)));
                    }
                }
            }
            assert_eq!((pool.idle(), pool.prefill(9), pool.idle()), (0, 8, 8), "{slots} private slots, round {round}");
            assert_eq!(pool.clear().map(|swept| swept.dropped), Some(8));
        }
    }
}

/// A guard that is the last to hold its pool, and leaks it or drops it in use. Here the pool is dropped with the last
/// guard: on a thread that never used it, in a thread's last destructors, and while unwinding.
#[test]
fn a_guard_can_be_the_last_holder_of_its_pool() {
    type Owned = OwnedPooled<Counted, Maker>;
    fn last_guard() -> (Owned, Arc<Ledger>) {
        let (pool, ledger) = counted(Settings::new().private_slots(4));
        burst(&pool, 20);
        (pool.get_owned(), ledger)
    }
    thread_local! {
        static EARLY: RefCell<Option<Owned>> = const { RefCell::new(None) };
        static LATE: RefCell<Option<Owned>> = const { RefCell::new(None) };
    }
    type End = fn(Owned);
    let ends: [(&str, End); 6] = [
        ("dropped here", drop),
        ("dropped on another thread", |guard| on_thread(|| drop(guard))),
        ("detached on another thread", |guard| on_thread(|| drop(OwnedPooled::detach(guard)))),
        ("dropped while unwinding", |guard| {
            let text = panic_of(|| {
                let _guard = guard;
                panic!("on the way");
            });
            assert_eq!(text, "on the way");
        }),
        ("dropped after a thread's own state", |guard| {
            thread::spawn(move || {
                EARLY.set(Some(guard));
                drop(Pool::<u8, _>::with_settings(|| 0, MANUAL).get());
            })
            .join()
            .expect("no panic in a destructor");
        }),
        ("dropped before a thread's own state", |guard| {
            thread::spawn(move || {
                drop(Pool::<u8, _>::with_settings(|| 0, MANUAL).get());
                LATE.set(Some(guard));
            })
            .join()
            .expect("no panic in a destructor");
        }),
    ];
    for (end, run) in ends {
        let (guard, ledger) = last_guard();
        assert_eq!((ledger.dropped(), ledger.made()), (0, 20), "{end}");
        run(guard);
        assert_eq!(ledger.live(), 0, "{end}");
        ledger.assert_all_dropped_once();
    }
}

/// An item of `N` bytes with the alignment of `A`.
struct Bytes<A, const N: usize> {
    _aligned: [A; 0],
    bytes: [u8; N],
}

/// Moves 70 such items through private slots, batches, another thread and a sweep.
#[track_caller]
fn come_back_intact<A: Send + 'static, const N: usize>() {
    let made = Arc::new(Count::new());
    let numbers = Arc::clone(&made);
    let make = move || Bytes::<A, N> { _aligned: [], bytes: [numbers.bump() as u8; N] };
    let pool = Pool::with_settings(make, MANUAL.private_slots(8));
    let case = format!("{N} bytes, aligned to {}", align_of::<A>());
    for _ in 0..3 {
        let guards: Vec<_> = (0..70).map(|_| pool.get()).collect();
        let mut numbers = HashSet::new();
        let mut places: Vec<_> = guards.iter().map(|item| std::ptr::from_ref(&**item).addr()).collect();
        for item in &guards {
            assert!(item.bytes.iter().all(|byte| *byte == item.bytes[0]), "{case}");
            assert!(N == 0 || numbers.insert(item.bytes[0]), "{case}: two items are one");
        }
        places.sort_unstable();
        assert!(places.iter().all(|place| place % align_of::<A>() == 0), "{case}: not aligned");
        assert!(places.windows(2).all(|two| two[1] - two[0] >= N), "{case}: two items overlap");
        let theirs = guards.into_iter().skip(20).collect::<Vec<_>>();
        on_thread(move || drop(theirs));
        pool.advance();
    }
    assert_eq!((made.get(), pool.idle()), (70, 70), "{case}");
}

/// Sizes and alignments that a pool with its own layout gets wrong: zero, a byte around a word or a cache line, and
/// alignments up to a page.
#[test]
fn items_of_all_sizes_and_alignments_stay_intact() {
    #[repr(align(16))]
    struct A16;
    #[repr(align(64))]
    struct A64;
    #[repr(align(128))]
    struct A128;
    #[repr(align(4096))]
    struct A4096;
    macro_rules! sizes {
        ($($aligned:ty: $sizes:tt)*) => { $(sizes!(@ $aligned, $sizes);)* };
        (@ $aligned:ty, [$($size:literal),*]) => { $(come_back_intact::<$aligned, $size>();)* };
    }
    // Each is a pool of its own for the compiler, so there are only as many as differ.
    on_large_stack(|| {
        sizes! {
            u8: [0, 1, 9, 127]
            u64: [0, 65]
            A16: [17]
            A64: [63]
            A128: [129]
            A4096: [0, 129]
        }
    });
}

/// Runs `f` on a thread with a small stack.
fn on_small_stack(f: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, f).expect("a thread");
        thread.join().expect("no panic");
    });
}

/// A list whose drop recurses once for each element. Here 30 000 idle items, each a batch of its own, are dropped on a
/// small stack: by `clear`, by a sweep, and with their pool.
#[test]
fn long_queues_are_dropped_without_recursion() {
    let pool = || {
        let pool = Pool::with_settings(|| (), MANUAL.private_slots(0));
        assert_eq!(pool.prefill(30_000), 30_000);
        pool
    };
    let (cleared, swept, dropped) = (pool(), pool(), pool());
    on_small_stack(move || {
        assert_eq!(cleared.clear().map(|swept| swept.dropped), Some(30_000));
        swept.advance();
        assert_eq!(swept.advance().map(|swept| swept.dropped), Some(30_000));
        drop(dropped);
    });
}

/// The same for the empty arrays that a thread keeps after a large burst.
#[test]
fn empty_arrays_are_dropped_without_recursion() {
    let stashed = || {
        let pool = Pool::with_settings(|| (), MANUAL.private_slots(4));
        let guards: Vec<_> = (0..1000).map(|_| pool.get()).collect();
        drop(guards);
        let guards: Vec<_> = (0..1000).map(|_| pool.get()).collect();
        assert_eq!(pool.idle(), 0);
        guards.into_iter().for_each(Pooled::detach);
        pool
    };
    let (swept, dropped) = (stashed(), stashed());
    on_small_stack(move || {
        swept.advance();
        drop((swept, dropped));
    });
}

/// A thread's cache that belongs to the first pool it used. Here one thread uses thousands of pools in turn. Each keeps
/// its own items, the last one on top, and is dropped without affecting the others.
#[test]
fn a_thread_keeps_items_of_thousands_of_pools() {
    const POOLS: usize = 3000;
    let ledgers: Vec<_> = (0..POOLS).map(|_| Ledger::new()).collect();
    let mut pools: Vec<Option<CountedPool>> = ledgers
        .iter()
        .map(|ledger| Some(Pool::with_settings(Maker(Arc::clone(ledger)), MANUAL.private_slots(2))))
        .collect();
    for round in 0..4 {
        for (n, pool) in pools.iter_mut().enumerate() {
            let Some(used) = pool else { continue };
            let [first, second] = [used.get(), used.get()];
            assert_eq!(first.id + second.id, 1, "pool {n} has lost its own");
            let id = first.id;
            drop(second);
            drop(first);
            assert_eq!((burst(used, 1), used.idle(), ledgers[n].made()), (vec![id], 2, 2));
            // Every third pool is dropped in each round, so the others lose neighbours of every kind.
            if (n + round) % 3 == 0 {
                *pool = None;
                ledgers[n].assert_all_dropped_once();
            }
        }
    }
    assert!(pools.iter().flatten().count() == 0 && ledgers.iter().all(|ledger| ledger.made() == 2));
}

/// Two pools of one type mixed up, as a thread remembers a pool by its address or type. Here pools are made and dropped
/// at one address, beside others that stay. None hands out another's item.
#[test]
fn pools_at_one_address_share_no_items() {
    fn pool_of(owner: usize) -> Pool<usize, impl Fn() -> usize> {
        Pool::with_settings(move || owner, MANUAL.private_slots(2))
    }
    #[track_caller]
    fn check<F: Fn() -> usize>(pool: &Pool<usize, F>, owner: usize) {
        let guards: Vec<_> = (0..7).map(|_| pool.get()).collect();
        assert!(guards.iter().all(|item| **item == owner), "an item of another pool");
    }
    let worker = Worker::new();
    let stays = Arc::new(pool_of(0));
    let mut place = Box::new(pool_of(1));
    let address = std::ptr::from_ref(&*place);
    for owner in 2..500 {
        check(&place, owner - 1);
        check(&stays, 0);
        on_thread(|| check(&place, owner - 1));
        let theirs = Arc::clone(&stays);
        worker.run(move || check(&theirs, 0));
        *place = pool_of(owner);
        assert_eq!((std::ptr::from_ref(&*place), place.idle()), (address, 0));
        if owner % 10 == 0 {
            stays.advance();
        }
    }
}
