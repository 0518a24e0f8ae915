//! The bounded pool: waits, their cancellation, `get_many`, `close`, `resize` and sweeps against each other.
//!
//! This is the pool itself, its line and its sleeping threads, not a stand-in: all of it runs on loom's locks. A wake-up
//! that is lost is a deadlock, which loom reports, since nothing else would wake the thread.

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::{Bounds, Tracked, World, explore, spawn, spawn_with};
use ebbtide::bounded::{GetError, Pooled, Settings};
use ebbtide::{BoundedPool, Recycle};
use loom::sync::Notify;

const UNBOUNDED: Bounds = Bounds { preemptions: None };

/// Three threads that all wait and wake have too many interleavings for more.
const THREE: Bounds = Bounds { preemptions: Some(3) };

/// Makes a world's items, and sees that there are never more than the capacity.
struct AtMost(World, usize);

impl Recycle<Tracked> for AtMost {
    fn create(&self) -> Tracked {
        assert!(self.0.alive() < self.1, "one more than the capacity");
        Recycle::create(&self.0)
    }

    fn recycle(&self, item: &mut Tracked) -> bool {
        Recycle::recycle(&self.0, item)
    }
}

type Bounded = BoundedPool<Tracked, AtMost>;

/// An item during whose `Drop` another thread runs.
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

fn bounded(world: &World, capacity: usize) -> Arc<Bounded> {
    Arc::new(BoundedPool::with_settings(AtMost(world.clone(), capacity), Settings::new(capacity).manual()))
}

/// Takes what was got, uses it, and gives it back.
fn use_up(items: Result<Vec<Pooled<'_, Tracked, AtMost>>, GetError>) -> Result<usize, GetError> {
    let items = items?;
    items.iter().for_each(|item| item.taken_out());
    Ok(items.len())
}

fn use_one(item: Result<Pooled<'_, Tracked, AtMost>, GetError>) -> Result<usize, GetError> {
    use_up(item.map(|item| vec![item]))
}

/// Polls a wait once and drops it; whether it was ready.
fn give_up<F: Future<Output = Result<Vec<O>, GetError>>, O>(wait: F, used: impl FnOnce(F::Output)) {
    if let Poll::Ready(items) = pin!(wait).poll(&mut Context::from_waker(Waker::noop())) {
        used(items);
    }
}

/// When every other thread was joined: nobody waits, nothing is in use, and every place can be had.
fn nothing_is_lost(world: &World, pool: Arc<Bounded>, capacity: usize) {
    assert_eq!((pool.waiting(), pool.in_use(), pool.idle()), (0, 0, world.alive()));
    assert_eq!(use_up(pool.get_many(capacity)), Ok(capacity));
    world.expect_drops();
    drop(Arc::into_inner(pool).expect("the other threads are gone, and their handles with them"));
}

/// Two threads and one item: the one that comes second waits, and is woken.
#[test]
fn two_wait_for_one() {
    explore("two wait for one", UNBOUNDED, |world| {
        let pool = bounded(world, 1);
        let other = spawn_with(&pool, |pool| assert_eq!(use_one(pool.get()), Ok(1)));
        world.go();
        assert_eq!(use_one(pool.get()), Ok(1));
        other.join().unwrap();
        assert_eq!(world.made(), 1);
        nothing_is_lost(world, pool, 1);
    });
}

/// Three threads and one item: each release wakes the next.
#[test]
fn three_wait_for_one() {
    explore("three wait for one", THREE, |world| {
        let pool = bounded(world, 1);
        let others = [(); 2].map(|()| spawn_with(&pool, |pool| assert_eq!(use_one(pool.get()), Ok(1))));
        world.go();
        assert_eq!(use_one(pool.get()), Ok(1));
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(world.made(), 1);
        nothing_is_lost(world, pool, 1);
    });
}

/// A wait that is given up while an item comes back: whether it was served or not, the one behind it is.
#[test]
fn a_wait_given_up_as_it_is_served() {
    explore("a wait given up as it is served", THREE, |world| {
        let pool = bounded(world, 1);
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

/// A wait that goes on in another task while it is served: that task finds its item, or is woken.
#[test]
fn served_while_it_moves_to_another_task() {
    explore("served while it moves to another task", UNBOUNDED, |world| {
        let pool = bounded(world, 1);
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

/// Two that each need both items: neither ends up with one of them.
#[test]
fn two_wait_for_both() {
    explore("two wait for both", UNBOUNDED, |world| {
        let pool = bounded(world, 2);
        let other = spawn_with(&pool, |pool| assert_eq!(use_up(pool.get_many(2)), Ok(2)));
        world.go();
        assert_eq!(use_up(pool.get_many(2)), Ok(2));
        other.join().unwrap();
        assert_eq!(world.made(), 2);
        nothing_is_lost(world, pool, 2);
    });
}

/// One that has no time to wait for both items isn't in the way of another, for whom one is enough.
#[test]
fn no_time_holds_up_nobody() {
    explore("no time holds up nobody", UNBOUNDED, |world| {
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

/// One that waits for both items gives up while one of them is in use: the one behind it gets the other without waiting for
/// that.
#[test]
fn a_head_that_gives_up_lets_the_next_pass() {
    explore("a head that gives up lets the next pass", THREE, |world| {
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

/// Closed while one thread waits and another gives back: the one gets the item or is told, and nothing is kept.
#[test]
fn close_while_one_waits() {
    explore("close while one waits", THREE, |world| {
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

/// A smaller capacity while one waits for more than that: it is served or refused, and the one behind it is served.
#[test]
fn less_capacity_while_two_wait() {
    explore("less capacity while two wait", THREE, |world| {
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

/// A sweep that drops the only item while another thread wants one: there is never a second one beside it.
#[test]
fn a_sweep_against_a_get() {
    explore("a sweep against a get", UNBOUNDED, |world| {
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

/// While a pool is closed, another thread looks whether anything is left: when it is told that nothing is idle and nothing in
/// use, no item exists.
#[test]
fn nothing_exists_when_the_pool_says_so() {
    explore("nothing exists when the pool says so", UNBOUNDED, |world| {
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

/// Two threads that are the first to use a pool: one of them makes its heap part, and both use the same.
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
