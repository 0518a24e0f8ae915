//! Promise 8: an item whose `Drop` panics costs no other item anything.

mod common;

use std::panic;
use std::sync::Arc;

use common::{Count, Counted, Ledger, MANUAL, Maker, OnDrop, alone, burst, on_thread, panic_of};
use ebbtide::{Pool, Pooled, Recycle, advance_all};

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

/// `detach` runs no user code. So it can't panic, even with an item that panics in recycle and in drop.
#[test]
fn detach_runs_no_user_code() {
    let ledger = Ledger::new();
    let pool = Pool::with_settings(Refuse(Arc::clone(&ledger)), MANUAL);
    std::mem::forget(Pooled::detach(pool.get()));
    assert_eq!(on_thread(|| pool.idle()), 0);
}
