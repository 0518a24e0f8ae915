//! A fetch against the owner of the slots, a sweep, and another fetch: the protocol of `engine::fetch`.

use std::sync::Arc;

use ebbtide::{Fetch, Pooled, Settings};
use loom::thread::JoinHandle;
use world::{Bounds, TrackedPool, World, explore, get, try_get};

/// Three preemptions can start a fetch within a pop, stop it between its mark and its claim, and continue it within the
/// next pop.
const THREE: Bounds = Bounds { preemptions: Some(3) };

/// With claims of the owner, or a sweep. Two preemptions can stop either side between any two steps.
const TWO: Bounds = Bounds { preemptions: Some(2) };

/// With two fetches. One preemption can stop one of them anywhere while the other passes.
const ONE: Bounds = Bounds { preemptions: Some(1) };

/// A pool whose gets fetch before they create, with this many items in the calling thread's slots.
fn stocked(world: &World, private_slots: usize, items: usize) -> Arc<TrackedPool> {
    let pool = world.pool_with(Settings::new().manual().private_slots(private_slots).fetch(Fetch::Always));
    world.put(&pool, items);
    pool
}

/// A thread that fetches, if it finds something.
fn spawn_fetch(world: &World, pool: &Arc<TrackedPool>) -> JoinHandle<()> {
    world.spawn(pool, |_, pool| drop(try_get(pool).map(Pooled::detach)))
}

/// The owner pops an item while a fetch takes items. No push follows the pop: its read of `top` would hide the pop's
/// own store from loom.
#[test]
fn pop_against_a_fetch() {
    explore("pop against a fetch", THREE, |world| {
        let pool = stocked(world, 4, 2);
        let fetch = world.spawn(&pool, |_, pool| try_get(pool).map(Pooled::detach));
        world.go();
        let items = (try_get(&pool).map(Pooled::detach), fetch.join().unwrap());
        drop(items);
        world.end(pool);
    });
}

/// The owner pops the only item and pushes it back, changed, while a fetch takes it.
#[test]
fn push_and_pop_against_a_fetch() {
    explore("push and pop against a fetch", TWO, |world| {
        let pool = stocked(world, 4, 1);
        let fetch = spawn_fetch(world, &pool);
        world.go();
        drop(get(&pool));
        fetch.join().unwrap();
        world.end(pool);
    });
}

/// The owner swaps its arrays and spills one while a fetch takes items.
#[test]
fn spill_against_a_fetch() {
    explore("spill against a fetch", TWO, |world| {
        let pool = stocked(world, 2, 2);
        let fetch = spawn_fetch(world, &pool);
        world.go();
        world.put(&pool, 1);
        drop(Pooled::detach(get(&pool)));
        fetch.join().unwrap();
        world.end(pool);
    });
}

/// A sweep ages the items that a fetch takes, or finds them in the other thread's slots.
#[test]
fn fetch_against_a_sweep() {
    explore("fetch against a sweep", TWO, |world| {
        let pool = stocked(world, 4, 2);
        let fetch = spawn_fetch(world, &pool);
        world.go();
        assert_eq!(world.advance(&pool).unwrap().dropped, 0);
        fetch.join().unwrap();
        world.end(pool);
    });
}

/// `clear` drops what a fetch does not take.
#[test]
fn fetch_against_clear() {
    explore("fetch against clear", TWO, |world| {
        let pool = stocked(world, 4, 2);
        let fetch = spawn_fetch(world, &pool);
        world.go();
        world.clear(&pool);
        fetch.join().unwrap();
        world.end(pool);
    });
}

/// Two threads fetch from the same slots. One of them may find nothing.
#[test]
fn two_fetches_at_once() {
    explore("two fetches at once", ONE, |world| {
        let pool = stocked(world, 4, 2);
        let fetches = [(); 2].map(|()| spawn_fetch(world, &pool));
        world.go();
        for fetch in fetches {
            fetch.join().unwrap();
        }
        world.end(pool);
    });
}
