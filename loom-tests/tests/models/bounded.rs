//! The bounded pool: waits, dropped waits, `get_many`, `close`, `resize` and sweeps against each other.
//!
//! These models run the real pool with its queue and its sleeping threads, on loom's locks. A lost wake-up is a
//! deadlock, as nothing else would wake the thread. Loom reports deadlocks.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ebbtide::bounded::{GetError, Pooled, Settings};
use ebbtide::{BoundedPool, Recycle};
use loom::sync::Notify;
use world::{Bounds, Tracked, World, explore, spawn, spawn_with};

const UNBOUNDED: Bounds = Bounds { preemptions: None };

/// Three threads have too many interleavings for a higher bound.
const THREE: Bounds = Bounds { preemptions: Some(3) };

/// Three threads that all wait and wake have too many for three preemptions.
const TWO: Bounds = Bounds { preemptions: Some(2) };

/// Creates a world's items, and checks that there are never more than the capacity.
struct AtMost(World, usize);

impl Recycle<Tracked> for AtMost {
    fn create(&self) -> Tracked {
        assert!(self.0.alive() < self.1, "more than the capacity");
        Recycle::create(&self.0)
    }

    fn recycle(&self, item: &mut Tracked) -> bool {
        Recycle::recycle(&self.0, item)
    }
}

type Bounded = BoundedPool<Tracked, AtMost>;

/// An item whose `Drop` lets another thread run.
struct Slow(Tracked);

impl Drop for Slow {
    fn drop(&mut self) {
        loom::thread::yield_now();
    }
}

impl Recycle<Slow> for AtMost {
    fn create(&self) -> Slow {
        Slow(self.create())
    }

    fn recycle(&self, item: &mut Slow) -> bool {
        self.recycle(&mut item.0)
    }
}

/// In strict order.
fn bounded(world: &World, capacity: usize) -> Arc<Bounded> {
    overtaking(world, capacity, 0)
}

fn overtaking(world: &World, capacity: usize, most: u32) -> Arc<Bounded> {
    let settings = Settings::new(capacity).manual().max_overtakes(most);
    Arc::new(BoundedPool::with_settings(AtMost(world.clone(), capacity), settings))
}

/// Explores a model in strict order, and with waiters that may be overtaken once.
fn explore_both(name: &str, bounds: Bounds, model: impl Fn(&World, u32) + Send + Sync + Copy + 'static) {
    explore(name, bounds, move |world| model(world, 0));
    explore(&format!("{name}, overtaking"), bounds, move |world| model(world, 1));
}

/// Uses the items and gives them back.
fn use_up(items: Result<Vec<Pooled<'_, Tracked, AtMost>>, GetError>) -> Result<usize, GetError> {
    let items = items?;
    items.iter().for_each(|item| item.taken_out());
    Ok(items.len())
}

fn use_one(item: Result<Pooled<'_, Tracked, AtMost>, GetError>) -> Result<usize, GetError> {
    use_up(item.map(|item| vec![item]))
}

/// Polls a wait once and drops it. If it was ready, `used` gets the items.
fn give_up<F: Future<Output = Result<Vec<O>, GetError>>, O>(wait: F, used: impl FnOnce(F::Output)) {
    if let Poll::Ready(items) = pin!(wait).poll(&mut Context::from_waker(Waker::noop())) {
        used(items);
    }
}

/// All other threads were joined. Nobody waits, nothing is in use, and every place is free.
fn nothing_is_lost(world: &World, pool: Arc<Bounded>, capacity: usize) {
    assert_eq!((pool.waiting(), pool.in_use(), pool.idle()), (0, 0, world.alive()));
    assert_eq!(use_up(pool.get_many(capacity)), Ok(capacity));
    world.expect_drops();
    drop(Arc::into_inner(pool).expect("the other threads are gone, and their handles with them"));
}

/// Two threads and one item. The second thread waits and is woken.
#[test]
fn two_waiters_for_one_item() {
    explore_both("two waiters for one item", UNBOUNDED, |world, most| {
        let pool = overtaking(world, 1, most);
        let other = spawn_with(&pool, |pool| assert_eq!(use_one(pool.get()), Ok(1)));
        world.go();
        assert_eq!(use_one(pool.get()), Ok(1));
        other.join().unwrap();
        assert_eq!(world.made(), 1);
        nothing_is_lost(world, pool, 1);
    });
}

/// Three threads and one item. Each return wakes the next.
#[test]
fn three_waiters_for_one_item() {
    explore_both("three waiters for one item", TWO, |world, most| {
        let pool = overtaking(world, 1, most);
        let others = [(); 2].map(|()| spawn_with(&pool, |pool| assert_eq!(use_one(pool.get()), Ok(1))));
        world.go();
        assert_eq!(use_one(pool.get()), Ok(1));
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(world.made(), 1);
        nothing_is_lost(world, pool, 1);
    });
}

/// A wait is dropped while an item returns. Whether it was served or not, the next waiter is.
#[test]
fn wait_dropped_while_it_is_served() {
    explore_both("wait dropped while it is served", THREE, |world, most| {
        let pool = overtaking(world, 1, most);
        let item = pool.get().unwrap();
        item.taken_out();
        let gives_up =
            spawn_with(&pool, |pool| give_up(pool.get_many_async(1), |items| assert_eq!(use_up(items), Ok(1))));
        let waits = spawn_with(&pool, |pool| assert_eq!(use_one(pool.get()), Ok(1)));
        world.go();
        drop(item);
        gives_up.join().unwrap();
        waits.join().unwrap();
        assert_eq!(world.made(), 1);
        nothing_is_lost(world, pool, 1);
    });
}

/// What a task sleeps on.
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// A wait moves to another task while it is served. That task finds the item, or is woken.
#[test]
fn wait_served_while_it_moves_to_another_task() {
    explore_both("wait served while it moves to another task", UNBOUNDED, |world, most| {
        let pool = overtaking(world, 1, most);
        let item = pool.get_owned().unwrap();
        item.taken_out();
        let gives_back = spawn(move || drop(item));
        world.go();
        let mut wait = Box::pin(pool.get_async());
        let mut poll = |waker: &Waker| match wait.as_mut().poll(&mut Context::from_waker(waker)) {
            Poll::Ready(item) => Some(use_one(item)),
            Poll::Pending => None,
        };
        let mut outcome = poll(Waker::noop());
        let bell = Arc::new(Bell(Notify::new()));
        let waker = Waker::from(Arc::clone(&bell));
        while outcome.is_none() {
            outcome = poll(&waker);
            if outcome.is_none() {
                bell.0.wait();
            }
        }
        assert_eq!(outcome, Some(Ok(1)));
        drop(wait);
        gives_back.join().unwrap();
        assert_eq!(world.made(), 1);
        nothing_is_lost(world, pool, 1);
    });
}

/// Two threads need both items. Neither keeps one of them.
#[test]
fn two_waiters_for_both_items() {
    explore("two waiters for both items", UNBOUNDED, |world| {
        let pool = bounded(world, 2);
        let other = spawn_with(&pool, |pool| assert_eq!(use_up(pool.get_many(2)), Ok(2)));
        world.go();
        assert_eq!(use_up(pool.get_many(2)), Ok(2));
        other.join().unwrap();
        assert_eq!(world.made(), 2);
        nothing_is_lost(world, pool, 2);
    });
}

/// A get of both items with a timeout of zero doesn't block another thread that needs one.
#[test]
fn zero_timeout_does_not_block_the_next() {
    explore("zero timeout does not block the next", UNBOUNDED, |world| {
        let pool = bounded(world, 2);
        let item = pool.get().unwrap();
        item.taken_out();
        let other = spawn_with(&pool, |pool| {
            assert_eq!(use_up(pool.get_many_timeout(2, Duration::ZERO)), Err(GetError::Timeout))
        });
        world.go();
        assert_eq!(use_one(pool.try_get().ok_or(GetError::Timeout)), Ok(1));
        other.join().unwrap();
        drop(item);
        nothing_is_lost(world, pool, 2);
    });
}

/// A wait for both items is dropped while one of them is in use. The next waiter gets the other without waiting for it.
#[test]
fn dropping_the_head_serves_the_next() {
    explore("dropping the head serves the next", THREE, |world| {
        let pool = bounded(world, 2);
        let item = pool.get().unwrap();
        item.taken_out();
        let gives_up = spawn_with(&pool, |pool| give_up(pool.get_many_async(2), |_| panic!("one of them is in use")));
        world.go();
        assert_eq!(use_one(pool.get()), Ok(1));
        gives_up.join().unwrap();
        drop(item);
        nothing_is_lost(world, pool, 2);
    });
}

/// `close` while one thread waits and another gives back. The waiter gets the item or an error, and nothing is kept.
#[test]
fn close_during_a_wait() {
    explore("close during a wait", THREE, |world| {
        let pool = bounded(world, 1);
        world.expect_drops();
        let item = pool.get_owned().unwrap();
        item.taken_out();
        let waits = spawn_with(&pool, |pool| use_one(pool.get()));
        let gives_back = spawn(move || drop(item));
        world.go();
        pool.close();
        assert!(matches!(waits.join().unwrap(), Ok(1) | Err(GetError::Closed)));
        gives_back.join().unwrap();
        assert_eq!((pool.waiting(), pool.in_use(), pool.idle(), world.alive()), (0, 0, 0, 0));
    });
}

/// A thread waits for the end while others close the pool and return its last item. When it goes on, that item is gone.
/// Another wait for the end is given up meanwhile.
#[test]
fn closed_during_close_and_a_return() {
    explore("closed during close and a return", THREE, |world| {
        let pool: BoundedPool<Slow, _> =
            BoundedPool::with_settings(AtMost(world.clone(), 1), Settings::new(1).manual());
        let pool = Arc::new(pool);
        world.expect_drops();
        let item = pool.get_owned().unwrap();
        item.0.taken_out();
        let gives_back = spawn(move || drop(item));
        let closes = spawn_with(&pool, |pool| {
            let _ = pin!(pool.closed_async()).poll(&mut Context::from_waker(Waker::noop()));
            pool.close();
        });
        world.go();
        pool.closed();
        assert_eq!((world.alive(), pool.in_use(), pool.idle()), (0, 0, 0));
        gives_back.join().unwrap();
        closes.join().unwrap();
    });
}

/// The capacity shrinks while a thread waits for more. That wait is served or refused, and the next is served.
#[test]
fn resize_down_while_two_wait() {
    explore("resize down while two wait", THREE, |world| {
        let pool = bounded(world, 2);
        world.expect_drops();
        let item = pool.get_owned().unwrap();
        item.taken_out();
        let waits_for_two = spawn_with(&pool, |pool| use_up(pool.get_many(2)));
        let gives_back = spawn(move || drop(item));
        world.go();
        pool.resize(1).unwrap();
        assert_eq!(use_one(pool.get()), Ok(1));
        gives_back.join().unwrap();
        let outcome = waits_for_two.join().unwrap();
        assert!(matches!(outcome, Ok(2) | Err(GetError::OverCapacity { asked: 2, capacity: 1, .. })));
        nothing_is_lost(world, pool, 1);
    });
}

/// A sweep drops the only item while another thread gets one. There is never a second item beside it.
#[test]
fn sweep_against_a_get() {
    explore("sweep against a get", UNBOUNDED, |world| {
        let pool: BoundedPool<Slow, _> =
            BoundedPool::with_settings(AtMost(world.clone(), 1), Settings::new(1).manual());
        let pool = Arc::new(pool);
        let use_one = |pool: &BoundedPool<Slow, AtMost>| pool.get().unwrap().0.taken_out();
        world.expect_drops();
        use_one(&pool);
        pool.advance();
        let other = spawn_with(&pool, move |pool| use_one(pool));
        world.go();
        pool.advance();
        other.join().unwrap();
        assert_eq!((pool.in_use(), pool.idle()), (0, world.alive()));
    });
}

/// While a pool is closed, another thread reads its counts. If nothing is idle and nothing in use, no item exists.
#[test]
fn no_item_exists_once_none_is_counted() {
    explore("no item exists once none is counted", UNBOUNDED, |world| {
        let pool: BoundedPool<Slow, _> =
            BoundedPool::with_settings(AtMost(world.clone(), 2), Settings::new(2).manual());
        let pool = Arc::new(pool);
        world.expect_drops();
        pool.get_many(2).unwrap().iter().for_each(|item| item.0.taken_out());
        let closes = spawn_with(&pool, |pool| pool.close());
        world.go();
        if (pool.idle(), pool.in_use()) == (0, 0) {
            assert_eq!(world.alive(), 0);
        }
        closes.join().unwrap();
        assert_eq!((pool.idle(), pool.in_use(), world.alive()), (0, 0, 0));
    });
}

/// Two threads use a pool first. One of them makes its heap part, and both use the same.
#[test]
fn first_use_by_two_threads() {
    explore("first use of a bounded pool by two threads", UNBOUNDED, |world| {
        let pool = bounded(world, 1);
        let other = spawn_with(&pool, |pool| pool.prefill(1));
        world.go();
        assert_eq!(use_one(pool.get()), Ok(1));
        other.join().unwrap().unwrap();
        assert_eq!(world.made(), 1);
        nothing_is_lost(world, pool, 1);
    });
}
