//! What happened in a pool, counted: by each thread in counters that only it writes, and by the pool for the rest.

use crate::sync::Counter;

/// What a pool did since it was made; from [`Pool::stats`](crate::Pool::stats).
///
/// The numbers are read one after the other while other threads go on, so they may be off by what happened meanwhile.
/// When no other call is under way they are exact, and `hits + refills + steals + rescues + created` is the number of
/// items that were handed out.
///
/// ```
/// use ebbtide::Pool;
///
/// let pool: Pool<Vec<u8>> = Pool::new();
/// drop(pool.get());
/// drop(pool.get());
/// let stats = pool.stats();
/// assert_eq!((stats.created, stats.hits, stats.idle), (1, 1, 1));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Items handed out from the private slots of the thread that asked.
    pub hits: usize,
    /// Times a thread went to its own shard and found an item put in the current epoch; a whole batch comes along.
    pub refills: usize,
    /// The same, but found in another shard.
    pub steals: usize,
    /// Items handed out from the victim generation, which the next sweep would have dropped.
    pub rescues: usize,
    /// Items made because no idle one was found. Much more than the largest number in use at once means that the
    /// epochs are shorter than the pauses between bursts.
    pub created: usize,
    /// Batches that went from full private slots to the shared queues.
    pub spills: usize,
    /// Items that the recycler refused to keep.
    pub refused: usize,
    /// Items dropped on their way in: over `max_idle`, or by `chaos`.
    pub rejected: usize,
    /// Sweeps that ran.
    pub sweeps: usize,
    /// Items that sweeps and `clear` dropped.
    pub dropped: usize,
    /// Slot sets that a sweep left alone because their owner was inside an operation; the next sweep takes them.
    pub left_busy: usize,
    /// Heavy barriers that the system refused; those sweeps left all private slots alone.
    pub failed_barriers: usize,
    /// Items idle now, as [`Pool::idle`](crate::Pool::idle) gives it.
    pub idle: usize,
}

/// One thread's counts, in its slot set. Only the thread that owns the slot set writes them, with plain loads and
/// stores; so they cost no shared cache line.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Gets served from the private slots.
    pub(crate) hits: Counter,
    /// Puts into the private slots.
    pub(crate) puts: Counter,
    /// Items that came into the private slots in batches, less those that left in batches.
    pub(crate) moved: Counter,
    /// Puts past the private slots, straight into the shared queues.
    pub(crate) puts_past: Counter,
    /// As in [`Stats`], and so are the others.
    pub(crate) refills: Counter,
    pub(crate) steals: Counter,
    pub(crate) rescues: Counter,
    pub(crate) spills: Counter,
    pub(crate) created: Counter,
}

impl Tally {
    /// Items now in the private slots, as the counts have it.
    pub(crate) fn private(&self) -> usize {
        self.puts.get().wrapping_add(self.moved.get()).wrapping_sub(self.hits.get())
    }

    /// Adds this tally to the sum; `idle` comes out as puts less gets, modulo the size of a word.
    pub(crate) fn add_to(&self, sum: &mut Stats) {
        let (hits, refills) = (self.hits.get(), self.refills.get());
        let (steals, rescues) = (self.steals.get(), self.rescues.get());
        sum.hits += hits;
        sum.refills += refills;
        sum.steals += steals;
        sum.rescues += rescues;
        sum.created += self.created.get();
        sum.spills += self.spills.get();
        let puts = self.puts.get().wrapping_add(self.puts_past.get());
        sum.idle = sum.idle.wrapping_add(puts).wrapping_sub(hits + refills + steals + rescues);
    }
}

/// What is not any one thread's: sweeps, refusals and rejections.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) refused: Counter,
    pub(crate) rejected: Counter,
    pub(crate) sweeps: Counter,
    pub(crate) dropped: Counter,
    pub(crate) left_busy: Counter,
    pub(crate) failed_barriers: Counter,
}

impl Events {
    /// Adds the events to the sum, the last of its parts: makes `idle` a number of items.
    pub(crate) fn add_to(&self, sum: &mut Stats) {
        sum.refused = self.refused.get();
        sum.rejected = self.rejected.get();
        sum.sweeps = self.sweeps.get();
        sum.dropped = self.dropped.get();
        sum.left_busy = self.left_busy.get();
        sum.failed_barriers = self.failed_barriers.get();
        let idle = sum.idle.wrapping_sub(sum.rejected).wrapping_sub(sum.dropped);
        // A get may have been counted whose put was not yet when the put's thread was read.
        sum.idle = if (idle as isize) < 0 { 0 } else { idle };
    }
}
