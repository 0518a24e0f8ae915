//! Runs a sequence of calls on a real pool, on real threads. The model checks every step.
//!
//! Calls don't overlap: the world passes from thread to thread, and its holder makes the next call. Any bytes encode a
//! case, so a fuzzer can drive this too.

use std::mem::{self, ManuallyDrop};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, Scope, ScopedJoinHandle};

use ebbtide::{OwnedPooled, Pool, Pooled, Recycle};

use crate::common::{Count, Counted, Ledger, MANUAL, lock};
use crate::reference::{Id, Limits, Model, Number};

/// The number of threads at a time.
const THREADS: usize = 4;

/// A pool's settings and the steps of a case.
#[derive(Debug)]
pub(crate) struct Case {
    limits: Limits,
    steps: Vec<(usize, Act)>,
}

/// What a thread does. A `usize` is a count or selects a guard.
#[derive(Clone, Copy, Debug)]
enum Act {
    Get(usize),
    GetOwned(usize),
    GetWith(usize),
    TryGet(usize),
    /// Puts new items.
    Put(usize),
    /// Puts a detached item back.
    PutBack,
    /// Drops several guards, starting with this one, whichever thread got them.
    Drop(usize, usize),
    /// Drops a guard whose item is refused.
    Refuse(usize),
    /// Puts a new item which is refused.
    PutRefused,
    Detach(usize),
    Advance,
    Clear,
    Prefill(usize),
    /// Ends the thread. The next act is that of a new thread in its place.
    Exit,
}

impl Case {
    /// Three bytes of settings and three for every step. Missing bytes are zeros.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut triples = bytes.chunks(3).map(|chunk| std::array::from_fn(|i| chunk.get(i).copied().unwrap_or(0)));
        let [slots, max, min] = triples.next().unwrap_or_default();
        let max_idle = pick(max, [usize::MAX, 0, 1, 4, 20, 64]);
        let limits = Limits {
            private_slots: pick(slots, [0, 1, 2, 3, 3, 7, 7, 32]),
            max_idle,
            min_idle: pick(min, [0, 0, 1, 10]).min(max_idle),
        };
        Self { limits, steps: triples.map(Self::read_step).collect() }
    }

    fn read_step([who, what, detail]: [u8; 3]) -> (usize, Act) {
        let often = pick(detail, [1, 1, 1, 2, 2, 3, 4, 7, 20, 40]);
        let which = usize::from(detail);
        let act = match what % 20 {
            0 | 1 => Act::Get(often),
            2 => Act::GetOwned(often),
            3 => Act::GetWith(often),
            4 => Act::TryGet(often),
            5 => Act::Put(often),
            6 => Act::PutBack,
            7..=10 => Act::Drop(which, often),
            11 => Act::Refuse(which),
            12 => Act::PutRefused,
            13 => Act::Detach(which),
            14 | 15 => Act::Advance,
            16 => Act::Clear,
            17 => Act::Prefill(often - 1),
            _ => Act::Exit,
        };
        (usize::from(who) % THREADS, act)
    }

    /// Runs the case. Panics at the first step that the model doesn't allow.
    pub(crate) fn run(&self) {
        // All threads of a process share the numbers. No other test may take or return one meanwhile.
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = lock(&ALONE);
        // To wake up a thread of another CPU takes most of the time otherwise.
        #[cfg(target_os = "linux")]
        crate::common::linux::stay_on_this_cpu();
        // The first number is this thread's, in every case.
        drop(Pool::with_settings(|| (), MANUAL).get());

        let Limits { private_slots, max_idle, min_idle } = self.limits;
        let settings = MANUAL.private_slots(private_slots).max_idle(max_idle).min_idle(min_idle);
        let ledger = Ledger::new();
        let refuse = Arc::new(Count::new());
        let recycler = Choosy { ledger: Arc::clone(&ledger), refuse: Arc::clone(&refuse) };
        let pool = Arc::new(Pool::with_settings(recycler, settings));
        // After a bad step, an item may have two owners. So this is not dropped.
        let kept_on_panic = ManuallyDrop::new(Arc::clone(&pool));
        let (owned, detached) = thread::scope(|scope| {
            let mut threads = [const { None }; THREADS];
            let mut world = Box::new(World {
                pool: &pool,
                ledger: &ledger,
                refuse: &refuse,
                model: Model::new(self.limits),
                numbers: [None; THREADS],
                guards: Vec::new(),
                detached: Vec::new(),
                drops: 0,
            });
            for (who, act) in self.steps.iter().copied() {
                if let Act::Exit = act {
                    threads[who].take().into_iter().for_each(Worker::end);
                    let number = world.numbers[who].take();
                    world.model.exited(number);
                } else {
                    world = threads[who].get_or_insert_with(|| Worker::new(scope, who)).run(world, act);
                }
            }
            threads.into_iter().flatten().for_each(Worker::end);
            world.into_remains()
        });
        let dropped = ledger.dropped();
        drop(ManuallyDrop::into_inner(kept_on_panic));
        drop(pool);
        if !owned.is_empty() {
            assert_eq!(ledger.dropped(), dropped, "the pool lives as long as a guard");
        }
        drop(owned);
        assert_eq!(ledger.live(), detached.len(), "the pool is gone, and with it all but what was detached");
        drop(detached);
        ledger.assert_all_dropped_once();
    }
}

fn pick<const N: usize>(byte: u8, from: [usize; N]) -> usize {
    from[usize::from(byte) % N]
}

/// Creates counted items, and refuses them on demand.
struct Choosy {
    ledger: Arc<Ledger>,
    refuse: Arc<Count>,
}

impl Recycle<Counted> for Choosy {
    fn create(&self) -> Counted {
        self.ledger.item()
    }

    fn recycle(&self, _: &mut Counted) -> bool {
        self.refuse.get() == 0
    }
}

enum Guard<'pool> {
    Borrowed(Pooled<'pool, Counted, Choosy>),
    Owned(OwnedPooled<Counted, Choosy>),
}

impl Guard<'_> {
    fn id(&self) -> Id {
        match self {
            Self::Borrowed(guard) => guard.id,
            Self::Owned(guard) => guard.id,
        }
    }

    fn detach(self) -> Counted {
        match self {
            Self::Borrowed(guard) => Pooled::detach(guard),
            Self::Owned(guard) => OwnedPooled::detach(guard),
        }
    }
}

/// The pool, everything that came out of it, and the model of both.
struct World<'pool> {
    pool: &'pool Arc<Pool<Counted, Choosy>>,
    ledger: &'pool Arc<Ledger>,
    refuse: &'pool Count,
    model: Model,
    /// Each thread's number, once it has one.
    numbers: [Option<Number>; THREADS],
    guards: Vec<Guard<'pool>>,
    detached: Vec<Counted>,
    /// The drops that the model knows.
    drops: usize,
}

impl<'pool> World<'pool> {
    /// One act of the thread `who`, which calls this.
    fn act(&mut self, who: usize, act: Act) {
        let pool = self.pool;
        match act {
            Act::Get(n) => self.repeat(n, |world| world.get(who, |_| Guard::Borrowed(pool.get()))),
            Act::GetOwned(n) => self.repeat(n, |world| world.get(who, |_| Guard::Owned(pool.get_owned()))),
            Act::GetWith(n) => {
                self.repeat(n, |world| world.get(who, |ledger| Guard::Borrowed(pool.get_with(|| ledger.item()))));
            }
            Act::TryGet(n) => self.repeat(n, |world| world.try_get(who)),
            Act::Put(n) => self.repeat(n, |world| world.put(who, world.ledger.item())),
            Act::PutBack => {
                if let Some(item) = self.detached.pop() {
                    self.put(who, item);
                }
            }
            Act::Drop(which, n) => {
                let first = which % self.guards.len().max(1);
                let n = n.min(self.guards.len() - first);
                self.repeat(n, |world| world.drop_guard(who, first));
            }
            Act::Refuse(which) => {
                if !self.guards.is_empty() {
                    let guard = self.guards.swap_remove(which % self.guards.len());
                    let id = guard.id();
                    self.refused(id, || drop(guard));
                }
            }
            Act::PutRefused => {
                let item = self.ledger.item();
                self.refused(item.id, || pool.put(item));
            }
            Act::Detach(which) => {
                if !self.guards.is_empty() {
                    let guard = self.guards.swap_remove(which % self.guards.len());
                    self.detached.push(guard.detach());
                }
            }
            Act::Advance => {
                let swept = pool.advance().expect("no other sweep runs");
                let dropped = self.dropped();
                self.model.advanced(swept, &dropped);
            }
            Act::Clear => {
                let swept = pool.clear().expect("no other sweep runs");
                let dropped = self.dropped();
                self.model.cleared(swept, &dropped);
            }
            Act::Prefill(n) => {
                let before = self.ledger.made();
                let kept = pool.prefill(n);
                let made: Vec<Id> = (before..self.ledger.made()).collect();
                let dropped = self.dropped();
                self.model.prefilled(n, &made, kept, &dropped);
            }
            Act::Exit => unreachable!("a thread can't make itself exit here"),
        }
        self.check();
    }

    fn repeat(&mut self, n: usize, mut act: impl FnMut(&mut Self)) {
        for _ in 0..n {
            act(self);
            self.check();
        }
    }

    fn get(&mut self, who: usize, get: impl FnOnce(&Arc<Ledger>) -> Guard<'pool>) {
        let before = self.ledger.made();
        let guard = get(self.ledger);
        let idle = guard.id() < before;
        self.model.got(&mut self.numbers[who], idle.then_some(guard.id()));
        if !idle {
            self.model.created();
        }
        self.guards.push(guard);
    }

    fn try_get(&mut self, who: usize) {
        let found = self.pool.try_get();
        self.model.got(&mut self.numbers[who], found.as_ref().map(|item| item.id));
        self.guards.extend(found.map(Guard::Borrowed));
    }

    fn put(&mut self, who: usize, item: Counted) {
        let id = item.id;
        self.pool.put(item);
        let dropped = self.dropped();
        self.model.put(&mut self.numbers[who], id, &dropped);
    }

    fn drop_guard(&mut self, who: usize, which: usize) {
        let guard = self.guards.remove(which);
        let id = guard.id();
        drop(guard);
        let dropped = self.dropped();
        self.model.put(&mut self.numbers[who], id, &dropped);
    }

    fn refused(&mut self, id: Id, act: impl FnOnce()) {
        self.refuse.set(1);
        act();
        self.refuse.set(0);
        let dropped = self.dropped();
        self.model.refused(id, &dropped);
    }

    /// The items dropped since the last call.
    fn dropped(&mut self) -> Vec<Id> {
        let dropped = self.ledger.dropped_after(self.drops);
        self.drops += dropped.len();
        dropped
    }

    /// Checks what is visible between calls.
    fn check(&mut self) {
        assert_eq!(self.dropped(), [], "dropped for no reason");
        let mut stats = self.pool.stats();
        // The model doesn't know in which shard a batch is.
        stats.refills += mem::take(&mut stats.steals);
        assert_eq!(stats, self.model.stats());
        assert_eq!(self.pool.idle(), self.ledger.live() - self.guards.len() - self.detached.len());
        assert!(stats.idle <= self.model.bound(), "{} idle items, and {} allowed", stats.idle, self.model.bound());
    }

    /// Drops the guards that borrow the pool. Returns what may outlive it.
    fn into_remains(self) -> (Vec<Guard<'static>>, Vec<Counted>) {
        let owned = self.guards.into_iter().filter_map(|guard| match guard {
            Guard::Borrowed(_) => None,
            Guard::Owned(guard) => Some(Guard::Owned(guard)),
        });
        (owned.collect(), self.detached)
    }
}

/// A thread that acts when it gets the world, and hands it back.
struct Worker<'scope, 'pool> {
    inbox: mpsc::Sender<(Box<World<'pool>>, Act)>,
    outbox: mpsc::Receiver<thread::Result<Box<World<'pool>>>>,
    thread: ScopedJoinHandle<'scope, ()>,
}

impl<'scope, 'pool: 'scope> Worker<'scope, 'pool> {
    fn new(scope: &'scope Scope<'scope, '_>, who: usize) -> Self {
        let (inbox, acts) = mpsc::channel::<(Box<World<'pool>>, Act)>();
        let (done, outbox) = mpsc::channel();
        let thread = scope.spawn(move || {
            for (world, act) in acts {
                // As in `Case::run`.
                let mut world = ManuallyDrop::new(world);
                let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
                    world.act(who, act);
                    ManuallyDrop::into_inner(world)
                }));
                done.send(outcome).expect("somebody waits for it");
            }
        });
        Self { inbox, outbox, thread }
    }

    fn run(&mut self, world: Box<World<'pool>>, act: Act) -> Box<World<'pool>> {
        let sent = self.inbox.send((world, act));
        assert!(sent.is_ok(), "the thread lives as long as its inbox");
        self.outbox.recv().expect("panics are caught").unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    /// Returns when the thread's number has been returned.
    fn end(self) {
        drop(self.inbox);
        self.thread.join().expect("panics are caught");
    }
}
