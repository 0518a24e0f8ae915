//! Numbers that order nothing.

use super::atomic::{AtomicU32, Ordering};

/// A number that orders nothing: a count, a hint where to look first, or what only its thread reads and writes.
///
/// No access becomes safe by it. So loom need not see it, and there too it is std's atomic.
#[derive(Debug, Default)]
pub(crate) struct Counter(std::sync::atomic::AtomicUsize);

impl Counter {
    pub(crate) const fn new() -> Self {
        Self::at(0)
    }

    pub(crate) const fn at(count: usize) -> Self {
        Self(std::sync::atomic::AtomicUsize::new(count))
    }

    /// Sets the number by a plain store. Only one thread at a time may write it, unless it is a hint.
    #[inline(always)]
    pub(crate) fn set(&self, to: usize) {
        // ORDERING: Relaxed, no partner; a writer finds its own value, and other threads any recent one.
        self.0.store(to, Ordering::Relaxed);
    }

    /// Adds by a plain load and store. Only one thread at a time may write the number.
    #[inline]
    pub(crate) fn bump(&self, by: usize) {
        self.set(self.get().wrapping_add(by));
    }

    /// Adds to a number that many threads write. Returns what it was before.
    pub(crate) fn add(&self, by: usize) -> usize {
        // ORDERING: Relaxed, no partner; only the sum matters, and no addition is lost.
        self.0.fetch_add(by, Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        // ORDERING: Relaxed, no partner; as in `set`.
        self.0.load(Ordering::Relaxed)
    }
}

/// The same in one byte.
#[derive(Debug, Default)]
pub(crate) struct SmallCounter(std::sync::atomic::AtomicU8);

impl SmallCounter {
    #[inline(always)]
    pub(crate) fn set(&self, to: usize) {
        // ORDERING: Relaxed, no partner; as in `Counter::set`.
        self.0.store(to as u8, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        // ORDERING: Relaxed, no partner; as in `Counter::set`.
        self.0.load(Ordering::Relaxed).into()
    }
}

/// How much lies somewhere, in half a word. It is exact for the thread that may write it, and a hint for others.
///
/// Unlike a [`Counter`] it is seen by loom, because a sweep decides by it what to close.
#[derive(Debug)]
pub(crate) struct Length(AtomicU32);

impl Length {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    #[inline(always)]
    pub(crate) fn set(&self, to: usize) {
        // ORDERING: Relaxed, no partner; what lets the next writer write also orders it.
        self.0.store(to as u32, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        // ORDERING: Relaxed, no partner; as above, and for other threads any recent value will do.
        self.0.load(Ordering::Relaxed) as usize
    }
}
