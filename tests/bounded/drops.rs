//! `BoundedPool`: an item keeps its place until its `Drop` has returned, and a `Drop` may use the pool.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use crate::common::polled::Polled;
use crate::common::{Count, Counted, Ledger, lock, until};
use ebbtide::bounded::{OwnedPooled, Pooled, Settings};
use ebbtide::{BoundedPool, Recycle};

/// An item whose `Drop` reports its start, and ends when the test allows it.
struct Slow {
    #[expect(dead_code, reason = "counts when it is dropped")]
    counted: Counted,
    started: mpsc::Sender<()>,
    may_end: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.started.send(()).unwrap();
        // If the test failed, the sender is gone.
        let _ = lock(&self.may_end).recv();
    }
}

/// Makes slow items, and refuses the first `refuses` of those that return.
struct SlowMaker {
    ledger: Arc<Ledger>,
    refuses: Count,
    started: mpsc::Sender<()>,
    may_end: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Recycle<Slow> for SlowMaker {
    fn create(&self) -> Slow {
        Slow { counted: self.ledger.item(), started: self.started.clone(), may_end: Arc::clone(&self.may_end) }
    }

    fn recycle(&self, _: &mut Slow) -> bool {
        let refuses = self.refuses.get() > 0;
        self.refuses.subtract(usize::from(refuses));
        !refuses
    }
}

type SlowPool = BoundedPool<Slow, SlowMaker>;

/// A pool of slow items. The receiver learns that a `Drop` has started, and the sender lets it end.
fn slow(capacity: usize, refuses: usize) -> (SlowPool, Arc<Ledger>, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (started, start) = mpsc::channel();
    let (let_end, may_end) = mpsc::channel();
    let ledger = Ledger::new();
    let may_end = Arc::new(Mutex::new(may_end));
    let recycler = SlowMaker { ledger: Arc::clone(&ledger), refuses: Count::new(), started, may_end };
    recycler.refuses.set(refuses);
    (BoundedPool::with_settings(recycler, Settings::new(capacity).manual()), ledger, start, let_end)
}

/// `end` drops a pool's only item. Its place must not be free before the item's `Drop` has returned.
fn a_place_is_kept_until(refuses: usize, end: impl FnOnce(&SlowPool, Pooled<Slow, SlowMaker>) + Send) {
    let (pool, ledger, start, let_end) = slow(1, refuses);
    thread::scope(|scope| {
        let (pool, let_end) = (&pool, let_end);
        let ending = scope.spawn(move || end(pool, pool.get().unwrap()));
        start.recv().unwrap();
        // Forgotten, as its drop would wait for this thread.
        let second = pool.try_get().map(|second| std::mem::forget(Pooled::detach(second)));
        assert!(second.is_none(), "one exists, and is being dropped");
        assert_eq!(pool.prefill(1), Ok(0));
        assert_eq!((pool.in_use(), pool.idle()), (1, 0));
        let waiting = Polled::waiting(pool.get_async());
        let_end.send(()).unwrap();
        ending.join().unwrap();
        let next = waiting.ready().unwrap();
        assert_eq!((ledger.peak(), ledger.made()), (1, 2));
        let_end.send(()).unwrap();
        let_end.send(()).unwrap();
        drop(next);
    });
}

/// An item keeps its place until its `Drop` has returned, whatever the reason for the drop.
#[test]
fn an_item_keeps_its_place_until_its_drop_returns() {
    a_place_is_kept_until(1, |_, item| drop(item));
    a_place_is_kept_until(0, |pool, item| {
        drop(item);
        pool.clear();
    });
    a_place_is_kept_until(0, |pool, item| {
        drop(item);
        pool.advance();
        pool.advance();
    });
}

/// `end` drops the pool's two idle items one after the other. While the second is being dropped, the first one's place
/// is free or taken again.
fn each_place_is_free_as_its_item_goes(end: impl FnOnce(&SlowPool) + Send) {
    let (pool, ledger, start, let_end) = slow(2, 0);
    assert_eq!(pool.prefill(2), Ok(2));
    thread::scope(|scope| {
        let (pool, let_end) = (&pool, let_end);
        scope.spawn(move || end(pool));
        start.recv().unwrap();
        assert_eq!((pool.in_use(), pool.idle(), ledger.live()), (2, 0, 2));
        let waiting = (!pool.is_closed()).then(|| Polled::waiting(pool.get_async()));
        let_end.send(()).unwrap();
        start.recv().unwrap();
        match waiting {
            Some(waiting) => {
                let next = waiting.ready().unwrap();
                assert_eq!((pool.in_use(), pool.idle(), ledger.live()), (2, 0, 2));
                std::mem::forget(Pooled::detach(next));
            }
            None => assert_eq!((pool.in_use(), pool.idle(), ledger.live()), (1, 0, 1)),
        }
        let_end.send(()).unwrap();
    });
    assert_eq!((pool.in_use(), pool.idle()), (0, 0));
}

/// Of several items dropped together, each frees its place when its own `Drop` has returned.
#[test]
fn a_place_is_free_once_its_own_item_is_dropped() {
    each_place_is_free_as_its_item_goes(|pool| {
        pool.clear();
    });
    each_place_is_free_as_its_item_goes(|pool| {
        pool.advance();
        pool.advance();
    });
    each_place_is_free_as_its_item_goes(SlowPool::close);
}

/// An item that returns to a closed or shrunk pool is in use until its drop has returned.
#[test]
fn items_being_dropped_count_as_in_use() {
    for closed in [false, true] {
        let (pool, ledger, start, let_end) = slow(2, 0);
        let mut items = pool.get_many(2).unwrap();
        if closed {
            pool.close()
        } else {
            pool.resize(1).unwrap()
        }
        let last = items.pop().unwrap();
        let seen = thread::scope(|scope| {
            scope.spawn(move || drop(items));
            start.recv().unwrap();
            let seen = (pool.in_use(), pool.idle(), ledger.live());
            let_end.send(()).unwrap();
            seen
        });
        // For the last item, whether the test passed or failed.
        let_end.send(()).unwrap();
        assert_eq!(seen, (2, 0, 2));
        assert_eq!((pool.in_use(), pool.idle(), ledger.live()), (1, 0, 1));
        drop(last);
        assert_eq!((pool.in_use(), pool.idle(), ledger.live()), (0, usize::from(!closed), usize::from(!closed)));
        let_end.send(()).unwrap();
    }
}

/// The capacity shrinks while a refused item is being dropped. Another item that returns is kept, as the refused one
/// makes room.
#[test]
fn a_refused_item_evicts_no_other() {
    let (pool, ledger, start, let_end) = slow(2, 1);
    let mut items = pool.get_many(2).unwrap();
    let other = items.pop().unwrap();
    thread::scope(|scope| {
        let (pool, let_end) = (&pool, let_end);
        scope.spawn(move || drop(items));
        start.recv().unwrap();
        pool.resize(1).unwrap();
        let back = scope.spawn(move || drop(other));
        until("it is back, or being dropped", || back.is_finished() || start.try_recv().is_ok());
        assert_eq!((pool.in_use(), pool.idle(), ledger.live()), (1, 1, 2));
        let_end.send(()).unwrap();
    });
    assert_eq!((pool.in_use(), pool.idle(), ledger.live()), (0, 1, 1));
}

/// An item that returns while another is being dropped is kept, as that one needs no room.
#[test]
fn an_item_returned_inside_a_drop_is_kept() {
    struct Holder(Option<OwnedPooled<Holder, fn() -> Holder>>);
    let make: fn() -> Holder = || Holder(None);
    let pool = Arc::new(BoundedPool::with_settings(make, Settings::new(2).manual()));
    let inner = pool.get_owned().unwrap();
    pool.get_owned().unwrap().0 = Some(inner);
    assert_eq!((pool.idle(), pool.in_use()), (1, 1));
    pool.clear();
    assert_eq!((pool.idle(), pool.in_use(), pool.stats().rejected), (1, 0, 0));
}

/// A `resize` inside an item's `Drop` drops no other item in its place.
#[test]
fn a_resize_inside_a_drop_drops_no_other_item() {
    struct Resizing;
    static POOL: BoundedPool<Resizing, fn() -> Resizing> =
        BoundedPool::with_settings(|| Resizing, Settings::new(3).manual());
    impl Drop for Resizing {
        fn drop(&mut self) {
            POOL.resize(2).unwrap();
        }
    }
    drop(POOL.get_many(3).unwrap());
    POOL.resize(2).unwrap();
    assert_eq!((POOL.idle(), POOL.stats().rejected), (2, 1));
}

/// An item that is dropped for a smaller capacity keeps its place until its drop has returned. An item that returns
/// meanwhile is not handed to a waiter.
#[test]
fn no_waiter_is_served_while_a_surplus_item_is_being_dropped() {
    struct Last(Option<Box<dyn FnOnce() + Send>>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.take().into_iter().for_each(|act| act());
        }
    }
    let pool = Arc::new(BoundedPool::with_settings(|| Last(None), Settings::new(2).manual()));
    let (mut first, second) = (pool.get_owned().unwrap(), pool.get_owned().unwrap());
    let wait = Polled::waiting(pool.get_async());
    pool.resize(1).unwrap();
    let (sender, waiting) = mpsc::channel();
    let theirs = Arc::clone(&pool);
    first.0 = Some(Box::new(move || {
        drop(second);
        sender.send(theirs.waiting()).expect("the test waits");
    }));
    drop(first);
    assert_eq!(waiting.recv(), Ok(1));
    assert!(wait.ready().is_ok());
}
