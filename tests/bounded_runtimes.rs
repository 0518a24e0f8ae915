//! `BoundedPool`: threads and tasks of different runtimes on one pool, and waits that are dropped at random.
#![cfg(feature = "bounded")]

#[path = "common/bounded.rs"]
mod bounded;
mod common;
#[path = "common/executor.rs"]
mod executor;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bounded::{CountedPool, counted};
use common::{Count, Counted, Dice, Ledger, Maker};
use ebbtide::bounded::{GetError, Pooled};
use executor::spawn;
use futures_lite::future::{self, block_on};

/// Nothing is in use, nobody waits, every place is free, and every item was dropped once.
#[track_caller]
fn nothing_is_lost(pool: Arc<CountedPool>, ledger: &Ledger, capacity: usize) {
    assert_eq!((pool.in_use(), pool.waiting(), pool.idle()), (0, 0, ledger.live()));
    assert!(ledger.peak() <= capacity, "{} existed at once", ledger.peak());
    assert_eq!(pool.get_many_timeout(capacity, Duration::ZERO).unwrap().len(), capacity);
    drop(Arc::into_inner(pool).expect("the only one"));
    ledger.assert_all_dropped_once();
}

fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

/// Tokio tasks, smol tasks and threads use one pool, with waits for one and for several items.
#[test]
fn threads_and_two_runtimes_on_one_pool() {
    const CAPACITY: usize = 3;
    const ROUNDS: usize = 500;
    let (pool, ledger) = counted(CAPACITY);
    let served = Arc::new(Count::new());
    let task = |n: usize| {
        let (pool, served) = (Arc::clone(&pool), Arc::clone(&served));
        async move {
            for round in 0..ROUNDS {
                if (n + round) % 3 == 0 {
                    let items = pool.get_many_async(1 + n % CAPACITY).await.unwrap();
                    items.iter().for_each(|item| item.own());
                    items.iter().for_each(|item| item.disown());
                } else {
                    let item = pool.get_owned_async().await.unwrap();
                    item.own();
                    future::yield_now().await;
                    item.disown();
                }
                served.bump();
            }
        }
    };
    let tokio = tokio_runtime();
    let tokio_tasks: Vec<_> = (0..6).map(|n| tokio.spawn(task(n))).collect();
    let smol_tasks: Vec<_> = (0..6).map(|n| spawn(task(n))).collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let item = pool.get().unwrap();
                    item.own();
                    item.disown();
                    served.bump();
                }
            });
        }
    });
    for task in tokio_tasks {
        tokio.block_on(task).unwrap();
    }
    smol_tasks.into_iter().for_each(block_on);
    assert_eq!(served.get(), 16 * ROUNDS);
    drop(tokio);
    nothing_is_lost(pool, &ledger, CAPACITY);
}

/// Items that are owned until this is dropped, also if its task is aborted.
struct Used<'a>(&'a [Pooled<'a, Counted, Maker>]);

impl<'a> Used<'a> {
    fn new(items: &'a [Pooled<'a, Counted, Maker>]) -> Self {
        items.iter().for_each(|item| item.own());
        Self(items)
    }
}

impl Drop for Used<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|item| item.disown());
    }
}

/// Polls a future up to `polls` times, and drops it if it isn't ready by then.
async fn give_up_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Some(output) = future::poll_once(future.as_mut()).await {
            return Some(output);
        }
        future::yield_now().await;
    }
    None
}

/// Waits for one and for several items are dropped at random: after some polls, by a runtime's timeout, by `select`, by
/// aborting the task, or by a thread's deadline. Items of dropped waits go to the next waiter. So all other waits
/// complete, and nothing is lost.
#[test]
fn waits_dropped_at_random_lose_nothing() {
    const CAPACITY: usize = 4;
    const ROUNDS: usize = 400;
    let (pool, ledger) = counted(CAPACITY);
    let (served, given_up) = (Arc::new(Count::new()), Arc::new(Count::new()));
    let tokio = tokio_runtime();
    let task = |seed: u64| {
        let (pool, served, given_up) = (Arc::clone(&pool), Arc::clone(&served), Arc::clone(&given_up));
        async move {
            let mut dice = Dice::new(seed);
            for _ in 0..ROUNDS {
                let (n, polls) = (1 + dice.below(CAPACITY), dice.below(4));
                let patient = dice.below(4) == 0;
                let wait = pool.get_many_async(n);
                let items = match patient {
                    true => Some(wait.await),
                    false => give_up_after(polls, wait).await,
                };
                match items {
                    Some(items) => {
                        let items = items.unwrap();
                        assert_eq!(items.len(), n);
                        let used = Used::new(&items);
                        if dice.below(2) == 0 {
                            future::yield_now().await;
                        }
                        drop(used);
                        served.bump();
                    }
                    None => {
                        given_up.bump();
                    }
                }
            }
        }
    };
    let timed = |seed: u64| {
        let (pool, given_up) = (Arc::clone(&pool), Arc::clone(&given_up));
        async move {
            let mut dice = Dice::new(seed);
            for _ in 0..ROUNDS / 4 {
                let time = Duration::from_micros(dice.below(300) as u64);
                let first = pool.get_owned_async();
                let n = 1 + dice.below(2);
                let outcome = if dice.below(2) == 0 {
                    tokio::time::timeout(time, pool.get_many_async(n)).await.map(drop).is_ok()
                } else {
                    tokio::select! {
                        item = first => item.is_ok(),
                        () = tokio::task::yield_now() => false,
                    }
                };
                if !outcome {
                    given_up.bump();
                }
            }
        }
    };
    let mut tasks = Vec::new();
    let mut smol_tasks = Vec::new();
    let mut aborted = Vec::new();
    for seed in 0..8 {
        tasks.push(tokio.spawn(task(seed)));
        tasks.push(tokio.spawn(timed(100 + seed)));
        smol_tasks.push(spawn(task(200 + seed)));
        aborted.push(tokio.spawn(task(300 + seed)));
    }
    thread::scope(|scope| {
        for seed in 0..4 {
            let (pool, given_up) = (&pool, &given_up);
            scope.spawn(move || {
                let mut dice = Dice::new(400 + seed);
                for _ in 0..ROUNDS {
                    let time = Duration::from_micros(dice.below(200) as u64);
                    match pool.get_many_timeout(1 + dice.below(CAPACITY), time) {
                        Ok(items) => items.iter().for_each(|item| {
                            item.own();
                            item.disown();
                        }),
                        Err(error) => {
                            assert_eq!(error, GetError::Timeout);
                            given_up.bump();
                        }
                    }
                }
            });
        }
        let mut dice = Dice::new(500);
        for task in &aborted {
            thread::sleep(Duration::from_micros(dice.below(2000) as u64));
            task.abort();
        }
    });
    for task in tasks {
        tokio.block_on(task).unwrap();
    }
    for task in aborted {
        // Some had ended before.
        drop(tokio.block_on(task));
    }
    smol_tasks.into_iter().for_each(block_on);
    assert!(served.get() > 0 && given_up.get() > 0);
    drop(tokio);
    nothing_is_lost(pool, &ledger, CAPACITY);
}

/// Storms of waits that are all dropped, while two others go on.
#[test]
fn a_storm_of_dropped_waits_loses_nothing() {
    const STORMS: usize = 2;
    let (pool, ledger) = counted(1);
    let over = Count::new();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while over.get() < STORMS {
                    let item = pool.get().unwrap();
                    item.own();
                    thread::yield_now();
                    item.disown();
                }
            });
        }
        for _ in 0..STORMS {
            scope.spawn(|| {
                for _ in 0..2000 {
                    block_on(async {
                        let mut waits: Vec<_> = (0..50).map(|_| Box::pin(pool.get_async())).collect();
                        for wait in &mut waits {
                            drop(future::poll_once(wait).await);
                        }
                        thread::yield_now();
                    });
                }
                over.bump();
            });
        }
    });
    nothing_is_lost(pool, &ledger, 1);
}

/// A pool is closed while threads and tasks wait. All waits end, and returned items are dropped.
#[test]
fn close_under_load_ends_every_wait() {
    for _ in 0..20 {
        let (pool, ledger) = counted(2);
        let tokio = tokio_runtime();
        let tasks: Vec<_> = (0..6)
            .map(|n| {
                let pool = Arc::clone(&pool);
                tokio.spawn(async move {
                    while let Ok(items) = pool.get_many_async(1 + n % 2).await {
                        items.iter().for_each(|item| item.own());
                        tokio::task::yield_now().await;
                        items.iter().for_each(|item| item.disown());
                    }
                })
            })
            .collect();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| while pool.get().is_ok() {});
            }
            common::until("both items exist", || ledger.made() >= 2);
            pool.close();
        });
        for task in tasks {
            tokio.block_on(task).unwrap();
        }
        assert_eq!((pool.in_use(), pool.waiting(), pool.idle()), (0, 0, 0));
        ledger.assert_all_dropped_once();
    }
}
