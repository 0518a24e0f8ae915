//! An allocator that counts the bytes in use.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicIsize, Ordering};

/// The system's allocator with a count. Only a program with this global allocator can measure a pool's memory. Other
/// programs should not have it, as counting takes time.
#[derive(Debug)]
pub struct Counting;

static IN_USE: AtomicIsize = AtomicIsize::new(0);

/// Bytes allocated and not yet freed.
pub(crate) fn in_use() -> isize {
    // ORDERING: Relaxed, no partner. A caller that needs an exact count has joined the other threads.
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

/// A layout's size always fits into this type.
fn size(layout: Layout) -> isize {
    layout.size() as isize
}

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(size(layout));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(size(layout));
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-size(layout));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as isize - size(layout));
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}
