//! A global allocator that counts the allocations of each thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// A block of at least this size counts as large: the buffers of `buffers::copy`.
const LARGE: usize = 32 << 10;

thread_local! {
    static ALL: Cell<usize> = const { Cell::new(0) };
    static LARGE_ONES: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: `System` does all the work. Counting neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALL.set(ALL.get() + 1);
        LARGE_ONES.set(LARGE_ONES.get() + usize::from(layout.size() >= LARGE));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: from `System` with this layout, as the caller promises.
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The number of blocks that this thread allocates in `f`, and of large ones among them.
pub(crate) fn allocations<O>(f: impl FnOnce() -> O) -> (O, [usize; 2]) {
    let before = [ALL.get(), LARGE_ONES.get()];
    let value = f();
    (value, [ALL.get() - before[0], LARGE_ONES.get() - before[1]])
}
