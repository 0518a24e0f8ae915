//! The process-wide thread that sweeps every pool whose epochs come by time, and its registry.
//!
//! The registry holds pools weakly and is behind a lock. Nothing is allocated, freed or dropped while that is held, since an
//! allocator or an item's `Drop` may use a pool for the first time, which comes here.
//!
//! An item's `Drop` may take as long as it likes, and must not keep other pools from being swept. So when there is anything to
//! drop, the thread first starts another one, which is the janitor from then on, and ends when it has dropped it all.

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
    /// no second thread.
    busy: bool,
}

static_per_execution! {
    static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
        entries: Vec::new(),
        running: false,
        jobs: LinkedList::new(),
    });
}

static_per_execution! {
    /// Signalled when a pool was added, which may be due earlier than those before.
    static ADDED: Condvar = Condvar::new();
}

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

/// Adds a store, and starts the thread if it doesn't run. If it can't be started, the next pool tries again; until then
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
    if start && !start_janitor() {
        self::registry().running = false;
    }
}

/// Whether the system has a thread for it.
fn start_janitor() -> bool {
    spawn_quiet("ebbtide-janitor", run).is_ok()
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
/// A pool that is being swept at the moment is left out.
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

/// The thread's body. `starters` is the signal mask of the thread that used a pool first, from which each janitor hands it on
/// to the next.
fn run(starters: Mask) {
    let mut succeeded = false;
    while !succeeded {
        // What user code may do is caught where it is called. If anything else panics, there must be a janitor all the same.
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| turn(starters, &mut succeeded))) {
            discard(panic);
        }
    }
}

/// One round, and what it leaves to do. `succeeded` tells that another thread is the janitor now.
fn turn(starters: Mask, succeeded: &mut bool) {
    Mask::quiet().set();
    let jobs = round(wait_for_due());
    // User code from here on, to the last destructor of a thread that ends: it runs as on the thread that used a pool first, and
    // so does what it starts.
    starters.set();
    if enlist(jobs) {
        // If the system has no other thread, the next round waits for these.
        *succeeded = start_janitor();
        while let Some(job) = next_job() {
            let pool = do_job(job);
            if let Some(entry) = registry().entry_of(&pool) {
                entry.busy = false;
            }
        }
    }
}

/// Puts those jobs on the list for which there are items to drop, and does the others. Whether there is anything on the list.
fn enlist(jobs: Vec<Job>) -> bool {
    let mut drops = LinkedList::new();
    for job in jobs {
        if job.drops {
            drops.push_back(job);
        } else {
            do_job(job);
        }
    }
    let mut registry = registry();
    for job in &drops {
        if let Some(entry) = registry.entry_of(&job.pool) {
            entry.busy = true;
        }
    }
    registry.jobs.append(&mut drops);
    !registry.jobs.is_empty()
}

fn next_job() -> Option<Job> {
    let mut first = registry().take_job(0);
    first.pop_front()
}

/// Runs user code. Returns the pool.
fn do_job(job: Job) -> Weak<dyn Sweepable> {
    let pool = job.pool.clone();
    if let (_, Some(panic)) = job.run() {
        if let Some(pool) = pool.upgrade() {
            pool.count_panic();
        }
        discard(panic);
    }
    pool
}

/// Sleeps until some pools are due, for ever if there are none, and returns those of them that can be swept.
fn wait_for_due() -> Vec<Arc<dyn Sweepable>> {
    loop {
        if let Some(due) = collect(false) {
            return due;
        }
        let registry = registry();
        // An entry that came since has signalled before this wait; so look again under the lock that we wait with.
        let soonest = registry.entries.iter().map(|entry| entry.due).min();
        let wait = soonest.map(|due| Duration::from_nanos(due.saturating_sub(now())));
        match wait {
            Some(time) => drop(ADDED.wait_timeout(registry, time)),
            None => drop(ADDED.wait(registry)),
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
