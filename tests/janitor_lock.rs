//! Nothing is allocated or freed under the janitor's lock, because an allocator may use a pool for the first time.

mod common;
#[path = "common/timed.rs"]
mod timed;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use common::{Count, alone, burst, lock, until};
use ebbtide::{Settings, advance_all};
use timed::{SHORT, timed};

/// Whether allocations ask.
static ON: Count = Count::new();
static ASKED: Count = Count::new();
static ANSWERED: Count = Count::new();
static KEPT_OUT: Count = Count::new();
/// How many asked on threads that the test did not start.
static ASKED_ELSEWHERE: Count = Count::new();

thread_local! {
    /// This thread is asking, or answers.
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static OF_THE_TEST: Cell<bool> = const { Cell::new(false) };
}

/// Waits until another thread has had the lock.
fn ask() {
    static TURN: Mutex<()> = Mutex::new(());
    if ON.get() == 0 || QUIET.replace(true) {
        return;
    }
    let turn = lock(&TURN);
    let (asked, start) = (ASKED.bump() + 1, Instant::now());
    while ANSWERED.get() < asked && ON.get() == 1 {
        thread::yield_now();
        // Only a hang misses this deadline. No panic may leave the allocator.
        if start.elapsed() > Duration::from_secs(20) {
            KEPT_OUT.bump();
            ON.set(0);
        }
    }
    drop(turn);
    if !OF_THE_TEST.get() {
        ASKED_ELSEWHERE.bump();
    }
    QUIET.set(false);
}

/// Runs `test` while a thread answers with `have_lock`.
fn asking(have_lock: fn(), test: impl FnOnce()) {
    let answer = || {
        QUIET.set(true);
        ON.set(1);
        while ON.get() == 1 {
            let asked = ASKED.get();
            if asked > ANSWERED.get() {
                have_lock();
                ANSWERED.set(asked);
            }
            thread::yield_now();
        }
    };
    OF_THE_TEST.set(true);
    thread::scope(|scope| {
        scope.spawn(answer);
        until("somebody answers", || ON.get() == 1);
        test();
        ON.set(0);
    });
    println!("{} asked, {} of them elsewhere", ASKED.get(), ASKED_ELSEWHERE.get());
    assert_eq!(KEPT_OUT.get(), 0, "something was allocated or freed under the lock");
    assert!(ASKED.get() > 0, "nothing was tested");
}

struct Asking;

// SAFETY: `System` does all the work. Nothing here panics.
unsafe impl GlobalAlloc for Asking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ask();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ask();
        // SAFETY: from `System` with this layout, as the caller promises.
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Asking = Asking;

const LONG: Settings = Settings::new().every(Duration::from_secs(3600));

/// Whenever a thread that registers pools allocates or frees, another one can have the lock.
#[test]
fn nothing_is_allocated_under_the_lock_to_register_pools() {
    if alone("nothing_is_allocated_under_the_lock_to_register_pools") {
        asking(|| _ = advance_all(), || [(); 20].map(|()| timed(LONG)).iter().for_each(|(pool, _)| drop(pool.get())));
    }
}

/// Whenever a step of the sweeps, or of the drop of pools and items, allocates or frees, another thread can have the
/// lock.
#[test]
fn nothing_is_allocated_or_freed_under_the_lock_to_sweep_pools() {
    if !alone("nothing_is_allocated_or_freed_under_the_lock_to_sweep_pools") {
        return;
    }
    let use_and_drop_a_pool = || drop(timed(LONG).0.get());
    asking(use_and_drop_a_pool, || {
        let pools = [(); 20].map(|()| timed(SHORT));
        for (pool, _) in &pools {
            burst(pool, 20);
        }
        until("all are dropped", || pools.iter().all(|(_, ledger)| ledger.live() == 0));
    });
    assert!(ASKED_ELSEWHERE.get() > 0, "nothing was tested");
}
