//! What happened in a pool, counted: by each thread in counters that only it writes, and by the pool for the rest.

use crate::sync::Counter;

/// What a pool did since it was made; from [`Pool::stats`](crate::Pool::stats).
///
/// The numbers are read one after the other while other threads go on, so they may be off by what happened meanwhile.
/// When no other call is under way they are exact. Gets and puts that the private slots serve are not counted: that
/// alone would make them a third slower. Counts wrap around at `usize::MAX`.
///
/// ```
/// use ebbtide::Pool;
///
/// let pool: Pool<Vec<u8>> = Pool::new();
/// drop(pool.get());
/// drop(pool.get());
/// let stats = pool.stats();
/// assert_eq!((stats.created, stats.idle), (1, 1));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Times a thread went to its own shard and found an item put in the current epoch; a whole batch comes along.
    pub refills: usize,
    /// The same, but found in another shard.
    pub steals: usize,
    /// Items handed out from the victim generation, which the next sweep would have dropped.
    pub rescues: usize,
    /// Items made because no idle one was found; those that `prefill` makes don't count. Much more than the largest number
    /// in use at once means that the epochs are shorter than the pauses between bursts.
    pub created: usize,
    /// Batches that went from full private slots to the shared queues.
    pub spills: usize,
    /// Items that the recycler refused to keep.
    pub refused: usize,
    /// Items dropped on their way in: over `max_idle`, or by `chaos`.
    pub rejected: usize,
    /// Sweeps that ran.
    pub sweeps: usize,
    /// Items that sweeps, `clear` and `close` dropped.
    pub dropped: usize,
    /// Slot sets that a sweep left alone because their owner was inside an operation; the next sweep takes them.
    pub left_busy: usize,
    /// Heavy barriers that the system refused; those sweeps left all private slots alone.
    pub failed_barriers: usize,
    /// Sweeps by the janitor in which an item's `Drop` panicked, or whoever was told of the sweep. Nobody else sees that panic;
    /// those in other sweeps go to the caller.
    pub panics: usize,
    /// Items idle now, as [`Pool::idle`](crate::Pool::idle) gives it.
    pub idle: usize,
}

#[cfg(feature = "metrics")]
impl Stats {
    /// Hands these numbers to the recorder of the `metrics` crate, labelled with the pool's name: `ebbtide_idle` as a gauge, the
    /// others as counters, `ebbtide_<field>_total`. To be called every so often; nothing is handed over by itself. Needs the
    /// feature `metrics`.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// static BUFFERS: Pool<Vec<u8>> = Pool::new();
    ///
    /// drop(BUFFERS.get());
    /// BUFFERS.stats().publish("buffers"); // ebbtide_created_total{pool="buffers"} 1, and so on
    /// ```
    pub fn publish(&self, pool: impl Into<std::borrow::Cow<'static, str>>) {
        // All by name, so that none can be forgotten.
        let Self {
            refills,
            steals,
            rescues,
            created,
            spills,
            refused,
            rejected,
            sweeps,
            dropped,
            left_busy,
            failed_barriers,
            panics,
            idle,
        } = *self;
        let pool = metrics::SharedString::from(pool.into());
        for (name, count) in [
            ("ebbtide_refills_total", refills),
            ("ebbtide_steals_total", steals),
            ("ebbtide_rescues_total", rescues),
            ("ebbtide_created_total", created),
            ("ebbtide_spills_total", spills),
            ("ebbtide_refused_total", refused),
            ("ebbtide_rejected_total", rejected),
            ("ebbtide_sweeps_total", sweeps),
            ("ebbtide_dropped_total", dropped),
            ("ebbtide_left_busy_total", left_busy),
            ("ebbtide_failed_barriers_total", failed_barriers),
            ("ebbtide_panics_total", panics),
        ] {
            metrics::counter!(name, "pool" => pool.clone()).absolute(count as u64);
        }
        metrics::gauge!("ebbtide_idle", "pool" => pool).set(idle as f64);
    }
}

/// One thread's counts, in its slot set. Only the thread that owns the slot set writes them, with plain loads and
/// stores; so they cost no shared cache line.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// As in [`Stats`].
    pub(crate) refills: Counter,
    pub(crate) steals: Counter,
    pub(crate) rescues: Counter,
    pub(crate) created: Counter,
    pub(crate) spills: Counter,
    /// Items that this thread put into the shared queues, less those that it took out, modulo the size of a word.
    pub(crate) shared: Counter,
}

impl Tally {
    /// Modulo the size of a word, as the counts themselves are.
    pub(crate) fn add_to(&self, sum: &mut Stats) {
        sum.refills = sum.refills.wrapping_add(self.refills.get());
        sum.steals = sum.steals.wrapping_add(self.steals.get());
        sum.rescues = sum.rescues.wrapping_add(self.rescues.get());
        sum.created = sum.created.wrapping_add(self.created.get());
        sum.spills = sum.spills.wrapping_add(self.spills.get());
        sum.idle = sum.idle.wrapping_add(self.shared.get());
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
    pub(crate) panics: Counter,
}

impl Events {
    pub(crate) fn add_to(&self, sum: &mut Stats) {
        sum.refused = self.refused.get();
        sum.rejected = self.rejected.get();
        sum.sweeps = self.sweeps.get();
        sum.dropped = self.dropped.get();
        sum.left_busy = self.left_busy.get();
        sum.failed_barriers = self.failed_barriers.get();
        sum.panics = self.panics.get();
    }
}
