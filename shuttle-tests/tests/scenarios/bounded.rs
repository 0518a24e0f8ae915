//! The bounded pool: five threads get, wait, drop waits and change the capacity at random. The queue and the sleeping
//! threads are real. A lost wake-up is a deadlock, which shuttle reports.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use crate::common::{explore, join};
use ebbtide::bounded::{GetError, Pooled, Settings};
use ebbtide::{BoundedPool, Recycle};
use shuttle::rand::{Rng, thread_rng};

/// The number of items, and the most that are allowed.
#[derive(Clone)]
struct Ledger(Arc<Counts>);

struct Counts {
    alive: AtomicUsize,
    most: usize,
}

struct Item {
    ledger: Ledger,
    used: Cell<bool>,
}

// ORDERING: SeqCst throughout, with no partner. These std atomics only count, and shuttle doesn't see them.
impl Ledger {
    fn alive(&self) -> usize {
        self.0.alive.load(Ordering::SeqCst)
    }
}

impl Recycle<Item> for Ledger {
    fn create(&self) -> Item {
        assert!(self.0.alive.fetch_add(1, Ordering::SeqCst) < self.0.most, "more items than allowed");
        shuttle::thread::yield_now();
        Item { ledger: self.clone(), used: Cell::new(false) }
    }

    fn recycle(&self, item: &mut Item) -> bool {
        assert!(!item.used.get(), "put while it is being used");
        thread_rng().gen_range(0..8) > 0
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        // An item exists until its drop has ended.
        shuttle::thread::yield_now();
        self.ledger.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

type Bounded = BoundedPool<Item, Ledger>;
type Items<'a> = Vec<Pooled<'a, Item, Ledger>>;

/// A pool of which `most` items may exist, by its largest capacity.
fn bounded(capacity: usize, most: usize) -> (Arc<Bounded>, Ledger) {
    let ledger = Ledger(Arc::new(Counts { alive: AtomicUsize::new(0), most }));
    (Arc::new(BoundedPool::with_settings(ledger.clone(), Settings::new(capacity).manual())), ledger)
}

/// Uses items while others run. No two threads may have the same item.
fn use_up(items: Items) {
    items.iter().for_each(|item| assert!(!item.used.replace(true), "it has two owners"));
    shuttle::thread::yield_now();
    items.iter().for_each(|item| assert!(item.used.replace(false), "it had two owners"));
}

/// Polls a wait a few times and drops it, ready or not.
fn give_up<'a>(wait: impl Future<Output = Result<Items<'a>, GetError>>) -> Option<Result<Items<'a>, GetError>> {
    let mut wait = pin!(wait);
    for _ in 0..thread_rng().gen_range(1..4) {
        if let std::task::Poll::Ready(items) = wait.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(items);
        }
        shuttle::thread::yield_now();
    }
    None
}

/// Calls operations at random, but never waits while it holds an item. Ends early when the pool is closed.
fn use_at_random(pool: &Bounded, n: usize) -> Result<(), GetError> {
    for _ in 0..5 {
        match thread_rng().gen_range(0..9) {
            0 | 1 => use_up(vec![pool.get()?]),
            2 | 3 => match pool.get_many(thread_rng().gen_range(1..=n)) {
                Err(GetError::OverCapacity { .. }) => {}
                items => use_up(items?),
            },
            4 | 5 => match give_up(pool.get_many_async(thread_rng().gen_range(1..=n))) {
                None | Some(Err(GetError::OverCapacity { .. })) => {}
                Some(items) => use_up(items?),
            },
            6 => use_up(Vec::from_iter(pool.try_get())),
            7 => {
                pool.advance();
            }
            _ => {
                let Ok(_) = pool.prefill(2);
            }
        }
    }
    Ok(())
}

/// All other threads have ended. Nobody waits, nothing is in use, and every place is free.
fn nothing_is_lost(pool: Arc<Bounded>, ledger: &Ledger) {
    assert_eq!((pool.waiting(), pool.in_use(), pool.idle()), (0, 0, ledger.alive()));
    let all = pool.get_many(pool.capacity()).expect("all are free");
    assert_eq!(all.len(), ledger.alive());
    drop(all);
    drop(Arc::into_inner(pool).expect("the only one"));
    assert_eq!(ledger.alive(), 0);
}

fn spawn<O: Send + 'static>(
    pool: &Arc<Bounded>,
    body: impl FnOnce(&Bounded) -> O + Send + 'static,
) -> shuttle::thread::JoinHandle<O> {
    let pool = Arc::clone(pool);
    shuttle::thread::spawn(move || body(&pool))
}

/// Five threads on a pool of one to three items.
#[test]
fn any_program_loses_nothing() {
    explore(|| {
        let capacity = thread_rng().gen_range(1..=3);
        let (pool, ledger) = bounded(capacity, capacity);
        join([(); 5].map(|()| spawn(&pool, move |pool| use_at_random(pool, capacity).expect("it isn't closed"))));
        nothing_is_lost(pool, &ledger);
    });
}

/// The same while the capacity changes.
#[test]
fn any_program_while_the_capacity_changes() {
    explore(|| {
        let (pool, ledger) = bounded(2, 4);
        let mut threads =
            Vec::from([(); 4].map(|()| spawn(&pool, |pool| use_at_random(pool, 4).expect("it isn't closed"))));
        threads.push(spawn(&pool, |pool| {
            for _ in 0..5 {
                pool.resize(thread_rng().gen_range(1..=4)).expect("a good capacity");
            }
        }));
        join(threads);
        pool.resize(thread_rng().gen_range(1..=4)).expect("a good capacity");
        nothing_is_lost(pool, &ledger);
    });
}

/// The same until one thread closes the pool. All threads end, and nothing is kept.
#[test]
fn any_program_until_the_pool_is_closed() {
    explore(|| {
        let (pool, ledger) = bounded(2, 2);
        let mut threads = Vec::from([(); 4].map(|()| {
            spawn(&pool, |pool| match use_at_random(pool, 2) {
                Ok(()) | Err(GetError::Closed) => {}
                Err(error) => panic!("{error}"),
            })
        }));
        threads.push(spawn(&pool, |pool| {
            shuttle::thread::yield_now();
            pool.close();
        }));
        join(threads);
        assert_eq!((pool.waiting(), pool.in_use(), pool.idle(), ledger.alive()), (0, 0, 0, 0));
    });
}

/// Rounds park the pool when nothing is idle. Once all threads have ended, two rounds leave nothing idle: no item
/// returned unseen.
#[test]
fn rounds_miss_no_item_of_a_parked_pool() {
    explore(|| {
        let ledger = Ledger(Arc::new(Counts { alive: AtomicUsize::new(0), most: 2 }));
        let pool = Arc::new(BoundedPool::with_settings(ledger.clone(), Settings::new(2)));
        let rounds = |n| {
            shuttle::thread::spawn(move || {
                for _ in 0..n {
                    ebbtide::advance_all();
                }
            })
        };
        let threads = [(); 2].map(|()| {
            spawn(&pool, |pool| {
                for _ in 0..2 {
                    drop(pool.get());
                    shuttle::thread::yield_now();
                }
            })
        });
        let sweeping = [rounds(3), rounds(2)];
        join(threads);
        join(sweeping);
        join([rounds(2)]);
        assert_eq!((pool.idle(), ledger.alive()), (0, 0));
    });
}

/// Shuttle starts no threads, so calls create items themselves: also one that counts on a thread which another call is
/// about to start.
#[test]
fn a_creation_without_a_thread_is_begun() {
    explore(|| {
        let ledger = Ledger(Arc::new(Counts { alive: AtomicUsize::new(0), most: 2 }));
        let pool = Arc::new(BoundedPool::with_settings(ledger.clone(), Settings::new(2)).create_in_background());
        join([(); 2].map(|()| spawn(&pool, |pool| drop(pool.get()))));
        assert_eq!(pool.idle(), ledger.alive());
    });
}

/// While rounds park a pool that keeps an item, somebody takes it. The next round has another one created.
#[test]
fn rounds_miss_no_item_taken_from_a_parked_pool() {
    explore(|| {
        let ledger = Ledger(Arc::new(Counts { alive: AtomicUsize::new(0), most: 2 }));
        let settings = Settings::new(2).min_idle(1);
        let pool = BoundedPool::with_settings(ledger.clone(), settings).create_in_background();
        drop(pool.get());
        let rounds = |n| {
            shuttle::thread::spawn(move || {
                for _ in 0..n {
                    ebbtide::advance_all();
                }
            })
        };
        let sweeping = rounds(3);
        let item = pool.get().expect("it isn't closed");
        join([sweeping]);
        join([rounds(1)]);
        while pool.status().creating > 0 {
            shuttle::thread::yield_now();
        }
        assert_eq!(pool.idle(), 1);
        drop(item);
    });
}

/// Waiters are served in the order in which they joined, in whatever order they run afterwards.
#[test]
fn waiters_are_served_in_order() {
    explore(|| {
        let (pool, ledger) = bounded(1, 1);
        let order = Arc::new(shuttle::sync::Mutex::new(Vec::new()));
        let held = pool.get().expect("the first");
        let mut threads = Vec::new();
        for n in 0..4 {
            let order = Arc::clone(&order);
            threads.push(spawn(&pool, move |pool| {
                let item = pool.get().expect("it isn't closed");
                order.lock().expect("no panic").push(n);
                drop(item);
            }));
            while pool.waiting() <= n {
                shuttle::thread::yield_now();
            }
        }
        drop(held);
        join(threads);
        assert_eq!(*order.lock().expect("no panic"), [0, 1, 2, 3]);
        nothing_is_lost(pool, &ledger);
    });
}
