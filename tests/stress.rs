//! Threads start and end, sweeps run every 100 µs, and guards cross threads. No item has two owners, is lost, is
//! dropped twice, in use or too early. The test counts its work, so it can't pass by doing nothing.
//!
//! The long form, with 10⁹ operations: `cargo test --release --test stress -- --ignored --nocapture`.

mod common;

use std::ops::AddAssign;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::{Count, Dice, lock};
use ebbtide::{Pool, Pooled, Recycle, Settings, Stats};

#[test]
fn five_million_operations() {
    stress(5_000_000);
}

#[test]
#[ignore = "takes up to a minute with --release, and minutes without"]
fn a_thousand_million_operations() {
    stress(1_000_000_000);
}

/// Runs at least `operations`. A third of them have no limit, so items are dropped for their age only.
fn stress(operations: usize) {
    for (slots, max_idle) in [(32, usize::MAX), (6, 40), (0, 40)] {
        let books = Arc::new(Books { age_alone: max_idle == usize::MAX, ..Books::default() });
        let settings = Settings::new().private_slots(slots).max_idle(max_idle).manual();
        let pool = Pool::with_settings(Maker(Arc::clone(&books)), settings);
        let done = Stress::new(&pool, &books).run(operations / 3);
        let stats = pool.stats();
        books.close(pool);
        let counts = [
            ("operations", done.operations),
            ("threads", done.threads),
            ("inheritances", done.inheritances),
            ("crossings", done.crossings),
            ("items made", books.made.get()),
            ("refills", stats.refills),
            ("steals", stats.steals),
            ("rescues", stats.rescues),
            ("spills", stats.spills),
            ("sweeps", stats.sweeps),
            ("items swept", stats.dropped),
        ];
        println!("{slots} private slots: {counts:?}");
        for (what, times) in counts {
            let possible = match what {
                // One CPU has one shard, so there is nobody to steal from.
                "steals" => thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1),
                "spills" | "inheritances" => slots > 0,
                _ => true,
            };
            assert!(times > 0 || !possible, "no {what}");
        }
    }
}

/// The owner of an item: a thread, or one of these.
type Owner = usize;
/// Nobody. It may be idle.
const FREE: Owner = 0;
/// On its way from one thread to another.
const CROSSING: Owner = usize::MAX;
/// Dropped.
const GONE: Owner = usize::MAX - 1;

struct Item {
    number: usize,
    owner: Count,
    /// The last thread that owned it.
    last: Owner,
    /// The number of sweeps that had ended when it was put.
    put_after: usize,
    /// Is to be refused.
    unwanted: bool,
    books: Arc<Books>,
}

/// The balance of all items.
#[derive(Default)]
struct Books {
    made: Count,
    dropped: Count,
    /// The sum of the numbers of all items made, minus those dropped. So a lost item doesn't cancel one that is dropped
    /// twice.
    sum: Count,
    dropped_in_use: Count,
    dropped_early: Count,
    sweeps_begun: Count,
    sweeps_ended: Count,
    /// Whether items are dropped only for their age, or because they are unwanted.
    age_alone: bool,
}

impl Item {
    fn new(books: &Arc<Books>) -> Self {
        let number = books.made.bump() + 1;
        books.sum.add(number);
        let put_after = books.sweeps_ended.get();
        Self { number, owner: Count::new(), last: FREE, put_after, unwanted: false, books: Arc::clone(books) }
    }

    /// Passes the item from one owner to another. Fails if `from` isn't its owner.
    fn pass(&self, from: Owner, to: Owner) {
        assert_eq!(self.owner.swap(to), from, "item {} has two owners", self.number);
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        let books = &self.books;
        if self.owner.swap(GONE) != FREE {
            books.dropped_in_use.bump();
        }
        // The first sweep after the put is the next after those that had ended. Only the second may drop the item.
        if books.age_alone && !self.unwanted && books.sweeps_begun.get() < self.put_after + 2 {
            books.dropped_early.bump();
        }
        books.dropped.bump();
        books.sum.subtract(self.number);
    }
}

impl Books {
    /// Drops the pool, whose items nobody owns any more, and checks the balance.
    fn close(&self, pool: Pool<Item, Maker>) {
        assert_eq!(pool.idle(), self.made.get() - self.dropped.get(), "of {} items", self.made.get());
        self.sweeps_begun.set(usize::MAX);
        if self.age_alone {
            pool.advance().and(pool.advance()).expect("no other sweep runs");
            assert_eq!(pool.idle(), 0, "not gone by the second sweep");
        }
        drop(pool);
        assert_eq!((self.dropped.get(), self.sum.get()), (self.made.get(), 0), "an item was lost or dropped twice");
        assert_eq!(self.dropped_in_use.get(), 0, "dropped while somebody had it");
        assert_eq!(self.dropped_early.get(), 0, "dropped by the first sweep after its put");
    }
}

struct Maker(Arc<Books>);

impl Recycle<Item> for Maker {
    fn create(&self) -> Item {
        Item::new(&self.0)
    }

    fn recycle(&self, item: &mut Item) -> bool {
        item.put_after = self.0.sweeps_ended.get();
        !item.unwanted
    }
}

type Guard<'pool> = Pooled<'pool, Item, Maker>;

/// The work that threads did.
#[derive(Default)]
struct Done {
    /// Gets and puts.
    operations: usize,
    threads: usize,
    /// Threads whose private slots held an item of an ended thread.
    inheritances: usize,
    /// Guards that came from another thread.
    crossings: usize,
}

impl AddAssign for Done {
    fn add_assign(&mut self, other: Self) {
        self.operations += other.operations;
        self.threads += other.threads;
        self.inheritances += other.inheritances;
        self.crossings += other.crossings;
    }
}

/// How many threads run at once, beside the sweeper. The threads of a lane run one after the other.
const LANES: usize = 4;

struct Stress<'pool> {
    pool: &'pool Pool<Item, Maker>,
    books: &'pool Arc<Books>,
    /// Guards on their way between threads, one for each lane.
    exchange: Mutex<Vec<Guard<'pool>>>,
    /// For each lane, how many of its threads have ended.
    exited: [Count; LANES],
}

impl<'pool> Stress<'pool> {
    fn new(pool: &'pool Pool<Item, Maker>, books: &'pool Arc<Books>) -> Self {
        Self { pool, books, exchange: Mutex::default(), exited: [const { Count::new() }; LANES] }
    }

    fn run(self, operations: usize) -> Done {
        lock(&self.exchange).extend((0..LANES).map(|_| self.pool.get()).inspect(|guard| guard.pass(FREE, CROSSING)));
        let mut done = Done::default();
        thread::scope(|scope| {
            let stress = &self;
            let lanes = [0, 1, 2, 3].map(|lane| scope.spawn(move || stress.lane(lane, operations / LANES)));
            while !lanes.iter().all(thread::ScopedJoinHandle::is_finished) {
                self.sweep();
                thread::sleep(Duration::from_micros(100));
            }
            lanes.into_iter().for_each(|lane| done += lane.join().expect("no thread fails"));
        });
        for crossing in lock(&self.exchange).drain(..) {
            crossing.pass(CROSSING, FREE);
        }
        done
    }

    fn sweep(&self) {
        if !self.books.age_alone && self.books.sweeps_begun.get() % 16 == 0 {
            self.pool.clear().expect("this is the only thread that sweeps");
        }
        self.books.sweeps_begun.bump();
        self.pool.advance().expect("this is the only thread that sweeps");
        self.books.sweeps_ended.bump();
    }

    /// Runs one thread after the other, until there were enough operations.
    fn lane(&self, lane: usize, operations: usize) -> Done {
        let mut done = Done::default();
        while done.operations < operations {
            let me = 1 + lane + LANES * done.threads;
            done += common::on_thread(|| self.live(me, (operations / 1000).min(10_000)));
            self.exited[lane].bump();
        }
        done
    }

    /// Whether that owner is a thread that has ended.
    fn has_exited(&self, owner: Owner) -> bool {
        if owner == FREE {
            return false;
        }
        let (lane, thread) = ((owner - 1) % LANES, (owner - 1) / LANES);
        thread < self.exited[lane].get()
    }

    /// The work of one thread.
    fn live(&self, me: Owner, operations: usize) -> Done {
        let mut dice = Dice::new(me as u64);
        let mut done = Done { threads: 1, inheritances: usize::from(self.inherits(me)), ..Done::default() };
        let mut held = Vec::new();
        while done.operations < operations {
            held.extend((0..[1, 1, 2, 5, 17, 50][dice.below(6)]).map(|_| self.take(me, FREE, self.pool.get())));
            done.operations += 2 * held.len();
            match dice.below(16) {
                0 => held.extend(self.pool.try_get().map(|guard| self.take(me, FREE, guard))),
                1 => held.push(self.take(me, FREE, self.pool.get_with(|| Item::new(self.books)))),
                2 => self.pool.put(Item::new(self.books)),
                3 => {
                    let item = Pooled::detach(held.swap_remove(0));
                    item.pass(me, FREE);
                    self.pool.put(item);
                }
                4 => held[0].unwanted = true,
                5 => drop(self.pool.prefill(3)),
                6 => thread::yield_now(),
                7..=10 => {
                    let crossed = self.swap(me, held.swap_remove(0), dice.below(LANES));
                    done.crossings += usize::from(crossed.last != me);
                    held.push(self.take(me, CROSSING, crossed));
                }
                _ => {}
            }
            while !held.is_empty() {
                let guard = held.swap_remove(dice.below(held.len()));
                guard.pass(me, FREE);
                drop(guard);
            }
        }
        done
    }

    /// Whether a new thread finds an item of an ended thread in its private slots.
    fn inherits(&self, me: Owner) -> bool {
        // These counters only grow. If they don't change, nothing came from the shared queues meanwhile.
        let shared_hits = |stats: Stats| stats.refills + stats.steals + stats.rescues;
        let before = shared_hits(self.pool.stats());
        // A thread's first put gives it private slots. The thread takes that item out again, and then the next one.
        self.pool.put(Item::new(self.books));
        let mut held = vec![self.take(me, FREE, self.pool.get())];
        let next = self.pool.try_get();
        let private = shared_hits(self.pool.stats()) == before;
        let inherited = next.as_ref().is_some_and(|item| private && self.has_exited(item.last));
        held.extend(next.map(|guard| self.take(me, FREE, guard)));
        for guard in held {
            guard.pass(me, FREE);
        }
        inherited
    }

    fn take(&self, me: Owner, from: Owner, mut guard: Guard<'pool>) -> Guard<'pool> {
        guard.pass(from, me);
        guard.last = me;
        guard
    }

    /// Gives a guard to another thread, and takes one that another thread gave.
    fn swap(&self, me: Owner, given: Guard<'pool>, which: usize) -> Guard<'pool> {
        given.pass(me, CROSSING);
        let mut exchange = lock(&self.exchange);
        exchange.push(given);
        exchange.swap_remove(which)
    }
}
