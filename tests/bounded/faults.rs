//! `BoundedPool`: whatever its recycler does, and whichever waits are dropped, no place is lost and no item is left.
//!
//! Threads and tasks of several runtimes use one pool. What they do comes from fixed seeds, and ends after a number of
//! rounds.

use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Dice, until};
use crate::executor::spawn;
use crate::faulty::{Fault, Faulty, Hanging, Item, World, caught, explode};
use ebbtide::BoundedPool;
use ebbtide::bounded::{GetError, Manage, Order, Pooled, Settings, TryRecycle};
use futures_lite::future::{self, block_on};

const CAPACITY: usize = 4;
const ROUNDS: usize = 100;

type Items<'a, R> = Vec<Pooled<'a, Item, R>>;
type Got<'a, R> = Result<Items<'a, R>, GetError<io::Error>>;

/// Everything ends soon: waits, hanging futures, items and epochs. The order is that of items, and with `Fifo`, waiters may
/// be overtaken.
fn settings(order: Order) -> Settings {
    const SHORT: Duration = Duration::from_millis(2);
    let settings = Settings::new(CAPACITY).every(SHORT).min_idle(1).max_creating(2).order(order);
    let settings = if order == Order::Fifo { settings.max_overtakes(2) } else { settings };
    settings.wait_timeout(25 * SHORT).create_timeout(SHORT).check_timeout(SHORT).max_lifetime(20 * SHORT)
}

/// Items that nobody else may own until this is dropped.
struct Used<'a, R: Manage<Item>>(&'a Items<'a, R>);

impl<'a, R: Manage<Item>> Used<'a, R> {
    fn new(items: &'a Items<'a, R>) -> Self {
        items.iter().for_each(|item| item.counted.own());
        Self(items)
    }
}

impl<R: Manage<Item>> Drop for Used<'_, R> {
    fn drop(&mut self) {
        self.0.iter().for_each(|item| item.counted.disown());
    }
}

/// Gives the items back, or takes them out of the pool, or puts new ones in their places.
fn end<R: Manage<Item>>(items: Items<'_, R>, world: &Arc<World>, dice: &mut Dice) {
    for mut item in items {
        let fate = dice.below(8);
        caught(|| match fate {
            0 => {
                item.leave();
                drop(Pooled::detach(item));
            }
            1 => {
                if let Some(Ok(mut new)) = caught(|| world.make()) {
                    item.leave();
                    new.join();
                    drop(Pooled::replace(&mut item, new));
                }
            }
            _ => drop(item),
        });
    }
}

/// Does something to the whole pool.
fn disturb<R: Manage<Item>>(pool: &BoundedPool<Item, R>, world: &World, dice: &mut Dice) {
    match dice.below(5) {
        0 => drop(pool.advance()),
        1 => drop(pool.clear()),
        2 => drop(pool.retain(|_, _| world.keeps())),
        _ => pool.resize(1 + dice.below(CAPACITY)).expect("it is within the limits"),
    }
}

/// Whether the pool is closed. Any other error is expected.
fn is_closed<O>(outcome: Option<Result<O, GetError<io::Error>>>) -> (Option<O>, bool) {
    match outcome {
        Some(Ok(items)) => (Some(items), false),
        Some(Err(GetError::Closed)) => (None, true),
        _ => (None, false),
    }
}

fn use_in_thread<R: TryRecycle<Item, Error = io::Error>>(
    pool: &Arc<BoundedPool<Item, R>>,
    world: &Arc<World>,
    seed: u64,
) {
    let mut dice = Dice::new(seed);
    for _ in 0..ROUNDS {
        world.rounds.bump();
        let (n, short) = (1 + dice.below(CAPACITY), Duration::from_micros(dice.below(200) as u64));
        let outcome: Option<Got<'_, R>> = caught(|| match dice.below(12) {
            0 => Ok(vec![pool.get_timeout(short)?]),
            1 => Ok(vec![pool.get_deadline(Instant::now() + short)?]),
            2 => pool.get_many(n),
            3 => pool.get_many_timeout(n, short),
            4 => Ok(pool.get_owned().map(drop).map(|()| Vec::new())?),
            5 => Ok(Vec::from_iter(pool.get_with(|| world.create().unwrap_or_else(|_| explode())))),
            6 => pool.prefill(n).map(|_| Vec::new()).map_err(GetError::Create),
            7 => Ok({
                disturb(pool, world, &mut dice);
                Vec::new()
            }),
            _ => Ok(vec![pool.get()?]),
        });
        let (items, closed) = is_closed(outcome);
        if let Some(items) = items {
            drop(Used::new(&items));
            end(items, world, &mut dice);
        }
        if closed {
            break;
        }
    }
}

async fn use_in_task<R>(pool: Arc<BoundedPool<Item, R>>, world: Arc<World>, seed: u64)
where
    R: Manage<Item, Error = io::Error> + Send + Sync + 'static,
{
    let mut dice = Dice::new(seed);
    for _ in 0..ROUNDS {
        world.rounds.bump();
        let (n, patience) = (1 + dice.below(CAPACITY), Patience::new(&mut dice));
        let outcome: Option<Got<'_, R>> = match dice.below(12) {
            0 | 1 => patience.with(pool.get_many_async(n)).await,
            2 => patience.with(async { pool.get_many_owned_async(n).await.map(drop).map(|()| Vec::new()) }).await,
            3 => patience.with(async { pool.get_owned_async().await.map(drop).map(|()| Vec::new()) }).await,
            4 | 5 => patience.with(async { Ok(vec![pool.get_async_with(|| world.connect()).await?]) }).await,
            6 => patience.with(async { pool.prefill_async(n).await.map(|_| Vec::new()) }).await,
            7 => {
                caught(|| disturb(&pool, &world, &mut dice));
                None
            }
            _ => patience.with(async { Ok(vec![pool.get_async().await?]) }).await,
        };
        let (items, closed) = is_closed(outcome);
        if let Some(items) = items {
            let used = Used::new(&items);
            future::yield_now().await;
            drop(used);
            end(items, &world, &mut dice);
        }
        if closed {
            break;
        }
    }
}

/// When a task drops a future.
struct Patience {
    polls: usize,
    /// Whether it polls before it is woken.
    eager: bool,
}

impl Patience {
    fn new(dice: &mut Dice) -> Self {
        let polls = if dice.below(2) == 0 { usize::MAX } else { 1 + dice.below(5) };
        Self { polls, eager: polls != usize::MAX && dice.below(2) == 0 }
    }

    /// Returns `None` if the future panics, or is dropped, which may be when it was woken but not polled.
    async fn with<F: Future>(self, future: F) -> Option<F::Output> {
        let (mut future, mut left) = (Some(Box::pin(future)), self.polls);
        let output = poll_fn(|context| {
            if left == 0 {
                return Poll::Ready(None);
            }
            left -= 1;
            let polled = caught(|| future.as_mut().expect("it isn't dropped yet").as_mut().poll(context));
            match polled {
                Some(Poll::Pending) => {
                    if self.eager {
                        context.waker().wake_by_ref();
                    }
                    Poll::Pending
                }
                Some(Poll::Ready(output)) => Poll::Ready(Some(output)),
                None => Poll::Ready(None),
            }
        });
        let output = output.await;
        caught(|| drop(future.take()));
        output
    }
}

/// The threads that run tasks: two runtimes of tokio, and smol.
fn tasks<R>(pool: &Arc<BoundedPool<Item, R>>, world: &Arc<World>) -> Vec<thread::JoinHandle<()>>
where
    R: Manage<Item, Error = io::Error> + Send + Sync + 'static,
{
    let task = {
        let (pool, world) = (Arc::clone(pool), Arc::clone(world));
        move |seed| use_in_task(Arc::clone(&pool), Arc::clone(&world), seed)
    };
    let runtimes = [tokio::runtime::Builder::new_multi_thread(), tokio::runtime::Builder::new_current_thread()];
    let mut threads = Vec::new();
    for (mut runtime, seed) in runtimes.into_iter().zip([10, 20]) {
        let task = task.clone();
        threads.push(thread::spawn(move || {
            let runtime = runtime.worker_threads(2).build().expect("a runtime");
            let tasks = [0, 1, 2].map(|n| runtime.spawn(task(seed + n)));
            tasks.into_iter().for_each(|task| runtime.block_on(task).expect("no panic"));
        }));
    }
    threads.push(thread::spawn(move || {
        let tasks = [30, 31].map(|seed| spawn(task(seed)));
        block_on(task(32));
        tasks.into_iter().for_each(block_on);
    }));
    threads
}

/// Waits for the threads. Only a hang misses the deadline.
fn join(threads: Vec<thread::JoinHandle<()>>) {
    until("every thread and task is done", || threads.iter().all(|thread| thread.is_finished()));
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
}

/// Nothing is in use, nobody waits, every place is free, and each item was dropped once.
fn nothing_is_lost<R: Manage<Item, Error = io::Error>>(pool: Arc<BoundedPool<Item, R>>, world: &World) {
    world.calm.set(1);
    assert!(world.peak.get() <= CAPACITY, "{} existed at once", world.peak.get());
    // The janitor may be dropping some.
    until("nothing is in use", || pool.in_use() == 0);
    let status = pool.status();
    assert_eq!((status.creating, status.dropping, status.waiting), (0, 0, 0), "{pool:?}");
    if !status.closed {
        pool.resize(CAPACITY).expect("it was the capacity before");
        until("every place is free", || {
            // An item that grew too old may explode here.
            let all = caught(|| block_on(pool.get_many_async(CAPACITY)).map(|items| items.len()));
            matches!(all, Some(Ok(CAPACITY)))
        });
    }
    caught(|| drop(Arc::into_inner(pool).expect("the only one")));
    until("the janitor has dropped the last one", || world.ledger.live() == 0);
    assert_eq!(world.pooled.get(), 0);
    world.ledger.assert_all_dropped_once();
}

/// Threads and tasks.
#[test]
fn faults_lose_no_place_and_no_item() {
    for (seed, order) in [(1, Order::Lifo), (2, Order::Fifo)] {
        let world = World::new(seed);
        let pool = Arc::new(BoundedPool::with_settings(Faulty(Arc::clone(&world)), settings(order)));
        let mut threads = tasks(&pool, &world);
        for seed in [40, 41, 42] {
            let (pool, world) = (Arc::clone(&pool), Arc::clone(&world));
            threads.push(thread::spawn(move || use_in_thread(&pool, &world, seed)));
        }
        join(threads);
        nothing_is_lost(pool, &world);
        world.assert_faults(&[Fault::Fails, Fault::Panics, Fault::Slow, Fault::Dies, Fault::Explodes]);
    }
}

/// The same while other threads create the items.
#[test]
fn faults_in_the_background_lose_no_place_and_no_item() {
    for (seed, order) in [(9, Order::Lifo), (10, Order::Fifo)] {
        let world = World::new(seed);
        let pool = BoundedPool::with_settings(Faulty(Arc::clone(&world)), settings(order)).create_in_background();
        let pool = Arc::new(pool);
        let mut threads = tasks(&pool, &world);
        for seed in [50, 51, 52] {
            let (pool, world) = (Arc::clone(&pool), Arc::clone(&world));
            threads.push(thread::spawn(move || use_in_thread(&pool, &world, seed)));
        }
        join(threads);
        nothing_is_lost(pool, &world);
        world.assert_faults(&[Fault::Fails, Fault::Panics, Fault::Slow, Fault::Dies, Fault::Explodes]);
    }
}

/// Tasks only, so that the check may hang, too.
#[test]
fn hanging_futures_lose_no_place_and_no_item() {
    for (seed, order) in [(3, Order::Lifo), (4, Order::Fifo)] {
        let world = World::new(seed);
        let pool = Arc::new(BoundedPool::with_settings(Hanging(Arc::clone(&world)), settings(order)));
        join(tasks(&pool, &world));
        nothing_is_lost(pool, &world);
        world.assert_faults(&[Fault::Hangs]);
    }
}

/// The pool is closed meanwhile. Every wait ends, and those for the end find no item.
#[test]
fn faults_do_not_delay_the_end() {
    for (seed, order) in [(5, Order::Lifo), (6, Order::Fifo), (7, Order::Lifo), (8, Order::Fifo)] {
        let world = World::new(seed);
        let pool = Arc::new(BoundedPool::with_settings(Faulty(Arc::clone(&world)), settings(order)));
        let mut threads = tasks(&pool, &world);
        for n in 0..3 {
            let (pool, world) = (Arc::clone(&pool), Arc::clone(&world));
            threads.push(thread::spawn(move || match n {
                0 => use_in_thread(&pool, &world, seed),
                1 => {
                    pool.closed();
                    assert_eq!(world.pooled.get(), 0);
                }
                _ => {
                    block_on(pool.closed_async());
                    assert_eq!(world.pooled.get(), 0);
                }
            }));
        }
        until("many rounds are over", || world.rounds.get() >= 3 * ROUNDS);
        caught(|| pool.close());
        join(threads);
        nothing_is_lost(pool, &world);
    }
}
