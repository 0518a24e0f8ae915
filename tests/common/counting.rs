//! A global allocator that counts what each thread allocates and frees.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// A block of at least this size counts as large: the buffers of `buffers::copy`.
const LARGE: usize = 32 << 10;

/// Blocks, large blocks, and bytes.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) blocks: usize,
    pub(crate) large: usize,
    pub(crate) allocated: usize,
    pub(crate) freed: usize,
}

thread_local! {
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { blocks: 0, large: 0, allocated: 0, freed: 0 }) };
    static HOOK: Cell<Option<fn()>> = const { Cell::new(None) };
}

fn update(change: impl FnOnce(&mut Counts)) {
    let mut counts = COUNTS.get();
    change(&mut counts);
    COUNTS.set(counts);
}

struct Counting;

// SAFETY: `System` does all the work. Counting neither allocates nor panics, and hooks don't panic.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        update(|counts| {
            counts.blocks += 1;
            counts.large += usize::from(layout.size() >= LARGE);
            counts.allocated += layout.size();
        });
        if let Some(hook) = HOOK.take() {
            hook();
            HOOK.set(Some(hook));
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        update(|counts| counts.freed += layout.size());
        // SAFETY: from `System` with this layout, as the caller promises.
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `f`, and `hook` within each of this thread's allocations in it. A hook must not panic.
pub(crate) fn at_each_allocation(hook: fn(), f: impl FnOnce()) {
    HOOK.set(Some(hook));
    f();
    HOOK.set(None);
}

/// What this thread allocates and frees in `f`.
pub(crate) fn allocations<O>(f: impl FnOnce() -> O) -> (O, Counts) {
    let before = COUNTS.get();
    let value = f();
    let after = COUNTS.get();
    let counts = Counts {
        blocks: after.blocks - before.blocks,
        large: after.large - before.large,
        allocated: after.allocated - before.allocated,
        freed: after.freed - before.freed,
    };
    (value, counts)
}
