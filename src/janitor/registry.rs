//! The registry: the pools that the janitor sweeps, and the jobs that rounds left.
//!
//! It holds pools weakly, and is behind a lock. Nothing is allocated, freed or dropped under that lock. An allocator or
//! an item's `Drop` may use a pool for the first time, and then comes here.

use std::collections::LinkedList;
use std::mem;
use std::sync::OnceLock;
use std::time::Instant;

use super::round::{Job, Sweepable};
use crate::sync::thread::{Mutex, MutexGuard, PoisonError, Weak};
use crate::sync::{Arc, static_per_execution};

/// Everything that the lock guards.
pub(super) struct Registry {
    /// The registered pools, in the order of `position`.
    pub(super) entries: Vec<Entry>,
    /// Whether there is a janitor, or one is being started.
    pub(super) running: bool,
    /// Jobs that nobody has begun, the oldest first. Moving one in or out allocates and frees nothing.
    pub(super) jobs: LinkedList<Job>,
    /// How many jobs were begun so far.
    pub(super) begun: usize,
    /// How many droppers wait for jobs, or are being started.
    pub(super) waiting: usize,
}

impl Registry {
    /// Returns where the entry with this key is, or where to insert it.
    fn position(&self, key: usize) -> Result<usize, usize> {
        if cfg!(loom_is_shuttle) {
            // In the order in which they came. The order of addresses differs when a schedule is run again.
            return self.entries.iter().position(|entry| entry.key == key).ok_or(self.entries.len());
        }
        self.entries.binary_search_by_key(&key, |entry| entry.key)
    }

    /// Takes the nth job, if it exists. It comes in a list of its own, which the caller empties without the
    /// lock.
    pub(super) fn take_job(&mut self, n: usize) -> LinkedList<Job> {
        let mut job = self.jobs.split_off(n.min(self.jobs.len()));
        let mut rest = job.split_off(job.len().min(1));
        self.jobs.append(&mut rest);
        job
    }

    /// Returns the entry of a pool, unless the pool was dropped.
    pub(super) fn entry_of(&mut self, pool: &Weak<dyn Sweepable>) -> Option<&mut Entry> {
        let place = self.position(pool.as_ptr().addr()).ok()?;
        Some(&mut self.entries[place])
    }
}

/// A registered pool.
pub(super) struct Entry {
    /// The address of the pool's heap part.
    key: usize,
    pool: Weak<dyn Sweepable>,
    /// The length of an epoch, in nanoseconds.
    every: u64,
    /// The time of the next sweep, in nanoseconds since `now` was first called.
    pub(super) due: u64,
    /// Items that an earlier round condemned are still to be dropped. Until then rounds leave the pool out, so that it
    /// occupies one dropper at most.
    pub(super) busy: bool,
}

static_per_execution! {
    static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
        entries: Vec::new(),
        running: false,
        jobs: LinkedList::new(),
        begun: 0,
        waiting: 0,
    });
}

pub(super) fn registry() -> MutexGuard<'static, Registry> {
    // Nothing panics while the lock is held. If it did, every field would still be whole.
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a pool that is swept every `every` nanoseconds. Returns whether the caller is to start the janitor.
pub(super) fn add(pool: Arc<dyn Sweepable>, every: u64) -> bool {
    let key = Arc::as_ptr(&pool).addr();
    let entry = Entry { key, pool: Arc::downgrade(&pool), every, due: next_due(now(), every), busy: false };

    let mut spare = Vec::new();
    let mut registry = registry();
    while registry.entries.len() == registry.entries.capacity() {
        let wanted = (2 * registry.entries.len()).max(4);
        if spare.capacity() >= wanted {
            spare.append(&mut registry.entries);
            mem::swap(&mut spare, &mut registry.entries);
        } else {
            drop(registry);
            spare = Vec::with_capacity(wanted);
            registry = self::registry();
        }
    }
    let (Ok(place) | Err(place)) = registry.position(key);
    registry.entries.insert(place, entry);
    !mem::replace(&mut registry.running, true)
}

/// Removes the pool at this address, if it is registered. Returns the job that a round left for it, if nobody has begun
/// it.
pub(super) fn remove(key: usize) -> LinkedList<Job> {
    let mut registry = registry();
    let entry = registry.position(key).ok().map(|place| registry.entries.remove(place));
    let busy = entry.as_ref().is_some_and(|entry| entry.busy);
    let at = if busy { registry.jobs.iter().position(|job| job.pool.as_ptr().addr() == key) } else { None };
    let job = at.map(|at| registry.take_job(at));
    drop(registry);
    drop(entry);
    job.unwrap_or_default()
}

/// Returns all pools, or those that are due and not busy, and sets when they are due next. Returns `None` if there are
/// none, or none is due.
pub(super) fn collect(all: bool) -> Option<Vec<Arc<dyn Sweepable>>> {
    let wanted = |entry: &Entry| all || entry.due <= now();
    let mut pools = Vec::new();
    loop {
        let mut registry = registry();
        let count = registry.entries.iter().filter(|entry| wanted(entry)).count();
        if count == 0 {
            return None;
        }
        if count > pools.capacity() {
            drop(registry);
            pools = Vec::with_capacity(count);
            continue;
        }
        let now = now();
        for entry in registry.entries.iter_mut().filter(|entry| wanted(entry)).take(pools.capacity()) {
            entry.due = next_due(now, entry.every);
            if all || !entry.busy {
                pools.extend(entry.pool.upgrade());
            }
        }
        return Some(pools);
    }
}

/// Returns the nanoseconds since the first call.
pub(super) fn now() -> u64 {
    if cfg!(all(target_family = "wasm", target_os = "unknown")) {
        return 0; // There is no clock, and no thread that would wait for a time.
    }
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Returns the next multiple of `every`. So pools with the same epoch are due at the same time, for one barrier
/// together.
fn next_due(now: u64, every: u64) -> u64 {
    (now / every + 1).saturating_mul(every)
}
