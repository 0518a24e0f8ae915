//! Promise 2: no call waits for another, and no user code runs while slots are claimed.
//!
//! `allocator` tests that nothing is allocated inside a claim.

mod common;

use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex};

use common::{Count, MANUAL, lock, on_thread, until};
use ebbtide::{Pool, Recycle, Swept};

/// Calls `advance` from user code. A sweep leaves out the slots of a thread inside a claim, and counts them. So the
/// count shows whether user code runs inside one.
struct Probing;

struct Probe;

static PROBED: Pool<Probe, Probing> = Pool::with_settings(Probing, MANUAL.private_slots(4).max_idle(20));
static PROBES: Count = Count::new();
static CLAIMED: Count = Count::new();

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

fn probe() {
    if INSIDE.replace(true) {
        return;
    }
    PROBES.bump();
    // On one thread no other sweep has the token, unless this code runs in the middle of one.
    let swept: Option<Swept> = PROBED.advance();
    if swept.is_none_or(|swept| swept.left_busy > 0) {
        CLAIMED.bump();
    }
    INSIDE.set(false);
}

impl Recycle<Probe> for Probing {
    fn create(&self) -> Probe {
        probe();
        Probe
    }

    fn recycle(&self, _: &mut Probe) -> bool {
        probe();
        PROBES.get() % 7 != 0
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        probe();
    }
}

/// Create, recycle and `Drop` never run while the thread's slots are claimed or while it has the sweep token.
#[test]
fn user_code_never_runs_inside_a_claim_or_a_sweep() {
    for round in 0..300 {
        let guards: Vec<_> = (0..round % 40).map(|_| PROBED.get()).collect();
        drop(guards);
        PROBED.put(Probe);
        match round % 10 {
            0 => drop(PROBED.advance()),
            5 => drop(PROBED.clear()),
            7 => drop(PROBED.prefill(30)),
            _ => {}
        }
    }
    assert_eq!(CLAIMED.get(), 0, "of {} probes", PROBES.get());
    assert!(PROBES.get() > 1000);
}

/// An item whose `Drop` waits until it is released.
struct Held(Arc<Hold>);

#[derive(Default)]
struct Hold {
    released: Mutex<bool>,
    changed: Condvar,
    waiting: Count,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut released = lock(&self.0.released);
        self.0.waiting.bump();
        while !*released {
            released = self.0.changed.wait(released).expect("no panic");
        }
    }
}

/// While an item's `Drop` blocks a sweep, others get, put, spill, sweep and clear.
#[test]
fn a_slow_drop_in_a_sweep_blocks_nobody() {
    let hold = Arc::new(Hold::default());
    let make = {
        let hold = Arc::clone(&hold);
        move || Held(Arc::clone(&hold))
    };
    let pool = Arc::new(Pool::with_settings(make, MANUAL.private_slots(4)));
    pool.prefill(10);
    pool.advance();
    let sweeping = {
        let pool = Arc::clone(&pool);
        std::thread::spawn(move || pool.advance())
    };
    until("the sweep waits in a drop", || hold.waiting.get() == 1);

    on_thread(|| {
        let guards: Vec<_> = (0..50).map(|_| pool.get()).collect();
        drop(guards);
        assert!(pool.advance().is_some());
        assert_eq!(pool.idle(), 50);
        let again: Vec<_> = (0..50).map(|_| pool.get()).collect();
        assert_eq!(pool.stats().created, 50);
        again.into_iter().for_each(|item| std::mem::forget(ebbtide::Pooled::detach(item)));
        assert_eq!(pool.clear().map(|swept| swept.dropped), Some(0));
    });

    *lock(&hold.released) = true;
    hold.changed.notify_all();
    let swept = sweeping.join().expect("no panic").expect("it was the only sweep when it began");
    assert_eq!(swept.dropped, 10);
}

/// A create may block for as long as it likes.
#[test]
fn a_slow_create_blocks_nobody() {
    let entered = Count::new();
    let released = Count::new();
    let pool = Pool::with_settings(|| vec![0_u8], MANUAL);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| {
            let item = pool.get_with(|| {
                entered.set(1);
                until("it is released", || released.get() == 1);
                vec![1]
            });
            assert_eq!(*item, [1]);
        });
        until("create waits", || entered.get() == 1);
        drop((pool.get(), pool.get()));
        assert!(pool.advance().is_some_and(|swept| swept.left_busy == 0));
        assert!(pool.clear().is_some_and(|swept| swept.left_busy == 0 && swept.dropped == 2));
        released.set(1);
        slow.join().expect("no panic");
    });
    assert_eq!(pool.idle(), 1);
}
