//! `max_idle` and `min_idle` while items move between private slots and the shared queues: each item is counted once.

use std::sync::Arc;

use ebbtide::{Manual, Pooled, Settings};
use world::{Bounds, TrackedPool, World, explore, get, spawn_with, try_get};

const SLOTS: Settings<Manual> = Settings::new().manual().private_slots(4);

/// For two puts and a get without private slots.
const UNBOUNDED: Bounds = Bounds { preemptions: None };

/// Two preemptions can stop an owner within a claim, and a sweep between any two of its steps.
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

/// A sweep asks an owner for its items, and whichever comes first moves them out. They are fewer than `max_idle`, so
/// none is dropped.
#[test]
fn answer_and_sweep_reserve_room_once() {
    explore("an answer and a sweep need room once", TWO, |world| {
        let pool = world.pool_with(SLOTS.max_idle(3));
        world.put(&pool, 2);
        get_during_a_sweep(world, pool);
    });
}

/// A refill takes items from the shared queues while a sweep takes items from the private slots. Together they are at
/// most `max_idle`, so none is dropped.
#[test]
fn refill_and_sweep_reserve_room_once() {
    explore("a refill and a sweep need room once", TWO, |world| {
        let pool = world.pool_with(SLOTS.max_idle(2));
        assert_eq!(pool.prefill(2), 2);
        get_during_a_sweep(world, pool);
    });
}

/// One item too many is put, while another is got and put back. One of the two finds room. A put that finds no room
/// never takes any, not even for a moment.
#[test]
fn put_without_room_takes_no_room() {
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

/// Two items are victims and two are young. A sweep leaves three, though a thread moves the young ones into its private
/// slots.
#[test]
fn refill_counts_once_towards_min_idle() {
    explore("a refill counts once towards min_idle", TWO, |world| {
        let pool = world.pool_with(SLOTS.min_idle(3));
        // `prefill` fills the first shard and then the second, which is the second thread's.
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

/// A thread takes one of two victims and keeps the other. A sweep takes that one and leaves it in the pool.
#[test]
fn kept_victim_counts_once_towards_min_idle() {
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
