//! The process-wide threads that sweep every pool whose epochs come by time, and their registry.
//!
//! The registry holds pools weakly and is behind a lock. Nothing is allocated, freed or dropped while that is held, since an
//! allocator or an item's `Drop` may use a pool for the first time, which comes here.
//!
//! An item's `Drop` may take as long as it likes, and must not keep other pools from being swept. So the janitor only sweeps,
//! and leaves what there is to drop to a second thread, the dropper. Both are started at once, so that a program which enters a
//! sandbox later starts none. While the dropper is inside a `Drop` and jobs wait behind it, the janitor starts another.

mod round;

use std::collections::LinkedList;
use std::panic::{self, AssertUnwindSafe};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

#[cfg(feature = "bounded")]
use crate::bounded::Places;
use crate::item::{discard, keep_first, raise};
use crate::store::Store;
use crate::sweep::Swept;
use crate::sync::signals::Mask;
use crate::sync::thread::{Condvar, Mutex, MutexGuard, PoisonError, Weak, spawn_quiet};
use crate::sync::{Arc, static_per_execution};
use round::{Job, Sweepable, round};

/// Tells the janitor about a pool that is to be swept every so many nanoseconds.
#[derive(Debug)]
pub struct Registrar<T>(pub(crate) fn(Heap<'_, T>, u64));

impl<T: Send + 'static> Registrar<T> {
    pub(crate) const NEW: Self = Self(register);
}

/// The heap part of a pool of either kind.
pub(crate) enum Heap<'a, T> {
    Pool(&'a Arc<Store<T>>),
    #[cfg(feature = "bounded")]
    Bounded(&'a Arc<Places<T>>),
}

struct Registry {
    /// In the order of `place`.
    entries: Vec<Entry>,
    /// There is a janitor, or it is being started.
    running: bool,
    /// What rounds left to do and nobody has begun, the oldest first. Moving a job in or out allocates and frees nothing.
    jobs: LinkedList<Job>,
    /// How many jobs were begun.
    begun: usize,
    /// How many droppers wait for jobs, or are being started.
    waiting: usize,
}

impl Registry {
    /// Where the entry with this key is, or where it is to be inserted.
    fn place(&self, key: usize) -> Result<usize, usize> {
        if cfg!(loom_is_shuttle) {
            // In the order in which they came: that of addresses isn't the same when a schedule is run again.
            return self.entries.iter().position(|entry| entry.key == key).ok_or(self.entries.len());
        }
        self.entries.binary_search_by_key(&key, |entry| entry.key)
    }

    /// The nth job on the list, if there are so many. It comes in a list of its own, which is to be emptied without the lock.
    fn take_job(&mut self, n: usize) -> LinkedList<Job> {
        let mut job = self.jobs.split_off(n.min(self.jobs.len()));
        let mut rest = job.split_off(job.len().min(1));
        self.jobs.append(&mut rest);
        job
    }

    /// The entry of a pool, unless that was dropped.
    fn entry_of(&mut self, pool: &Weak<dyn Sweepable>) -> Option<&mut Entry> {
        let place = self.place(pool.as_ptr().addr()).ok()?;
        Some(&mut self.entries[place])
    }
}

struct Entry {
    /// The store's address.
    key: usize,
    store: Weak<dyn Sweepable>,
    /// The length of an epoch, and the time of the next sweep, in nanoseconds since `now` was first called.
    every: u64,
    due: u64,
    /// Items that an earlier round condemned are still to be dropped. Rounds leave the pool out until they are, so that it keeps
    /// one dropper at most.
    busy: bool,
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

fn registry() -> MutexGuard<'static, Registry> {
    // Nothing panics while it is held, and if it did every field would still be whole.
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

fn register<T: Send + 'static>(heap: Heap<'_, T>, every: u64) {
    match heap {
        Heap::Pool(store) => add(store.clone(), every),
        #[cfg(feature = "bounded")]
        Heap::Bounded(places) => add(places.clone(), every),
    }
}

/// Adds a store, and starts the threads if they don't run. If the janitor can't be started, the next pool tries again; until then
/// nothing is swept but by `advance`.
fn add(store: Arc<dyn Sweepable>, every: u64) {
    let key = Arc::as_ptr(&store).addr();
    let entry = Entry { key, store: Arc::downgrade(&store), every, due: next(now(), every), busy: false };

    let mut spare = Vec::new();
    let mut registry = registry();
    while registry.entries.len() == registry.entries.capacity() {
        let wanted = (2 * registry.entries.len()).max(4);
        if spare.capacity() >= wanted {
            spare.append(&mut registry.entries);
            std::mem::swap(&mut spare, &mut registry.entries);
        } else {
            drop(registry);
            spare = Vec::with_capacity(wanted);
            registry = self::registry();
        }
    }
    let (Ok(place) | Err(place)) = registry.place(key);
    registry.entries.insert(place, entry);
    let start = !std::mem::replace(&mut registry.running, true);
    drop(registry);

    ADDED.notify_one();
    if start {
        if spawn_quiet("ebbtide-janitor", run).is_ok() {
            start_dropper();
        } else {
            self::registry().running = false;
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

/// Removes the store at this address, if it is there. What a round left to do for it, if nobody has begun, is done here.
pub(crate) fn forget<T>(store: *const T) {
    let key = store.addr();
    let mut registry = registry();
    let entry = registry.place(key).ok().map(|place| registry.entries.remove(place));
    let busy = entry.as_ref().is_some_and(|entry| entry.busy);
    let at = if busy { registry.jobs.iter().position(|job| job.pool.as_ptr().addr() == key) } else { None };
    let job = at.map(|at| registry.take_job(at));
    drop(registry);
    drop(entry);
    for (_, panic) in job.into_iter().flatten().map(Job::run) {
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

/// The stores of all pools, or of those that are due and not busy; they are due one epoch later then. `None` if there are none,
/// or none is due.
fn collect(all: bool) -> Option<Vec<Arc<dyn Sweepable>>> {
    let wanted = |entry: &Entry| all || entry.due <= now();
    let mut stores = Vec::new();
    loop {
        let mut registry = registry();
        let count = registry.entries.iter().filter(|entry| wanted(entry)).count();
        if count == 0 {
            return None;
        }
        if count > stores.capacity() {
            drop(registry);
            stores = Vec::with_capacity(count);
            continue;
        }
        let now = now();
        for entry in registry.entries.iter_mut().filter(|entry| wanted(entry)).take(stores.capacity()) {
            entry.due = next(now, entry.every);
            if all || !entry.busy {
                stores.extend(entry.store.upgrade());
            }
        }
        return Some(stores);
    }
}

fn now() -> u64 {
    if cfg!(all(target_family = "wasm", target_os = "unknown")) {
        return 0; // No clock, and no thread either that would wait for a time.
    }
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// The next multiple of `every`, so that pools with the same epoch are due at the same time, for one barrier together.
fn next(now: u64, every: u64) -> u64 {
    (now / every + 1).saturating_mul(every)
}
