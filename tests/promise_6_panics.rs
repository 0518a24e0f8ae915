//! Promise 6: a panic in create, in recycle or in an item's `Drop` loses at most that item.

mod common;

use std::panic;
use std::sync::Arc;

use common::{Bomb, Count, Counted, Ledger, MANUAL, Maker, alone, burst, counted, on_thread, panic_of, take_all};
use ebbtide::{OwnedPooled, Pool, Pooled, Recycle, Settings, advance_all};

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

/// Fills a pool with ten items. Those in `bombs` panic when dropped.
fn with_bombs(bombs: &[usize], slots: usize) -> (Pool<Counted, Maker>, Arc<Ledger>) {
    let ledger = Ledger::new();
    let pool = Pool::with_settings(Maker(Arc::clone(&ledger)), MANUAL.private_slots(slots));
    for id in 0..10 {
        pool.put(if bombs.contains(&id) { ledger.bomb() } else { ledger.item() });
    }
    (pool, ledger)
}

/// If items panic as a sweep drops them, all are still dropped. Then `advance` raises the first panic.
#[test]
fn advance_raises_the_first_panic_after_all_were_dropped() {
    for slots in [0, 4, 32] {
        for bombs in [&[3_usize][..], &[0, 4, 9], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]] {
            let (pool, ledger) = with_bombs(bombs, slots);
            pool.advance();
            let text = panic_of(|| pool.advance());
            let order = ledger.drop_order();
            assert_eq!(order.len(), 10, "{slots} slots");
            let first = order.iter().find(|id| bombs.contains(id)).expect("a bomb went off");
            assert_eq!(text, format!("bomb {first}"));
            ledger.assert_all_dropped_once();
            assert_eq!((pool.idle(), pool.stats().dropped, pool.stats().sweeps), (0, 10, 2));
            // The token was returned: the next sweep runs.
            burst(&pool, 3);
            assert!(pool.advance().is_some());
            assert_eq!(pool.idle(), 3);
        }
    }
}

/// The same for `clear`.
#[test]
fn clear_raises_the_first_panic_after_all_were_dropped() {
    for slots in [0, 4, 32] {
        let (pool, ledger) = with_bombs(&[2, 7], slots);
        let text = panic_of(|| pool.clear());
        assert!(["bomb 2", "bomb 7"].contains(&text.as_str()), "{text}");
        ledger.assert_all_dropped_once();
        assert_eq!(pool.clear().map(|swept| swept.dropped), Some(0));
    }
}

/// Dropping a pool drops all items, whether they panic or not, and raises no panic.
#[test]
fn dropping_a_pool_swallows_the_panics_of_its_items() {
    for slots in [0, 4, 32] {
        let (pool, ledger) = with_bombs(&[1, 5, 6], slots);
        pool.advance();
        pool.put(ledger.bomb());
        pool.put(ledger.item());
        drop(pool);
        ledger.assert_all_dropped_once();
    }
}

/// The same while the thread unwinds.
#[test]
fn dropping_a_pool_of_bombs_while_unwinding_does_not_abort() {
    let mut kept = None;
    let text = panic_of(|| {
        let (pool, ledger) = with_bombs(&[1, 5, 6], 4);
        kept = Some(ledger);
        let _guards = (pool.get(), pool.get());
        panic!("the first {}", pool.idle());
    });
    assert_eq!(text, "the first 8");
    kept.expect("set above").assert_all_dropped_once();
}

/// Calls a function when dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// In a destructor that runs while unwinding, a sweep drops all items and swallows their panics.
#[test]
fn advance_and_clear_while_unwinding_do_not_abort() {
    let (pool, ledger) = with_bombs(&[0, 9], 4);
    let (other, others) = with_bombs(&[0, 9], 4);
    let text = panic_of(|| {
        let _sweep = OnDrop(|| {
            pool.advance();
            pool.advance();
            other.clear();
        });
        panic!("the first");
    });
    assert_eq!(text, "the first");
    ledger.assert_all_dropped_once();
    others.assert_all_dropped_once();
}

/// The same for `advance_all`. This runs in a process of its own, as it sweeps the pools of all tests.
#[test]
fn advance_all_while_unwinding_does_not_abort() {
    if !alone("advance_all_while_unwinding_does_not_abort") {
        return;
    }
    let ledger = Ledger::new();
    let pool = Pool::with_recycle(Maker(Arc::clone(&ledger)));
    pool.put(ledger.bomb());
    let text = panic_of(|| {
        let _sweep = OnDrop(|| {
            advance_all();
            advance_all();
        });
        panic!("the first");
    });
    assert_eq!(text, "the first");
    ledger.assert_all_dropped_once();
}

/// If there is no room for an item, its guard drops it and raises its panic. The other items stay.
#[test]
fn a_panic_of_a_rejected_item_is_raised_by_its_guard() {
    let ledger = Ledger::new();
    let pool = Pool::with_settings(Maker(Arc::clone(&ledger)), MANUAL.private_slots(0).max_idle(1));
    pool.put(ledger.item());
    let bomb = ledger.bomb();
    assert_eq!(panic_of(|| pool.put(bomb)), "bomb 1");
    assert_eq!((pool.idle(), ledger.drop_order()), (1, vec![1]));
    let text = panic_of(|| {
        let _guard = pool.get_with(|| unreachable!("one is idle"));
        let _bomb = pool.get_with(|| ledger.bomb());
        panic!("the first");
    });
    assert_eq!(text, "the first");
    assert_eq!(pool.idle(), 1);
}

/// A batch beyond `max_idle` is dropped entirely, although its first item panics.
#[test]
fn a_rejected_batch_is_dropped_entirely_despite_panics() {
    let ledger = Ledger::new();
    let pool = Pool::with_settings(Maker(Arc::clone(&ledger)), MANUAL.private_slots(8).max_idle(0));
    for _ in 0..8 {
        pool.put(ledger.bomb());
    }
    // Two arrays of four are full. This spills one of them, for which there is no room.
    let text = panic_of(|| pool.put(ledger.item()));
    assert!(text.starts_with("bomb "), "{text}");
    assert_eq!((pool.idle(), ledger.dropped()), (5, 4));
}

/// Refuses everything.
struct Refuse(Arc<Ledger>);

impl Recycle<Counted> for Refuse {
    fn create(&self) -> Counted {
        self.0.bomb()
    }

    fn recycle(&self, item: &mut Counted) -> bool {
        assert_ne!(item.id, 1, "recycle of 1");
        false
    }
}

/// The panic of a refused item is raised. If `recycle` panicked too, that panic came first and is raised instead.
#[test]
fn a_panic_in_recycle_precedes_one_of_the_refused_item() {
    let ledger = Ledger::new();
    let pool = Pool::with_settings(Refuse(Arc::clone(&ledger)), MANUAL);
    assert_eq!(panic_of(|| drop(pool.get())), "bomb 0");
    assert!(panic_of(|| drop(pool.get())).contains("recycle of 1"));
    assert_eq!(panic_of(|| drop(pool.get())), "bomb 2");
    assert_eq!((pool.stats().refused, pool.idle()), (3, 0));
    ledger.assert_all_dropped_once();
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

/// A payload whose own `Drop` panics, repeatedly.
struct Nested(u8);

impl Drop for Nested {
    fn drop(&mut self) {
        if self.0 > 0 {
            panic::panic_any(Nested(self.0 - 1));
        }
    }
}

/// An item whose `Drop` panics with such a payload.
struct Nasty(Arc<Count>);

impl Drop for Nasty {
    fn drop(&mut self) {
        self.0.bump();
        panic::panic_any(Nested(2));
    }
}

/// Payloads that panic when dropped stop no sweep and abort nothing.
#[test]
fn payloads_that_panic_are_contained() {
    let dropped = Arc::new(Count::new());
    let pool = Pool::with_settings(
        {
            let dropped = Arc::clone(&dropped);
            move || Nasty(Arc::clone(&dropped))
        },
        MANUAL,
    );
    pool.prefill(5);
    pool.advance();
    let first = panic::catch_unwind(panic::AssertUnwindSafe(|| pool.advance())).expect_err("the first panic is raised");
    assert_eq!(dropped.get(), 5);
    // The test must survive this payload, so it doesn't drop it.
    std::mem::forget(first);
    pool.prefill(5);
    drop(pool);
    assert_eq!(dropped.get(), 10);
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

/// `detach` runs no user code. So it can't panic, even with an item that panics in recycle and in drop.
#[test]
fn detach_runs_no_user_code() {
    let ledger = Ledger::new();
    let pool = Pool::with_settings(Refuse(Arc::clone(&ledger)), MANUAL);
    std::mem::forget(Pooled::detach(pool.get()));
    assert_eq!(on_thread(|| pool.idle()), 0);
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
