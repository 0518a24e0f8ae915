//! An allocator that runs out of memory. The process aborts as Rust does, whichever allocation fails.

#![cfg(unix)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::thread;

use common::{MANUAL, child, finish, is_child};
use ebbtide::{Fetch, Pool, Pooled, Settings, advance_all};

thread_local! {
    /// How many allocations of this thread succeed before one fails. `None` counts nothing.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

struct Scarce;

// SAFETY: as `System`, except for null, which any allocator may return.
unsafe impl GlobalAlloc for Scarce {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match LEFT.get() {
            Some(0) => {
                LEFT.set(None);
                return std::ptr::null_mut();
            }
            Some(left) => LEFT.set(Some(left - 1)),
            None => {}
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Scarce = Scarce;

/// Makes a pool allocate in every way: first use, items, arrays, spills, sweeps, batches that fit partly, the janitor's
/// list and its thread. The items themselves allocate nothing.
fn use_pools() {
    let pool = Pool::with_settings(|| [0_u64; 4], MANUAL.private_slots(4).max_idle(30));
    for _ in 0..2 {
        let guards: [_; 60] = std::array::from_fn(|_| pool.get());
        drop(guards);
        pool.prefill(7);
        pool.put([1; 4]);
        pool.advance();
        pool.put(Pooled::detach(pool.get()));
    }
    pool.clear();
    // Where the items of these go does not depend on what it takes to create them.
    let timed = Arc::new(Pool::with_settings(|| 0_u8, Settings::new().private_slots(0).fetch(Fetch::Never)));
    drop((timed.get_owned(), timed.get_owned()));
    let others: [_; 5] = std::array::from_fn(|_| Pool::with_settings(String::new, Settings::new().fetch(Fetch::Never)));
    others.iter().for_each(|other| drop(other.get()));
    advance_all();
}

/// For each allocation of the crate in turn, a process lets that one fail. The process says so and aborts. It neither
/// goes on, nor hangs, nor unwinds.
#[test]
fn a_failed_allocation_aborts() {
    const NAME: &str = "a_failed_allocation_aborts";
    const ENOUGH: usize = 100_000;
    if is_child() {
        let given = std::env::var("EBBTIDE_ALLOCATIONS").expect("set below").parse().expect("a number");
        // A new thread has no state yet, and allocates for nobody else.
        let used = thread::spawn(move || {
            LEFT.set(Some(given));
            use_pools();
            given - LEFT.replace(None).expect("set above")
        });
        println!("\nused {}", used.join().expect("no panic"));
        return;
    }
    let run = |given: usize| finish(child(NAME).env("EBBTIDE_ALLOCATIONS", given.to_string()));
    let (status, text) = run(ENOUGH);
    assert!(status.success(), "{text}");
    let used = text.lines().find_map(|line| line.strip_prefix("used ")).expect("it says so");
    let used: usize = used.parse().expect("a number");
    assert!(run(used).0.success(), "with {used} allocations it can be done");
    println!("{used} allocations");

    let aborts = |given| {
        let (status, text) = run(given);
        assert_eq!(status.signal(), Some(libc::SIGABRT), "after {given} allocations: {text}");
        assert!(text.contains("memory allocation of "), "after {given} allocations: {text}");
    };
    thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || (half..used).step_by(2).for_each(aborts));
        }
    });
}
