//! The bounded pool: idle items that fail their checks, new ones in their places, and such checks that are dropped,
//! against waits.

use std::convert::Infallible;
use std::sync::Arc;

use ebbtide::bounded::{Info, Manage, Settings, TryRecycle};
use ebbtide::{BoundedPool, Recycle};
use world::tasks::{block_on, give_up, yield_once};
use world::{Bounds, Tracked, World, explore, spawn_with};

const UNBOUNDED: Bounds = Bounds { preemptions: None };

/// An item whose `Drop` lets another thread run.
struct Slow(Tracked);

impl Drop for Slow {
    fn drop(&mut self) {
        loom::thread::yield_now();
    }
}

/// No item of this world is used twice. The only place never has two of them.
struct Once(World);

impl Once {
    fn make(&self) -> Slow {
        assert_eq!(self.0.alive(), 0, "more than the capacity");
        Slow(Recycle::create(&self.0))
    }
}

impl TryRecycle<Slow> for Once {
    type Error = Infallible;

    fn try_create(&self) -> Result<Slow, Infallible> {
        Ok(self.make())
    }

    fn check(&self, _: &mut Slow, _: &Info) -> bool {
        false
    }

    fn recycle(&self, item: &mut Slow, _: &Info) -> bool {
        Recycle::recycle(&self.0, &mut item.0)
    }
}

/// The same for tasks. Each check and each creation is pending once.
struct OnceLater(Once);

impl Manage<Slow> for OnceLater {
    type Error = Infallible;

    async fn create(&self) -> Result<Slow, Infallible> {
        yield_once().await;
        Ok(self.0.make())
    }

    async fn check(&self, _: &mut Slow, _: &Info) -> bool {
        yield_once().await;
        false
    }

    fn recycle(&self, item: &mut Slow, info: &Info) -> bool {
        TryRecycle::recycle(&self.0, item, info)
    }
}

/// Two threads get an item that is unfit each time. Whoever gets the place drops the old one before it creates another.
#[test]
fn unfit_items_are_replaced_in_place() {
    explore("unfit items are replaced in place", UNBOUNDED, |world| {
        world.expect_drops();
        let pool = Arc::new(BoundedPool::with_settings(Once(world.clone()), Settings::new(1).manual()));
        pool.prefill(1).unwrap();
        let use_one = |pool: &BoundedPool<Slow, Once>| pool.get().unwrap().0.taken_out();
        let other = spawn_with(&pool, move |pool| use_one(pool));
        world.go();
        use_one(&pool);
        other.join().unwrap();
        assert_eq!((world.made(), world.alive(), pool.idle()), (3, 1, 1));
        assert_eq!((pool.in_use(), pool.waiting()), (0, 0));
    });
}

/// One task gives up at some point: in the queue, while its item is checked, or while the new one is created. The other
/// still gets one, and the place is free afterwards.
fn given_up_after(name: &str, polls: usize) {
    explore(name, UNBOUNDED, move |world| {
        world.expect_drops();
        let pool = Arc::new(BoundedPool::with_settings(OnceLater(Once(world.clone())), Settings::new(1).manual()));
        block_on(pool.get_async()).unwrap().0.taken_out();
        let gives_up = spawn_with(&pool, move |pool| {
            if let Some(item) = give_up(pool.get_async(), polls) {
                item.unwrap().0.taken_out();
            }
        });
        world.go();
        block_on(pool.get_async()).unwrap().0.taken_out();
        gives_up.join().unwrap();
        assert_eq!((pool.in_use(), pool.waiting(), pool.idle()), (0, 0, world.alive()));
        block_on(pool.get_async()).unwrap().0.taken_out();
        assert_eq!((pool.in_use(), pool.idle(), world.alive()), (0, 1, 1));
    });
}

#[test]
fn check_dropped_while_another_waits() {
    given_up_after("check dropped while another waits", 1);
}

#[test]
fn creation_in_place_dropped_while_another_waits() {
    given_up_after("creation in place dropped while another waits", 2);
}
