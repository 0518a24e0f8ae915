//! `BoundedPool`: a limit on how many items are created at once, and the turns of those who wait for it.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use crate::common::polled::Polled;
use crate::common::{Count, Counted, Dice, Ledger, lock, panic_of};
use crate::judge::{Judge, Tasks, judged_async_with};
use ebbtide::bounded::{GetError, Info, Phase, Settings, TryRecycle};
use ebbtide::{BoundedPool, Manual};
use futures_lite::future::block_on;

const SHORT: Duration = Duration::from_millis(1);

fn one_at_a_time(capacity: usize) -> Settings<Manual> {
    Settings::new(capacity).manual().max_creating(1)
}

/// A pool in which a task creates an item, slowly, and another one is in use, idle or not there yet.
fn busy(capacity: usize, items: usize) -> (Arc<BoundedPool<Counted, Tasks>>, Arc<Judge>) {
    let (pool, judge) = judged_async_with(one_at_a_time(capacity), items);
    judge.creates_slowly.set(1);
    (pool, judge)
}

/// Threads and cancelled tasks get items in every way, while half of the checks fail and all are cleared. The limit
/// holds, everybody is served, and no place or turn is lost.
#[test]
fn no_more_are_created_at_once_than_allowed() {
    struct Slow {
        ledger: Arc<Ledger>,
        creating: Count,
        checks: Count,
    }
    impl TryRecycle<Counted> for Slow {
        type Error = Infallible;

        fn try_create(&self) -> Result<Counted, Infallible> {
            self.creating.bump();
            assert!(self.creating.get() <= 2, "too many");
            thread::yield_now();
            self.creating.drop_by_one();
            Ok(self.ledger.item())
        }

        fn check(&self, _: &mut Counted, _: &Info) -> bool {
            self.checks.bump() % 2 == 0
        }
    }
    const CAPACITY: usize = 5;
    let ledger = Ledger::new();
    let slow = Slow { ledger: Arc::clone(&ledger), creating: Count::new(), checks: Count::new() };
    let pool = BoundedPool::with_settings(slow, Settings::new(CAPACITY).manual().max_creating(2));
    thread::scope(|scope| {
        for seed in 0..6 {
            let pool = &pool;
            scope.spawn(move || {
                let mut dice = Dice::new(seed);
                for _ in 0..2000 {
                    let items = match dice.below(8) {
                        0 => pool.get_many(1 + dice.below(CAPACITY)).unwrap(),
                        1 => Vec::from_iter(pool.try_get()),
                        2 => Vec::from_iter(pool.get_timeout(Duration::from_micros(10))),
                        3 => pool.get_many_timeout(2, Duration::from_micros(10)).unwrap_or_default(),
                        4 => Vec::from_iter(Polled::new(pool.get_async()).poll().map(Result::unwrap)),
                        5 => block_on(pool.get_many_async(2)).unwrap(),
                        _ => vec![pool.get().unwrap()],
                    };
                    thread::yield_now();
                    drop(items);
                    match dice.below(20) {
                        0 => {
                            pool.clear();
                        }
                        1 => {
                            let Ok(_) = pool.prefill(CAPACITY);
                        }
                        _ => {}
                    }
                }
            });
        }
    });
    assert!(ledger.peak() <= CAPACITY, "{} existed at once", ledger.peak());
    let status = pool.status();
    assert_eq!((status.in_use, status.creating, status.waiting, status.idle), (0, 0, 0, ledger.live()));
    pool.clear();
    assert_eq!(pool.get_many(CAPACITY).unwrap().len(), CAPACITY);
}

/// Who waits for a turn gets the item that comes back first, although another is still created.
#[test]
fn a_returning_item_serves_who_may_not_create() {
    let (pool, judge) = busy(3, 1);
    let item = block_on(pool.get_async()).unwrap();
    let mut creating = Polled::waiting(pool.get_async());
    let waiting = Polled::waiting(pool.get_async());
    let status = pool.status();
    assert_eq!((status.in_use, status.creating, status.waiting, status.idle), (2, 1, 1, 0));
    drop(item);
    let item = waiting.ready().unwrap();
    assert_eq!((item.id, pool.status().creating), (0, 1));
    judge.creates_slowly.set(0);
    assert_eq!(creating.poll().expect("it is created").unwrap().id, 1);
    assert_eq!(pool.status().creating, 0);
}

/// Turns go round in order, whether a creation succeeds, fails, panics, or is dropped. Newcomers wait behind.
#[test]
fn turns_go_round_in_order() {
    for end in 0..4 {
        let (pool, judge) = busy(4, 0);
        let mut first = Polled::waiting(pool.get_async());
        let mut second = Polled::waiting(pool.get_async());
        let mut third = Polled::waiting(pool.get_async());
        judge.creates_slowly.set(0);
        let mut kept = None;
        match end {
            0 => kept = first.poll(),
            1 => {
                judge.fails.set(1);
                assert!(matches!(first.poll(), Some(Err(GetError::Create(_)))));
            }
            2 => {
                judge.fails.set(2);
                assert!(panic_of(|| drop(first.poll())).contains("tripped"));
            }
            _ => drop(first),
        }
        judge.fails.set(0);
        judge.creates_slowly.set(1);
        assert_eq!(kept.is_some(), end == 0);
        let newcomer = Polled::waiting(pool.get_async());
        assert!(third.poll().is_none(), "it is not its turn");
        assert!(second.poll().is_none(), "it creates");
        assert_eq!((pool.status().creating, pool.waiting(), pool.in_use()), (1, 2, 1 + usize::from(end == 0)));
        judge.creates_slowly.set(0);
        let item = second.ready().unwrap();
        drop(third.ready().unwrap());
        drop((item, newcomer, kept));
        assert_eq!((pool.status().creating, pool.in_use(), pool.waiting()), (0, 0, 0));
    }
}

/// After a failed check there is nothing to hand out. The get keeps its place, and waits in front of those without one.
#[test]
fn a_failed_check_waits_in_front() {
    let (pool, judge) = judged_async_with(one_at_a_time(4), 3);
    [0, 1].iter().for_each(|&id| judge.condemn(id));
    let item = block_on(pool.get_async()).unwrap();
    assert_eq!(item.id, 2);
    judge.creates_slowly.set(1);
    judge.checks_slowly.set(1);
    let mut one = Polled::waiting(pool.get_async());
    let mut two = Polled::waiting(pool.get_async());
    judge.checks_slowly.set(0);
    assert!(one.poll().is_none(), "it creates");
    let newcomer = Polled::waiting(pool.get_async());
    assert!(two.poll().is_none(), "it waits for its turn");
    assert_eq!((pool.status().creating, pool.in_use(), pool.waiting()), (1, 3, 2));
    drop(item);
    let item = two.ready().unwrap();
    // Its own place is free again, but there is no turn.
    assert_eq!((item.id, pool.in_use(), pool.waiting()), (2, 2, 1));
    drop(item);
    assert_eq!(newcomer.ready().unwrap().id, 2);
    drop(one);
    assert_eq!((pool.status().creating, pool.in_use(), pool.waiting()), (0, 0, 0));
}

/// An idle item serves who cannot create one, if its own has failed its check. It is checked as well.
#[test]
fn after_a_failed_check_another_idle_item_will_do() {
    let (pool, judge) = judged_async_with(one_at_a_time(4), 3);
    [1, 2].iter().for_each(|&id| judge.condemn(id));
    judge.creates_slowly.set(1);
    let creating = Polled::waiting(pool.get_async());
    assert_eq!((pool.status().creating, pool.idle()), (1, 2));
    assert_eq!(block_on(pool.get_async()).unwrap().id, 0);
    assert_eq!((pool.in_use(), pool.idle(), judge.ledger.live()), (1, 1, 1));
    drop(creating);
}

/// A get of several waits for its items and its turn together, and creates them one by one. It holds nothing meanwhile.
#[test]
fn several_items_take_one_turn() {
    let (pool, judge) = busy(4, 1);
    let creating = Polled::waiting(pool.get_many_async(2));
    let mut both = Polled::waiting(pool.get_many_async(2));
    assert_eq!((pool.status().creating, pool.in_use(), pool.waiting()), (1, 2, 1));
    assert!(both.poll().is_none());
    drop(creating);
    assert!(both.poll().is_none(), "it creates");
    judge.creates_slowly.set(0);
    assert_eq!(both.poll().expect("they are created").unwrap().len(), 2);
    // One that could not get all of what it wants otherwise takes the items that come back.
    let items = block_on(pool.get_many_async(4)).unwrap();
    assert_eq!(items.len(), 4);
}

/// Nobody is stuck if the capacity sinks while a get that holds several items waits for its turn.
#[test]
fn a_smaller_capacity_stops_no_turn() {
    let (pool, judge) = judged_async_with(one_at_a_time(4), 4);
    (2..4).for_each(|id| judge.condemn(id));
    judge.creates_slowly.set(1);
    let creating = Polled::waiting(pool.get_async());
    let mut both = Polled::waiting(pool.get_many_async(3));
    assert_eq!((pool.in_use(), pool.waiting()), (4, 1));
    pool.resize(1).unwrap();
    drop(creating);
    judge.creates_slowly.set(0);
    assert_eq!(both.poll().expect("it has its turn").unwrap().len(), 3);
    assert_eq!((pool.in_use(), pool.idle()), (0, 1));
}

/// Who has a place and waits for its turn gets the item that comes back, also if the capacity has no room for that any more.
#[test]
fn after_a_smaller_capacity_an_item_serves_who_has_a_place() {
    let (pool, judge) = judged_async_with(one_at_a_time(3), 3);
    let fit = block_on(pool.get_async()).unwrap();
    [0, 1].iter().for_each(|&id| judge.condemn(id));
    judge.creates_slowly.set(1);
    let creating = Polled::waiting(pool.get_async());
    let waiting = Polled::waiting(pool.get_async());
    pool.resize(1).unwrap();
    drop(fit);
    let item = waiting.ready().unwrap();
    assert_eq!((item.id, pool.in_use(), pool.stats().rejected), (2, 2, 0));
    drop((item, creating));
    assert_eq!((pool.in_use(), pool.idle(), pool.waiting()), (0, 0, 0));
}

/// A wait for a turn ends as every other: at once, with its time, or with the pool.
#[test]
fn waits_for_a_turn_end() {
    let (pool, judge) = judged_async_with(one_at_a_time(3).wait_timeout(SHORT), 1);
    judge.creates_slowly.set(1);
    judge.condemn(0);
    let mut creating = Polled::waiting(pool.get_async());
    let late = block_on(pool.get_async()).map(drop);
    assert!(matches!(late, Err(GetError::TimedOut { phase: Phase::Wait, .. })));
    let mut waiting = Polled::waiting(pool.get_async());
    pool.close();
    assert!(matches!(waiting.poll(), Some(Err(GetError::Closed))));
    judge.creates_slowly.set(0);
    assert_eq!(creating.poll().expect("it is created").unwrap().id, 1);
    assert_eq!((pool.in_use(), pool.idle(), pool.waiting()), (0, 0, 0));
}

/// So does that of a thread. In particular a call that does not wait returns.
#[test]
fn threads_wait_for_a_turn() {
    let ledger = Ledger::new();
    let create = || ledger.item();
    let pool = BoundedPool::with_settings(create, one_at_a_time(3).wait_timeout(SHORT));
    let item = pool.get_with(|| {
        assert!(pool.try_get().is_none());
        assert!(matches!(pool.get_timeout(Duration::ZERO), Err(GetError::Timeout)));
        assert!(matches!(pool.get_timeout(SHORT), Err(GetError::Timeout)));
        assert!(matches!(pool.get(), Err(GetError::TimedOut { phase: Phase::Wait, .. })));
        assert!(matches!(pool.get_many(2), Err(GetError::TimedOut { phase: Phase::Wait, .. })));
        assert_eq!(pool.prefill(3), Ok(0));
        ledger.item()
    });
    assert_eq!((pool.prefill(3), pool.in_use(), pool.idle()), (Ok(2), 1, 2));
    drop(item);
    assert_eq!(ledger.made(), 3);
}

/// A task whose waker panics.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("waker");
    }
}

/// A turn is returned before the item is handed out. If the waker of the next in line panics then, the item returns to
/// the pool.
#[test]
fn a_waker_that_panics_loses_no_item() {
    let (pool, judge) = busy(2, 0);
    let mut creating = Polled::waiting(pool.get_async());
    let waker = Waker::from(Arc::new(Panics));
    let mut waiting = Box::pin(pool.get_async());
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    judge.creates_slowly.set(0);
    assert_eq!(panic_of(|| drop(creating.poll())), "waker");
    drop(waiting);
    assert_eq!((pool.in_use(), pool.idle(), pool.status().creating), (0, 1, 0));
}

/// The same if it gets several items, on a thread or in a task.
#[test]
fn a_waker_that_panics_loses_none_of_several() {
    type Work = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;
    /// Does the work while it creates an item.
    struct Works(Work);
    impl TryRecycle<u8> for Works {
        type Error = Infallible;

        fn try_create(&self) -> Result<u8, Infallible> {
            if let Some(work) = lock(&self.0).take() {
                work();
            }
            Ok(1)
        }
    }
    let ways: [fn(&BoundedPool<u8, Works>); 2] =
        [|pool| drop(pool.get_many(2)), |pool| drop(Polled::new(pool.get_many_async(2)).poll())];
    for way in ways {
        let work = Work::default();
        let pool = Arc::new(BoundedPool::with_settings(Works(Arc::clone(&work)), one_at_a_time(3)));
        let waiting = Arc::new(Mutex::new(Box::pin(pool.get_owned_async())));
        let wait = Arc::clone(&waiting);
        *lock(&work) = Some(Box::new(move || {
            let waker = Waker::from(Arc::new(Panics));
            assert!(lock(&wait).as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }));
        assert_eq!(panic_of(|| way(&pool)), "waker");
        drop(waiting);
        assert_eq!((pool.in_use(), pool.idle(), pool.status().creating), (0, 2, 0));
    }
}

#[test]
fn none_at_once_is_no_limit() {
    let settings = Settings::new(1).manual().max_creating(0);
    let error = BoundedPool::try_with_settings(String::new, settings).unwrap_err();
    assert_eq!(error.to_string(), "max_creating is 0, but must be at least 1");
}

/// It becomes idle with the place that waited for the turn, so nothing is dropped.
#[test]
fn a_cancelled_turn_keeps_what_it_was_served() {
    let (pool, judge) = judged_async_with(one_at_a_time(3), 2);
    let fit = block_on(pool.get_async()).unwrap();
    let unfit = block_on(pool.get_async()).unwrap();
    judge.condemn(unfit.id);
    judge.creates_slowly.set(1);
    let mut first = Polled::waiting(pool.get_async());
    drop(unfit);
    let cancelled = Polled::waiting(pool.get_async());
    drop(fit);
    judge.creates_slowly.set(0);
    let _created = first.poll().expect("it is created").unwrap();
    judge.creates_slowly.set(1);
    let _creating = Polled::waiting(pool.get_async());
    assert_eq!(pool.in_use(), 3);
    drop(cancelled);
    assert_eq!((pool.in_use(), pool.idle(), pool.stats().rejected), (2, 1, 0));
}

/// Not while an idle item is left that may be fit.
#[test]
fn a_turn_is_taken_only_to_create() {
    struct Watching;
    static POOL: BoundedPool<u8, Watching> =
        BoundedPool::with_settings(Watching, Settings::new(2).manual().max_creating(1));
    static CREATING: AtomicUsize = AtomicUsize::new(0);
    impl TryRecycle<u8> for Watching {
        type Error = Infallible;

        fn try_create(&self) -> Result<u8, Infallible> {
            Ok(0)
        }

        fn check(&self, _: &mut u8, _: &Info) -> bool {
            CREATING.fetch_add(POOL.status().creating, Ordering::Relaxed);
            false
        }
    }
    drop(POOL.get_many(2).unwrap());
    drop(POOL.get_many(2).unwrap());
    assert_eq!((CREATING.load(Ordering::Relaxed), POOL.stats().failed_checks), (0, 2));
}
