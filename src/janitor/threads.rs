//! The janitor's body, the droppers' body, and how both are started and woken.

use std::collections::LinkedList;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use super::entries::NEVER;
#[cfg(feature = "pressure")]
use super::pressure;
#[cfg(not(all(loom, feature = "loom")))]
use super::registry::try_registry;
use super::registry::{Call, Task, collect, now, registry, sooner};
use super::round::{Job, round};
use crate::engine::item::discard;
use crate::sync::signals::Mask;
use crate::sync::thread::{Condvar, JoinHandle, PoisonError, is_quiet, spawn_quiet};
use crate::sync::{Arc, fence, heap, static_per_execution};

static_per_execution! {
    /// Signalled when there are tasks.
    static TASKS: Condvar = Condvar::new();
}

static_per_execution! {
    /// Signalled when threads were started or joined.
    static CHANGED: Condvar = Condvar::new();
}

/// How long tasks wait for a dropper that is inside another one, before a further dropper starts.
const PATIENCE: Duration = Duration::from_millis(10);

/// How long after a janitor could not be started the pools in use do not try again.
const RETRY: Duration = Duration::from_secs(1);

/// Wakes the janitor, or starts it with a dropper. Returns `false` if it cannot be started. Then only `advance` and
/// `advance_all` sweep.
pub(super) fn call(Call { start, wake }: Call) -> bool {
    if wake {
        sooner().notify_one();
    }
    let runs = !start || spawn("ebbtide-janitor", run);
    if !runs {
        let mut registry = registry();
        registry.running = false;
        registry.retry = now().saturating_add(RETRY.as_nanos() as u64);
        registry.alive -= 1;
        registry.waiting -= 1;
        drop(registry);
        CHANGED.notify_all();
        // Somebody may have counted on that dropper.
        do_next_task();
    } else if start {
        start_dropper();
    }
    runs
}

/// Wakes the janitor for parked pools, at the end of a thread that may have left slot sets to free.
#[cfg(not(all(loom, feature = "loom")))]
pub(super) fn revisit() {
    // If the lock is not to be had, the next look at the due times finds what there is to do.
    let Some(mut registry) = try_registry() else { return };
    let wakes = registry.running && registry.entries.has_parked() && registry.oversleeps(0);
    drop(registry);
    if wakes {
        sooner().notify_one();
    }
}

/// Starts a dropper that was claimed. Returns `false` if the system has no thread for it.
fn start_dropper() -> bool {
    let started = spawn("ebbtide-dropper", drop_items);
    if !started {
        registry().waiting -= 1;
    }
    started
}

/// Starts a thread that was claimed. Returns `false` if the system has none.
fn spawn(name: &str, body: fn(Mask)) -> bool {
    let thread = spawn_quiet(name, body);
    let started = thread.is_ok();
    let mut thread = thread.into_iter().collect();
    let mut registry = registry();
    registry.threads.append(&mut thread);
    registry.alive -= usize::from(!started);
    drop(registry);
    CHANGED.notify_all();
    started
}

/// Waits until these threads have ended.
fn join(threads: LinkedList<JoinHandle<()>>) {
    let count = threads.len();
    threads.into_iter().filter_map(|thread| thread.join().err()).for_each(discard);
    registry().alive -= count;
}

/// Joins droppers that have ended. A dropper does so at its own end, because one that has ended may still be inside
/// destructors of user code.
fn join_ended() {
    let threads = mem::take(&mut registry().threads);
    let (ended, mut running): (LinkedList<_>, _) = threads.into_iter().partition(JoinHandle::is_finished);
    join(ended);
    registry().threads.append(&mut running);
    CHANGED.notify_all();
}

/// Ends all threads, and does what is left of their work. See `stop_janitor`.
pub(super) fn stop() {
    if is_quiet() {
        return;
    }
    let mut registry = registry();
    if registry.is_forked() {
        return;
    }
    while registry.stopping {
        registry = CHANGED.wait(registry).unwrap_or_else(PoisonError::into_inner);
    }
    registry.stopping = true;
    sooner().notify_all();
    TASKS.notify_all();
    while registry.alive > 0 {
        if registry.threads.is_empty() {
            // Somebody is starting or joining them.
            registry = CHANGED.wait(registry).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let threads = mem::take(&mut registry.threads);
        drop(registry);
        join(threads);
        registry = self::registry();
    }
    #[cfg(feature = "bounded")]
    {
        drop(registry);
        super::timer::stop();
        registry = self::registry();
    }
    (registry.stopping, registry.running) = (false, false);
    drop(registry);
    CHANGED.notify_all();
    #[cfg(feature = "bounded")]
    super::timer::wake_all();
    // From now on, using one of these pools starts the threads again.
    collect(true).into_iter().flatten().for_each(|pool| pool.registration().stop());
    while do_next_task() {}
}

/// The janitor's body. `starters` is the signal mask of the thread that used a pool first. User code runs with it.
fn run(starters: Mask) {
    Mask::quiet().set();
    // Here rather than in the `get` that fetches first.
    fence::prepare();
    while !registry().stopping {
        // Jobs catch the panics of user code, and nothing else runs any. If this panics all the same, the janitor goes
        // on.
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| enlist(sweep_due(starters)))) {
            discard(panic);
        }
    }
}

/// A dropper's body: runs tasks, trims the heap when that is due, and waits for more unless another dropper does.
///
/// User code runs with the signal mask of the thread that used a pool first. So does what it starts, to the last
/// destructor of this thread. While the thread waits, it takes no signals from elsewhere.
fn drop_items(starters: Mask) {
    loop {
        Mask::quiet().set();
        let mut registry = registry();
        while registry.tasks.is_empty() {
            if registry.stopping {
                registry.waiting -= 1;
                return;
            }
            registry = match registry.trimming.due_in(now()) {
                None => TASKS.wait(registry).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => break,
                Some(time) => TASKS.wait_timeout(registry, time).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        registry.waiting -= 1;
        drop(registry);

        starters.set();
        while do_next_task() {}
        trim_if_due();
        let mut registry = self::registry();
        if registry.waiting > 0 {
            drop(registry);
            // What this thread dropped may be due for a trim later.
            TASKS.notify_one();
            return join_ended();
        }
        registry.waiting += 1;
    }
}

/// Queues the jobs of a round for the droppers.
fn enlist(jobs: Vec<Job>) {
    let jobs = jobs.into_iter().filter(|job| job.runs_user_code);
    let found = jobs.map(|job| (job.place, job.pool.clone(), Arc::new(Task::new(job)))).collect::<Vec<_>>();
    let mut tasks: LinkedList<_> = found.iter().map(|(_, _, task)| Arc::clone(task)).collect();
    if tasks.is_empty() {
        return;
    }
    let mut registry = registry();
    for (place, pool, task) in &found {
        if let Some(entry) = registry.entries.entry_of(*place, pool) {
            entry.task = Some(Arc::clone(task));
        }
    }
    registry.tasks.append(&mut tasks);
    drop(registry);
    TASKS.notify_one();
}

/// Has a dropper run a job at once: one that waits, or else a new one. If there is none to be had, runs it here.
#[cfg(feature = "bounded")]
pub(super) fn run_soon(job: Job) {
    let mut tasks = LinkedList::from([Arc::new(Task::new(job))]);
    let mut registry = registry();
    if registry.stopping || registry.is_forked() {
        drop(registry);
        tasks.pop_front().and_then(|task| task.take()).into_iter().for_each(do_job);
        return;
    }
    // Before what droppers need not do at once. So as many of them wait as there are such tasks.
    tasks.append(&mut registry.tasks);
    registry.tasks = tasks;
    let starts = registry.tasks.len() > registry.waiting;
    if starts {
        registry.claim_dropper();
    }
    drop(registry);
    if !starts {
        TASKS.notify_one();
    } else if !start_dropper() {
        // This one, unless another thread has begun it meanwhile.
        do_next_task();
    }
}

/// Runs the first task. Returns `false` if there is none.
fn do_next_task() -> bool {
    let mut first = registry().take_task();
    let Some(task) = first.pop_front() else { return false };
    task.take().into_iter().for_each(do_job);
    true
}

/// Runs a job that was taken from its task, and counts what it did.
fn do_job(job: Job) {
    let (place, pool, weight) = (job.place, job.pool.clone(), job.weight);
    let (swept, panic) = job.run();
    if let Some(panic) = panic {
        if let Some(pool) = pool.upgrade() {
            pool.count_panic();
        }
        discard(panic);
    }
    let mut registry = registry();
    registry.trimming.count(swept.dropped, weight);
    let task = registry.entries.entry_of(place, &pool).and_then(|entry| entry.task.take());
    // Before the task is dropped.
    drop(registry);
    drop(task);
}

/// Has a dropper look whether a trim is due.
pub(super) fn call_dropper() {
    TASKS.notify_one();
}

/// Has the system allocator return the memory of dropped items.
fn trim_if_due() {
    let began = now();
    if registry().trimming.begin(began) {
        heap::trim();
        registry().trimming.end(began, now());
    }
}

/// Sleeps until some pools are due, or forever if there are none, or until the thread is to end. Sweeps those that can be
/// swept, and returns what is left to do. Meanwhile, if tasks wait behind a slow one, it starts another dropper.
fn sweep_due(starters: Mask) -> Vec<Job> {
    loop {
        if let Some(due) = collect(false) {
            return round(due);
        }
        #[cfg(feature = "pressure")]
        if let Some(jobs) = pressure::sweep_if_short() {
            return jobs;
        }
        let mut registry = registry();
        if registry.stopping {
            return Vec::new();
        }
        // A pool may have been added since then, or a thread has ended. So the due times are read again, under the lock
        // of the wait.
        registry.revisit();
        let due = registry.entries.soonest();
        #[cfg(feature = "pressure")]
        let due = due.min(registry.watch.due(due));
        // A dropper that waits has been called, and takes one of them.
        let behind = registry.tasks.len() > registry.waiting;
        let begun = registry.begun;
        let now = now();
        let until = if behind { due.min(now + PATIENCE.as_nanos() as u64) } else { due };
        registry.sleeps_until = until;
        let mut registry = match until {
            NEVER => sooner().wait(registry).unwrap_or_else(PoisonError::into_inner),
            _ => {
                let time = Duration::from_nanos(until.saturating_sub(now));
                sooner().wait_timeout(registry, time).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        registry.sleeps_until = 0;
        let stuck = behind && !registry.tasks.is_empty() && registry.waiting == 0 && registry.begun == begun;
        if stuck {
            registry.claim_dropper();
        }
        drop(registry);
        if stuck {
            starters.set();
            if !start_dropper() {
                // The system has no other thread, so the next round waits for this job.
                do_next_task();
            }
            Mask::quiet().set();
        }
    }
}
