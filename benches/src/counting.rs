//! An allocator that counts what is in use.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicIsize, Ordering};

/// The system's allocator, counted. Only a program that has it as its global allocator can tell what a pool weighs, and no
/// other should have it: counting takes time.
#[derive(Debug)]
pub struct Counting;

static IN_USE: AtomicIsize = AtomicIsize::new(0);

/// Bytes that have been asked for and not given back.
pub(crate) fn in_use() -> isize {
    // ORDERING: one of many counts; who wants an exact one has waited for the other threads.
    IN_USE.load(Ordering::Relaxed)
}

/// Whether [`Counting`] is the global allocator of this program.
pub(crate) fn counts() -> bool {
    let before = in_use();
    let byte = black_box(Box::new(0_u8));
    let counted = in_use() != before;
    drop(byte);
    counted
}

fn count(bytes: isize) {
    // ORDERING: as above.
    IN_USE.fetch_add(bytes, Ordering::Relaxed);
}

/// A layout's size never exceeds this type.
fn size(layout: Layout) -> isize {
    layout.size() as isize
}

// SAFETY: all of it is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(size(layout));
        // SAFETY: as this was called.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(size(layout));
        // SAFETY: as this was called.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-size(layout));
        // SAFETY: as this was called.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as isize - size(layout));
        // SAFETY: as this was called.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}
