//! Sweeps against each other, against puts with a stale epoch, and against the drop of the pool.

use world::{Bounds, explore, explore_first, get, spawn, try_get};

/// No bound: for two sweeps.
const UNBOUNDED: Bounds = Bounds { preemptions: None };

/// For two sweeps against a put without private slots. Without a bound there are 280,000 interleavings.
const FIVE: Bounds = Bounds { preemptions: Some(5) };

/// Three preemptions can stop a put between reading the epoch and pushing, and a sweep between any two of its steps.
const THREE: Bounds = Bounds { preemptions: Some(3) };

/// With a sweep and an owner's claims there are too many interleavings for more. Two preemptions can stop a sweep
/// between any two of its steps, and an owner within any claim.
const TWO: Bounds = Bounds { preemptions: Some(2) };

/// With two sweeps. One preemption can stop an owner anywhere while both pass, or a sweep while the owner passes.
const ONE: Bounds = Bounds { preemptions: Some(1) };

/// Two sweeps at once. One is refused, or they run one after the other and age the item twice.
#[test]
fn two_sweeps_at_once() {
    explore("two sweeps at once", UNBOUNDED, |world| {
        let pool = world.pool(0);
        pool.put(world.make());
        let other = world.spawn(&pool, |world, pool| world.advance(pool).map(|swept| (swept.dropped, swept.kept)));
        world.go();
        let mine = world.advance(&pool).map(|swept| (swept.dropped, swept.kept));
        let mut both = [mine, other.join().unwrap()];
        both.sort();
        match both {
            [None, Some(only)] => assert_eq!((only, world.alive()), ((0, 1), 1)),
            [first, second] => assert_eq!((first, second, world.alive()), (Some((0, 1)), Some((1, 0)), 0)),
        }
        world.end(pool);
    });
}

/// The same on private slots in use. One sweep at a time takes them.
#[test]
fn two_sweeps_at_once_against_the_owner() {
    explore("two sweeps at once against the owner", ONE, |world| {
        let pool = world.pool(4);
        world.put(&pool, 2);
        let sweeps = [(); 2].map(|()| world.spawn(&pool, |world, pool| world.advance(pool).map(|swept| swept.dropped)));
        world.go();
        let item = get(&pool);
        let mut both = sweeps.map(|sweep| sweep.join().unwrap());
        both.sort();
        assert!(matches!(both, [None | Some(0), Some(0)] | [Some(0), Some(_)]), "the first to run dropped something");
        drop(item);
        world.end(pool);
    });
}

/// A put into the shared queues during a sweep. The epoch that it reads is current or stale by one.
#[test]
fn put_stale_by_one_epoch() {
    explore("put stale by one epoch", THREE, |world| {
        let pool = world.pool(0);
        pool.put(world.make());
        let put = world.spawn_put(&pool);
        world.go();
        assert_eq!(world.advance(&pool).unwrap().dropped, 0);
        put.join().unwrap();
        world.find_all(&pool);
        world.end(pool);
    });
}

/// The same during two sweeps. The epoch may be stale by two. Then the batch lands among the primaries of a generation
/// that was swept meanwhile.
#[test]
fn put_stale_by_two_epochs() {
    explore("put stale by two epochs", THREE, |world| {
        let pool = world.pool(0);
        pool.put(world.make());
        let put = world.spawn_put(&pool);
        world.go();
        world.advance(&pool).unwrap();
        world.advance(&pool).unwrap();
        put.join().unwrap();
        world.find_all(&pool);
        world.end(pool);
    });
}

/// Full private slots spill a batch while a sweep takes them before, after or in between.
#[test]
fn spill_against_a_sweep() {
    explore("spill against a sweep", TWO, |world| {
        let pool = world.pool(2);
        world.put(&pool, 2);
        let sweep = world.spawn_sweep(&pool);
        world.go();
        pool.put(world.make());
        assert_eq!(sweep.join().unwrap(), 0);
        world.end(pool);
    });
}

/// An owner answers the second of two sweeps, after the first took a part of its items. The answer counts what it
/// gives, not what the owner had. For that, the first sweep must see an item late, which takes three preemptions.
#[test]
#[ignore = "takes a minute"]
fn answer_counts_what_it_gives() {
    explore_first(450_000, "answer counts what it gives", THREE, |world| {
        let pool = world.pool(4);
        pool.put(world.make());
        let sweeps = world.spawn_two_sweeps(&pool);
        world.go();
        world.put(&pool, 2);
        sweeps.join().unwrap();
        world.end(pool);
    });
}

/// The same during two sweeps. The second may be the first that may drop the spilled batch.
#[test]
fn spill_against_two_sweeps() {
    explore("spill against two sweeps", ONE, |world| {
        let pool = world.pool(2);
        world.put(&pool, 2);
        let sweeps = world.spawn_two_sweeps(&pool);
        world.go();
        pool.put(world.make());
        sweeps.join().unwrap();
        world.end(pool);
    });
}

/// A put while the sweep drains the generation that the put pushes to. The item is found afterwards, whatever the sweep
/// did to the marks of occupied shards.
#[test]
fn put_while_a_sweep_drains() {
    explore("put while a sweep drains", FIVE, |world| {
        let pool = world.pool(0);
        // Marks the generation as occupied and makes its items victims.
        pool.put(world.make());
        world.advance(&pool).unwrap();
        let drain = world.spawn_two_sweeps(&pool);
        world.go();
        pool.put(world.make());
        drain.join().unwrap();
        world.find_all(&pool);
        world.end(pool);
    });
}

/// The pool is dropped while another thread sweeps its shared heap part, as the janitor does.
#[test]
fn pool_dropped_during_a_sweep() {
    explore("pool dropped during a sweep", TWO, |world| {
        let pool = world.unshared_pool(4);
        pool.put(world.make());
        world.advance(&pool).unwrap();
        pool.put(world.make());
        let sweeper = ebbtide::sweeper(&pool).expect("the pool has been used");
        let sweep = spawn({
            let world = world.clone();
            move || world.sweep_shared(sweeper)
        });
        world.go();
        drop(try_get(&pool));
        world.drop_pool(pool);
        sweep.join().unwrap();
    });
}
