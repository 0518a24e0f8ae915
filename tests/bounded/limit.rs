//! `BoundedPool`: at most `capacity` items exist at any time, and no place is lost.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::common::polled::Polled;
use crate::common::{Count, Counted, Dice, Ledger, lock, until};
use crate::pools::counted;
use ebbtide::bounded::{GetError, OwnedPooled, Pooled, Settings, TryRecycle};
use ebbtide::{BoundedPool, Recycle};
use futures_lite::future::block_on;

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
    let reused = block_on(pool.get_async_with(connect(true))).unwrap();
    assert_eq!((started.get(), reused.id), (3, 0));
    drop(reused);
    let owned = block_on(pool.get_owned_async_with(connect(true))).unwrap();
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
