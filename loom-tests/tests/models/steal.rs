//! Threads take from the shared queues, against each other and against a sweep.

use ebbtide::Pooled;
use world::{Bounds, explore, get, spawn_with, try_get};

/// No bound: the threads meet in one or two queues.
const UNBOUNDED: Bounds = Bounds { preemptions: None };

/// With private slots to spill, or a third thread, there are too many interleavings. Three preemptions can stop a
/// thread after it has taken a batch, and another one twice.
const THREE: Bounds = Bounds { preemptions: Some(3) };

/// With an owner's claims. Two preemptions can stop a sweep between any two of its steps, and an owner within a claim.
const TWO: Bounds = Bounds { preemptions: Some(2) };

/// A get takes a victim while the sweep that would drop it runs. The item is got or dropped.
#[test]
fn victim_got_during_a_sweep() {
    explore("victim got during a sweep", UNBOUNDED, |world| {
        let pool = world.pool(0);
        pool.put(world.make());
        world.advance(&pool).unwrap();
        let sweep = world.spawn_sweep(&pool);
        world.go();
        let got = try_get(&pool);
        let dropped = sweep.join().unwrap();
        assert_eq!(usize::from(got.is_some()) + dropped, 1);
        drop(got);
        world.end(pool);
    });
}

/// The same with a batch of two. The thread keeps the other item, which stays a victim. If that is too late for this
/// sweep, the next one drops it. So a call delays the batch that it holds by one epoch.
#[test]
fn rest_of_a_victim_batch_during_a_sweep() {
    explore("rest of a victim batch during a sweep", TWO, |world| {
        let pool = world.pool(4);
        assert_eq!(pool.prefill(2), 2);
        world.advance(&pool).unwrap();
        let sweep = world.spawn_sweep(&pool);
        world.go();
        let got = try_get(&pool);
        let dropped = sweep.join().unwrap();
        assert_eq!(dropped, if got.is_some() { 2 - world.alive() } else { 2 });
        world.advance(&pool).unwrap();
        assert_eq!(world.alive(), usize::from(got.is_some()), "the rest of the batch is two epochs late");
        drop(got);
        world.end(pool);
    });
}

/// A thread continues with a victim batch while a sweep drops the rest of it. Each item is got or dropped.
#[test]
fn kept_victim_got_during_a_sweep() {
    explore("kept victim got during a sweep", TWO, |world| {
        let pool = world.pool(4);
        assert_eq!(pool.prefill(2), 2);
        world.advance(&pool).unwrap();
        let first = try_get(&pool);
        assert!(first.is_some() && pool.idle() == 1);
        let sweep = world.spawn(&pool, |world, pool| world.advance(pool).unwrap());
        world.go();
        let second = try_get(&pool);
        let swept = sweep.join().unwrap();
        if swept.left_busy == 0 {
            assert_eq!(usize::from(second.is_some()) + swept.dropped, 1);
        }
        drop((first, second));
        world.end(pool);
    });
}

/// A thread refills its private slots from its own shard while another steals from there. Each gets one of the two
/// items, unless the first takes the whole batch.
#[test]
fn steal_against_the_owner() {
    explore("steal against the owner", UNBOUNDED, |world| {
        let pool = world.pool(4);
        // Shards are assigned in turn. This goes to the first shard, and so do the spills of the second slot set.
        assert_eq!(pool.prefill(2), 2);
        pool.put(world.make());
        let thief = try_get(&pool);
        assert!(thief.is_some(), "its own");
        let owner = spawn_with(&pool, |pool| {
            let item = get(pool);
            drop(get(pool));
            drop(item);
        });
        world.go();
        let stolen = try_get(&pool);
        owner.join().unwrap();
        drop((thief, stolen));
        world.end(pool);
    });
}

/// Two threads steal from another thread's shard, which holds two batches. Both find something.
#[test]
fn steal_against_a_steal() {
    explore("steal against a steal", THREE, |world| {
        let pool = world.pool(0);
        // There are two shards, and threads get them in turn. So a thread of the other shard must come between the two
        // of one shard, and puts an item there. Items that belong to no thread's shard go to the shards in turn too,
        // beginning with the other one.
        pool.put(world.make());
        let me = loom::thread::current();
        let between = world.spawn(&pool, move |world, pool| {
            pool.put(world.make());
            me.unpark();
            loom::thread::park();
        });
        loom::thread::park();
        assert_eq!(pool.prefill(1), 1);
        let mine = try_get(&pool);
        assert!(mine.is_some(), "the own shard's");

        let made = world.made();
        let other = spawn_with(&pool, |pool| drop(get(pool)));
        world.go();
        let stolen = get(&pool);
        other.join().unwrap();
        assert_eq!(world.made(), made, "an item was made while two were idle");

        drop((mine, stolen));
        between.thread().unpark();
        between.join().unwrap();
        world.end(pool);
    });
}

/// An item is got while it is put. It is seen as its last user left it.
#[test]
fn get_against_a_put() {
    explore("get against a put", UNBOUNDED, |world| {
        let pool = world.pool(0);
        // Its own shard is the second one. This makes it look into the first one too, which is the other thread's.
        drop(get(&pool));
        assert_eq!(pool.prefill(1), 1);
        let mine = [try_get(&pool), try_get(&pool)];
        let put = world.spawn_put(&pool);
        world.go();
        let item = try_get(&pool);
        put.join().unwrap();
        drop((mine, item));
        world.find_all(&pool);
        world.end(pool);
    });
}

/// A batch is got while it is spilled to a shard that was empty but still marked as occupied. It is seen as its last
/// user left it. This batch or the next one is found afterwards.
#[test]
fn get_against_a_spill() {
    explore("get against a spill", THREE, |world| {
        let pool = world.pool(2);
        world.put(&pool, 3);
        for _ in 0..3 {
            drop(Pooled::detach(get(&pool)));
        }
        let getter = spawn_with(&pool, |pool| drop(try_get(pool).map(Pooled::detach)));
        world.go();
        world.put(&pool, 4);
        getter.join().unwrap();
        world.find_all(&pool);
        world.end(pool);
    });
}

/// A refill takes a batch while a sweep keeps the owner out of its slots. The rest of the batch returns to the shared
/// queues.
#[test]
fn refill_against_a_sweep() {
    explore("refill against a sweep", TWO, |world| {
        let pool = world.pool(4);
        pool.put(world.make());
        let mine = try_get(&pool);
        assert_eq!(pool.prefill(2), 2);
        drop(mine);
        let sweep = world.spawn_sweep(&pool);
        world.go();
        let items = (get(&pool), get(&pool));
        assert_eq!(sweep.join().unwrap(), 0);
        drop(items);
        world.end(pool);
    });
}
