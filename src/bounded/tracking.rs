//! Who holds items and for how long: the record that `Settings::track_held` keeps.
//!
//! An item has an entry from just before its guard exists until it returns or is detached. Only the item's owner adds,
//! moves and removes the entry, so no two threads do that for the same one. A look finds it or not, and copies it.

use std::collections::BTreeMap;
use std::num::Wrapping;
use std::panic::Location;
use std::time::Duration;

use super::info::{Info, Item};
use super::places::Places;
use super::{BoundedPool, Manage};
use crate::janitor;
use crate::pool::Stats;
use crate::sync::thread::{Mutex, MutexGuard, PoisonError};
use crate::sync::{Instant, clock};

/// Who holds an item, and since when. [`BoundedPool::held_longer_than`] returns it.
///
/// ```
/// use std::time::Duration;
/// use ebbtide::bounded::{GetError, Settings};
/// use ebbtide::{BoundedPool, DefaultRecycle};
///
/// let settings = Settings::new(8).track_held(Duration::from_secs(60));
/// let pool: BoundedPool<Vec<u8>> = BoundedPool::with_settings(DefaultRecycle, settings);
/// let buffer = pool.get()?;
/// for holder in pool.held_longer_than(Duration::ZERO) {
///     println!("{} has held an item for {:?}", holder.location, holder.time);
/// }
/// # drop(buffer);
/// # Ok::<(), GetError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Holder {
    /// The call that returned the guard, or for a task, the future that did.
    pub location: &'static Location<'static>,
    /// How long the guard has existed. Zero where there is no clock, as on `wasm32-unknown-unknown`.
    pub time: Duration,
}

/// The record of a pool. No user code runs under its lock but the allocator, and no other lock is taken under it.
pub(super) struct Tracking {
    limit: Duration,
    record: Mutex<Record>,
}

#[derive(Default)]
struct Record {
    /// By the address of the item's notes, which stays while somebody holds the item, and for ever if its guard is
    /// forgotten.
    holders: BTreeMap<usize, Entry>,
    overdue: Wrapping<usize>,
    /// Of those who hold nothing any more.
    hold_time: Duration,
    wait_time: Duration,
}

struct Entry {
    location: &'static Location<'static>,
    since: Option<Instant>,
    reported: bool,
}

impl Entry {
    fn time(&self, now: Option<Instant>) -> Duration {
        between(self.since, now)
    }

    fn holder(&self, now: Option<Instant>) -> Holder {
        Holder { location: self.location, time: self.time(now) }
    }
}

impl Tracking {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, record: Mutex::new(Record::default()) }
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        // Never poisoned: nothing panics while the lock is held.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, item: &Info, location: &'static Location<'static>) {
        let entry = Entry { location, since: clock(), reported: false };
        self.lock().holders.insert(key(item), entry);
    }

    /// Does nothing if the item was not yet in use, because what came before its guard panicked.
    fn end(&self, item: &Info) {
        let now = clock();
        let mut record = self.lock();
        if let Some(entry) = record.holders.remove(&key(item)) {
            record.hold_time = record.hold_time.saturating_add(entry.time(now));
        }
    }

    /// The guard holds another item now.
    fn pass(&self, from: &Info, to: &Info) {
        let mut record = self.lock();
        if let Some(entry) = record.holders.remove(&key(from)) {
            record.holders.insert(key(to), entry);
        }
    }

    /// Those who are over the limit and were not reported before.
    pub(super) fn overdue(&self) -> Vec<Holder> {
        let now = clock();
        let mut record = self.lock();
        let unreported = record.holders.values_mut().filter(|entry| !entry.reported && entry.time(now) >= self.limit);
        let overdue: Vec<_> = unreported
            .map(|entry| {
                entry.reported = true;
                entry.holder(now)
            })
            .collect();
        record.overdue += overdue.len();
        overdue
    }

    fn longer_than(&self, time: Duration) -> Vec<Holder> {
        let now = clock();
        let holders = self.lock().holders.values().map(|entry| entry.holder(now)).collect::<Vec<_>>();
        holders.into_iter().filter(|holder| holder.time >= time).collect()
    }

    pub(super) fn add_to(&self, stats: Stats) -> Stats {
        let Record { overdue: Wrapping(overdue), hold_time, wait_time, .. } = *self.lock();
        Stats { overdue, hold_time, wait_time, ..stats }
    }
}

fn key(item: &Info) -> usize {
    std::ptr::from_ref(item).addr()
}

fn between(since: Option<Instant>, now: Option<Instant>) -> Duration {
    since.zip(now).map(|(since, now)| now.saturating_duration_since(since)).unwrap_or_default()
}

/// Measures a wait until it is dropped.
pub(super) struct Stopwatch<'a> {
    tracking: &'a Tracking,
    since: Option<Instant>,
}

impl Drop for Stopwatch<'_> {
    fn drop(&mut self) {
        let time = between(self.since, clock());
        let mut record = self.tracking.lock();
        record.wait_time = record.wait_time.saturating_add(time);
    }
}

impl<T> Places<T> {
    /// Measures the wait that begins now, if the settings ask for it.
    pub(super) fn time_wait(&self) -> Option<Stopwatch<'_>> {
        let tracking = self.tracking.as_ref()?;
        Some(Stopwatch { tracking, since: clock() })
    }

    /// Returns when the next of those who hold items now is over the limit.
    #[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
    pub(super) fn next_overdue(&self) -> Option<Instant> {
        let tracking = self.tracking.as_ref()?;
        let record = tracking.lock();
        let unreported = record.holders.values().filter(|entry| !entry.reported);
        unreported.filter_map(|entry| entry.since?.checked_add(tracking.limit)).min()
    }
}

impl<T, R: Manage<T>> BoundedPool<T, R> {
    /// Notes who gets an item, if the settings ask for it.
    pub(super) fn lend(&self, item: &Item<T>, location: &'static Location<'static>) {
        let places = self.places();
        if let Some(tracking) = &places.tracking {
            tracking.begin(item.notes(), location);
            // The janitor may have found neither the item idle nor its entry. It leaves the pool and then looks into the
            // record. Either it sees the entry, or the record's lock lets this see that it left.
            janitor::attend(&places.registration);
        }
    }

    /// Notes that the item is no longer in use.
    pub(super) fn end_use(&self, item: &Item<T>) {
        if let Some(tracking) = &self.places().tracking {
            tracking.end(item.notes());
        }
    }

    /// Notes that one item takes the place of another in a guard.
    pub(super) fn pass_use(&self, from: &Info, to: &Info) {
        if let Some(tracking) = &self.places().tracking {
            tracking.pass(from, to);
        }
    }
}

impl<T, R> BoundedPool<T, R> {
    /// Returns who has held an item for at least this long, in no particular order. With zero, that is everyone who holds
    /// one. Without [`track_held`](super::Settings::track_held), nobody is known. Takes time proportional to the number
    /// of items in use.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::{BoundedPool, DefaultRecycle};
    /// use ebbtide::bounded::{GetError, Settings};
    ///
    /// let settings = Settings::new(4).track_held(Duration::from_secs(60));
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::with_settings(DefaultRecycle, settings);
    /// let forgotten = pool.get()?;
    /// pool.close();
    /// if !pool.closed_timeout(Duration::from_millis(5)) {
    ///     for holder in pool.held_longer_than(Duration::ZERO) {
    ///         eprintln!("{} still holds an item, for {:?}", holder.location, holder.time);
    ///     }
    /// }
    /// # assert_eq!(pool.held_longer_than(Duration::ZERO).len(), 1);
    /// # drop(forgotten);
    /// # assert!(pool.held_longer_than(Duration::ZERO).is_empty());
    /// # Ok::<(), GetError>(())
    /// ```
    pub fn held_longer_than(&self, time: Duration) -> Vec<Holder> {
        let tracking = self.places.get().and_then(|places| places.tracking.as_ref());
        tracking.map(|tracking| tracking.longer_than(time)).unwrap_or_default()
    }
}
