//! Mistakes that other pools made, each with what would have caught it.
//!
//! | the mistake | caught by | shown by the break |
//! | --- | --- | --- |
//! | guards that are `Sync` over a `Cell` | `compile_fail/guard_is_not_sync_for_a_cell`, `owned_guard_…` | 61 |
//! | a pool that is `Sync` for `T: Sync`, and so carries a `MutexGuard` to another thread | `compile_fail/items_must_be_send_mutex_guard`, `…_rc`, `…_raw_pointer` | 160 |
//! | an `Rc` in the factory | `compile_fail/pool_is_not_sync_with_an_rc_in_its_factory`, `pool_is_not_send_…`, `guard_is_not_send_…` | 161, 162 |
//! | a pointer loaded `Relaxed` and then followed | the models in `loom-tests` | those called `…-relaxed` |
//! | a release without an acquire before reuse | the same | the same |
//! | thread-locals used in destructors, where they are gone | `promise_7_anywhere`, `threads` | 153, 154 |
//! | user code under a borrow or a lock | `promise_7_anywhere::a_pool_used_by_its_own_items`, `promise_2_never_locks` | 163, 67, 68 |
//! | numbers of items at the edges of a word | `promise_3_retention::every_size_keeps_finds_and_drops` | 168 |
//! | all the others | the tests below | 164 to 167, 169 to 172 |

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

/// An item that knows where it was first seen.
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

/// A stable address, promised and not kept. Here an item stays where it is while its guard moves, and while it travels
/// through batches, shards, other threads' slots and sweeps.
#[test]
fn an_address_that_changes() {
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

/// Items whose recycling or dropping panics when they say so.
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

/// A callback that panics, and takes with it the room that its item had. Here after any number of panics there is as
/// much room as before.
#[test]
fn room_lost_to_a_panic() {
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

/// A guard that is the last to hold its pool, and leaks it, or drops it while it is still in use. Here the pool goes with
/// the last guard: on a thread that never used it, in a thread's last destructors, and while unwinding.
#[test]
fn a_guard_as_the_last_holder() {
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

/// An item of `N` bytes as strictly aligned as `A`.
struct Bytes<A, const N: usize> {
    _aligned: [A; 0],
    bytes: [u8; N],
}

/// Takes 70 such items through private slots, batches, another thread and a sweep.
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

/// Sizes and alignments that a pool with its own layout gets wrong: nothing, a byte less and a byte more than a word or a
/// cache line, aligned to anything up to a page.
#[test]
fn sizes_at_the_edges_of_words() {
    #[repr(align(16))]
    struct A16;
    #[repr(align(64))]
    struct A64;
    #[repr(align(128))]
    struct A128;
    #[repr(align(1024))]
    struct A1024;
    #[repr(align(4096))]
    struct A4096;
    macro_rules! sizes {
        ($($aligned:ty: $sizes:tt)*) => { $(sizes!(@ $aligned, $sizes);)* };
        (@ $aligned:ty, [$($size:literal),*]) => { $(come_back_intact::<$aligned, $size>();)* };
    }
    // A size is rounded up to a multiple of the alignment, so the larger that is, the fewer there are to tell apart.
    on_large_stack(|| {
        sizes! {
            u8: [0, 1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 127, 128, 129]
            u16: [7, 9]
            u32: [7, 9]
            u64: [0, 7, 9, 65, 129]
            A16: [0, 15, 17, 65]
            A64: [0, 63, 65, 129]
            A128: [0, 127, 129]
            A1024: [0, 129]
            A4096: [0, 129]
        }
    });
}

/// Runs `f` on a thread with room for little more than itself.
fn on_small_stack(f: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, f).expect("a thread");
        thread.join().expect("no panic");
    });
}

/// A list that is dropped by recursion, one level for each of its items. Here 300 000 idle items, each a batch of its
/// own, go on a stack for a few of them: by `clear`, by a sweep, and with their pool.
#[test]
fn a_long_list_dropped_by_recursion() {
    let pool = || {
        let pool = Pool::with_settings(|| (), MANUAL.private_slots(0));
        assert_eq!(pool.prefill(300_000), 300_000);
        pool
    };
    let (cleared, swept, dropped) = (pool(), pool(), pool());
    on_small_stack(move || {
        assert_eq!(cleared.clear().map(|swept| swept.dropped), Some(300_000));
        swept.advance();
        assert_eq!(swept.advance().map(|swept| swept.dropped), Some(300_000));
        drop(dropped);
    });
}

/// The same for what has no items in it: the empty arrays that a thread keeps after a large burst.
#[test]
fn a_stash_dropped_by_recursion() {
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

/// A thread's cache that belongs to the first pool it used. Here one thread goes through thousands of pools in turn, each
/// of which keeps its own items, the last one on top, and goes without disturbing the others.
#[test]
fn a_cache_for_one_pool_only() {
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
            // One in three goes in each round, so that the others have gone neighbours of every kind.
            if (n + round) % 3 == 0 {
                *pool = None;
                ledgers[n].assert_all_dropped_once();
            }
        }
    }
    assert!(pools.iter().flatten().count() == 0 && ledgers.iter().all(|ledger| ledger.made() == 2));
}

/// Two pools of one type mixed up, by a thread that remembers a pool by its address or its type. Here pools come and go
/// at one and the same address, beside others that stay, and none ever hands out another's item.
#[test]
fn two_pools_of_one_type_mixed_up() {
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
