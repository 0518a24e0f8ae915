//! `BoundedPool` with items that only futures create and check, and such futures that are dropped.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::common::polled::Polled;
use crate::common::{Counted, panic_of};
use crate::judge::{judged, judged_async, judged_async_with};
use ebbtide::BoundedPool;
use ebbtide::bounded::{GetError, Manage, Settings};
use futures_lite::future::block_on;

/// A check that is dropped midway loses its item, which may be in the midst of something. Its place goes to the next
/// waiter.
#[test]
fn a_dropped_check_frees_the_place() {
    let (pool, judge) = judged_async(1);
    judge.checks_slowly.set(1);
    let first = Polled::waiting(pool.get_async());
    let second = Polled::waiting(pool.get_owned_async());
    assert_eq!((pool.in_use(), pool.waiting()), (1, 1));
    drop(first);
    assert_eq!((judge.ledger.live(), pool.waiting()), (0, 0));
    let item = second.ready().unwrap();
    assert_eq!((item.id, judge.ledger.peak()), (1, 1));
}

/// So does a creation in place of an unfit item.
#[test]
fn a_dropped_replacement_frees_the_place() {
    let (pool, judge) = judged_async(1);
    judge.condemn(0);
    judge.creates_slowly.set(1);
    let first = Polled::waiting(pool.get_async());
    let second = Polled::waiting(pool.get_async());
    assert_eq!((pool.in_use(), pool.waiting(), judge.ledger.live()), (1, 1, 0));
    drop(first);
    judge.creates_slowly.set(0);
    assert_eq!(second.ready().unwrap().id, 1);
    assert_eq!((pool.in_use(), pool.idle()), (0, 1));
}

/// A waiter whose served item fails its check keeps its turn while a future creates the new one.
#[test]
fn a_failed_check_keeps_the_turn() {
    let (pool, judge) = judged_async(1);
    let item = block_on(pool.get_async()).unwrap();
    let mut first = Polled::waiting(pool.get_async());
    let mut second = Polled::waiting(pool.get_async());
    judge.condemn(0);
    judge.checks_slowly.set(1);
    drop(item);
    assert!(first.poll().is_none(), "it is being checked");
    judge.checks_slowly.set(0);
    judge.creates_slowly.set(1);
    assert!(first.poll().is_none(), "it is being created");
    assert!(second.poll().is_none());
    judge.creates_slowly.set(0);
    let item = first.ready().unwrap();
    assert_eq!((item.id, pool.waiting()), (1, 1));
    drop(item);
    assert_eq!(second.ready().unwrap().id, 1);
}

/// Of several items, one is being checked when the future is dropped. That one is dropped. Those before it and those
/// not yet checked are idle again, and will be checked.
#[test]
fn a_dropped_check_of_several_returns_the_others() {
    let (pool, judge) = judged_async(3);
    judge.condemn(1);
    judge.creates_slowly.set(1);
    let getting = Polled::waiting(pool.get_many_async(3));
    assert_eq!((pool.in_use(), judge.ledger.live()), (3, 2));
    drop(getting);
    assert_eq!((pool.in_use(), pool.idle(), judge.ledger.live()), (0, 2, 2));
    judge.checks_slowly.set(1);
    drop(Polled::waiting(pool.get_many_async(2)));
    assert_eq!((pool.in_use(), pool.idle(), judge.ledger.live()), (0, 1, 1));
    judge.checks_slowly.set(0);
    judge.creates_slowly.set(0);
    assert_eq!(block_on(pool.get_many_async(3)).unwrap().len(), 3);
}

/// A future that was served and is dropped before it looks leaves the item as it is: idle, and not yet checked.
#[test]
fn an_item_that_was_only_served_is_checked_later() {
    let (pool, judge) = judged_async(1);
    let item = block_on(pool.get_async()).unwrap();
    let waiting = Polled::waiting(pool.get_async());
    judge.condemn(0);
    drop(item);
    drop(waiting);
    assert_eq!((pool.idle(), judge.ledger.live()), (1, 1));
    assert_eq!(block_on(pool.get_async()).unwrap().id, 1);
}

/// A panic in check, or in the `Drop` of an unfit item, frees the place.
#[test]
fn panics_free_the_place() {
    let (pool, judge) = judged_async(1);
    judge.trips.set(1);
    assert!(panic_of(|| block_on(pool.get_async()).map(drop)).contains("tripped"));
    assert_eq!((pool.in_use(), pool.idle(), judge.ledger.live()), (0, 0, 0));
    judge.trips.set(0);
    judge.arms.set(1);
    drop(block_on(pool.get_async()).unwrap());
    judge.condemn(1);
    assert_eq!(panic_of(|| block_on(pool.get_async()).map(drop)), "bomb 1");
    assert_eq!((pool.in_use(), pool.idle(), judge.ledger.live()), (0, 0, 0));
}

/// The drop of a future that is checking drops the item. If that panics, the place is free all the same.
#[test]
fn a_panic_while_a_check_is_dropped_frees_the_place() {
    let (pool, judge) = judged_async(1);
    judge.arms.set(1);
    pool.clear();
    drop(block_on(pool.get_async()).unwrap());
    judge.checks_slowly.set(1);
    let checking = Polled::waiting(pool.get_async());
    assert_eq!(panic_of(|| drop(checking)), "bomb 1");
    assert_eq!((pool.in_use(), pool.idle()), (0, 0));
}

/// Its first poll returns the output, or panics if there is none. Its drop panics.
struct Explosive<O>(Option<O>);

impl<O: Unpin> Future for Explosive<O> {
    type Output = O;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<O> {
        Poll::Ready(self.0.take().expect("polled"))
    }
}

impl<O> Drop for Explosive<O> {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

/// A future that creates an item panics when it is polled or dropped, or both, and the item when it is dropped. The first
/// panic reaches the caller, and the place is free.
#[test]
fn panics_of_a_future_are_one() {
    let (pool, judge) = judged_async(1);
    pool.clear();
    let create = |made: Option<Result<Counted, ()>>| pool.get_async_with(|| Explosive(made));
    assert_eq!(panic_of(|| block_on(create(None)).map(drop)), "polled");
    assert_eq!((pool.in_use(), pool.idle()), (0, 0));
    assert_eq!(panic_of(|| block_on(create(Some(Ok(judge.ledger.bomb())))).map(drop)), "dropped");
    assert_eq!((pool.in_use(), pool.idle(), judge.ledger.live()), (0, 0, 0));
}

/// A task that prefills creates idle items, as long as there is room and nobody waits. One that it creates serves who
/// began to wait meanwhile.
#[test]
fn tasks_prefill() {
    let (pool, judge) = judged_async_with(Settings::new(3).manual(), 0);
    assert!(matches!(block_on(pool.prefill_async(2)), Ok(2)));
    assert_eq!((pool.idle(), pool.in_use()), (2, 0));
    judge.creates_slowly.set(1);
    let mut prefilling = Polled::waiting(pool.prefill_async(2));
    let items = block_on(pool.get_many_async(2)).unwrap();
    let waiting = Polled::waiting(pool.get_async());
    judge.creates_slowly.set(0);
    assert!(matches!(prefilling.poll(), Some(Ok(1))));
    assert_eq!(waiting.ready().unwrap().id, 2);
    drop(items);
    judge.fails.set(1);
    pool.clear();
    assert!(matches!(block_on(pool.prefill_async(1)), Err(GetError::Create(_))));
    assert_eq!((pool.in_use(), pool.idle(), judge.ledger.made()), (0, 0, 3));
}

/// One that gives up keeps what it has created before, and frees the place of the last.
#[test]
fn a_dropped_prefill_frees_its_place() {
    let (pool, judge) = judged_async_with(Settings::new(2).manual().max_creating(1), 0);
    assert!(matches!(block_on(pool.prefill_async(1)), Ok(1)));
    judge.creates_slowly.set(1);
    let prefilling = Polled::waiting(pool.prefill_async(1));
    assert_eq!((pool.idle(), pool.in_use(), pool.status().creating), (1, 1, 1));
    assert!(matches!(block_on(pool.prefill_async(1)), Ok(0)));
    drop(prefilling);
    assert_eq!((pool.idle(), pool.in_use(), pool.status().creating), (1, 0, 0));
}

/// If a future cannot create an item, the caller gets the error, and the place is free.
#[test]
fn an_error_frees_the_place() {
    let (pool, judge) = judged_async(1);
    judge.condemn(0);
    judge.fails.set(1);
    assert!(matches!(block_on(pool.get_async()), Err(GetError::Create(_))));
    assert!(matches!(block_on(pool.get_many_async(1)), Err(GetError::Create(_))));
    assert_eq!((pool.in_use(), pool.idle(), judge.ledger.live()), (0, 0, 0));
}

/// Every `TryRecycle` manages items, and its futures can be sent, whatever the pool's manager is.
#[test]
fn every_recycler_is_a_manager() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    fn first<R: Manage<Counted, Error: Send> + Sync + Send>(pool: &Arc<BoundedPool<Counted, R>>) -> usize {
        let one = send(pool.get_async());
        let id = block_on(one).ok().unwrap().id;
        let many = send(pool.get_many_owned_async(1));
        assert_eq!(block_on(many).ok().unwrap().len(), 1);
        id
    }
    assert_eq!(first(&judged(1).0), 0);
    assert_eq!(first(&judged_async(1).0), 0);
    let (_, judge) = judged(1);
    let ledger = Arc::clone(&judge.ledger);
    assert_eq!(first(&Arc::new(BoundedPool::with_settings(move || ledger.item(), Settings::new(1).manual()))), 1);
}
