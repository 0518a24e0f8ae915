//! Two threads use a pool first. Each makes the missing parts, and one of them wins.

use world::{Bounds, explore, try_get};

/// Without a bound this takes minutes. Three preemptions can stop a thread between finding the heap part missing and
/// making it, then again at the shards, and stop the other thread too.
const THREE: Bounds = Bounds { preemptions: Some(3) };

/// The heap part and the shards are made once. No item is lost with a part that lost the race.
#[test]
fn first_use_by_two_threads() {
    explore("first use by two threads", THREE, |world| {
        let pool = world.pool(0);
        let other = world.spawn_put(&pool);
        world.go();
        pool.put(world.make());
        drop(try_get(&pool));
        other.join().unwrap();
        world.find_all(&pool);
        world.end(pool);
    });
}
