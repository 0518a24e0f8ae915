//! The bounded pool: items that fail to be created, checked or recycled, while only one is created at a time, waits are
//! dropped, and the pool changes or is closed. Without panics, since shuttle runs all threads on one.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::common::{explore, join};
use ebbtide::BoundedPool;
use ebbtide::bounded::{GetError, Info, Pooled, Settings, TryRecycle};
use shuttle::rand::{Rng, thread_rng};

const MOST: usize = 3;

/// How many items exist and are being created.
#[derive(Clone, Default)]
struct World(Arc<Counts>);

#[derive(Default)]
struct Counts {
    alive: AtomicUsize,
    creating: AtomicUsize,
    /// Nothing fails any more.
    calm: AtomicBool,
}

struct Item(World);

// ORDERING: SeqCst throughout, with no partner. Shuttle doesn't see these std atomics.
impl World {
    fn alive(&self) -> usize {
        self.0.alive.load(Ordering::SeqCst)
    }

    /// Whether all goes well.
    fn fares_well(&self) -> bool {
        shuttle::thread::yield_now();
        self.0.calm.load(Ordering::SeqCst) || thread_rng().gen_range(0..4) > 0
    }

    fn make(&self) -> Result<Item, ()> {
        let created = {
            let _creating = Creating::begin(self);
            self.fares_well()
        };
        if !created {
            return Err(());
        }
        assert!(self.0.alive.fetch_add(1, Ordering::SeqCst) < MOST, "more items than allowed");
        Ok(Item(self.clone()))
    }

    /// The same as a future that is pending once. Whoever polls it need not be woken.
    async fn make_later(&self) -> Result<Item, ()> {
        let creating = Creating::begin(self);
        let mut polled = false;
        std::future::poll_fn(|_| if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending })
            .await;
        drop(creating);
        self.make()
    }
}

struct Creating<'a>(&'a World);

impl<'a> Creating<'a> {
    fn begin(world: &'a World) -> Self {
        assert_eq!(world.0.creating.fetch_add(1, Ordering::SeqCst), 0, "two are created at once");
        Self(world)
    }
}

impl Drop for Creating<'_> {
    fn drop(&mut self) {
        self.0.0.creating.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        // An item exists until its drop has ended.
        shuttle::thread::yield_now();
        self.0.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl TryRecycle<Item> for World {
    type Error = ();

    fn try_create(&self) -> Result<Item, ()> {
        self.make()
    }

    fn check(&self, _: &mut Item, _: &Info) -> bool {
        self.fares_well()
    }

    fn recycle(&self, _: &mut Item, _: &Info) -> bool {
        self.fares_well()
    }
}

type Bounded = BoundedPool<Item, World>;
type Got<'a> = Result<Vec<Pooled<'a, Item, World>>, GetError<()>>;

fn bounded() -> (Arc<Bounded>, World) {
    let world = World::default();
    let settings = Settings::new(thread_rng().gen_range(1..=MOST)).manual().max_creating(1);
    (Arc::new(BoundedPool::with_settings(world.clone(), settings)), world)
}

/// Polls a wait a few times and drops it, ready or not.
fn give_up<'a>(wait: impl Future<Output = Got<'a>>) -> Got<'a> {
    let mut wait = pin!(wait);
    for _ in 0..thread_rng().gen_range(1..4) {
        if let Poll::Ready(got) = wait.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return got;
        }
        shuttle::thread::yield_now();
    }
    Ok(Vec::new())
}

/// Calls operations at random, but never waits while it holds an item. Ends early when the pool is closed.
fn use_at_random(pool: &Bounded, world: &World) {
    for _ in 0..4 {
        let n = thread_rng().gen_range(1..=MOST);
        let got: Got<'_> = match thread_rng().gen_range(0..10) {
            0..=2 => pool.get().map(|item| vec![item]),
            3 => pool.get_many(n),
            4 => pool.get_timeout(Duration::ZERO).map(|item| vec![item]),
            5 => give_up(pool.get_many_async(n)),
            6 => give_up(async { Ok(vec![pool.get_async_with(|| world.make_later()).await?]) }),
            7 => pool.prefill(1).map(|_| Vec::new()).map_err(GetError::Create),
            8 => {
                pool.retain(|_, _| world.fares_well());
                Ok(Vec::new())
            }
            _ => {
                pool.resize(n).expect("a good capacity");
                Ok(Vec::new())
            }
        };
        if let Err(GetError::Closed) = got {
            return;
        }
    }
}

fn spawn_users(pool: &Arc<Bounded>, world: &World, n: usize) -> Vec<shuttle::thread::JoinHandle<()>> {
    let spawn = |_| {
        let (pool, world) = (Arc::clone(pool), world.clone());
        shuttle::thread::spawn(move || use_at_random(&pool, &world))
    };
    (0..n).map(spawn).collect()
}

/// Nobody waits, nothing is in use, every place is free, and no item is left.
#[test]
fn any_faults_lose_nothing() {
    explore(|| {
        let (pool, world) = bounded();
        join(spawn_users(&pool, &world, 4));
        // ORDERING: SeqCst, no partner, as above.
        world.0.calm.store(true, Ordering::SeqCst);
        let status = pool.status();
        assert_eq!((status.in_use, status.creating, status.waiting, status.idle), (0, 0, 0, world.alive()));
        assert_eq!(pool.get_many(status.capacity).expect("all are free").len(), world.alive());
        drop(Arc::into_inner(pool).expect("the only one"));
        assert_eq!(world.alive(), 0);
    });
}

/// Whoever waits for the end goes on when no item is left.
#[test]
fn any_faults_until_the_end() {
    explore(|| {
        let (pool, world) = bounded();
        let mut threads = spawn_users(&pool, &world, 3);
        let closing = Arc::clone(&pool);
        threads.push(shuttle::thread::spawn(move || {
            shuttle::thread::yield_now();
            closing.close();
        }));
        pool.closed();
        assert_eq!(world.alive(), 0);
        join(threads);
        assert_eq!((pool.in_use(), pool.waiting(), pool.idle(), world.alive()), (0, 0, 0, 0));
    });
}
