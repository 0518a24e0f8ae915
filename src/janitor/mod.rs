//! The process-wide threads that sweep the timed pools.
//!
//! An item's `Drop` may take long, and must not delay the sweeps of other pools. So the janitor only sweeps. It leaves
//! what there is to drop to a second thread, the dropper. If that is inside a `Drop` while jobs wait, the janitor
//! starts another. The first two start together, so that a program that enters a sandbox later has both.

mod registry;
mod round;

use std::collections::LinkedList;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use crate::engine::item::{discard, keep_first, raise};
use crate::engine::tally::Swept;
use crate::sync::signals::Mask;
use crate::sync::thread::{Condvar, PoisonError, spawn_quiet};
use crate::sync::{Arc, static_per_execution};
use registry::{collect, now, registry};
use round::round;
pub(crate) use round::{Job, Pass, PoolHeap, Sweepable};

/// Registers a pool with the janitor, which then sweeps it at this interval, in nanoseconds. Exists only for items that are
/// `Send + 'static`.
#[derive(Debug)]
pub struct Registrar<T>(for<'a> fn(Arc<dyn PoolHeap<T> + 'a>, u64));

impl<T: Send + 'static> Registrar<T> {
    pub(crate) const NEW: Self = Self(|heap, every| add(heap.sweepable(), every));
}

impl<T> Registrar<T> {
    pub(crate) fn register(&self, heap: &Arc<impl PoolHeap<T>>, every: u64) {
        (self.0)(Arc::clone(heap) as Arc<dyn PoolHeap<T> + '_>, every);
    }
}

static_per_execution! {
    /// Signalled when a pool is added, because it may be due before the others.
    static ADDED: Condvar = Condvar::new();
}

static_per_execution! {
    /// Signalled when there are jobs.
    static JOBS: Condvar = Condvar::new();
}

/// How long jobs wait for a dropper that is inside another one, before a further dropper starts.
const PATIENCE: Duration = Duration::from_millis(10);

/// Adds a pool, and starts the threads if they do not run. If the janitor cannot be started, the next pool tries again.
/// Until then only `advance` and `advance_all` sweep.
fn add(pool: Arc<dyn Sweepable>, every: u64) {
    let start = registry::add(pool, every);
    ADDED.notify_one();
    if start {
        if spawn_quiet("ebbtide-janitor", run).is_ok() {
            start_dropper();
        } else {
            registry().running = false;
        }
    }
}

/// Starts a dropper. Returns `false` if the system has no thread for it.
fn start_dropper() -> bool {
    registry().waiting += 1;
    let started = spawn_quiet("ebbtide-dropper", drop_items).is_ok();
    if !started {
        registry().waiting -= 1;
    }
    started
}

/// Removes the pool whose heap part is at this address, if it is registered. Runs the job that a round left for it, if
/// no other thread has begun it.
pub(crate) fn forget<H>(heap: *const H) {
    for (_, panic) in registry::remove(heap.addr()).into_iter().map(Job::run) {
        panic.into_iter().for_each(discard);
    }
}

/// Sweeps every pool in the process that has timed epochs and has been used, all at once, as a garbage collection does
/// in Go. Returns the sum of what the sweeps did.
///
/// A pool that is being swept at the moment is left out. The items are dropped on this thread, one pool after the
/// other. So a slow `Drop` delays those that come after it.
///
/// ```
/// use ebbtide::{Pool, advance_all};
///
/// static BUFFERS: Pool<Vec<u8>> = Pool::new();
///
/// drop(BUFFERS.get());
/// advance_all(); // say, when the system is short of memory
/// advance_all();
/// assert_eq!(BUFFERS.idle(), 0);
/// ```
///
/// # Panics
///
/// If the `Drop` of items panics, the first such panic resumes here, after all pools were swept. If the thread already
/// unwinds, it does not resume.
pub fn advance_all() -> Swept {
    let (mut sum, mut first) = (Swept::default(), None);
    for (swept, panic) in round(collect(true).unwrap_or_default()).into_iter().map(Job::run) {
        sum += swept;
        panic.into_iter().for_each(|panic| keep_first(&mut first, panic));
    }
    if let Some(panic) = first {
        raise(panic);
    }
    sum
}

/// The janitor's body. `starters` is the signal mask of the thread that used a pool first. User code runs with it.
fn run(starters: Mask) {
    Mask::quiet().set();
    loop {
        // Jobs catch the panics of user code, and nothing else runs any. If this panics all the same, the janitor goes
        // on.
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| enlist(round(wait_for_due(starters))))) {
            discard(panic);
        }
    }
}

/// A dropper's body: runs jobs, and waits for more unless another dropper does.
///
/// User code runs with the signal mask of the thread that used a pool first. So does what it starts, to the last
/// destructor of this thread. While the thread waits, it takes no signals from elsewhere.
fn drop_items(starters: Mask) {
    loop {
        Mask::quiet().set();
        let mut registry = registry();
        while registry.jobs.is_empty() {
            registry = JOBS.wait(registry).unwrap_or_else(PoisonError::into_inner);
        }
        registry.waiting -= 1;
        drop(registry);

        starters.set();
        while do_next_job() {}
        let mut registry = self::registry();
        if registry.waiting > 0 {
            return;
        }
        registry.waiting += 1;
    }
}

/// Queues the jobs of a round for the droppers.
fn enlist(jobs: Vec<Job>) {
    let mut jobs: LinkedList<_> = jobs.into_iter().filter(|job| job.runs_user_code).collect();
    let mut registry = registry();
    for job in &jobs {
        if let Some(entry) = registry.entry_of(&job.pool) {
            entry.busy = true;
        }
    }
    registry.jobs.append(&mut jobs);
    drop(registry);
    JOBS.notify_one();
}

/// Runs the oldest job. Returns `false` if there is none.
fn do_next_job() -> bool {
    let mut registry = registry();
    let mut job = registry.take_job(0);
    registry.begun += job.len();
    drop(registry);
    let Some(job) = job.pop_front() else { return false };

    let pool = job.pool.clone();
    if let (_, Some(panic)) = job.run() {
        if let Some(pool) = pool.upgrade() {
            pool.count_panic();
        }
        discard(panic);
    }
    if let Some(entry) = self::registry().entry_of(&pool) {
        entry.busy = false;
    }
    true
}

/// Sleeps until some pools are due, or forever if there are none. Returns those that can be swept. Meanwhile, if jobs
/// wait behind a slow one, it starts another dropper.
fn wait_for_due(starters: Mask) -> Vec<Arc<dyn Sweepable>> {
    loop {
        if let Some(due) = collect(false) {
            return due;
        }
        let registry = registry();
        // A pool that was added since then has signalled already. So the due times are read again, under the lock of
        // the wait.
        let soonest = registry.entries.iter().map(|entry| entry.due).min();
        let until_due = soonest.map(|due| Duration::from_nanos(due.saturating_sub(now())));
        let behind = !registry.jobs.is_empty() && registry.waiting == 0;
        let begun = registry.begun;
        let wait = if behind { Some(until_due.map_or(PATIENCE, |time| time.min(PATIENCE))) } else { until_due };
        let registry = match wait {
            Some(time) => ADDED.wait_timeout(registry, time).unwrap_or_else(PoisonError::into_inner).0,
            None => ADDED.wait(registry).unwrap_or_else(PoisonError::into_inner),
        };
        let stuck = behind && !registry.jobs.is_empty() && registry.waiting == 0 && registry.begun == begun;
        drop(registry);
        if stuck {
            starters.set();
            if !start_dropper() {
                // The system has no other thread, so the next round waits for this job.
                do_next_job();
            }
            Mask::quiet().set();
        }
    }
}
