//! When the droppers have the system allocator return free memory.
//!
//! glibc gives back what lies at the end of a heap, and keeps the rest until `malloc_trim` is called. That holds the
//! lock of one heap after the other. So it comes only after many drops, and seldom.

use std::time::Duration;

use crate::sync::heap;

/// How many bytes are dropped before it is worth a trim.
const BYTES: usize = 16 << 20;

/// What an item counts as whose weight is unknown, such as one of a closure that owns memory.
const UNKNOWN: usize = 1 << 20;

/// The pause that a trim calls for, as a multiple of the time that it took.
const PAUSE: u64 = 100;

/// How long trims may take before the first pause, in nanoseconds. After a burst, several sweeps may drop items.
const ALLOWANCE: u64 = 500_000_000;

pub(super) struct Trimming {
    pub(super) on: bool,
    /// What was dropped since the last trim began.
    bytes: usize,
    /// Whether a thread trims.
    begun: bool,
    /// When the pauses of all trims end, one after the other, in nanoseconds. Trims go on before that, by the pauses that
    /// [`ALLOWANCE`] calls for.
    paid: u64,
}

impl Trimming {
    pub(super) const fn new() -> Self {
        Self { on: heap::KEEPS, bytes: 0, begun: false, paid: 0 }
    }

    /// Notes that items were dropped. Each had this weight, or an unknown one if this is 0.
    pub(super) fn count(&mut self, items: usize, weight: usize) {
        let weight = if weight == 0 { UNKNOWN } else { weight };
        self.bytes = self.bytes.saturating_add(items.saturating_mul(weight));
    }

    /// Returns how long it is until the next trim, or `None` if there is nothing to trim, or somebody does it.
    pub(super) fn due_in(&self, now: u64) -> Option<Duration> {
        let waits = self.on && self.bytes >= BYTES && !self.begun;
        waits.then(|| Duration::from_nanos(self.paid.saturating_sub(now + PAUSE * ALLOWANCE)))
    }

    /// Returns whether the caller is to trim, and then to call `end`.
    pub(super) fn begin(&mut self, now: u64) -> bool {
        let due = self.due_in(now) == Some(Duration::ZERO);
        if due {
            (self.bytes, self.begun) = (0, true);
        }
        due
    }

    pub(super) fn end(&mut self, began: u64, now: u64) {
        self.begun = false;
        self.paid = self.paid.max(now) + PAUSE * (now - began);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUE: Option<Duration> = Some(Duration::ZERO);

    fn on() -> Trimming {
        Trimming { on: true, ..Trimming::new() }
    }

    #[test]
    fn a_trim_needs_many_bytes() {
        let mut trimming = on();
        trimming.count(BYTES / 100, 99);
        assert_eq!(trimming.due_in(1), None);
        trimming.count(BYTES / 100, 2);
        assert_eq!(trimming.due_in(1), DUE);
        assert!(Trimming { on: false, ..trimming }.due_in(1).is_none());
    }

    #[test]
    fn a_few_items_of_unknown_weight_are_enough() {
        let mut trimming = on();
        trimming.count(15, 0);
        assert_eq!(trimming.due_in(1), None);
        trimming.count(1, 0);
        assert_eq!(trimming.due_in(1), DUE);
    }

    #[test]
    fn only_one_thread_trims() {
        let mut trimming = on();
        trimming.count(1, BYTES);
        assert!(trimming.begin(1));
        trimming.count(1, BYTES);
        assert!(!trimming.begin(1));
    }

    #[test]
    fn trims_pause_when_they_took_long() {
        const THIRD: u64 = ALLOWANCE / 3;
        let mut trimming = on();
        for end in (1..=4).map(|trims| trims * THIRD) {
            trimming.count(1, BYTES);
            assert!(trimming.begin(end - THIRD), "a trim that ends at {end}");
            trimming.end(end - THIRD, end);
            assert_eq!(trimming.due_in(end), None);
        }
        trimming.count(1, BYTES);
        let pause = PAUSE * (4 * THIRD - ALLOWANCE) - 3 * THIRD;
        assert_eq!(trimming.due_in(4 * THIRD), Some(Duration::from_nanos(pause)));
        assert_eq!(trimming.due_in(4 * THIRD + pause), DUE);
    }
}
