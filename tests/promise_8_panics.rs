//! Promise 8: a panic in create or in recycle loses at most that item.

mod common;

use std::panic;
use std::sync::Arc;

use common::{Bomb, Count, Counted, Ledger, MANUAL, Maker, OnDrop, burst, counted, panic_of, take_all};
use ebbtide::{OwnedPooled, Pool, Recycle, Settings};

/// A panic in `create` reaches the caller of `get`, and the pool is unchanged.
#[test]
fn a_panic_in_create_goes_to_the_caller() {
    let calls = Count::new();
    let pool = Pool::with_settings(
        || {
            assert_ne!(calls.bump(), 1, "no item today");
            vec![1_u8]
        },
        MANUAL,
    );
    let first = pool.get();
    assert!(panic_of(|| pool.get()).contains("no item today"));
    assert_eq!((pool.idle(), pool.stats().created), (0, 1));
    drop(first);
    assert_eq!(pool.idle(), 1);
    assert_eq!(*pool.get(), [1]);
}

/// The same in the first call, for every way to get an item.
#[test]
fn a_panic_in_create_leaves_the_pool_intact() {
    let pool: Arc<Pool<String, fn() -> String>> = Arc::new(Pool::with_settings(|| panic!("never"), MANUAL));
    assert_eq!(panic_of(|| pool.get()), "never");
    assert_eq!(panic_of(|| pool.get_owned()), "never");
    assert_eq!(panic_of(|| pool.get_with(|| panic!("nor with this"))), "nor with this");
    assert_eq!(panic_of(|| pool.prefill(1)), "never");
    assert_eq!(pool.idle(), 0);
    assert_eq!(Arc::strong_count(&pool), 1);
    pool.put("made elsewhere".to_owned());
    assert_eq!(*pool.get_owned(), "made elsewhere");
}

/// If `create` panics in `prefill`, the items created before are kept.
#[test]
fn a_panic_in_prefill_keeps_what_was_made_before() {
    for (slots, fails_at) in [(0, 5), (2, 5), (32, 5), (32, 20), (32, 32)] {
        let ledger = Ledger::new();
        let made = Arc::clone(&ledger);
        let pool = Pool::with_settings(
            move || {
                assert_ne!(made.made(), fails_at, "enough");
                made.item()
            },
            MANUAL.private_slots(slots),
        );
        assert!(panic_of(|| pool.prefill(100)).contains("enough"));
        assert_eq!((pool.idle(), ledger.dropped()), (fails_at, 0), "{slots} private slots");
    }
}

/// A recycler that panics for the item with a given number.
struct Fussy {
    ledger: Arc<Ledger>,
    panics_at: usize,
}

impl Recycle<Counted> for Fussy {
    fn create(&self) -> Counted {
        self.ledger.item()
    }

    fn recycle(&self, item: &mut Counted) -> bool {
        assert_ne!(item.id, self.panics_at, "not this one");
        true
    }
}

/// A panic in `recycle` drops that item and reaches the caller. The other items are unaffected.
#[test]
fn a_panic_in_recycle_loses_that_item_only() {
    let ledger = Ledger::new();
    let pool = Pool::with_settings(Fussy { ledger: Arc::clone(&ledger), panics_at: 2 }, MANUAL);
    let guards: Vec<_> = (0..5).map(|_| pool.get()).collect();
    for guard in guards {
        let id = guard.id;
        let dropped = panic::catch_unwind(panic::AssertUnwindSafe(|| drop(guard)));
        assert_eq!(dropped.is_err(), id == 2);
    }
    assert_eq!((pool.idle(), ledger.drop_order()), (4, vec![2]));
    let stats = pool.stats();
    assert_eq!((stats.created, stats.refused, stats.dropped), (5, 1, 0));
}

/// The same for `put` and for an owned guard, which still releases the pool.
#[test]
fn a_panic_in_recycle_is_raised_by_put_and_owned_guards() {
    let ledger = Ledger::new();
    let pool = Arc::new(Pool::with_settings(Fussy { ledger: Arc::clone(&ledger), panics_at: 0 }, MANUAL));
    let guard = pool.get_owned();
    assert!(panic_of(|| drop(guard)).contains("not this one"));
    assert_eq!(Arc::strong_count(&pool), 1);
    assert_eq!(ledger.drop_order(), [0]);

    let ledger = Ledger::new();
    let pool = Pool::with_settings(Fussy { ledger: Arc::clone(&ledger), panics_at: 0 }, MANUAL);
    let item = ledger.item();
    assert!(panic_of(|| pool.put(item)).contains("not this one"));
    assert_eq!((pool.idle(), ledger.drop_order()), (0, vec![0]));
}

/// While the thread unwinds, a panic in `recycle` is swallowed. The process lives, and the first panic goes on.
#[test]
fn a_panic_in_recycle_while_unwinding_does_not_abort() {
    let ledger = Ledger::new();
    let pool = Pool::with_settings(Fussy { ledger: Arc::clone(&ledger), panics_at: 0 }, MANUAL);
    let text = panic_of(|| {
        let _guards = (pool.get(), pool.get());
        panic!("the first");
    });
    assert_eq!(text, "the first");
    assert_eq!((pool.idle(), ledger.drop_order()), (1, vec![0]));
}

/// A guard that is dropped by unwinding returns its item as usual.
#[test]
fn a_guard_dropped_by_unwinding_puts_its_item_back() {
    let (pool, ledger) = counted(Settings::new());
    let text = panic_of(|| {
        let _guards = (pool.get(), pool.get_owned());
        panic!("on the way");
    });
    assert_eq!(text, "on the way");
    assert_eq!((pool.idle(), ledger.dropped()), (2, 0));
    // Full private slots spill while unwinding.
    panic_of(|| {
        let _guards: Vec<_> = (0..100).map(|_| pool.get()).collect();
        panic!("on the way");
    });
    assert_eq!((pool.idle(), ledger.dropped()), (100, 0));
}

/// Consecutive panics of every kind leave nothing behind for the next call.
#[test]
fn consecutive_panics_leave_the_pool_intact() {
    let ledger = Ledger::new();
    let pool = Pool::with_settings(Fussy { ledger: Arc::clone(&ledger), panics_at: 0 }, MANUAL.private_slots(4));
    let fussed = ledger.item();
    for _ in 0..2 {
        assert_eq!(panic_of(|| pool.get_with(|| panic!("no item"))), "no item");
    }
    assert!(panic_of(|| pool.put(fussed)).contains("not this one"));
    for round in 0..3 {
        (0..6).for_each(|_| pool.put(ledger.bomb()));
        assert_eq!(pool.advance().map(|swept| swept.kept), Some(6), "round {round}");
        // These are an epoch younger. So the sweep after this one has bombs to drop too.
        (0..6).for_each(|_| pool.put(ledger.bomb()));
        for kept in [6, 0] {
            assert!(panic_of(|| pool.advance()).starts_with("bomb "), "round {round}");
            assert_eq!(pool.idle(), kept, "round {round}");
        }
        for _ in 0..2 {
            (0..6).for_each(|_| pool.put(ledger.bomb()));
            assert!(panic_of(|| pool.clear()).starts_with("bomb "), "round {round}");
        }
    }
    ledger.assert_all_dropped_once();
    assert_eq!((burst(&pool, 10).len(), pool.idle()), (10, 10));
    assert_eq!((pool.stats().created, pool.stats().sweeps), (10, 15));
}

/// A destructor that runs while unwinding may get an item, and catch a panic of its `create`.
#[test]
fn a_panic_in_create_while_unwinding_leaves_the_pool_intact() {
    let pool: Pool<String, fn() -> String> = Pool::with_settings(|| panic!("the second"), MANUAL);
    let text = panic_of(|| {
        let _asks = OnDrop(|| assert_eq!(panic_of(|| pool.get()), "the second"));
        panic!("the first");
    });
    assert_eq!((text.as_str(), pool.idle(), pool.stats().created), ("the first", 0, 0));
    pool.put("made elsewhere".to_owned());
    assert_eq!(*pool.get(), "made elsewhere");
}

/// A thread that panics while it holds guards returns their items. Its slots are swept and inherited.
#[test]
fn a_panicked_thread_returns_its_items() {
    let (pool, ledger) = counted(Settings::new());
    for _ in 0..5 {
        let pool = Arc::clone(&pool);
        let died = std::thread::spawn(move || {
            let _guards = (pool.get(), pool.get(), pool.get());
            panic!("dies");
        });
        assert!(died.join().is_err());
    }
    assert_eq!(pool.idle(), ledger.live());
    pool.advance();
    assert_eq!(take_all(&pool).len(), ledger.made());
    ledger.assert_all_dropped_once();
}

/// Panics of every kind on several threads, while others sweep. Each item is still dropped once.
#[test]
fn panics_under_contention_lose_only_their_items() {
    let ledger = Ledger::new();
    let pool = Pool::with_settings(Maker(Arc::clone(&ledger)), MANUAL.private_slots(4).max_idle(40));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for round in 0..150 {
                    let _caught = panic::catch_unwind(panic::AssertUnwindSafe(|| {
                        let _guards: Vec<_> = (0..round % 12).map(|_| pool.get()).collect();
                        let _bomb = pool.get_with(|| ledger.bomb());
                        if round % 3 == 0 {
                            panic!("while it holds guards");
                        }
                        pool.advance();
                    }));
                }
            });
        }
    });
    assert_eq!(pool.idle(), ledger.live());
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// A recycler that panics, and panics again when it is dropped with its pool. Its items panic too.
struct Fragile(Bomb);

impl Recycle<Bomb> for Fragile {
    fn create(&self) -> Bomb {
        Bomb
    }

    fn recycle(&self, _: &mut Bomb) -> bool {
        panic!("fragile");
    }
}

/// The last guard drops the pool, and so does `detach`. Of several panics the first is raised.
#[test]
fn the_last_guard_raises_one_panic() {
    let pool = || Arc::new(Pool::with_settings(Fragile(Bomb), MANUAL));
    let last = pool().get_owned();
    assert_eq!(panic_of(|| drop(last)), "fragile");
    let last = pool().get_owned();
    assert_eq!(panic_of(|| OwnedPooled::detach(last)), "bomb");
}

/// A factory that wasn't needed panics when it is dropped. The item, which would panic too, returns to the pool.
#[test]
fn a_panic_of_an_unused_factory_returns_the_item() {
    let ledger = Ledger::new();
    let pool = Pool::with_settings(|| ledger.bomb(), MANUAL);
    drop(pool.get());
    let bomb = Bomb;
    let create = || {
        let _bomb = bomb;
        ledger.item()
    };
    assert_eq!(panic_of(|| drop(pool.get_with(create))), "bomb");
    assert_eq!((pool.idle(), ledger.live()), (1, 1));
}
