//! The items, and what is counted of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use ebbtide::Clear;

/// A number of items, and the bytes that they hold.
pub(crate) struct Count {
    items: AtomicUsize,
    bytes: AtomicUsize,
}

/// All that exist, in use or idle.
pub(crate) static EXISTING: Count = Count::new();
pub(crate) static IN_USE: Count = Count::new();
/// Items made so far.
pub(crate) static MADE: AtomicUsize = AtomicUsize::new(0);

impl Count {
    const fn new() -> Self {
        Self { items: AtomicUsize::new(0), bytes: AtomicUsize::new(0) }
    }

    /// The items and the bytes.
    pub(crate) fn get(&self) -> (usize, usize) {
        // ORDERING: Relaxed, here and below. A counter orders nothing.
        (self.items.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    fn add(&self, items: usize, bytes: usize) {
        self.items.fetch_add(items, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn sub(&self, items: usize, bytes: usize) {
        self.items.fetch_sub(items, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A scratch buffer that knows what was counted of it.
pub(crate) struct Scratch {
    bytes: Vec<u8>,
    counted: usize,
}

impl Scratch {
    /// Is used for a request that needs this many bytes and writes to all of them.
    pub(crate) fn begin(&mut self, size: usize) {
        self.bytes.clear();
        self.bytes.reserve(size);
        self.count();
        IN_USE.add(1, self.counted);
        self.bytes.resize(size, 1);
    }

    pub(crate) fn end(&mut self) {
        IN_USE.sub(1, self.counted);
    }

    fn count(&mut self) {
        EXISTING.sub(0, self.counted);
        self.counted = self.bytes.capacity();
        EXISTING.add(0, self.counted);
    }
}

impl Default for Scratch {
    fn default() -> Self {
        // ORDERING: Relaxed. A counter orders nothing.
        MADE.fetch_add(1, Ordering::Relaxed);
        EXISTING.add(1, 0);
        Self { bytes: Vec::new(), counted: 0 }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        EXISTING.sub(1, self.counted);
    }
}

/// Says what it holds and what was used of it, so that ebbtide shrinks it as it would a `Vec`.
impl Clear for Scratch {
    fn clear(&mut self) {
        self.bytes.clear();
    }

    fn weight(&self) -> usize {
        self.bytes.weight()
    }

    fn used(&self) -> usize {
        self.bytes.used()
    }

    fn shrink(&mut self, max: usize) {
        self.bytes.shrink(max);
        self.count();
    }
}
