//! The counts of what a pool did.

use std::time::Duration;

use crate::engine::store::Store;

/// What a pool did since it was created. [`Pool::stats`](crate::Pool::stats) returns it.
///
/// The counts are exact while no other call runs. Otherwise they may be off by what happens meanwhile, since they are
/// read one after the other. A `get` or return that the private slots serve is not counted: that alone would make it a
/// third slower. Counts wrap around at `usize::MAX`.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Stats {
    /// How often a thread found a batch of the current epoch in its own shard.
    pub refills: usize,
    /// How often a thread found a batch of the current epoch in another shard.
    pub steals: usize,
    /// How often a thread took items from the private slots of another.
    pub fetches: usize,
    /// Victims that were handed out: the next sweep would have dropped them.
    pub rescues: usize,
    /// Items created because no idle one was found. Those of `prefill`, and those created to reach `min_idle`, do not
    /// count, in any pool: nobody had to wait for them. If this far exceeds the peak number in use, the epochs are
    /// shorter than the pauses between bursts.
    pub created: usize,
    /// Batches that moved from full private slots to the shared queues.
    pub spills: usize,
    /// Items that the recycler refused to keep.
    pub refused: usize,
    /// Items dropped as they returned, because of `max_idle` or `chaos`.
    pub rejected: usize,
    /// Sweeps that ran.
    pub sweeps: usize,
    /// Items that sweeps, `clear` and `close` dropped.
    pub dropped: usize,
    /// Slot sets that a sweep left alone because their owner was inside an operation. The next sweep takes them.
    pub left_busy: usize,
    /// Heavy barriers that the system refused. Those sweeps left all private slots alone, and those fetches took nothing.
    pub failed_barriers: usize,
    /// Sweeps by the janitor in which an item's `Drop` or a `tracing` subscriber panicked. Nobody else sees such a
    /// panic. A panic in any other sweep goes to the caller.
    pub panics: usize,
    /// Calls that waited. This and the next eight are numbers of a `BoundedPool` alone.
    pub waits: usize,
    /// Waits that ended by a timeout or deadline.
    pub wait_timeouts: usize,
    /// Creations that ended by a timeout.
    pub create_timeouts: usize,
    /// Checks that ended by a timeout. They are failed checks, too.
    pub check_timeouts: usize,
    /// Idle items that did not pass their check, and were replaced.
    pub failed_checks: usize,
    /// Items dropped because they had reached their lifetime.
    pub expired: usize,
    /// Guards that sweeps found over the limit of `Settings::track_held`, each counted once. Without that setting, this and
    /// the next two stay 0.
    pub overdue: usize,
    /// How long guards existed, all together, without those that still do.
    pub hold_time: Duration,
    /// How long calls waited, all together, without those that still do.
    pub wait_time: Duration,
    /// Items that are idle now, as in [`Pool::idle`](crate::Pool::idle).
    pub idle: usize,
}

#[cfg(feature = "metrics")]
impl Stats {
    /// Sends the counts to the recorder of the `metrics` crate, labelled with the pool's [name](crate::Pool::name) or
    /// another one. `ebbtide_idle` is a gauge. The others are counters, named `ebbtide_<field>_total`, or
    /// `ebbtide_<field>_nanos_total` for times.
    ///
    /// Nothing is sent automatically, so call this at regular intervals. Needs the feature `metrics`.
    ///
    /// ```
    /// use ebbtide::{DefaultRecycle, Pool, Settings};
    ///
    /// static BUFFERS: Pool<Vec<u8>> = Pool::with_settings(DefaultRecycle, Settings::new().name("buffers"));
    ///
    /// drop(BUFFERS.get());
    /// BUFFERS.stats().publish(BUFFERS.name()); // ebbtide_created_total{pool="buffers"} 1, and so on
    /// ```
    ///
    /// A [`BufferPool`](crate::BufferPool) has counts for each size, which need labels of their own:
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// static BUFFERS: BufferPool = BufferPool::new();
    ///
    /// for (size, stats) in BUFFERS.stats() {
    ///     stats.publish(format!("buffers of {size}"));
    /// }
    /// ```
    pub fn publish(&self, pool: impl Into<std::borrow::Cow<'static, str>>) {
        // Every field by name, so that none can be forgotten.
        let Self {
            refills,
            steals,
            fetches,
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
            waits,
            wait_timeouts,
            create_timeouts,
            check_timeouts,
            failed_checks,
            expired,
            overdue,
            hold_time,
            wait_time,
            idle,
        } = *self;
        let pool = metrics::SharedString::from(pool.into());
        let counts = [
            ("ebbtide_refills_total", refills),
            ("ebbtide_steals_total", steals),
            ("ebbtide_fetches_total", fetches),
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
            ("ebbtide_waits_total", waits),
            ("ebbtide_wait_timeouts_total", wait_timeouts),
            ("ebbtide_create_timeouts_total", create_timeouts),
            ("ebbtide_check_timeouts_total", check_timeouts),
            ("ebbtide_failed_checks_total", failed_checks),
            ("ebbtide_expired_total", expired),
            ("ebbtide_overdue_total", overdue),
        ];
        let times = [("ebbtide_hold_time_nanos_total", hold_time), ("ebbtide_wait_time_nanos_total", wait_time)];
        let counts = counts.into_iter().map(|(name, count)| (name, count as u64));
        for (name, count) in counts.chain(times.map(|(name, time)| (name, time.as_nanos() as u64))) {
            metrics::counter!(name, "pool" => pool.clone()).absolute(count);
        }
        metrics::gauge!("ebbtide_idle", "pool" => pool).set(idle as f64);
    }
}

impl Stats {
    /// Sums the counts of all threads, modulo the size of a word.
    pub(crate) fn of<T>(store: &Store<T>) -> Self {
        let visit = &store.visit();
        let events = &store.events;
        let mut sum = Self {
            refused: events.refused.get(),
            rejected: events.rejected.get(),
            fetches: events.fetches.get(),
            sweeps: events.sweeps.get(),
            dropped: events.dropped.get(),
            left_busy: events.left_busy.get(),
            failed_barriers: events.failed_barriers.get(),
            panics: events.panics.get(),
            idle: store.idle(visit),
            ..Self::default()
        };
        for tally in store.tallies(visit) {
            sum.refills = sum.refills.wrapping_add(tally.refills.get());
            sum.steals = sum.steals.wrapping_add(tally.steals.get());
            sum.rescues = sum.rescues.wrapping_add(tally.rescues.get());
            sum.created = sum.created.wrapping_add(tally.created.get());
            sum.spills = sum.spills.wrapping_add(tally.spills.get());
        }
        sum
    }
}
