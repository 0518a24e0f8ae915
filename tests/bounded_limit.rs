//! `BoundedPool`: at most `capacity` items exist at any time, and no place is lost.
#![cfg(feature = "bounded")]

#[path = "common/bounded.rs"]
mod bounded;
mod common;

use std::io;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use bounded::counted;
use common::polled::Polled;
use common::{Count, Counted, Dice, Ledger, lock, until};
use ebbtide::bounded::{GetError, OwnedPooled, Pooled, Settings, TryRecycle};
use ebbtide::{BoundedPool, Recycle};

/// Threads get and put in every way, while items age out and are cleared, refused and prefilled. There are never more
/// items than the capacity, and no item has two owners.
#[test]
fn items_never_exceed_the_capacity() {
    struct Picky(Arc<Ledger>, Count);
    impl Recycle<Counted> for Picky {
        fn create(&self) -> Counted {
            self.0.item()
        }

        fn recycle(&self, _: &mut Counted) -> bool {
            self.1.bump() % 10 != 0
        }
    }
    const CAPACITY: usize = 5;
    let ledger = Ledger::new();
    let recycler = Picky(Arc::clone(&ledger), Count::new());
    let pool = BoundedPool::with_settings(recycler, Settings::new(CAPACITY).manual());
    let prefilled = Count::new();
    thread::scope(|scope| {
        for seed in 0..4 {
            let (pool, prefilled) = (&pool, &prefilled);
            scope.spawn(move || {
                let mut dice = Dice::new(seed);
                for _ in 0..4000 {
                    let items = match dice.below(8) {
                        0 => pool.get_many(1 + dice.below(CAPACITY)).unwrap(),
                        1 => Vec::from_iter(pool.try_get()),
                        2 => Vec::from_iter(pool.get_timeout(Duration::from_micros(10))),
                        3 => pool.get_many_timeout(2, Duration::from_micros(10)).unwrap_or_default(),
                        _ => vec![pool.get().unwrap()],
                    };
                    items.iter().for_each(|item| item.own());
                    thread::yield_now();
                    items.iter().for_each(|item| item.disown());
                    drop(items);
                    match dice.below(40) {
                        0 => {
                            pool.clear();
                        }
                        1 => {
                            pool.advance();
                        }
                        2 => {
                            let Ok(n) = pool.prefill(CAPACITY);
                            prefilled.add(n);
                        }
                        _ => {}
                    }
                }
            });
        }
    });
    assert!(ledger.peak() <= CAPACITY, "{} existed at once", ledger.peak());
    assert_eq!((pool.in_use(), pool.waiting(), pool.idle()), (0, 0, ledger.live()));
    assert_eq!(pool.stats().created + prefilled.get(), ledger.made());
    drop(pool);
    ledger.assert_all_dropped_once();
}

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

/// A smaller capacity drops idle items first, the oldest first. Items in use are dropped as they return.
#[test]
fn resize_down_takes_effect_as_items_return() {
    let (pool, ledger) = counted(6);
    let mut items = pool.get_many(6).unwrap();
    let ids: Vec<_> = items.iter().map(|item| item.id).collect();
    items.drain(..3).for_each(drop);
    pool.resize(5).unwrap();
    assert_eq!(ledger.drop_order(), ids[..1], "the one idle longest");
    pool.resize(2).unwrap();
    assert_eq!((pool.idle(), pool.in_use(), ledger.live()), (0, 3, 3));
    assert!(pool.try_get().is_none());
    items.pop();
    assert_eq!((pool.idle(), pool.in_use(), ledger.live()), (0, 2, 2));
    assert!(pool.try_get().is_none());
    items.pop();
    assert_eq!((pool.idle(), pool.in_use(), ledger.live()), (1, 1, 2));
    drop(pool.try_get().unwrap());
    items.clear();
    assert_eq!((pool.idle(), pool.in_use(), ledger.live()), (2, 0, 2));
    assert_eq!((pool.stats().rejected, pool.stats().idle), (4, 2));

    pool.resize(3).unwrap();
    assert_eq!(pool.get_many(3).unwrap().len(), 3);
    assert_eq!(ledger.made(), 7);
}

/// The capacity changes while threads use the pool. There are never more items than the largest capacity, and in the
/// end no place is lost.
#[test]
fn concurrent_resizes_lose_no_place() {
    let (pool, ledger) = counted(4);
    let served = Count::new();
    thread::scope(|scope| {
        for seed in 0..3 {
            let (pool, served) = (&pool, &served);
            scope.spawn(move || {
                let mut dice = Dice::new(seed);
                while served.get() < 5000 {
                    match pool.get_many(1 + dice.below(4)) {
                        Ok(items) => {
                            items.iter().for_each(|item| item.own());
                            thread::yield_now();
                            items.iter().for_each(|item| item.disown());
                            served.bump();
                        }
                        Err(error) => assert!(matches!(error, GetError::OverCapacity { .. }), "{error}"),
                    }
                }
            });
        }
        let mut dice = Dice::new(9);
        while served.get() < 5000 {
            pool.resize(1 + dice.below(8)).unwrap();
            thread::yield_now();
        }
        pool.resize(4).unwrap();
    });
    assert!(ledger.peak() <= 8);
    assert_eq!((pool.in_use(), pool.waiting(), pool.idle()), (0, 0, ledger.live()));
    assert_eq!(pool.get_many(4).unwrap().len(), 4);
    assert_eq!(ledger.live(), 4);
}

/// A detached item no longer belongs to the pool. Its place is free and goes to the next waiter.
#[test]
fn detach_frees_the_place() {
    let (pool, ledger) = counted(1);
    let borrowed = pool.get().unwrap();
    let waiting = Polled::waiting(pool.get_async());
    let mine = Pooled::detach(borrowed);
    let next = waiting.ready().unwrap();
    assert_ne!(mine.id, next.id);
    drop(next);

    let owned = pool.get_owned().unwrap();
    let waiting = Polled::waiting(pool.get_owned_async());
    let mine_too = OwnedPooled::detach(owned);
    let next = waiting.ready().unwrap();
    assert!(Arc::strong_count(&pool) == 2, "the detached item holds no pool");
    drop(next);
    assert_eq!((ledger.live(), pool.idle()), (3, 1));
    drop((mine, mine_too));
}

/// A forgotten guard keeps its place. Nothing else is lost.
#[test]
fn a_forgotten_guard_keeps_its_place() {
    let (pool, ledger) = counted(2);
    std::mem::forget(pool.get().unwrap());
    let one = pool.get().unwrap();
    assert!(pool.try_get().is_none());
    drop(one);
    assert_eq!((pool.in_use(), pool.idle(), ledger.live()), (1, 1, 2));
}

/// Idle items are taken first, the one returned last before the others. The rest is created.
#[test]
fn get_many_takes_idle_items_and_creates_the_rest() {
    let (pool, ledger) = counted(5);
    assert_eq!(pool.prefill(2), Ok(2));
    let items = pool.get_many(4).unwrap();
    assert_eq!((ledger.made(), pool.idle(), pool.in_use()), (4, 0, 4));
    let ids: Vec<_> = items.iter().map(|item| item.id).collect();
    drop(items);
    assert_eq!(pool.get().unwrap().id, ids[3]);
    assert_eq!(ledger.made(), 4);
}

/// `prefill` creates as many items as there is room for beside those in use, and returns how many.
#[test]
fn prefill_creates_what_there_is_room_for() {
    let (pool, ledger) = counted(5);
    let one = pool.get().unwrap();
    assert_eq!(pool.prefill(2), Ok(2));
    assert_eq!(pool.prefill(0), Ok(0));
    assert_eq!(pool.prefill(usize::MAX), Ok(2));
    assert_eq!(pool.prefill(1), Ok(0));
    assert_eq!((pool.idle(), pool.in_use(), ledger.made()), (4, 1, 5));
    drop(one);
    assert_eq!((pool.idle(), pool.stats().created), (5, 1), "only one get created an item");
}

/// A recycler that fails after `left` more items.
#[derive(Clone)]
struct Fallible {
    ledger: Arc<Ledger>,
    left: Arc<Mutex<usize>>,
}

impl TryRecycle<Counted> for Fallible {
    type Error = io::ErrorKind;

    fn try_create(&self) -> Result<Counted, io::ErrorKind> {
        let mut left = lock(&self.left);
        *left = left.checked_sub(1).ok_or(io::ErrorKind::ConnectionRefused)?;
        Ok(self.ledger.item())
    }

    fn recycle(&self, _: &mut Counted) -> bool {
        true
    }
}

/// A failed create returns the recycler's error from every way to get. The place is free and goes to the next waiter.
#[test]
fn a_failed_create_frees_its_place() {
    const REFUSED: io::ErrorKind = io::ErrorKind::ConnectionRefused;
    let ledger = Ledger::new();
    let recycler = Fallible { ledger: Arc::clone(&ledger), left: Arc::default() };
    let pool = Arc::new(BoundedPool::with_settings(recycler.clone(), Settings::new(3).manual()));
    let allow = |n| *lock(&recycler.left) = n;
    assert_eq!(pool.get().unwrap_err(), GetError::Create(REFUSED));
    assert_eq!(pool.get_timeout(Duration::ZERO).unwrap_err(), GetError::Create(REFUSED));
    assert_eq!(pool.get_owned().unwrap_err(), GetError::Create(REFUSED));
    assert_eq!(pool.prefill(2), Err(REFUSED));
    assert_eq!((pool.in_use(), pool.idle(), pool.stats().created), (0, 0, 0));

    // Two of three are created. As `get_many` is all or nothing, they become idle.
    allow(2);
    assert_eq!(pool.get_many(3).unwrap_err(), GetError::Create(REFUSED));
    assert_eq!((pool.in_use(), pool.idle(), ledger.made()), (0, 2, 2));
    // Prefilled items are kept.
    pool.clear();
    allow(1);
    assert_eq!(pool.prefill(2), Err(REFUSED));
    assert_eq!((pool.in_use(), pool.idle()), (0, 1));

    // Two of three waiters find no item and fail. Each passes its place on.
    allow(2);
    let all = pool.get_many(3).unwrap();
    let queue: Vec<_> = (0..3).map(|_| Polled::waiting(pool.get_async())).collect();
    let mine: Vec<_> = all.into_iter().map(Pooled::detach).collect();
    for waiting in queue {
        assert_eq!(waiting.ready().unwrap_err(), GetError::Create(REFUSED));
    }
    assert_eq!((pool.in_use(), pool.idle(), mine.len()), (0, 0, 3));
    let error = GetError::Create(io::Error::from(REFUSED));
    assert_eq!(error.to_string(), "no item could be created: connection refused");
    assert!(std::error::Error::source(&error).is_some());
}

/// The future runs only if no item is idle. If it fails or is dropped half way, its place is free.
#[test]
fn get_async_with_runs_its_future_only_if_needed() {
    let (pool, ledger) = counted(1);
    let started = Count::new();
    let connect = |fails: bool| {
        let (ledger, started) = (&ledger, &started);
        move || async move {
            started.bump();
            let mut first = true;
            std::future::poll_fn(|_| {
                if std::mem::take(&mut first) { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
            })
            .await;
            if fails { Err(io::ErrorKind::TimedOut) } else { Ok(ledger.item()) }
        }
    };
    let mut failing = Polled::waiting(pool.get_async_with(connect(true)));
    assert_eq!((pool.in_use(), started.get()), (1, 1));
    let behind = Polled::waiting(pool.get_async_with(connect(false)));
    assert_eq!(failing.poll().unwrap().unwrap_err(), GetError::Create(io::ErrorKind::TimedOut));
    assert_eq!(behind.wakes(), 1);
    drop(behind);

    let half_way = Polled::waiting(pool.get_async_with(connect(false)));
    assert_eq!((pool.in_use(), started.get()), (1, 2));
    drop(half_way);
    assert_eq!((pool.in_use(), ledger.made()), (0, 0));

    let mut whole = Polled::waiting(pool.get_async_with(connect(false)));
    let item = whole.poll().unwrap().unwrap();
    drop(item);
    assert_eq!((started.get(), pool.idle(), pool.stats().created), (3, 1, 1));
    let reused = smol::block_on(pool.get_async_with(connect(true))).unwrap();
    assert_eq!((started.get(), reused.id), (3, 0));
    drop(reused);
    let owned = smol::block_on(pool.get_owned_async_with(connect(true))).unwrap();
    assert_eq!((started.get(), owned.id), (3, 0));
}

/// `get_with` calls its factory only if no item is idle.
#[test]
fn get_with_creates_only_if_none_is_idle() {
    let (pool, ledger) = counted(2);
    drop(pool.get_with(|| ledger.item()).unwrap());
    drop(pool.get_with(|| unreachable!("one is idle")).unwrap());
    assert_eq!(ledger.made(), 1);
}

/// No wake-up is lost while two threads hand one item back and forth.
#[test]
fn no_wakeup_is_lost_between_two_threads() {
    let (pool, ledger) = counted(1);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let item = pool.get().unwrap();
                    item.own();
                    thread::yield_now();
                    item.disown();
                }
            });
        }
    });
    until("all is idle", || pool.idle() == 1);
    assert_eq!((ledger.made(), pool.waiting()), (1, 0));
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
