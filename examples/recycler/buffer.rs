//! The buffers, and their number.

use std::hint;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common;
use crate::options::{MIB, Options};

/// One byte per page is written, or several if pages are larger.
const PAGE: usize = 4096;

/// Buffers made so far.
pub(crate) static MADE: AtomicUsize = AtomicUsize::new(0);
/// Bytes of all existing buffers, in use or idle.
pub(crate) static BYTES: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Buffer {
    pub(crate) bytes: Vec<u8>,
}

impl Buffer {
    pub(crate) fn make(options: &Options) -> Buffer {
        // ORDERING: Relaxed. A counter orders nothing.
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let smallest = options.min_mb * MIB;
        let length = smallest + random(!options.seed, number, options.max_mb * MIB - smallest + 1);
        // ORDERING: Relaxed. A counter orders nothing.
        BYTES.fetch_add(length, Ordering::Relaxed);
        Buffer { bytes: vec![0; length] }
    }

    /// A pool boxes its items, so the other ways do too.
    pub(crate) fn make_boxed(options: &Options) -> Box<Buffer> {
        Box::new(Buffer::make(options))
    }

    pub(crate) fn write_every_page(&mut self) {
        for byte in self.bytes.iter_mut().step_by(PAGE) {
            *byte = byte.wrapping_add(1);
        }
        hint::black_box(&mut self.bytes);
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // ORDERING: Relaxed. A counter orders nothing.
        BYTES.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

/// The nth number of a random sequence, below `limit`.
pub(crate) fn random(seed: usize, nth: usize, limit: usize) -> usize {
    (common::seeded(seed as u64, nth as u64) % limit as u64) as usize
}
