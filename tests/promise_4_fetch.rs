//! Promise 4: before a `get` creates a heavy or costly item, it takes one from another thread's private slots.
//!
//! Heavy items are so by what their recycler says, and costly ones by `Fetch::Always`. So nothing depends on a clock.

mod common;

use std::sync::Arc;
use std::thread;

use common::{Counted, Dice, Ledger, Worker, burst, on_thread};
use ebbtide::{DefaultRecycle, Fetch, Manual, Pool, Recycle, Settings, WithCapacity};

/// Makes counted items of this many bytes.
struct Weighing {
    ledger: Arc<Ledger>,
    bytes: usize,
}

impl Recycle<Counted> for Weighing {
    fn create(&self) -> Counted {
        self.ledger.item()
    }

    fn recycle(&self, _: &mut Counted) -> bool {
        true
    }

    fn weight(&self, _: &Counted) -> usize {
        self.bytes
    }
}

type Weighed = Arc<Pool<Counted, Weighing>>;

const MANUAL: Settings<Manual> = Settings::new().manual();
const HEAVY: usize = 1 << 20;
const LIGHT: usize = 64;

/// A pool of items of this many bytes.
fn weighing(bytes: usize, settings: Settings<Manual>) -> Weighed {
    Arc::new(Pool::with_settings(Weighing { ledger: Ledger::new(), bytes }, settings))
}

/// A pool of heavy items, and one whose items count as costly.
fn heavy_and_costly() -> [Weighed; 2] {
    [weighing(HEAVY, MANUAL), weighing(LIGHT, MANUAL.fetch(Fetch::Always))]
}

fn workers(n: usize) -> Vec<Worker> {
    (0..n).map(|_| Worker::new()).collect()
}

/// Runs `act` with the pool on a thread.
fn run<O: Send + 'static>(worker: &Worker, pool: &Weighed, act: impl FnOnce(&Weighed) -> O + Send + 'static) -> O {
    let pool = Arc::clone(pool);
    worker.run(move || act(&pool))
}

#[test]
fn an_item_returned_on_64_threads_in_turn_is_found_each_time() {
    let workers = workers(64);
    for pool in heavy_and_costly() {
        for worker in workers.iter().cycle().take(256) {
            let item = pool.get_owned();
            worker.run(move || drop(item));
        }
        assert_eq!(pool.stats().created, 1);
    }
}

/// The buffers are light when they are created. They are weighed when they return.
#[test]
fn threads_that_take_turns_with_large_buffers_share_one() {
    let pool: Arc<Pool<Vec<u8>>> = Arc::new(Pool::with_settings(DefaultRecycle, MANUAL));
    for worker in &workers(64) {
        let pool = Arc::clone(&pool);
        worker.run(move || pool.get().reserve(32 << 20));
    }
    assert_eq!(pool.stats().created, 1);
}

/// The threads have private slots with room, because they used small buffers before.
#[test]
fn buffers_that_grow_later_are_shared_too() {
    fn created<R: Recycle<Vec<u8>> + Send + Sync + 'static>(recycler: R) -> usize {
        let pool = Arc::new(Pool::with_settings(recycler, MANUAL));
        let workers = workers(8);
        for worker in &workers {
            let pool = Arc::clone(&pool);
            worker.run(move || (0..2).for_each(|_| pool.get().push(1)));
        }
        pool.clear();
        let before = pool.stats().created;
        for worker in workers.iter().cycle().take(64) {
            let mut item = pool.get_owned();
            item.resize(HEAVY, 1);
            worker.run(move || drop(item));
        }
        pool.stats().created - before
    }
    assert_eq!(created(DefaultRecycle), 1);
    assert_eq!(created(WithCapacity { min: 0, max: 2 * HEAVY }), 1);
}

#[test]
fn all_items_of_a_sleeping_thread_are_found() {
    for pool in heavy_and_costly() {
        let sleeper = Worker::new();
        run(&sleeper, &pool, |pool| burst(pool, 32));
        let items: Vec<_> = (0..32).map(|_| pool.get()).collect();
        let stats = pool.stats();
        assert_eq!((stats.created, stats.idle, stats.fetches), (32, 0, 2), "one fetch for each array");
        drop(items);
    }
}

#[test]
fn pools_that_many_threads_use_once_hold_one_item_each() {
    let workers = workers(16);
    for _ in 0..100 {
        let pool = weighing(4096, MANUAL.fetch(Fetch::Always));
        for worker in &workers {
            run(worker, &pool, |pool| drop(pool.get()));
        }
        assert_eq!(pool.stats().created, 1);
    }
}

/// It does not matter whether the other thread lives.
#[test]
fn try_get_finds_what_another_thread_returned() {
    for pool in heavy_and_costly() {
        let item = pool.get_owned();
        let alive = Worker::new();
        alive.run(move || drop(item));
        let item = pool.try_get().expect("the thread is alive").id;
        assert_eq!(item, 0);
        on_thread(|| drop(pool.try_get().expect("this thread returned it")));
        assert!(pool.try_get().is_some(), "the thread has exited");
        assert_eq!(pool.stats().created, 1);
    }
}

/// The threads keep light items for themselves. Items that the pool did not create have no known cost.
#[test]
fn light_items_stay_where_they_are() {
    for pool in [weighing(LIGHT, MANUAL), weighing(HEAVY, MANUAL.fetch(Fetch::Never))] {
        let ledger = Ledger::new();
        pool.put(ledger.item());
        on_thread(|| assert!(pool.try_get().is_none()));
        assert_eq!((pool.stats().fetches, pool.idle()), (0, 1));
    }
}

/// Of several items of another thread, those of one array come along. They count as idle, and a sweep ages them.
#[test]
fn fetched_items_keep_their_age() {
    let pool = weighing(HEAVY, MANUAL.private_slots(8));
    let other = Worker::new();
    run(&other, &pool, |pool| burst(pool, 5));
    // The other thread's first item was at hand.
    drop((pool.get(), pool.get()));
    assert_eq!((pool.idle(), pool.stats().fetches), (5, 1));
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((0, 5)));
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((5, 0)));
}

/// Of victims in another thread's slots, one is taken. The next sweep drops the others.
#[test]
fn fetched_victims_keep_their_age() {
    let pool = weighing(HEAVY, MANUAL.private_slots(8));
    pool.prefill(4);
    pool.advance();
    let other = Worker::new();
    let theirs = run(&other, &pool, Pool::get_owned);
    let mine = pool.get();
    let stats = pool.stats();
    assert_eq!((stats.created, stats.fetches, stats.rescues, stats.idle), (0, 1, 2, 2));
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((2, 0)));
    drop((mine, theirs));
}

/// A fetch drops nothing, even if the shared queues have no room.
#[test]
fn a_fetch_needs_no_room_in_the_shared_queues() {
    let pool = weighing(HEAVY, MANUAL.private_slots(8).max_idle(0));
    let other = Worker::new();
    for _ in 0..10 {
        run(&other, &pool, |pool| burst(pool, 8));
        burst(&pool, 8);
    }
    let stats = pool.stats();
    assert_eq!((stats.created, stats.rejected, stats.idle), (8, 0, 8));
}

/// After searches that found nothing, at most eight misses in a row do not search. A return to slots with room does not
/// change that.
#[test]
fn the_ninth_miss_searches_at_the_latest() {
    for misses in 0..50 {
        let pool = weighing(HEAVY, MANUAL);
        let other = Worker::new();
        // Only the second return makes it a slot set.
        run(&other, &pool, |pool| (0..2).for_each(|_| drop(pool.get())));
        let item = pool.get_owned();
        assert!((0..misses).all(|_| pool.try_get().is_none()));
        other.run(|| drop(item));
        assert!((0..9).any(|_| pool.try_get().is_some()), "{misses} misses before");
    }
}

/// Threads fetch from each other at random while a sweep ages and drops items. Each item has one owner.
#[test]
fn fetches_under_contention_lose_no_item() {
    const THREADS: usize = 4;
    let ledger = Ledger::new();
    let recycler = Weighing { ledger: Arc::clone(&ledger), bytes: HEAVY };
    let pool = Pool::with_settings(recycler, MANUAL.private_slots(8));
    thread::scope(|scope| {
        let users: Vec<_> = (0..THREADS)
            .map(|seed| {
                let (pool, mut dice) = (&pool, Dice::new(seed as u64));
                scope.spawn(move || {
                    for _ in 0..1000 {
                        let items: Vec<_> = (0..dice.below(12)).map(|_| pool.get()).collect();
                        items.iter().for_each(|item| item.own_for_a_moment());
                        thread::yield_now();
                        drop(items);
                    }
                })
            })
            .collect();
        while !users.iter().all(|user| user.is_finished()) {
            pool.advance();
            thread::yield_now();
        }
    });
    let stats = pool.stats();
    assert!(stats.fetches > 0, "nothing was tested");
    assert_eq!(stats.idle, ledger.live());
    drop(pool);
    ledger.assert_all_dropped_once();
}
