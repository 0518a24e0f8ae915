//! What a pool did, for its users.

use crate::engine::store::Store;

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

impl Stats {
    /// The sum of all counts, modulo the size of a word, as the counts themselves are.
    pub(crate) fn of<T>(store: &Store<T>) -> Self {
        let events = &store.events;
        let mut sum = Self {
            refused: events.refused.get(),
            rejected: events.rejected.get(),
            sweeps: events.sweeps.get(),
            dropped: events.dropped.get(),
            left_busy: events.left_busy.get(),
            failed_barriers: events.failed_barriers.get(),
            panics: events.panics.get(),
            idle: store.idle(),
            ..Self::default()
        };
        for tally in store.tallies() {
            sum.refills = sum.refills.wrapping_add(tally.refills.get());
            sum.steals = sum.steals.wrapping_add(tally.steals.get());
            sum.rescues = sum.rescues.wrapping_add(tally.rescues.get());
            sum.created = sum.created.wrapping_add(tally.created.get());
            sum.spills = sum.spills.wrapping_add(tally.spills.get());
        }
        sum
    }
}
