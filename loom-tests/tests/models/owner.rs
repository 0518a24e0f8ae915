//! A thread and its private slots against a sweep: the protocol of `engine::slots`.

use ebbtide::Pooled;
use world::{Bounds, explore, get, get_owned, spawn_with, try_get};

/// Without a bound these take minutes or hours. Three preemptions can start a sweep within a pop, stop it between
/// asking and taking, and continue it within the next pop.
const THREE: Bounds = Bounds { preemptions: Some(3) };

/// With more of the owner's claims and its shard. Two preemptions can stop a sweep between any two steps, and an owner
/// within a pop or a claim.
const TWO: Bounds = Bounds { preemptions: Some(2) };

/// With two sweeps, or the end of a thread. One preemption can stop an owner anywhere while a sweep passes, or a sweep
/// while an owner passes.
const ONE: Bounds = Bounds { preemptions: Some(1) };

/// The owner pops an item while `clear` takes items and drops them at once. An item that both take is dropped in use.
/// No push follows the pop: its read of `top` would hide the pop's own store from loom.
#[test]
fn pop_against_a_sweep() {
    explore("pop against a sweep", THREE, |world| {
        let pool = world.pool(4);
        world.put(&pool, 2);
        let clear = world.spawn(&pool, |world, pool| world.clear(pool));
        world.go();
        let item = try_get(&pool);
        clear.join().unwrap();
        drop(item);
        world.end(pool);
    });
}

/// The owner pops an item and pushes it back while a sweep takes items.
#[test]
fn push_and_pop_against_a_sweep() {
    explore("push and pop against a sweep", TWO, |world| {
        let pool = world.pool(4);
        world.put(&pool, 2);
        let sweep = world.spawn_sweep(&pool);
        world.go();
        drop(get(&pool));
        assert_eq!(sweep.join().unwrap(), 0);
        world.end(pool);
    });
}

/// The owner pops the only item and then pops from nothing. For a moment `top` is below all places.
#[test]
fn pop_from_nothing_against_a_sweep() {
    explore("pop from nothing against a sweep", TWO, |world| {
        let pool = world.pool(4);
        pool.put(world.make());
        let sweep = world.spawn_sweep(&pool);
        world.go();
        let items = (get(&pool), get(&pool));
        assert_eq!(sweep.join().unwrap(), 0);
        drop(items);
        world.end(pool);
    });
}

/// Items are pushed and popped while `clear` takes and drops them. It sees the items as their last user left them.
#[test]
fn push_and_pop_against_clear() {
    explore("push and pop against clear", THREE, |world| {
        let pool = world.pool(4);
        pool.put(world.make());
        drop(Pooled::detach(get(&pool)));
        let clear = world.spawn(&pool, |world, pool| world.clear(pool));
        world.go();
        world.put(&pool, 2);
        drop(Pooled::detach(get(&pool)));
        clear.join().unwrap();
        world.end(pool);
    });
}

/// The owner pops during two consecutive sweeps. The second finds the slots as the first and the owner left them.
#[test]
fn push_and_pop_against_two_sweeps_in_a_row() {
    explore("push and pop against two sweeps in a row", ONE, |world| {
        let pool = world.pool(4);
        world.put(&pool, 2);
        let sweeps = world.spawn_two_sweeps(&pool);
        world.go();
        let item = get(&pool);
        sweeps.join().unwrap();
        drop(item);
        world.end(pool);
    });
}

/// A thread's first put makes its slot set while a sweep visits all sets. The sweep has closed the only other one.
#[test]
fn slot_set_made_during_a_sweep() {
    explore("slot set made during a sweep", TWO, |world| {
        let pool = world.pool(4);
        pool.put(world.make());
        let newcomer = world.spawn_put(&pool);
        world.go();
        assert_eq!(world.advance(&pool).unwrap().dropped, 0);
        newcomer.join().unwrap();
        world.end(pool);
    });
}

/// Two threads make their slot sets at once. Both are in one bucket, which one thread makes for both.
#[test]
fn slot_sets_made_by_two_threads() {
    explore("slot sets made by two threads", TWO, |world| {
        let pool = world.pool(4);
        pool.put(world.make());
        let newcomers = [(); 2].map(|()| world.spawn_put(&pool));
        world.go();
        for newcomer in newcomers {
            newcomer.join().unwrap();
        }
        assert_eq!((world.made(), world.alive()), (3, 3));
        world.end(pool);
    });
}

/// A thread ends with an item in its slots while a sweep takes items. The next thread may inherit the slots, or not if
/// it starts before the first has returned its id.
#[test]
fn slots_inherited_during_a_sweep() {
    explore("slots inherited during a sweep", ONE, |world| {
        let pool = world.pool(4);
        let first = world.spawn(&pool, |world, pool| {
            world.put(pool, 2);
        });
        first.join().unwrap();
        let heir = spawn_with(&pool, get_owned);
        world.go();
        assert_eq!(world.advance(&pool).unwrap().dropped, 0);
        drop(heir.join().unwrap());
        world.end(pool);
    });
}

/// A guard is dropped on another thread than the one that got it, into slots that a sweep empties. Its item is found
/// here afterwards, or is still there.
#[test]
fn guard_dropped_on_another_thread() {
    explore("guard dropped on another thread", TWO, |world| {
        let pool = world.pool(4);
        let item = get_owned(&pool);
        let other = world.spawn(&pool, |world, pool| {
            pool.put(world.make());
            drop(item);
        });
        world.go();
        assert_eq!(world.advance(&pool).unwrap().dropped, 0);
        drop(try_get(&pool));
        other.join().unwrap();
        assert_eq!((world.made(), world.alive()), (2, 2));
        world.end(pool);
    });
}
