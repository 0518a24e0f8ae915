//! A global allocator without locks. Where threads are stopped it must not lock: another thread that allocates would
//! wait for the stopped one.
//!
//! Each thread has a free list for each size, and room for new blocks. A freed block belongs to the thread that frees
//! it. Only large blocks return to the system. A thread's blocks are lost when it ends.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ptr;

pub(crate) struct Unlocked;

/// Sizes are powers of two. Larger blocks come from the system.
const SIZES: usize = 18;
const LARGEST: usize = 1 << (SIZES - 1);
const ROOM: usize = 8 * LARGEST;

/// The alignment of memory from the system.
const PAGE: usize = 4096;

struct Free {
    next: *mut Free,
}

thread_local! {
    static FREE: [Cell<*mut Free>; SIZES] = const { [const { Cell::new(ptr::null_mut()) }; SIZES] };
    /// The start and size of the room for new blocks.
    static FRESH: Cell<(*mut u8, usize)> = const { Cell::new((ptr::null_mut(), 0)) };
}

fn size(layout: Layout) -> usize {
    layout.size().max(layout.align()).max(size_of::<Free>()).next_power_of_two()
}

// SAFETY: a block is as large as requested, aligned to its size or to a page, and belongs to one thread until it is
// freed.
unsafe impl GlobalAlloc for Unlocked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = size(layout);
        if layout.align() > PAGE {
            return ptr::null_mut();
        }
        if size > LARGEST {
            return from_system(size);
        }
        FREE.with(|free| {
            let list = &free[size.ilog2() as usize];
            match list.get() {
                block if block.is_null() => cut(size),
                block => {
                    // SAFETY: written when the block was freed, and unused since.
                    list.set(unsafe { (*block).next });
                    block.cast()
                }
            }
        })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let size = size(layout);
        if size > LARGEST {
            // SAFETY: it came from the system with this size.
            unsafe { libc::munmap(block.cast(), size) };
            return;
        }
        FREE.with(|free| {
            let list = &free[size.ilog2() as usize];
            // SAFETY: the block is large enough and aligned, and no longer the caller's.
            unsafe { block.cast::<Free>().write(Free { next: list.get() }) };
            list.set(block.cast());
        });
    }
}

/// A new block from this thread's room.
fn cut(size: usize) -> *mut u8 {
    let (mut start, mut room) = FRESH.get();
    let skipped = start.align_offset(size.min(PAGE));
    if skipped + size > room {
        (start, room) = (from_system(ROOM), ROOM);
        if start.is_null() {
            return start;
        }
    } else {
        (start, room) = (start.wrapping_add(skipped), room - skipped);
    }
    FRESH.set((start.wrapping_add(size), room - size));
    start
}

fn from_system(size: usize) -> *mut u8 {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
    // SAFETY: a new mapping, anywhere.
    let pages = unsafe { libc::mmap(ptr::null_mut(), size, access, kind, -1, 0) };
    if pages == libc::MAP_FAILED { ptr::null_mut() } else { pages.cast() }
}
