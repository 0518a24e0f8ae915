//! The process-wide thread that sweeps every pool whose epochs come by time, and its registry.
//!
//! The registry holds pools weakly and is behind a lock. Nothing is allocated, freed or dropped while that is held, since an
//! allocator or an item's `Drop` may use a pool for the first time, which comes here.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

#[cfg(feature = "bounded")]
use crate::bounded::Places;
use crate::item::{Payload, discard, keep_first, raise};
use crate::store::Store;
use crate::sweep::{Condemned, Purpose, Sweep, Swept};
use crate::sync::fence;
use crate::sync::signals::Mask;
use crate::sync::thread::{Condvar, Mutex, MutexGuard, PoisonError, Weak, spawn_quiet};
use crate::sync::{Arc, static_per_execution};

/// Tells the janitor about a pool that is to be swept every so many nanoseconds.
#[derive(Debug)]
pub struct Registrar<T: Send>(pub(crate) fn(Heap<'_, T>, u64));

impl<T: Send + 'static> Registrar<T> {
    pub(crate) const NEW: Self = Self(register);
}

/// The heap part of a pool of either kind.
pub(crate) enum Heap<'a, T: Send> {
    Pool(&'a Arc<Store<T>>),
    #[cfg(feature = "bounded")]
    Bounded(&'a Arc<Places<T>>),
}

struct Registry {
    /// In the order of `place`.
    entries: Vec<Entry>,
    /// The thread runs, or is being started.
    running: bool,
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
}

struct Entry {
    /// The store's address.
    key: usize,
    store: Weak<dyn Sweepable>,
    /// The length of an epoch, and the time of the next sweep, in nanoseconds since `now` was first called.
    every: u64,
    due: u64,
}

static_per_execution! {
    static REGISTRY: Mutex<Registry> = Mutex::new(Registry { entries: Vec::new(), running: false });
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
    let entry = Entry { key, store: Arc::downgrade(&store), every, due: next(now(), every) };

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
    if start && spawn_quiet("ebbtide-janitor", run).is_err() {
        self::registry().running = false;
    }
}

/// Removes the store at this address, if it is there.
pub(crate) fn forget<T>(store: *const T) {
    let mut registry = registry();
    let entry = registry.place(store.addr()).ok().map(|place| registry.entries.remove(place));
    drop(registry);
    drop(entry);
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
    let (swept, panic) = drop_all(sweep_all(collect(|_| true).unwrap_or_default()));
    if let Some(panic) = panic {
        raise(panic);
    }
    swept
}

/// The thread's body. User code runs with the signal mask of the thread that started it, and may start threads and processes
/// of its own, which inherit it; until there is any to run, this thread takes no signals.
fn run(starters: Mask) {
    loop {
        Mask::quiet().set();
        let swept = sweep_all(wait_for_due());
        starters.set();
        if let (_, Some(panic)) = drop_all(swept) {
            discard(panic);
        }
    }
}

/// Sleeps until some pools are due, for ever if there are none, and returns those that are still there.
fn wait_for_due() -> Vec<Arc<dyn Sweepable>> {
    loop {
        if let Some(due) = collect(|entry| entry.due <= now()) {
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

/// The stores of those entries that `wanted` picks, which are due one epoch later then; `None` if it picks none.
fn collect(wanted: impl Fn(&Entry) -> bool) -> Option<Vec<Arc<dyn Sweepable>>> {
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
            stores.extend(entry.store.upgrade());
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

/// What a round leaves: the stores that it swept, and what it is to drop.
type Round = (Vec<Arc<dyn Sweepable>>, Vec<Box<dyn DropItems>>);

/// Sweeps several stores with one heavy barrier. Runs no user code.
fn sweep_all(stores: Vec<Arc<dyn Sweepable>>) -> Round {
    let mut passes: Vec<_> = stores.iter().cloned().filter_map(Sweepable::begin).collect();
    // From the first `close` to the last `collect` nothing is allocated: the slot sets of all these pools are closed.
    let closed = passes.iter_mut().fold(false, |any, pass| pass.close() | any);
    let passed = !closed || fence::heavy();
    passes.iter_mut().for_each(|pass| pass.collect(passed));
    let condemned = passes.into_iter().map(|pass| pass.finish()).collect();
    (stores, condemned)
}

/// Drops what a round is to drop.
fn drop_all((stores, condemned): Round) -> (Swept, Option<Payload>) {
    // No token is held. A pool that was dropped meanwhile leaves its items to this.
    drop(stores);

    let (mut sum, mut first) = (Swept::default(), None);
    for (swept, panic) in condemned.into_iter().map(|condemned| condemned.drop_items()) {
        sum += swept;
        if let Some(panic) = panic {
            keep_first(&mut first, panic);
        }
    }
    (sum, first)
}

/// A store of any item type, to be swept.
trait Sweepable: Send + Sync {
    fn begin(self: Arc<Self>) -> Option<Box<dyn Pass>>;
}

/// A sweep of a store of any item type.
trait Pass {
    fn close(&mut self) -> bool;
    fn collect(&mut self, passed: bool);
    fn finish(self: Box<Self>) -> Box<dyn DropItems>;
}

/// What a sweep of a store of any item type is to drop.
trait DropItems {
    fn drop_items(self: Box<Self>) -> (Swept, Option<Payload>);
}

impl<T: Send + 'static> Sweepable for Store<T> {
    fn begin(self: Arc<Self>) -> Option<Box<dyn Pass>> {
        Sweep::begin(self, Purpose::Advance).map(|sweep| Box::new(sweep) as Box<dyn Pass>)
    }
}

impl<T: Send + 'static> Pass for Sweep<T, Arc<Store<T>>> {
    fn close(&mut self) -> bool {
        self.close()
    }

    fn collect(&mut self, passed: bool) {
        self.collect(passed);
    }

    fn finish(self: Box<Self>) -> Box<dyn DropItems> {
        Box::new((*self).finish())
    }
}

impl<T: 'static> DropItems for Condemned<T> {
    fn drop_items(self: Box<Self>) -> (Swept, Option<Payload>) {
        (*self).drop_items()
    }
}

/// A bounded pool needs no barrier, and closes nothing before it: its sweep is one step, under a lock of the pool's own. That
/// also drops the items, whose places are not free before; so it comes last.
#[cfg(feature = "bounded")]
mod bounded {
    use super::*;

    impl<T: Send + 'static> Sweepable for Places<T> {
        fn begin(self: Arc<Self>) -> Option<Box<dyn Pass>> {
            Some(Box::new(self))
        }
    }

    impl<T: Send + 'static> Pass for Arc<Places<T>> {
        fn close(&mut self) -> bool {
            false
        }

        fn collect(&mut self, _: bool) {}

        fn finish(self: Box<Self>) -> Box<dyn DropItems> {
            self
        }
    }

    impl<T: Send + 'static> DropItems for Arc<Places<T>> {
        fn drop_items(self: Box<Self>) -> (Swept, Option<Payload>) {
            self.sweep(Purpose::Advance)
        }
    }
}
