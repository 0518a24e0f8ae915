//! `BoundedPool::closed`: it returns once the pool is closed and the `Drop` of the last item has returned.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::polled::Polled;
use crate::common::{Bomb, Counted, Ledger, OnDrop, panic_of, until};
use crate::pools::{counted, counted_with};
use crate::timed::{Gate, Opens};
use ebbtide::BoundedPool;
use ebbtide::bounded::{Pooled, Settings};

/// The calling thread waits until another closes the pool and a third returns the last item.
#[test]
fn threads_wait_for_close_and_for_the_last_item() {
    let (pool, ledger) = counted(2);
    let item = pool.get_owned().unwrap();
    drop(pool.get().unwrap());
    let (sender, ended) = mpsc::channel();
    let waits = {
        let (pool, ledger) = (Arc::clone(&pool), Arc::clone(&ledger));
        thread::spawn(move || {
            pool.closed();
            sender.send((ledger.live(), pool.in_use(), pool.idle())).unwrap();
        })
    };
    assert!(ended.try_recv().is_err(), "it is open");
    pool.close();
    assert!(ended.try_recv().is_err(), "an item is in use");
    drop(item);
    assert_eq!(ended.recv(), Ok((0, 0, 0)));
    waits.join().unwrap();
}

/// A pool that nobody used is closed at once.
#[test]
fn an_unused_pool_ends_with_its_close() {
    static POOL: BoundedPool<String> = BoundedPool::new(1);
    let waiting = Polled::waiting(POOL.closed_async());
    assert!(!POOL.closed_timeout(Duration::ZERO));
    POOL.close();
    waiting.ready();
    POOL.closed();
    assert!(Polled::new(POOL.closed_async()).poll().is_some());
}

/// A timeout or deadline ends the wait. If the pool has ended, even one that has passed is met.
#[test]
fn a_timeout_ends_the_wait() {
    let (pool, _ledger) = counted(1);
    let item = pool.get().unwrap();
    pool.close();
    assert!(!pool.closed_timeout(Duration::from_millis(1)));
    assert!(!pool.closed_deadline(Instant::now()));
    drop(item);
    assert!(pool.closed_timeout(Duration::ZERO));
    assert!(pool.closed_timeout(Duration::MAX));
    assert!(pool.closed_deadline(Instant::now()));
}

/// `end` ends an item's stay in a pool that was or will be closed, with a `Drop` that waits at a gate.
fn it_waits_for_the_drop(end: impl FnOnce(&Gated) + Send) {
    let gate = Arc::new(Gate::default());
    let theirs = Arc::clone(&gate);
    let make: Box<dyn Fn() -> Item + Send + Sync> = Box::new(move || {
        let gate = Arc::clone(&theirs);
        OnDrop(Box::new(move || gate.pass()))
    });
    let pool = BoundedPool::with_settings(make, Settings::new(1).manual());
    thread::scope(|scope| {
        let opens = Opens(&gate);
        let waiting = Polled::waiting(pool.closed_async());
        let ending = scope.spawn({
            let pool = &pool;
            move || end(pool)
        });
        until("the item is being dropped", || gate.waiting.get() == 1);
        pool.close();
        assert!(!pool.closed_timeout(Duration::ZERO));
        assert_eq!(waiting.wakes(), 0);
        drop(opens);
        ending.join().unwrap();
        waiting.ready();
    });
}

type Item = OnDrop<Box<dyn FnMut() + Send>>;
type Gated = BoundedPool<Item, Box<dyn Fn() -> Item + Send + Sync>>;

#[test]
fn the_last_drop_has_returned() {
    it_waits_for_the_drop(|pool| {
        drop(pool.get().unwrap());
        pool.close();
    });
    it_waits_for_the_drop(|pool| {
        let item = pool.get().unwrap();
        pool.close();
        drop(item);
    });
    it_waits_for_the_drop(|pool| {
        drop(pool.get().unwrap());
        pool.clear();
    });
    it_waits_for_the_drop(|pool| {
        drop(pool.get().unwrap());
        pool.retain(|_, _| {
            pool.close();
            true
        });
    });
}

/// The janitor drops the last item of a pool that is closed meanwhile.
#[test]
fn it_waits_for_the_janitor() {
    let (gate, ledger) = (Arc::new(Gate::default()), Ledger::new());
    let make = {
        let (gate, ledger) = (Arc::clone(&gate), Arc::clone(&ledger));
        move || {
            let (gate, counted) = (Arc::clone(&gate), ledger.item());
            OnDrop(move || {
                let _ = &counted;
                gate.pass();
            })
        }
    };
    let pool = BoundedPool::with_settings(make, Settings::new(1).every(Duration::from_millis(1)));
    let opens = Opens(&gate);
    drop(pool.get().unwrap());
    until("the janitor drops it", || gate.waiting.get() == 1);
    pool.close();
    assert!(!pool.closed_timeout(Duration::ZERO));
    drop(opens);
    pool.closed();
    assert_eq!((pool.in_use(), ledger.live()), (0, 0));
}

/// Places end without an item, too: that of a detached item, of a failed creation, and of a wait that was served.
#[test]
fn it_waits_for_places_without_an_item() {
    let (pool, _ledger) = counted_with(Settings::new(3).manual().max_overtakes(0));
    let item = pool.get().unwrap();
    let creating = Polled::waiting(pool.get_async_with(pending::<Result<Counted, ()>>));
    let other = pool.get().unwrap();
    let served = Polled::waiting(pool.get_async());
    drop(other);
    let waiting = Polled::waiting(pool.closed_async());
    pool.close();
    drop(Pooled::detach(item));
    drop(creating);
    assert_eq!((waiting.wakes(), pool.in_use()), (0, 1));
    drop(served);
    waiting.ready();
}

/// A wait that was dropped is not woken, and takes nothing from the others. One that moved wakes its new task.
#[test]
fn dropped_and_moved_waits() {
    let (pool, _ledger) = counted(1);
    let dropped = Arc::new(Fragile);
    let waker = Waker::from(Arc::clone(&dropped));
    let mut wait = Box::pin(pool.closed_async());
    for _ in 0..2 {
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    let mut moved = Polled::waiting(pool.closed_async());
    assert!(moved.move_to_another_task().is_none());
    drop((wait, waker));
    assert_eq!(Arc::strong_count(&dropped), 1);
    pool.close();
    moved.ready();
}

/// Panics when it is woken.
struct Fragile;

impl Wake for Fragile {
    fn wake(self: Arc<Self>) {
        panic!("woken");
    }
}

/// A waker that panics does not keep the others asleep. Of its panic and that of the item, the first is raised.
#[test]
fn a_waker_that_panics_keeps_nobody_asleep() {
    for item_panics in [false, true] {
        let pool = BoundedPool::with_settings(|| None::<Bomb>, Settings::new(1).manual());
        let mut item = pool.get().unwrap();
        *item = if item_panics { Some(Bomb) } else { None };
        let waker = Waker::from(Arc::new(Fragile));
        let mut wait = Box::pin(pool.closed_async());
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let other = Polled::waiting(pool.closed_async());
        pool.close();
        assert_eq!(panic_of(|| drop(item)), if item_panics { "bomb" } else { "woken" });
        other.ready();
        drop(wait);
    }
}
