//! First items of threads, in the lobby: the places of `engine::lobby`.

use ebbtide::Pooled;
use world::{Bounds, explore, get, return_against_a_round, try_get};

/// Two preemptions can stop a put or a get between any two steps, and a sweep there too.
const TWO: Bounds = Bounds { preemptions: Some(2) };

/// Two threads put their first items, and each takes one.
#[test]
fn two_threads_in_the_lobby() {
    explore("two threads in the lobby", TWO, |world| {
        let pool = world.pool_with_lobby();
        pool.put(world.make());
        let other = world.spawn(&pool, |world, pool| {
            world.put(pool, 1);
            drop(try_get(pool).map(Pooled::detach));
        });
        world.go();
        drop(get(&pool));
        other.join().unwrap();
        world.find_all(&pool);
        world.end(pool);
    });
}

/// A thread takes the item that another has just put.
#[test]
fn put_against_a_get_in_the_lobby() {
    explore("put against a get in the lobby", TWO, |world| {
        let pool = world.pool_with_lobby();
        pool.put(world.make());
        drop(Pooled::detach(get(&pool)));
        let other = world.spawn_put(&pool);
        world.go();
        drop(try_get(&pool));
        other.join().unwrap();
        world.end(pool);
    });
}

/// Sweeps overtake a put. They drop no item too early, and two more drop it in any case.
#[test]
fn put_to_the_lobby_against_two_sweeps() {
    explore("put to the lobby against two sweeps", TWO, |world| {
        let pool = world.pool_with_lobby();
        let item = get(&pool);
        let sweeps = world.spawn_two_sweeps(&pool);
        world.go();
        drop(item);
        sweeps.join().unwrap();
        world.end(pool);
    });
}

/// A thread's first item returns while a round parks the pool.
#[test]
fn put_to_the_lobby_against_a_round() {
    explore("put to the lobby against a round", TWO, |world| {
        let pool = world.pool_with_lobby();
        return_against_a_round(world, pool);
    });
}
