//! `max_idle` and `min_idle` while items move between private slots and the shared queues: each item is counted once.

mod common;

use std::sync::Arc;

use common::{Bounds, TrackedPool, World, explore, get, spawn_with, try_get};
use ebbtide::{Manual, Pooled, Settings};

const SLOTS: Settings<Manual> = Settings::new().manual().private_slots(4);

/// Where two puts and a get past the private slots are all there is.
const UNBOUNDED: Bounds = Bounds { preemptions: None };

/// Two are enough to stop an owner within a claim, and a sweep between any two of its steps.
const TWO: Bounds = Bounds { preemptions: Some(2) };

/// Gets an item during a sweep that drops none.
fn get_during_a_sweep(world: &World, pool: Arc<TrackedPool>) {
    let sweep = world.spawn_sweep(&pool);
    world.go();
    let item = try_get(&pool);
    assert_eq!(sweep.join().unwrap(), 0);
    drop(item);
    world.end(pool);
}

/// An owner is asked by a sweep for its items, and whoever comes first takes them out. All are fewer than `max_idle`, so none
/// is dropped.
#[test]
fn an_answer_and_a_sweep_need_room_for_the_same_items_once() {
    explore("an answer and a sweep need room once", TWO, |world| {
        let pool = world.pool_with(SLOTS.max_idle(3));
        world.put(&pool, 2);
        get_during_a_sweep(world, pool);
    });
}

/// A refill takes items out of the shared queues, and a sweep takes them out of the private slots at once. All are no more than
/// `max_idle`, so none is dropped.
#[test]
fn a_refill_and_a_sweep_need_room_for_the_same_items_once() {
    explore("a refill and a sweep need room once", TWO, |world| {
        let pool = world.pool_with(SLOTS.max_idle(2));
        assert_eq!(pool.prefill(2), 2);
        get_during_a_sweep(world, pool);
    });
}

/// One item too many is put while another is got and put back: one of the two finds room. A put that finds none takes up
/// none, not even for a moment.
#[test]
fn a_put_without_room_leaves_the_room_to_others() {
    explore("a put without room", UNBOUNDED, |world| {
        let pool = world.pool_with(Settings::new().manual().private_slots(0).max_idle(1));
        pool.put(world.make());
        world.expect_drops();
        let put = world.spawn_put(&pool);
        world.go();
        drop(try_get(&pool));
        put.join().unwrap();
        assert_eq!((world.alive(), pool.idle()), (1, 1), "there is room for one, and two were put");
        world.close(pool);
    });
}

/// Two items are old and two are young. A sweep leaves three, though a thread takes the young ones into its private slots.
#[test]
fn a_refill_counts_once_towards_min_idle() {
    explore("a refill counts once towards min_idle", TWO, |world| {
        let pool = world.pool_with(SLOTS.min_idle(3));
        // What is prefilled goes to the first shard and then to the second, which is that of the second thread.
        pool.put(world.make());
        drop(Pooled::detach(get(&pool)));
        assert_eq!(pool.prefill(2), 2);
        world.advance(&pool).unwrap();
        assert_eq!(pool.prefill(2), 2);
        let made = world.made();
        let owner = spawn_with(&pool, |pool| Pooled::detach(get(pool)));
        world.go();
        world.advance(&pool).unwrap();
        let item = owner.join().unwrap();
        assert!(world.alive() >= 3 + world.made() - made, "{} are left", world.alive());
        drop(item);
        world.expect_drops();
        world.close(pool);
    });
}

/// Of two victims a thread takes one and keeps the other, which a sweep takes from it and leaves in the pool.
#[test]
fn a_kept_victim_counts_once_towards_min_idle() {
    explore("a kept victim counts once towards min_idle", TWO, |world| {
        let pool = world.pool_with(SLOTS.min_idle(2));
        assert_eq!(pool.prefill(2), 2);
        world.advance(&pool).unwrap();
        let sweep = world.spawn_sweep(&pool);
        world.go();
        let item = try_get(&pool);
        assert_eq!((sweep.join().unwrap(), world.alive()), (0, 2));
        drop(item);
        world.expect_drops();
        world.close(pool);
    });
}
