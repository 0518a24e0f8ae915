//! The process-wide threads that sweep every pool whose epochs come by time.
//!
//! An item's `Drop` may take as long as it likes, and must not keep other pools from being swept. So the janitor only sweeps,
//! and leaves what there is to drop to a second thread, the dropper. Both are started at once, so that a program which enters a
//! sandbox later starts none. While the dropper is inside a `Drop` and jobs wait behind it, the janitor starts another.

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
pub(crate) use round::{Heap, Job, Pass, Sweepable, TOLD};

/// Tells the janitor about a pool that is to be swept every so many nanoseconds.
#[derive(Debug)]
pub struct Registrar<T>(for<'a> fn(Arc<dyn Heap<T> + 'a>, u64));

impl<T: Send + 'static> Registrar<T> {
    pub(crate) const NEW: Self = Self(|heap, every| add(heap.sweepable(), every));
}

impl<T> Registrar<T> {
    pub(crate) fn register(&self, heap: &Arc<impl Heap<T>>, every: u64) {
        (self.0)(Arc::clone(heap) as Arc<dyn Heap<T> + '_>, every);
    }
}

static_per_execution! {
    /// Signalled when a pool was added, which may be due earlier than those before.
    static ADDED: Condvar = Condvar::new();
}

static_per_execution! {
    /// Signalled when there are jobs.
    static JOBS: Condvar = Condvar::new();
}

/// How long jobs wait for a dropper that is inside another one.
const PATIENCE: Duration = Duration::from_millis(10);

/// Adds a pool, and starts the threads if they don't run. If the janitor can't be started, the next pool tries again; until then
/// nothing is swept but by `advance`.
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

/// Whether the system has a thread for it.
fn start_dropper() -> bool {
    registry().waiting += 1;
    let started = spawn_quiet("ebbtide-dropper", drop_items).is_ok();
    if !started {
        registry().waiting -= 1;
    }
    started
}

/// Removes the pool whose heap part is at this address, if it is there. What a round left to do for it, if nobody has begun, is
/// done here.
pub(crate) fn forget<H>(heap: *const H) {
    for (_, panic) in registry::remove(heap.addr()).into_iter().map(Job::run) {
        panic.into_iter().for_each(discard);
    }
}

/// Sweeps every pool in the process whose epochs come by time and that has been used, all at once, as a garbage
/// collection does in Go. Returns the sum of what the sweeps did.
///
/// A pool that is being swept at the moment is left out. The items are dropped on this thread, one pool after the other, so a
/// `Drop` that takes long holds up those that come after it.
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
/// If the `Drop` of items panics, the first such panic is raised again here, after all pools were swept, unless the
/// thread is unwinding already.
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

/// The janitor's body. `starters` is the signal mask of the thread that used a pool first, for what runs user code.
fn run(starters: Mask) {
    Mask::quiet().set();
    loop {
        // Nothing here runs user code. If it panics all the same, there must be a janitor.
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| enlist(round(wait_for_due(starters))))) {
            discard(panic);
        }
    }
}

/// A dropper's body: does jobs, and waits for more unless another one does. User code runs with the signal mask of the thread
/// that used a pool first, and so does what it starts, to the last destructor of this thread; while it waits, the thread takes
/// no signals.
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

/// Leaves to the droppers what a round left to do.
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

/// Does the oldest job, if there is one.
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

/// Sleeps until some pools are due, for ever if there are none, and returns those of them that can be swept. Sees to it
/// meanwhile that no job waits behind one that takes long.
fn wait_for_due(starters: Mask) -> Vec<Arc<dyn Sweepable>> {
    loop {
        if let Some(due) = collect(false) {
            return due;
        }
        let registry = registry();
        // An entry that came since has signalled before this wait; so look again under the lock that we wait with.
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
                // The system has no other thread, so the next round waits for this.
                do_next_job();
            }
            Mask::quiet().set();
        }
    }
}
