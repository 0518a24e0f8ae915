//! The registry: the pools that the janitor sweeps, and the jobs that rounds left.
//!
//! It holds pools weakly, and is behind a lock. Nothing is allocated, freed or dropped under that lock. An allocator or
//! an item's `Drop` may use a pool for the first time, and then comes here.

use std::collections::LinkedList;
use std::mem;
use std::sync::OnceLock;

use super::entries::{Entries, NEVER, next_due};
#[cfg(feature = "pressure")]
use super::pressure::Watch;
use super::round::{Job, Sweepable};
use super::trimming::Trimming;
use crate::engine::registration::{Registration, Rest};
#[cfg(not(all(loom, feature = "loom")))]
use crate::sync::thread::spin;
use crate::sync::thread::{Condvar, JoinHandle, Mutex, MutexGuard, PoisonError};
use crate::sync::{Arc, Instant, clock, static_per_execution, vacated};

/// Everything that the lock guards.
pub(super) struct Registry {
    pub(super) entries: Entries,
    /// `sync::vacated` when parked pools were last brought back for it.
    vacated: usize,
    /// Whether there is a janitor, or one is being started.
    pub(super) running: bool,
    /// When pools in use may try again to start one, after the system had no thread for it. A new pool always tries.
    pub(super) retry: u64,
    /// When the janitor wakes by itself. 0 while it is awake, because it looks at the due times before it sleeps.
    pub(super) sleeps_until: u64,
    /// Those of `run_soon` first, then the oldest. Moving one in or out allocates and frees nothing.
    pub(super) tasks: LinkedList<Arc<Task>>,
    /// How many tasks were taken so far.
    pub(super) begun: usize,
    /// How many droppers wait for tasks, or are being started.
    pub(super) waiting: usize,
    /// The janitor and all droppers, those that ended lately too. Moving one in or out allocates and frees nothing.
    pub(super) threads: LinkedList<JoinHandle<()>>,
    /// How many they are, with those that are being started or joined.
    pub(super) alive: usize,
    /// The process that started the last of them.
    process: u32,
    /// The threads are to end, because somebody joins all of them.
    pub(super) stopping: bool,
    pub(super) trimming: Trimming,
    #[cfg(feature = "pressure")]
    pub(super) watch: Watch,
}

impl Registry {
    const fn new() -> Self {
        Self {
            entries: Entries::new(),
            vacated: 0,
            running: false,
            retry: 0,
            sleeps_until: 0,
            tasks: LinkedList::new(),
            begun: 0,
            waiting: 0,
            threads: LinkedList::new(),
            alive: 0,
            process: 0,
            stopping: false,
            trimming: Trimming::new(),
            #[cfg(feature = "pressure")]
            watch: Watch::new(),
        }
    }

    /// Takes the first task, if there is one. It comes in a list of its own, which the caller empties without the
    /// lock.
    pub(super) fn take_task(&mut self) -> LinkedList<Arc<Task>> {
        let rest = self.tasks.split_off(self.tasks.len().min(1));
        let first = mem::replace(&mut self.tasks, rest);
        self.begun += first.len();
        first
    }

    /// Returns whether the caller is to start the janitor, with a dropper.
    fn claim(&mut self) -> bool {
        let start = !mem::replace(&mut self.running, true);
        if start {
            self.alive += 1;
            self.claim_dropper();
        }
        start
    }

    /// Counts a dropper that the caller is going to start.
    pub(super) fn claim_dropper(&mut self) {
        self.alive += 1;
        self.waiting += 1;
        self.process = process();
    }

    /// Whether the threads are those of the parent of this process.
    pub(super) fn is_forked(&self) -> bool {
        self.alive > 0 && self.process != process()
    }

    /// Brings parked pools back into rounds if threads have ended since the last call, whose slot sets a sweep may free.
    pub(super) fn revisit(&mut self) {
        let vacated = vacated();
        if mem::replace(&mut self.vacated, vacated) != vacated {
            self.entries.unpark_all(now());
            // Not if this is the janitor. It looks at the due times before it sleeps.
            if self.oversleeps(self.entries.soonest()) {
                SOONER.notify_one();
            }
        }
    }

    /// Returns whether the janitor must be woken for what is due at this time, because it sleeps longer.
    pub(super) fn oversleeps(&mut self, due: u64) -> bool {
        let oversleeps = due < self.sleeps_until;
        if oversleeps {
            self.sleeps_until = due;
        }
        oversleeps
    }
}

/// A job, for the thread that is first to take it: a dropper, or the one that drops the pool.
pub(super) struct Task(Mutex<Option<Job>>);

impl Task {
    pub(super) fn new(job: Job) -> Self {
        Self(Mutex::new(Some(job)))
    }

    pub(super) fn take(&self) -> Option<Job> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

static_per_execution! {
    static REGISTRY: Mutex<Registry> = Mutex::new(Registry::new());
}

static_per_execution! {
    /// Signalled when a pool is due before the janitor would wake.
    static SOONER: Condvar = Condvar::new();
}

pub(super) fn sooner() -> &'static Condvar {
    &SOONER
}

/// Like `registry`, but gives up after a while: in the child of a `fork`, the lock may be held for ever.
#[cfg(not(all(loom, feature = "loom")))]
pub(super) fn try_registry() -> Option<MutexGuard<'static, Registry>> {
    REGISTRY.try_lock().ok().or_else(|| spin(&REGISTRY))
}

pub(super) fn registry() -> MutexGuard<'static, Registry> {
    // Nothing panics while the lock is held. If it did, every field would still be whole.
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the caller is to do for the janitor.
pub(super) struct Call {
    pub(super) start: bool,
    pub(super) wake: bool,
}

/// Adds a pool that is swept every `every` nanoseconds.
pub(super) fn add(pool: &Arc<dyn Sweepable>, every: u64) -> Call {
    let weak = Arc::downgrade(pool);
    let due = next_due(now(), every);
    let mut spare = Vec::new();
    let mut registry = registry();
    while let Some(wanted) = registry.entries.wanted() {
        if spare.capacity() >= wanted {
            spare = registry.entries.move_to(spare);
        } else {
            drop(registry);
            spare = Vec::with_capacity(wanted);
            registry = self::registry();
        }
    }
    let place = registry.entries.add(weak, every, due);
    pool.registration().set_place(Some(place));
    Call { wake: registry.oversleeps(due), start: registry.claim() }
}

/// Removes a pool, if it is registered. Returns the job that a round left for it, if nobody has begun it.
pub(super) fn remove(registration: &Registration) -> Option<Job> {
    let mut registry = registry();
    let place = registration.place()?;
    registration.set_place(None);
    let (_pool, task) = registry.entries.remove(place);
    let wanted = registry.entries.surplus();
    drop(registry);
    if let Some(wanted) = wanted {
        shrink(wanted);
    }
    task.and_then(|task| task.take())
}

/// Moves the table to one with this room, if that is still enough, and there is memory.
fn shrink(wanted: usize) {
    let mut spare = Vec::new();
    if spare.try_reserve_exact(wanted).is_err() {
        return;
    }
    let mut registry = registry();
    if registry.entries.surplus().is_some_and(|wanted| wanted <= spare.capacity()) {
        spare = registry.entries.move_to(spare);
    }
    drop(registry);
    drop(spare);
}

/// Leaves a pool out of rounds, if it is registered and nobody has attended it meanwhile.
pub(super) fn park(registration: &Registration, rest: Rest) {
    let until = match rest {
        Rest::Until(time) => nanos(time),
        Rest::Endless | Rest::WhileThreadsLive(_) => NEVER,
    };
    let mut registry = registry();
    // If such a thread ends later, it finds the pool parked.
    if matches!(rest, Rest::WhileThreadsLive(before) if before != vacated()) {
        return;
    }
    if let Some(place) = registration.place().filter(|_| registration.is_left()) {
        registry.entries.park(place, now(), until);
    }
}

/// Lets rounds sweep a parked pool again. Under the same lock the pool counts as attended, so that nobody who sees that
/// finds it still parked. If there is no janitor and it is too early to try again, the pool counts as stopped: only
/// `advance_all` sweeps it, and a later use tries.
pub(super) fn unpark(registration: &Registration) -> Call {
    let mut registry = registry();
    let due = registration.place().and_then(|place| registry.entries.unpark(place, now()));
    if !registry.running && clock().is_some_and(|time| nanos(time) < registry.retry) {
        registration.stop();
        return Call { start: false, wake: false };
    }
    registration.attend();
    Call { wake: due.is_some_and(|due| registry.oversleeps(due)), start: registry.claim() }
}

/// Returns all pools that are not parked, or those that are due and have no task, and sets when they are due next.
/// Returns `None` if there are none, or none is due.
pub(super) fn collect(all: bool) -> Option<Vec<Arc<dyn Sweepable>>> {
    let mut pools = Vec::new();
    loop {
        let mut registry = registry();
        registry.revisit();
        let now = now();
        let count = registry.entries.count(all, now);
        if count == 0 {
            return None;
        }
        if count <= pools.capacity() {
            registry.entries.collect(all, now, &mut pools);
            return Some(pools);
        }
        drop(registry);
        pools = Vec::with_capacity(count);
    }
}

/// Returns the number of this process, where processes can fork.
fn process() -> u32 {
    if cfg!(unix) { std::process::id() } else { 0 }
}

/// Returns the nanoseconds since the first call.
pub(super) fn now() -> u64 {
    // Without a clock there is no thread that would wait for a time.
    clock().map_or(0, nanos)
}

/// Returns the nanoseconds from the first call to this time, or `NEVER` if they are too many.
fn nanos(time: Instant) -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(Instant::now);
    u64::try_from(time.saturating_duration_since(start).as_nanos()).unwrap_or(NEVER)
}

#[cfg(all(test, not(all(loom, feature = "loom"))))]
mod tests {
    use super::super::entries::tests::one_pool;
    use super::*;

    #[test]
    fn a_sleeping_janitor_wakes_for_pools_that_another_thread_brings_back() {
        let mut registry = Registry::new();
        let (entries, place) = one_pool();
        registry.entries = entries;
        registry.entries.park(place, 0, NEVER);
        registry.sleeps_until = NEVER;
        registry.vacated = vacated().wrapping_sub(1);
        registry.revisit();
        let due = registry.entries.soonest();
        assert!(due < NEVER, "the pool is still parked");
        assert_eq!(registry.sleeps_until, due);
    }
}
