//! The bounded pool: one item is created at a time, and the others wait for their turn or for an item that comes back.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ebbtide::bounded::{Info, Manage, Settings, TryRecycle};
use ebbtide::{BoundedPool, Recycle};
use world::tasks::{block_on, give_up, yield_once};
use world::{Bounds, Tracked, World, explore, spawn_with};

const UNBOUNDED: Bounds = Bounds { preemptions: None };

/// Creates items in several steps, and fails if another one is being created.
struct Slowly {
    world: World,
    creating: AtomicUsize,
    fit: bool,
}

impl Slowly {
    fn pool<R>(world: &World, fit: bool, manage: impl FnOnce(Self) -> R) -> Arc<BoundedPool<Tracked, R>>
    where
        R: Manage<Tracked>,
    {
        // When the pool is dropped.
        world.expect_drops();
        let slowly = Self { world: world.clone(), creating: AtomicUsize::new(0), fit };
        Arc::new(BoundedPool::with_settings(manage(slowly), Settings::new(2).manual().max_creating(1)))
    }

    fn begin(&self) -> Creating<'_> {
        // ORDERING: Relaxed, no partner. Loom runs one thread at a time.
        assert_eq!(self.creating.fetch_add(1, Ordering::Relaxed), 0, "two are created at once");
        Creating(self)
    }
}

/// Something that is being created.
struct Creating<'a>(&'a Slowly);

impl Creating<'_> {
    fn end(self) -> Result<Tracked, Infallible> {
        Ok(Recycle::create(&self.0.world))
    }
}

impl Drop for Creating<'_> {
    fn drop(&mut self) {
        // ORDERING: Relaxed, no partner, as above.
        self.0.creating.fetch_sub(1, Ordering::Relaxed);
    }
}

impl TryRecycle<Tracked> for Slowly {
    type Error = Infallible;

    fn try_create(&self) -> Result<Tracked, Infallible> {
        let creating = self.begin();
        loom::thread::yield_now();
        creating.end()
    }

    fn check(&self, _: &mut Tracked, _: &Info) -> bool {
        self.fit
    }

    fn recycle(&self, item: &mut Tracked, _: &Info) -> bool {
        Recycle::recycle(&self.world, item)
    }
}

/// The same for tasks. Each creation is pending once.
struct Later(Slowly);

impl Manage<Tracked> for Later {
    type Error = Infallible;

    async fn create(&self) -> Result<Tracked, Infallible> {
        let creating = self.0.begin();
        yield_once().await;
        creating.end()
    }

    async fn check(&self, _: &mut Tracked, _: &Info) -> bool {
        self.0.fit
    }

    fn recycle(&self, item: &mut Tracked, info: &Info) -> bool {
        TryRecycle::recycle(&self.0, item, info)
    }
}

fn assert_all_idle<R>(pool: &BoundedPool<Tracked, R>, world: &World) {
    let status = pool.status();
    assert_eq!((status.in_use, status.creating, status.waiting, status.idle), (0, 0, 0, world.alive()));
}

/// Two threads get items. So many are idle at first.
fn two_threads(name: &str, idle: usize, fit: bool) {
    explore(name, UNBOUNDED, move |world| {
        let pool = Slowly::pool(world, fit, |slowly| slowly);
        pool.prefill(idle).unwrap();
        let other = spawn_with(&pool, |pool| pool.get().unwrap().taken_out());
        world.go();
        pool.get().unwrap().taken_out();
        other.join().unwrap();
        assert_all_idle(&pool, world);
    });
}

/// Two threads find no idle item. One creates its item after the other, or gets that one.
#[test]
fn two_threads_and_one_turn() {
    two_threads("two threads and one turn", 0, true);
}

/// Two threads get items that fail their checks. Each keeps its place, and one waits for its turn.
#[test]
fn two_unfit_items_and_one_turn() {
    two_threads("two unfit items and one turn", 2, false);
}

/// An item comes back while one thread creates the second, and another waits.
#[test]
fn an_item_comes_back_during_a_turn() {
    explore("an item comes back during a turn", Bounds { preemptions: Some(2) }, |world| {
        let pool = Slowly::pool(world, true, |slowly| slowly);
        let item = pool.get().unwrap();
        item.taken_out();
        let others = [(); 2].map(|()| spawn_with(&pool, |pool| pool.get().unwrap().taken_out()));
        world.go();
        drop(item);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_all_idle(&pool, world);
    });
}

/// One task gives up: while it waits for its turn, when it has it, or while it creates. The other gets its item.
#[test]
fn turn_given_up_while_another_waits() {
    explore("turn given up while another waits", UNBOUNDED, |world| {
        let pool = Slowly::pool(world, true, Later);
        let gives_up = spawn_with(&pool, |pool| {
            if let Some(item) = give_up(pool.get_async(), 1) {
                item.unwrap().taken_out();
            }
        });
        world.go();
        block_on(pool.get_async()).unwrap().taken_out();
        gives_up.join().unwrap();
        assert_all_idle(&pool, world);
    });
}
