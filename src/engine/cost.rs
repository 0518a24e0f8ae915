//! What creating an item costs, so that a `get` knows whether to search the slots of other threads before.

use std::time::Duration;

use crate::sync::{Counter, Instant, clock};

/// When a `get` that finds no item in its own slots and in the shared queues takes one from another thread's slots.
/// [`Settings::fetch`](crate::Settings::fetch) sets it. Most pools need no other than the default, [`Fetch::Auto`].
///
/// A fetch takes 1 to 3 µs, or up to 10 while other threads of the process run, because it interrupts them. A search
/// that finds nothing takes some nanoseconds for each thread that has used the pool. After such searches, at most 8
/// misses in a row do not search. One thread at a time fetches in a pool. The others create items.
///
/// ```
/// use ebbtide::{Fetch, Pool, Settings};
///
/// let pool = Pool::with_settings(String::new, Settings::new().fetch(Fetch::Always));
/// drop(pool.get());
/// let found = std::thread::scope(|scope| scope.spawn(|| pool.try_get().is_some()).join());
/// assert_eq!(found.ok(), Some(true));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fetch {
    /// If items are heavy or costly. They are heavy if they [weigh](crate::Recycle::weight) at least 16 KiB. They are
    /// costly if they take at least 2 µs to create, which the pool measures for one in 16 of a thread's creations, where
    /// there is a clock. A first one alone must take 20 µs.
    #[default]
    Auto,
    /// Whatever items cost. Suits items that must be few, or that are costly to drop.
    Always,
    /// Not at all. `get` creates an item. Suits programs in which no thread may interrupt another, and items whose
    /// users want them back on the same thread.
    Never,
}

/// Items that hold as many bytes are fetched. Allocating and filling 16 KiB takes about 4 µs, and a fetch 1 to 3 µs.
pub(crate) const HEAVY: usize = 16 << 10;

/// A thread's first item goes to the lobby if it holds as many bytes. Slot set and arrays take about 450.
const LARGE: usize = 1 << 10;

/// Items are fetched if the last two timed creations both took as long.
const COSTLY: Duration = Duration::from_micros(2);

/// Items are fetched if there was only one timed creation, and it took as long. It may have been preempted, or have
/// been the first to touch some memory.
const COSTLY_ALONE: Duration = Duration::from_micros(20);

/// A thread times one in so many creations, because reading the clock takes as long as creating a cheap item.
const TIMED: usize = 16;

/// After so many fetches without a creation, an item is created all the same, to time that again.
const TRUSTED: usize = 4096;

/// The same, while there was only one timed creation.
const TRUSTED_ALONE: usize = 32;

/// No creation was timed.
const UNKNOWN: usize = usize::MAX;

/// What is known of the cost of a pool's items. Its numbers order nothing, and a lost update does no harm.
pub(crate) struct Cost {
    /// What items held lately, in bytes. It rises at once and sinks slowly.
    weight: Counter,
    /// How many nanoseconds the last two timed creations took, or [`UNKNOWN`]. The smaller one counts, because a thread
    /// may be preempted in the middle.
    nanos: [Counter; 2],
    /// How many items to fetch before one is created all the same. 0 unless creating is costly.
    trusted: Counter,
    /// Not 0 if the next creation is timed in any case.
    unsure: Counter,
}

impl Cost {
    pub(crate) fn new() -> Self {
        let unknown = || Counter::at(UNKNOWN);
        Self { weight: Counter::new(), nanos: [unknown(), unknown()], trusted: Counter::new(), unsure: Counter::at(1) }
    }

    /// Returns whether to take an item from another thread rather than create one.
    #[inline]
    pub(crate) fn exceeds_fetch(&self, fetch: Fetch) -> bool {
        match fetch {
            Fetch::Auto => self.weight.get() >= HEAVY || self.trusted.get() > 0,
            Fetch::Always => true,
            Fetch::Never => false,
        }
    }

    /// Returns whether a thread's first item is to lie where every thread finds it. That costs little, so one timed
    /// creation is enough.
    pub(crate) fn exceeds_slots(&self, fetch: Fetch) -> bool {
        (self.weight.get() >= LARGE || self.is_slow()) && fetch != Fetch::Never
    }

    /// Returns whether the timed creations that are known, perhaps only one, were all costly.
    fn is_slow(&self) -> bool {
        let [last, before] = self.nanos.each_ref().map(Counter::get);
        last != UNKNOWN && last.min(before) as u128 >= COSTLY.as_nanos()
    }

    /// Returns what items held lately, in bytes.
    #[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
    pub(crate) fn weight(&self) -> usize {
        self.weight.get()
    }

    /// Notes that an item was fetched.
    pub(crate) fn fetched(&self) {
        self.trusted.set(self.trusted.get().saturating_sub(1));
        self.unsure.set(1);
    }

    /// Notes what an item holds that is new, or heavy.
    #[inline]
    pub(crate) fn weighed_at_least(&self, bytes: usize) {
        self.set_weight(bytes.max(self.weight.get()));
    }

    /// Notes what an item holds that returned.
    #[inline]
    pub(crate) fn weighed(&self, bytes: usize) {
        let before = self.weight.get();
        self.set_weight(bytes.max(before - before / 8));
    }

    /// Mostly the weight is as before. Then this leaves the cache line to other threads.
    #[inline]
    fn set_weight(&self, bytes: usize) {
        if bytes != self.weight.get() {
            self.weight.set(bytes);
        }
    }

    /// Returns the time, if the next creation is to be timed. The calling thread has created this many items.
    #[inline]
    pub(crate) fn begin(&self, fetch: Fetch, created: usize) -> Option<Instant> {
        let timed = fetch == Fetch::Auto && (created % TIMED == 0 || self.unsure.get() != 0);
        if timed { clock() } else { None }
    }

    /// Returns the time, if the first creation of a pool is to be timed.
    pub(crate) fn begin_first(fetch: Fetch) -> Option<Instant> {
        if fetch == Fetch::Auto { clock() } else { None }
    }

    /// Notes how long a timed creation took.
    pub(crate) fn timed(&self, took: Duration) {
        let last = usize::try_from(took.as_nanos()).unwrap_or(usize::MAX).min(UNKNOWN - 1);
        let before = self.nanos[0].get();
        self.nanos[1].set(before);
        self.nanos[0].set(last);
        let (limit, trusted) = if before == UNKNOWN { (COSTLY_ALONE, TRUSTED_ALONE) } else { (COSTLY, TRUSTED) };
        let costly = last.min(before) as u128 >= limit.as_nanos();
        self.trusted.set(if costly { trusted } else { 0 });
        self.unsure.set((before == UNKNOWN).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More nanoseconds than fit: 4.3 s on 32-bit CPUs.
    #[test]
    fn a_creation_of_any_length_is_costly() {
        for took in [Duration::from_secs(5), Duration::from_nanos(u64::MAX) + Duration::from_nanos(2), Duration::MAX] {
            let cost = Cost::new();
            cost.timed(took);
            assert!(cost.exceeds_fetch(Fetch::Auto), "{took:?}");
            // The next one is timed too, and then two are enough.
            cost.timed(COSTLY);
            assert_eq!((cost.trusted.get(), cost.unsure.get()), (TRUSTED, 0), "{took:?}");
        }
    }
}
