//! What the models share: items that notice two owners, a sweep that comes too early and a drop that comes twice or
//! never, and the loop that runs a model through its interleavings and says how many there were.
//!
//! # Two owners at once
//!
//! Every holder of an item writes to a cell in it that loom watches: on its way out of the pool, on its way back, and
//! in its `Drop`. Two holders that nothing orders are a race, and loom fails the model, even if their writes did not
//! overlap in the interleaving at hand. The cell also says whether the item is in use or idle, so that one handed out
//! twice is noticed where the two holders happen to be ordered.
//!
//! # The lower bound
//!
//! A sweep may drop an item only if it is at least the second to advance the epoch after the item's put read it. What
//! the put read can't be seen from outside, and it need not be the newest epoch: loom lets a load return an older
//! value wherever the memory model does. But it can't be older than what its thread already knows: if `n` sweeps
//! happen before the put, then by coherence it read at least `n`, since the sweep number `n`, counted from 1, stored
//! `n`. It follows that only the sweep number `n + 2` or a later one may drop the item.
//!
//! - `n` is `KNOWN`, a number that each thread keeps: one more for each of its own sweeps (which come after all
//!   earlier ones, by the sweep token), what its parent knew when it was spawned, and all sweeps there were once every
//!   other thread was joined. It may be less than what the thread could know, for example from a batch that it took,
//!   and then the check asks for less than is promised, never for more.
//! - The sweep that drops an item is at most number `begun`, the count of those sweeps that have begun and were not
//!   refused. Where only one thread sweeps it is exactly that number. Where two do, the other one's sweep may have
//!   begun meanwhile, and the check lets pass what it should not; such a model also looks at what each sweep says it
//!   dropped.
//!
//! Both are numbers that loom does not see, so they add neither interleavings nor order between threads, and loom runs
//! one thread at a time, so they are exact.
//!
//! # The upper bound
//!
//! `age_out` is called when all other threads are gone: no call overlaps a sweep then, so after two of them nothing is
//! left, wherever it lay.

// Not every test file uses all of this.
#![allow(dead_code)]

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use ebbtide::{Manual, OwnedPooled, Pool, Pooled, Recycle, Settings, Sweeper, Swept};
use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::thread::JoinHandle;

/// A thread's stack, in words. That of loom's first thread is 4096 and can't be chosen. A debug build comes close to
/// that, or over it, depending on what the compiler does, so models run in a second thread.
const STACK: usize = 32 * 1024;

/// The pool of the models.
pub(crate) type TrackedPool = Pool<Tracked, World>;

loom::thread_local! {
    /// How many sweeps are known to have happened before whatever this thread does next.
    static KNOWN: Cell<usize> = Cell::new(0);
    /// This thread is inside a sweep.
    static SWEEPING: Cell<bool> = Cell::new(false);
    /// This thread is inside `Pool::clear`, which drops items of any age.
    static CLEARING: Cell<bool> = Cell::new(false);
}

/// How much of a model is explored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How many times a thread may be stopped in an interleaving while it could go on; `None` for any number.
    pub(crate) preemptions: Option<usize>,
}

/// Runs a model through its interleavings and prints how many there were.
///
/// It does so twice. Loom starts from one interleaving, in which every thread runs until it has to wait, and finds
/// further ones from accesses in it that conflict. It remembers the last access to each atomic only: where a thread
/// loads and then stores, its own load hides what others loaded before, and that they could have come after the store
/// isn't found. So what is found depends on who ran first: in the first half that is the thread of the model's body,
/// in the second half the threads that it spawned before it called [`World::go`]. The two halves have some
/// interleavings in common, so both counts are printed and not their sum.
pub(crate) fn explore(name: &str, bounds: Bounds, model: impl Fn(&World) + Send + Sync + 'static) {
    let start = Instant::now();
    let (builder, model) = (builder(bounds), Arc::new(model));
    let [mine_first, spawned_first] = [false, true].map(|spawned_first| run(&builder, spawned_first, &model));
    let bound = builder.preemption_bound.map_or("any number of".to_owned(), |bound| format!("up to {bound}"));
    let time = start.elapsed();
    println!("{name}: {mine_first} and {spawned_first} interleavings with {bound} preemptions, {time:.1?}");
}

/// Runs a model that has too many interleavings through the first `most` of its second half.
pub(crate) fn explore_first(most: usize, name: &str, bounds: Bounds, model: impl Fn(&World) + Send + Sync + 'static) {
    let start = Instant::now();
    let mut builder = builder(bounds);
    builder.max_permutations = Some(most);
    let interleavings = run(&builder, true, &Arc::new(model));
    println!("{name}: {interleavings} interleavings and no more, {:.1?}", start.elapsed());
}

fn builder(bounds: Bounds) -> Builder {
    let mut builder = Builder::new();
    // `LOOM_MAX_PREEMPTIONS` in the environment takes precedence, to explore further than a test run has time for.
    builder.preemption_bound = builder.preemption_bound.or(bounds.preemptions);
    // Loom's guard against endless loops; there are none here, and a sweep of two shards takes about 100 steps.
    builder.max_branches = 20_000;
    builder
}

/// Runs one half, and says how many interleavings it has.
fn run<M: Fn(&World) + Send + Sync + 'static>(builder: &Builder, spawned_first: bool, model: &Arc<M>) -> usize {
    let interleavings = Arc::new(AtomicUsize::new(0));
    let (model, count) = (Arc::clone(model), Arc::clone(&interleavings));
    builder.check(move || {
        // ORDERING: Relaxed, no partner; loom runs one thread at a time, here and in all of this file.
        count.fetch_add(1, Ordering::Relaxed);
        let model = Arc::clone(&model);
        let run = move || {
            let world = World::new(spawned_first);
            model(&world);
            world.assert_empty();
        };
        spawn(run).join().expect("a panic doesn't get here");
    });
    interleavings.load(Ordering::Relaxed)
}

/// Starts a thread that knows of the sweeps that this one knows of.
pub(crate) fn spawn<O: Send + 'static>(body: impl FnOnce() -> O + Send + 'static) -> JoinHandle<O> {
    let known = KNOWN.with(Cell::get);
    let thread = loom::thread::Builder::new().stack_size(STACK);
    let thread = thread.spawn(move || {
        KNOWN.with(|mine| mine.set(known));
        body()
    });
    thread.expect("loom never refuses")
}

/// Starts a thread that has this too.
pub(crate) fn spawn_with<S: Clone + Send + 'static, O: Send + 'static>(
    shared: &S,
    body: impl FnOnce(&S) -> O + Send + 'static,
) -> JoinHandle<O> {
    let shared = shared.clone();
    spawn(move || body(&shared))
}

/// The items of one interleaving and its sweeps; also the recycler of its pool.
#[derive(Clone)]
pub(crate) struct World(Arc<Counts>);

#[derive(Default)]
struct Counts {
    spawned_first: bool,
    made: AtomicUsize,
    dropped: AtomicUsize,
    /// Sweeps that have begun and were not refused.
    begun: AtomicUsize,
    /// Checks under way. What panics inside the pool may be swallowed there, and then this stays above 0.
    checks: AtomicUsize,
    /// The pool is being dropped, and its items with it.
    closing: AtomicBool,
}

impl World {
    fn new(spawned_first: bool) -> Self {
        Self(Arc::new(Counts { spawned_first, ..Counts::default() }))
    }

    /// To be called once the model's threads are spawned; see [`explore`].
    pub(crate) fn go(&self) {
        if self.0.spawned_first {
            loom::thread::yield_now();
        }
    }

    /// A pool whose items belong to this world and whose epochs advance when a model says so.
    pub(crate) fn pool(&self, private_slots: usize) -> Arc<TrackedPool> {
        Arc::new(self.unshared_pool(private_slots))
    }

    /// The same with more settings.
    pub(crate) fn pool_with(&self, settings: Settings<Manual>) -> Arc<TrackedPool> {
        Arc::new(Pool::with_settings(self.clone(), settings))
    }

    /// The same, not in an `Arc`. That of `pool` is std's, which loom doesn't see: it orders nothing.
    pub(crate) fn unshared_pool(&self, private_slots: usize) -> TrackedPool {
        Pool::with_settings(self.clone(), Settings::new().private_slots(private_slots).manual())
    }

    /// Starts a thread that has this world and its pool.
    pub(crate) fn spawn<O: Send + 'static>(
        &self,
        pool: &Arc<TrackedPool>,
        body: impl FnOnce(&World, &Arc<TrackedPool>) -> O + Send + 'static,
    ) -> JoinHandle<O> {
        spawn_with(&(self.clone(), pool.clone()), |(world, pool)| body(world, pool))
    }

    /// Starts a thread that sweeps once, and says how many items that dropped.
    pub(crate) fn spawn_sweep(&self, pool: &Arc<TrackedPool>) -> JoinHandle<usize> {
        self.spawn(pool, |world, pool| world.advance(pool).unwrap().dropped)
    }

    /// Starts a thread that sweeps twice.
    pub(crate) fn spawn_two_sweeps(&self, pool: &Arc<TrackedPool>) -> JoinHandle<()> {
        self.spawn(pool, |world, pool| {
            world.advance(pool).unwrap();
            world.advance(pool).unwrap();
        })
    }

    /// Starts a thread that puts a new item.
    pub(crate) fn spawn_put(&self, pool: &Arc<TrackedPool>) -> JoinHandle<()> {
        self.spawn(pool, |world, pool| world.put(pool, 1))
    }

    /// Puts so many new items.
    pub(crate) fn put(&self, pool: &TrackedPool, items: usize) {
        (0..items).for_each(|_| pool.put(self.make()));
    }

    /// An item in use.
    pub(crate) fn make(&self) -> Tracked {
        Tracked::new(self, State::InUse)
    }

    /// Items made and not dropped.
    pub(crate) fn alive(&self) -> usize {
        self.0.made.load(Ordering::Relaxed) - self.0.dropped.load(Ordering::Relaxed)
    }

    /// Items ever made.
    pub(crate) fn made(&self) -> usize {
        self.0.made.load(Ordering::Relaxed)
    }

    /// Sweeps the pool. It must have been used, else there is nothing yet whose epoch could advance.
    pub(crate) fn advance(&self, pool: &TrackedPool) -> Option<Swept> {
        self.sweep(|| pool.advance())
    }

    /// Sweeps as the janitor does. Only for a model in which nobody else does.
    pub(crate) fn sweep_shared(&self, sweeper: Sweeper<Tracked>) {
        self.sweep(|| {
            sweeper.sweep();
            Some(())
        });
    }

    /// Drops what lies in the pool, whatever its age.
    pub(crate) fn clear(&self, pool: &TrackedPool) {
        CLEARING.with(|clearing| clearing.set(true));
        pool.clear().expect("no other sweep refuses this one");
        CLEARING.with(|clearing| clearing.set(false));
    }

    fn sweep<O>(&self, sweep: impl FnOnce() -> Option<O>) -> Option<O> {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        SWEEPING.with(|sweeping| sweeping.set(true));
        let swept = sweep();
        SWEEPING.with(|sweeping| sweeping.set(false));
        if swept.is_some() {
            KNOWN.with(|known| known.set(known.get() + 1));
        } else {
            self.0.begun.fetch_sub(1, Ordering::Relaxed);
        }
        swept
    }

    /// To be called when every other thread was joined: all sweeps there were are known to have happened.
    fn all_joined(&self) {
        KNOWN.with(|known| known.set(self.0.begun.load(Ordering::Relaxed)));
    }

    /// When every other thread was joined: two sweeps leave no item, wherever it lay.
    pub(crate) fn age_out(&self, pool: &TrackedPool) {
        self.all_joined();
        for _ in 0..2 {
            let swept = self.advance(pool).expect("no other sweep is left to refuse this one");
            assert_eq!(swept.left_busy, 0, "no owner is left, yet one looks busy");
        }
        assert_eq!(self.alive(), 0, "idle items outlived two sweeps that no call overlapped");
        assert_eq!(pool.idle(), 0, "items that are gone are counted");
    }

    /// When every other thread was joined and no private slots but the caller's hold anything: `get` finds every item
    /// that there is. They are idle again when this returns.
    pub(crate) fn find_all(&self, pool: &TrackedPool) {
        self.all_joined();
        let mut found = Vec::new();
        while let Some(item) = try_get(pool) {
            found.push(item);
        }
        assert_eq!(found.len(), self.alive(), "an idle item can't be found");
    }

    /// When every other thread was joined: nothing outlives two sweeps, nor the pool.
    pub(crate) fn end(&self, pool: Arc<TrackedPool>) {
        self.age_out(&pool);
        self.close(pool);
    }

    /// When every other thread was joined: drops the pool, which drops every item.
    pub(crate) fn close(&self, pool: Arc<TrackedPool>) {
        self.drop_pool(Arc::into_inner(pool).expect("the other threads are gone, and their handles with them"));
        self.assert_empty();
    }

    /// From now on items may be dropped by others than sweeps.
    pub(crate) fn expect_drops(&self) {
        self.0.closing.store(true, Ordering::Relaxed);
    }

    /// Drops a pool, and every item unless a sweep shares them.
    pub(crate) fn drop_pool(&self, pool: TrackedPool) {
        self.expect_drops();
        drop(pool);
    }

    /// Every item was dropped once, and no check failed on the way.
    fn assert_empty(&self) {
        assert_eq!(self.0.checks.load(Ordering::Relaxed), 0, "a check failed inside the pool: see the first panic");
        let (made, dropped) = (self.made(), self.0.dropped.load(Ordering::Relaxed));
        assert_eq!(made, dropped, "so many items were made, and so many drops ran");
    }

    /// Runs a check whose panic may be swallowed.
    fn check<O>(&self, check: impl FnOnce() -> O) -> O {
        self.0.checks.fetch_add(1, Ordering::Relaxed);
        let outcome = check();
        self.0.checks.fetch_sub(1, Ordering::Relaxed);
        outcome
    }
}

impl Recycle<Tracked> for World {
    fn create(&self) -> Tracked {
        // `prefill` makes items idle without a call of `recycle`.
        Tracked::new(self, State::idle())
    }

    /// The first thing that a put does.
    fn recycle(&self, item: &mut Tracked) -> bool {
        item.replace(State::idle(), |before| assert_eq!(before, State::InUse, "an item was put that was not in use"));
        true
    }
}

/// An item: says who may hold it and when it may be dropped.
pub(crate) struct Tracked {
    world: World,
    state: UnsafeCell<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    InUse,
    /// The first sweep that may drop it.
    Idle {
        earliest: usize,
    },
}

impl State {
    /// Of an item whose put begins now, on this thread.
    fn idle() -> Self {
        Self::Idle { earliest: KNOWN.with(Cell::get) + 2 }
    }
}

impl Tracked {
    fn new(world: &World, state: State) -> Self {
        world.0.made.fetch_add(1, Ordering::Relaxed);
        Self { world: world.clone(), state: UnsafeCell::new(state) }
    }

    fn replace(&self, after: State, check: impl FnOnce(State)) {
        self.world.check(|| {
            self.state.with_mut(|state| {
                // SAFETY: loom has just checked that every other access to this cell happened before.
                check(unsafe { state.replace(after) });
            });
        });
    }

    /// To be called by whoever got it from the pool.
    pub(crate) fn taken_out(&self) {
        self.replace(State::InUse, |before| assert_ne!(before, State::InUse, "an item in use was handed out"));
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.world.0.dropped.fetch_add(1, Ordering::Relaxed);
        if std::thread::panicking() {
            return;
        }
        let closing = self.world.0.closing.load(Ordering::Relaxed);
        self.replace(State::InUse, |before| match before {
            State::InUse => {}
            State::Idle { .. } if closing || CLEARING.with(Cell::get) => {}
            State::Idle { earliest } => {
                assert!(SWEEPING.with(Cell::get), "an idle item was dropped by no sweep");
                let sweep = self.world.0.begun.load(Ordering::Relaxed);
                assert!(sweep >= earliest, "dropped by sweep {sweep}, but sweep {earliest} is the first that may");
            }
        });
    }
}

/// `Pool::get`, and the item's first use.
pub(crate) fn get(pool: &TrackedPool) -> Pooled<'_, Tracked, World> {
    let item = pool.get();
    item.taken_out();
    item
}

/// `Pool::try_get`, and the item's first use.
pub(crate) fn try_get(pool: &TrackedPool) -> Option<Pooled<'_, Tracked, World>> {
    let item = pool.try_get()?;
    item.taken_out();
    Some(item)
}

/// `Pool::get_owned`, and the item's first use.
pub(crate) fn get_owned(pool: &Arc<TrackedPool>) -> OwnedPooled<Tracked, World> {
    let item = pool.get_owned();
    item.taken_out();
    item
}
