//! The bounded pool: another thread creates an item, while the call that began it waits, is served, or gives up.

use std::sync::Arc;

use ebbtide::bounded::{GetError, Settings, TryRecycle};
use ebbtide::{BoundedPool, Recycle};
use world::tasks::{block_on, give_up};
use world::{Bounds, Tracked, World, explore, spawn_with};

const TWO: Bounds = Bounds { preemptions: Some(2) };

/// Creates items, or fails with one as the error. Threads that create have clones.
#[derive(Clone)]
struct Server {
    world: World,
    fails: bool,
    _clones: Arc<()>,
}

type Served = BoundedPool<Tracked, Server>;

impl Server {
    fn pool(world: &World, capacity: usize, fails: bool) -> (Arc<Served>, Arc<()>) {
        // When the pool is closed.
        world.expect_drops();
        let clones = Arc::new(());
        let server = Self { world: world.clone(), fails, _clones: Arc::clone(&clones) };
        let pool = BoundedPool::with_settings(server, Settings::new(capacity).manual()).create_in_background();
        (Arc::new(pool), clones)
    }
}

impl TryRecycle<Tracked> for Server {
    type Error = Tracked;

    fn try_create(&self) -> Result<Tracked, Tracked> {
        if self.fails { Err(self.world.make()) } else { Ok(Recycle::create(&self.world)) }
    }

    fn recycle(&self, item: &mut Tracked, _: &ebbtide::bounded::Info) -> bool {
        Recycle::recycle(&self.world, item)
    }
}

/// Closes the pool, and waits until no thread creates. No place is taken, and no item exists.
fn end(pool: &Served, clones: &Arc<()>, world: &World) {
    pool.close();
    block_on(pool.closed_async());
    let status = pool.status();
    assert_eq!((status.in_use, status.creating, status.idle, status.waiting), (0, 0, 0, 0));
    // The pool's own filler has the third.
    while Arc::strong_count(clones) > 3 {
        loom::thread::yield_now();
    }
    assert_eq!(world.alive(), 0);
}

/// An item comes back while another one is created for a call. Whichever it gets, the other one is not lost.
#[test]
fn an_item_comes_back_during_a_creation() {
    explore("an item comes back during a creation", TWO, |world| {
        let (pool, clones) = Server::pool(world, 2, false);
        assert_eq!(pool.prefill(1).ok(), Some(1));
        let Ok(item) = pool.get() else { panic!("it is idle") };
        item.taken_out();
        let other = spawn_with(&pool, |pool| pool.get().map(|item| item.taken_out()).is_ok());
        world.go();
        drop(item);
        assert!(other.join().unwrap());
        end(&pool, &clones, world);
    });
}

/// The call gives up while its item is created, or when it has it, and another one gets an item.
#[test]
fn a_call_gives_up_during_a_creation() {
    explore("a call gives up during a creation", TWO, |world| {
        let (pool, clones) = Server::pool(world, 1, false);
        if let Some(Ok(item)) = give_up(pool.get_async(), 2) {
            item.taken_out();
        }
        let Ok(item) = pool.get() else { panic!("it is created") };
        item.taken_out();
        drop(item);
        end(&pool, &clones, world);
    });
}

/// The error reaches the call, or is dropped if that has given up. The place is free.
#[test]
fn a_creation_fails() {
    explore("a creation fails", TWO, |world| {
        let (pool, clones) = Server::pool(world, 1, true);
        drop(give_up(pool.get_async(), 2));
        assert!(matches!(pool.get(), Err(GetError::Create(_))));
        end(&pool, &clones, world);
    });
}

/// The pool is closed meanwhile.
#[test]
fn a_pool_is_closed_during_a_creation() {
    explore("a pool is closed during a creation", TWO, |world| {
        let (pool, clones) = Server::pool(world, 1, false);
        let other = spawn_with(&pool, |pool| match pool.get() {
            Ok(item) => item.taken_out(),
            Err(error) => assert!(matches!(error, GetError::Closed)),
        });
        world.go();
        pool.close();
        other.join().unwrap();
        end(&pool, &clones, world);
    });
}
