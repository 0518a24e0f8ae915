//! Shared by the models: items that detect two owners, an early sweep, and a drop that happens twice or never; and the
//! loop that explores a model's interleavings and prints their number.
//!
//! # Two owners at once
//!
//! Every holder of an item writes to a loom cell in it: on its way out of the pool, on its way back, and in its `Drop`.
//! Two holders that nothing orders are a race. Loom then fails the model, even if their writes don't overlap in this
//! interleaving. The cell also records whether the item is in use or idle. So an item that is handed out twice is
//! detected even if its holders happen to be ordered.
//!
//! # The lower bound
//!
//! A sweep may drop an item no earlier than the second time the epoch advances after the item's put read it. The read
//! value is invisible from outside, and need not be the newest: loom lets a load return an older value wherever the
//! memory model does. But it is at least what the thread knows. Sweep number `n`, counted from 1, stores `n`. If `n`
//! sweeps happen before the put, coherence makes it read at least `n`. So only sweep number `n + 2` or a later one may
//! drop the item.
//!
//! - `n` is `KNOWN`, a number that each thread keeps. It counts the thread's own sweeps (which come after all earlier
//!   ones, by the sweep token). A new thread starts with what its parent knew. When every other thread was joined, it
//!   is the number of all sweeps. It may be less than what the thread could know, for example from a batch that it
//!   took. Then the check is weaker than the promise, never stronger.
//! - The sweep that drops an item has at most the number `begun`, which counts the sweeps that began and were not
//!   refused. If only one thread sweeps, it has exactly that number. If two do, the other's sweep may have begun
//!   meanwhile, and the check may miss an early drop. Such a model also checks how many items each sweep reports as
//!   dropped.
//!
//! Loom doesn't see these numbers. So they add neither interleavings nor order between threads. Loom runs one thread at
//! a time, so they are exact.
//!
//! # The upper bound
//!
//! `age_out` is called after all other threads have ended. No call overlaps its sweeps, so two of them leave no item,
//! wherever it was.

mod process;
pub mod tasks;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use ebbtide::{Manual, OwnedPooled, Pool, Pooled, Recycle, Settings, Sweeper, Swept};
use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::thread::JoinHandle;

/// A thread's stack, in words. Loom's first thread has 4096 words, which can't be changed. A debug build needs about
/// that much or more, so models run in a second thread.
const STACK: usize = 32 * 1024;

/// The pool of the models.
pub type TrackedPool = Pool<Tracked, World>;

loom::thread_local! {
    /// How many sweeps this thread knows to have happened.
    static KNOWN: Cell<usize> = Cell::new(0);
    /// This thread is inside a sweep.
    static SWEEPING: Cell<bool> = Cell::new(false);
    /// This thread is inside `Pool::clear`, which drops items of any age.
    static CLEARING: Cell<bool> = Cell::new(false);
}

/// How far a model is explored.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many times a thread may be preempted in one interleaving, or `None` for no limit.
    pub preemptions: Option<usize>,
}

/// Explores a model's interleavings and prints their number.
///
/// It does so twice. Loom starts with one interleaving, in which every thread runs until it waits. It finds more from
/// conflicting accesses in it. Loom remembers only the last access to each atomic. If a thread loads and then stores,
/// its own load hides the earlier loads of others. Loom then misses that these could come after the store. So the
/// result depends on which thread runs first. In the first half this is the thread of the model's body. In the second
/// half it is the threads that the body spawned before [`World::go`]. The halves share some interleavings, so both
/// counts are printed, not their sum.
///
/// A test calls this and nothing else, as its calls run in a process of their own.
pub fn explore(name: &str, bounds: Bounds, model: impl Fn(&World) + Send + Sync + 'static) {
    if !process::alone() {
        return;
    }
    let start = Instant::now();
    let (builder, model) = (builder(bounds), Arc::new(model));
    let [mine_first, spawned_first] = [false, true].map(|spawned_first| run(&builder, spawned_first, &model));
    let bound = builder.preemption_bound.map_or("any number of".to_owned(), |bound| format!("up to {bound}"));
    let time = start.elapsed();
    println!("{name}: {mine_first} and {spawned_first} interleavings with {bound} preemptions, {time:.1?}");
}

/// Explores only the first `most` interleavings of a model's second half, as it has too many.
pub fn explore_first(most: usize, name: &str, bounds: Bounds, model: impl Fn(&World) + Send + Sync + 'static) {
    if !process::alone() {
        return;
    }
    let start = Instant::now();
    let mut builder = builder(bounds);
    builder.max_permutations = Some(most);
    let interleavings = run(&builder, true, &Arc::new(model));
    println!("{name}: {interleavings} interleavings and no more, {:.1?}", start.elapsed());
}

fn builder(bounds: Bounds) -> Builder {
    let mut builder = Builder::new();
    // `LOOM_MAX_PREEMPTIONS` takes precedence, for longer runs.
    builder.preemption_bound = builder.preemption_bound.or(bounds.preemptions);
    // Loom's guard against endless loops. There are none here. A sweep of two shards takes about 100 steps.
    builder.max_branches = 20_000;
    builder
}

/// Explores one half and returns its number of interleavings.
fn run<M: Fn(&World) + Send + Sync + 'static>(builder: &Builder, spawned_first: bool, model: &Arc<M>) -> usize {
    let interleavings = Arc::new(AtomicUsize::new(0));
    let (model, count) = (Arc::clone(model), Arc::clone(&interleavings));
    builder.check(move || {
        // ORDERING: Relaxed, no partner. Loom runs one thread at a time, here and in all of this file.
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

/// Starts a thread that knows the sweeps that this one knows.
pub fn spawn<O: Send + 'static>(body: impl FnOnce() -> O + Send + 'static) -> JoinHandle<O> {
    let known = KNOWN.with(Cell::get);
    let thread = loom::thread::Builder::new().stack_size(STACK);
    let thread = thread.spawn(move || {
        KNOWN.with(|mine| mine.set(known));
        body()
    });
    thread.expect("loom never refuses")
}

/// Starts a thread that has this too.
pub fn spawn_with<S: Clone + Send + 'static, O: Send + 'static>(
    shared: &S,
    body: impl FnOnce(&S) -> O + Send + 'static,
) -> JoinHandle<O> {
    let shared = shared.clone();
    spawn(move || body(&shared))
}

/// The items and sweeps of one interleaving. Also the recycler of its pool.
#[derive(Clone, Debug)]
pub struct World(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    spawned_first: bool,
    made: AtomicUsize,
    dropped: AtomicUsize,
    /// Sweeps that began and were not refused.
    begun: AtomicUsize,
    /// Checks under way. If the pool swallows a check's panic, this stays above 0.
    checks: AtomicUsize,
    /// The pool is being dropped with its items.
    closing: AtomicBool,
    /// Items are so large that a thread's first one goes to the lobby.
    large: AtomicBool,
}

impl World {
    fn new(spawned_first: bool) -> Self {
        Self(Arc::new(Counts { spawned_first, ..Counts::default() }))
    }

    /// Call this after the model's threads are spawned. See [`explore`].
    pub fn go(&self) {
        if self.0.spawned_first {
            loom::thread::yield_now();
        }
    }

    /// A pool of this world's items, with manual epochs.
    pub fn pool(&self, private_slots: usize) -> Arc<TrackedPool> {
        Arc::new(self.unshared_pool(private_slots))
    }

    /// The same with more settings.
    pub fn pool_with(&self, settings: Settings<Manual>) -> Arc<TrackedPool> {
        Arc::new(Pool::with_settings(self.clone(), settings))
    }

    /// The same without an `Arc`. The `Arc` of `pool` is std's, which loom doesn't see, so it orders nothing.
    pub fn unshared_pool(&self, private_slots: usize) -> TrackedPool {
        Pool::with_settings(self.clone(), Settings::new().private_slots(private_slots).manual())
    }

    /// The same, with items so large that a thread's first one goes to the lobby.
    pub fn pool_with_lobby(&self) -> Arc<TrackedPool> {
        self.0.large.store(true, Ordering::Relaxed);
        self.pool(4)
    }

    /// Starts a thread that has this world and its pool.
    pub fn spawn<O: Send + 'static>(
        &self,
        pool: &Arc<TrackedPool>,
        body: impl FnOnce(&World, &Arc<TrackedPool>) -> O + Send + 'static,
    ) -> JoinHandle<O> {
        spawn_with(&(self.clone(), pool.clone()), |(world, pool)| body(world, pool))
    }

    /// Starts a thread that sweeps once, and says how many items that dropped.
    pub fn spawn_sweep(&self, pool: &Arc<TrackedPool>) -> JoinHandle<usize> {
        self.spawn(pool, |world, pool| world.advance(pool).unwrap().dropped)
    }

    /// Starts a thread that sweeps twice.
    pub fn spawn_two_sweeps(&self, pool: &Arc<TrackedPool>) -> JoinHandle<()> {
        self.spawn(pool, |world, pool| {
            world.advance(pool).unwrap();
            world.advance(pool).unwrap();
        })
    }

    /// Starts a thread that puts a new item.
    pub fn spawn_put(&self, pool: &Arc<TrackedPool>) -> JoinHandle<()> {
        self.spawn(pool, |world, pool| world.put(pool, 1))
    }

    /// Puts this many new items.
    pub fn put(&self, pool: &TrackedPool, items: usize) {
        (0..items).for_each(|_| pool.put(self.make()));
    }

    /// An item in use.
    pub fn make(&self) -> Tracked {
        Tracked::new(self, State::InUse)
    }

    /// Items made and not yet dropped.
    pub fn alive(&self) -> usize {
        self.0.made.load(Ordering::Relaxed) - self.0.dropped.load(Ordering::Relaxed)
    }

    /// Items ever made.
    pub fn made(&self) -> usize {
        self.0.made.load(Ordering::Relaxed)
    }

    /// Sweeps the pool. A pool that was never used has no epoch to advance.
    pub fn advance(&self, pool: &TrackedPool) -> Option<Swept> {
        self.sweep(|| pool.advance())
    }

    /// Sweeps as the janitor does. Only for models without other sweeps.
    pub fn sweep_shared(&self, sweeper: Sweeper<Tracked>) {
        self.sweep(|| {
            sweeper.sweep();
            Some(())
        });
    }

    /// Drops all idle items of the pool.
    pub fn clear(&self, pool: &TrackedPool) {
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

    /// All other threads were joined, so all sweeps are known to have happened.
    fn all_joined(&self) {
        KNOWN.with(|known| known.set(self.0.begun.load(Ordering::Relaxed)));
    }

    /// All other threads were joined. Two sweeps leave no item, wherever it was.
    pub fn age_out(&self, pool: &TrackedPool) {
        self.all_joined();
        for _ in 0..2 {
            let swept = self.advance(pool).expect("no other sweep is left to refuse this one");
            assert_eq!(swept.left_busy, 0, "no owner is left, yet one looks busy");
        }
        assert_eq!(self.alive(), 0, "idle items outlived two sweeps that no call overlapped");
        assert_eq!(pool.idle(), 0, "dropped items are still counted");
    }

    /// All other threads were joined, and only the caller's private slots hold items. `get` finds every item. All are
    /// idle again when this returns.
    pub fn find_all(&self, pool: &TrackedPool) {
        self.all_joined();
        let mut found = Vec::new();
        while let Some(item) = try_get(pool) {
            found.push(item);
        }
        assert_eq!(found.len(), self.alive(), "an idle item can't be found");
    }

    /// When every other thread was joined: nothing outlives two sweeps, nor the pool.
    pub fn end(&self, pool: Arc<TrackedPool>) {
        self.age_out(&pool);
        self.close(pool);
    }

    /// All other threads were joined. Drops the pool, which drops every item.
    pub fn close(&self, pool: Arc<TrackedPool>) {
        self.drop_pool(Arc::into_inner(pool).expect("the other threads are gone, and their handles with them"));
        self.assert_empty();
    }

    /// From now on items may be dropped outside of sweeps.
    pub fn expect_drops(&self) {
        self.0.closing.store(true, Ordering::Relaxed);
    }

    /// Drops a pool, and with it every item unless a sweep shares them.
    pub fn drop_pool(&self, pool: TrackedPool) {
        self.expect_drops();
        drop(pool);
    }

    /// Every item was dropped once, and no check failed.
    fn assert_empty(&self) {
        assert_eq!(self.0.checks.load(Ordering::Relaxed), 0, "a check failed inside the pool: see the first panic");
        let (made, dropped) = (self.made(), self.0.dropped.load(Ordering::Relaxed));
        assert_eq!(made, dropped, "the number of items made, and of drops");
    }

    /// Runs a check whose panic the pool may swallow.
    fn check<O>(&self, check: impl FnOnce() -> O) -> O {
        self.0.checks.fetch_add(1, Ordering::Relaxed);
        let outcome = check();
        self.0.checks.fetch_sub(1, Ordering::Relaxed);
        outcome
    }
}

impl Recycle<Tracked> for World {
    fn create(&self) -> Tracked {
        // `prefill` makes items idle without calling `recycle`.
        Tracked::new(self, State::idle())
    }

    /// The first step of a put.
    fn recycle(&self, item: &mut Tracked) -> bool {
        item.replace(State::idle(), |before| assert_eq!(before, State::InUse, "an item was put that was not in use"));
        true
    }

    fn weight(&self, _: &Tracked) -> usize {
        if self.0.large.load(Ordering::Relaxed) { 1024 } else { size_of::<Tracked>() }
    }
}

/// An item that checks who holds it and when it is dropped.
#[derive(Debug)]
pub struct Tracked {
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
    /// The state of an item whose put begins now, on this thread.
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

    /// Call this after getting it from the pool.
    pub fn taken_out(&self) {
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
pub fn get(pool: &TrackedPool) -> Pooled<'_, Tracked, World> {
    let item = pool.get();
    item.taken_out();
    item
}

/// An item was in use when rounds found nothing. It returns while the next round looks again.
pub fn return_against_a_round(world: &World, pool: Arc<TrackedPool>) {
    let item = get(&pool);
    let sweeper = || ebbtide::sweeper(&pool).expect("the pool has been used");
    // With shards, the first rounds free them.
    (0..3).for_each(|_| sweeper().round());
    let round = sweeper();
    let round = spawn(move || round.round());
    world.go();
    drop(item);
    round.join().unwrap();
    assert!(!sweeper().is_unattended(), "an item is idle in a pool that no round sweeps");
    world.expect_drops();
    drop(pool);
}

/// `Pool::try_get`, and the item's first use.
pub fn try_get(pool: &TrackedPool) -> Option<Pooled<'_, Tracked, World>> {
    let item = pool.try_get()?;
    item.taken_out();
    Some(item)
}

/// `Pool::get_owned`, and the item's first use.
pub fn get_owned(pool: &Arc<TrackedPool>) -> OwnedPooled<Tracked, World> {
    let item = pool.get_owned();
    item.taken_out();
    item
}
