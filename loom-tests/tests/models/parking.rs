//! Items return while a round parks the pool: the protocol of `engine::parking`.

use ebbtide::Settings;
use world::{Bounds, explore, get, return_against_a_round};

/// Two preemptions can stop a put between any two steps while a round passes, and the round within the put.
const TWO: Bounds = Bounds { preemptions: Some(2) };

fn put_against_a_round(name: &str, private_slots: usize) {
    explore(name, TWO, move |world| {
        let pool = world.pool(private_slots);
        pool.put(world.make());
        return_against_a_round(world, pool);
    });
}

#[test]
fn push_against_a_round() {
    put_against_a_round("push against a round", 4);
}

#[test]
fn put_past_private_slots_against_a_round() {
    put_against_a_round("put past private slots against a round", 0);
}

/// The pool keeps another item, which is no reason to come.
#[test]
fn surplus_against_a_round() {
    explore("surplus against a round", TWO, |world| {
        let pool = world.pool_with(Settings::new().private_slots(0).min_idle(1).manual());
        world.put(&pool, 2);
        // The round drops one of them if it finds both.
        world.expect_drops();
        return_against_a_round(world, pool);
    });
}

/// The item returns while one round alerts pushes and the next looks again.
#[test]
fn push_against_two_rounds() {
    explore("push against two rounds", TWO, |world| {
        let pool = world.pool(4);
        pool.put(world.make());
        let item = get(&pool);
        let sweeper = || ebbtide::sweeper(&pool).expect("the pool has been used");
        let (first, second) = (sweeper(), sweeper());
        // The second round may drop it.
        world.expect_drops();
        let rounds = world::spawn(move || {
            first.round();
            second.round();
        });
        world.go();
        drop(item);
        rounds.join().unwrap();
        assert!(!sweeper().is_unattended(), "an item is idle in a pool that no round sweeps");
        drop(pool);
    });
}

/// The same with two puts. The first clears the alert that the second would otherwise see.
#[test]
fn two_pushes_against_a_round() {
    explore("two pushes against a round", TWO, |world| {
        let pool = world.pool(4);
        world.put(&pool, 2);
        let (first, second) = (get(&pool), get(&pool));
        let sweeper = || ebbtide::sweeper(&pool).expect("the pool has been used");
        sweeper().round();
        let round = sweeper();
        let round = world::spawn(move || round.round());
        world.go();
        drop(first);
        drop(get(&pool));
        drop(second);
        round.join().unwrap();
        assert!(!sweeper().is_unattended(), "an item is idle in a pool that no round sweeps");
        world.expect_drops();
        drop(pool);
    });
}
