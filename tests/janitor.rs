//! The janitor: the thread that sweeps timed pools, and `advance_all`.

mod common;
#[path = "common/timed.rs"]
mod timed;

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use common::{Count, Counted, Ledger, MANUAL, Maker, alone, burst, lock, panic_of, until};
use ebbtide::{Pool, Settings, advance_all};
use timed::{Gate, Opens, SHORT, slow, timed};

/// A process has one janitor for all pools. Tests that look at all pools take turns.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    lock(&TURN)
}

const LONG: Settings = Settings::new().every(Duration::from_secs(3600));

/// The janitor sweeps until nothing is idle, wherever the items are.
#[test]
fn the_janitor_drops_idle_items() {
    let _turn = turn();
    let (pool, ledger) = timed(SHORT);
    let worker = common::Worker::new();
    for _ in 0..3 {
        burst(&pool, 100);
        common::on_thread(|| drop(burst(&pool, 100)));
        pool.prefill(10);
        until("nothing is idle", || pool.idle() == 0);
        until("all is dropped", || ledger.live() == 0);
    }
    assert!(pool.stats().sweeps >= 2);
    ledger.assert_all_dropped_once();
    drop(worker);
}

/// A pool in a static is swept too.
#[test]
fn the_janitor_sweeps_a_static_pool() {
    static POOL: Pool<Vec<u8>> = Pool::with_settings(ebbtide::DefaultRecycle, SHORT);
    let _turn = turn();
    drop((POOL.get(), POOL.get()));
    until("nothing is idle", || POOL.idle() == 0);
}

/// Each pool is swept at its own times.
#[test]
fn each_pool_has_its_own_epochs() {
    let _turn = turn();
    let (slow, kept) = timed(LONG);
    let (fast, _ledger) = timed(SHORT);
    burst(&slow, 5);
    until("one pool was swept ten times", || {
        // Used all the time, it is never parked.
        burst(&fast, 1);
        fast.stats().sweeps >= 10
    });
    assert_eq!((slow.stats().sweeps, slow.idle(), kept.live()), (0, 5, 5));
}

/// A pool that comes later with a shorter epoch doesn't wait for one with a longer epoch.
#[test]
fn a_later_pool_with_a_shorter_epoch_is_not_delayed() {
    let _turn = turn();
    let (slow, _kept) = timed(LONG);
    burst(&slow, 1);
    // By now the janitor may sleep for an hour.
    std::thread::sleep(Duration::from_millis(20));
    let (fast, ledger) = timed(SHORT);
    burst(&fast, 1);
    until("the newcomer is swept", || ledger.live() == 0);
}

/// A panic in an item's `Drop` doesn't end the janitor. The other items are dropped, and another pool is swept
/// afterwards.
#[test]
fn the_janitor_survives_panics() {
    let _turn = turn();
    let (pool, ledger) = timed(SHORT);
    for id in 0..50 {
        pool.put(if id % 5 == 0 { ledger.bomb() } else { ledger.item() });
    }
    until("all went, bombs too", || ledger.live() == 0);
    ledger.assert_all_dropped_once();
    let (other, others) = timed(SHORT);
    burst(&other, 10);
    until("another pool is swept", || others.live() == 0);
    burst(&pool, 3);
    until("the same pool is swept", || ledger.live() == 0);
    // Nobody else sees these panics, so they are counted.
    assert!((1..=10).contains(&pool.stats().panics));
    assert_eq!(other.stats().panics, 0);
}

/// While an item's `Drop` blocks the janitor, everybody else proceeds. Pools are used, made, swept and dropped, the
/// item's own pool too. The janitor drops its remaining items once the gate opens.
#[test]
fn a_slow_drop_in_the_janitor_blocks_nobody() {
    let _turn = turn();
    let (pool, gate, ledger) = slow();
    // One batch, condemned all at once. This thread's own sweep must find none of them.
    assert_eq!(pool.prefill(10), 10);
    until("the janitor waits in a drop", || gate.waiting.get() == 1);

    drop(pool.get());
    // Forgets the new item. This thread would wait for its drop too.
    std::mem::forget(ebbtide::Pooled::detach(pool.get()));
    assert!(pool.advance().is_some(), "the token was returned before items are dropped");
    let (other, others) = timed(SHORT);
    burst(&other, 10);
    advance_all();
    drop(other);
    // A round may hold some of them.
    until("the other pool's items are dropped", || others.live() == 0);
    others.assert_all_dropped_once();
    assert_eq!(pool.idle(), 0);
    drop(pool);

    assert_eq!(ledger.dropped(), 0);
    gate.open();
    until("the janitor dropped the ten", || ledger.dropped() == 10);
    assert_eq!((ledger.made(), ledger.live()), (11, 1));
}

/// While an item's `Drop` blocks a thread, the janitor sweeps other pools. It leaves the item's pool alone until the
/// drop returns, so a pool blocks at most one thread. `advance_all` sweeps it nevertheless.
#[test]
fn a_slow_drop_does_not_stop_sweeps_of_other_pools() {
    let _turn = turn();
    let (stuck, gate, ledger) = slow();
    let _opens = Opens(&gate);
    drop(stuck.get());
    until("an item waits in its drop", || gate.waiting.get() == 1);
    let (other, others) = timed(SHORT);
    for round in 1..=20 {
        drop(stuck.get());
        burst(&other, 3);
        until("the other pool is swept", || others.live() == 0 && other.stats().sweeps >= round);
    }
    assert_eq!((gate.waiting.get(), stuck.idle(), ledger.live()), (1, 1, 2));
    let before = stuck.stats().sweeps;
    // Forgets the new item. This thread would wait for its drop too.
    std::mem::forget(ebbtide::Pooled::detach(stuck.get()));
    advance_all();
    assert_eq!(stuck.stats().sweeps, before + 1);

    drop(stuck.get());
    gate.open();
    until("all but the one that was forgotten are dropped", || (ledger.made(), ledger.live()) == (3, 1));
}

/// The first of several items to be dropped waits at the gate.
struct First(Arc<Gate>, Arc<Count>, #[expect(dead_code, reason = "counts when it is dropped")] Counted);

thread_local! {
    static FIRSTS_DROPPED_HERE: Cell<usize> = const { Cell::new(0) };
}

impl Drop for First {
    fn drop(&mut self) {
        FIRSTS_DROPPED_HERE.set(FIRSTS_DROPPED_HERE.get() + 1);
        if self.1.bump() == 0 {
            self.0.pass();
        }
    }
}

/// Pools with one item each. The first item to be dropped waits.
fn first_waits(n: usize, every: Duration) -> (Vec<Pool<First, impl ebbtide::Recycle<First>>>, Arc<Gate>, Arc<Ledger>) {
    let (gate, count, ledger) = (Arc::new(Gate::default()), Arc::new(Count::new()), Ledger::new());
    let pools = (0..n).map(|_| {
        let (gate, count, ledger) = (Arc::clone(&gate), Arc::clone(&count), Arc::clone(&ledger));
        let make = move || First(Arc::clone(&gate), Arc::clone(&count), ledger.item());
        Pool::with_settings(make, Settings::new().every(every))
    });
    let pools: Vec<_> = pools.collect();
    for pool in &pools {
        assert_eq!(pool.prefill(1), 1);
    }
    (pools, gate, ledger)
}

/// The other items that the round condemned are dropped too, even if no round follows.
#[test]
fn a_slow_drop_does_not_delay_other_items_of_its_round() {
    let _turn = turn();
    let (pools, gate, ledger) = first_waits(8, Duration::from_millis(50));
    until("all others are dropped", || ledger.dropped() == 7);
    gate.open();
    until("the first is", || ledger.live() == 0);
    drop(pools);
    ledger.assert_all_dropped_once();
}

/// An item that a round condemned, and that no thread drops yet, is dropped with its pool, by the thread that drops the
/// pool.
#[test]
fn a_dropped_pool_drops_its_condemned_items() {
    if !alone("a_dropped_pool_drops_its_condemned_items") {
        return;
    }
    until("a pool is dropped while its item waits", || {
        let (pools, gate, ledger) = first_waits(8, Duration::from_millis(50));
        until("one waits", || gate.waiting.get() == 1);
        until("the others are condemned", || pools.iter().all(|pool| pool.idle() == 0));
        let before = FIRSTS_DROPPED_HERE.get();
        drop(pools);
        let here = FIRSTS_DROPPED_HERE.get() - before;
        // Another dropper may have dropped the rest already.
        until("all others are dropped", || ledger.dropped() == 7);
        gate.open();
        until("the first is", || ledger.live() == 0);
        ledger.assert_all_dropped_once();
        here > 0
    });
}

/// `advance_all` sweeps exactly the used pools that the janitor knows, and returns the sum.
#[test]
fn advance_all_sweeps_all_pools() {
    let _turn = turn();
    // Drops the items that other tests left in statics.
    advance_all();
    advance_all();
    let before = advance_all();
    let pools: Vec<_> = (0..50).map(|_| timed(LONG)).collect();
    pools.iter().for_each(|(pool, _)| drop(burst(pool, 3)));
    let (unused, _) = timed(LONG);
    let (manual, kept) = (Pool::with_settings(|| 0_u8, MANUAL), 1);
    drop(manual.get());

    let first = advance_all();
    assert_eq!((first.dropped, first.kept), (before.dropped, before.kept + 150));
    assert!(pools.iter().all(|(pool, ledger)| (pool.idle(), pool.stats().sweeps, ledger.live()) == (3, 1, 3)));
    let second = advance_all();
    assert_eq!((second.dropped, second.kept), (150, before.kept));
    assert!(pools.iter().all(|(pool, ledger)| (pool.idle(), pool.stats().sweeps, ledger.live()) == (0, 2, 0)));
    assert_eq!((manual.idle(), manual.stats().sweeps), (kept, 0));
    assert_eq!(unused.stats().sweeps, 0);
}

/// `advance_all` raises the first panic after it has swept all pools.
#[test]
fn advance_all_raises_the_first_panic_at_the_end() {
    let _turn = turn();
    let pools: Vec<_> = (0..10).map(|_| timed(LONG)).collect();
    for (n, (pool, ledger)) in pools.iter().enumerate() {
        for _ in 0..3 {
            pool.put(if n % 3 == 1 { ledger.bomb() } else { ledger.item() });
        }
    }
    advance_all();
    let text = panic_of(advance_all);
    assert!(text.starts_with("bomb "), "{text}");
    pools.iter().for_each(|(_, ledger)| ledger.assert_all_dropped_once());
    advance_all();
}

/// The janitor forgets a dropped pool and keeps none of its items.
#[test]
fn the_janitor_forgets_dropped_pools() {
    let _turn = turn();
    advance_all();
    advance_all();
    let before = advance_all().kept;
    let mut pools: Vec<_> = (0..200).map(|_| timed(LONG)).collect();
    pools.iter().for_each(|(pool, _)| drop(burst(pool, 2)));
    assert_eq!(advance_all().kept, before + 400);
    let mut dice = common::Dice::new(1);
    while !pools.is_empty() {
        let (pool, ledger) = pools.swap_remove(dice.below(pools.len()));
        drop(pool);
        ledger.assert_all_dropped_once();
    }
    assert_eq!(advance_all().kept, before);
}

/// Dropping a pool unregisters that pool and no other.
#[test]
fn dropping_a_pool_keeps_the_others_registered() {
    let _turn = turn();
    let pools = [(); 3].map(|()| timed(LONG));
    pools.iter().for_each(|(pool, _)| drop(pool.get()));
    let [(first, _), (second, _), (third, _)] = pools;
    drop(second);
    advance_all();
    assert_eq!((first.stats().sweeps, third.stats().sweeps), (1, 1));
    drop(first);
    advance_all();
    assert_eq!(third.stats().sweeps, 2);
}

/// Pools are made, used and dropped while the janitor sweeps. None of their items is lost or dropped twice.
#[test]
fn short_lived_pools_lose_no_item_to_the_janitor() {
    let _turn = turn();
    let ledger = Ledger::new();
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let ledger = &ledger;
            scope.spawn(move || {
                let mut dice = common::Dice::new(seed);
                for _ in 0..600 {
                    let pool = Pool::with_settings(Maker(Arc::clone(ledger)), SHORT.private_slots(dice.below(9)));
                    for _ in 0..dice.below(20) {
                        burst(&pool, dice.below(12));
                    }
                    if dice.below(4) == 0 {
                        std::thread::sleep(Duration::from_micros(500));
                    }
                }
            });
        }
    });
    until("what the janitor held is dropped", || ledger.live() == 0);
    ledger.assert_all_dropped_once();
}

/// An item uses its own pool and new ones when the janitor drops it.
#[test]
fn items_may_use_pools_in_the_janitor() {
    struct Busy(Arc<Count>);
    impl Drop for Busy {
        fn drop(&mut self) {
            drop(OTHER.get());
            let fresh: Pool<Vec<u8>> = Pool::new();
            drop(fresh.get());
            advance_all();
            self.0.bump();
        }
    }
    static OTHER: Pool<Vec<u8>> = Pool::new();
    let _turn = turn();
    let count = Arc::new(Count::new());
    let made = Arc::clone(&count);
    let pool = Pool::with_settings(move || Busy(Arc::clone(&made)), SHORT);
    let guards: Vec<_> = (0..5).map(|_| pool.get()).collect();
    drop(guards);
    until("all five went", || count.get() == 5);
}
