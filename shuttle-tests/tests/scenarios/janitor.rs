//! The janitor's rounds over several pools. Shuttle has no janitor, so a thread of the scenario does its work with
//! `advance_all`.

use crate::common::{Watched, explore, janitor, join};
use ebbtide::Settings;

/// Rounds sweep three pools, all at once. Meanwhile threads use the pools in turn, end, and leave their slot sets in
/// each pool to others.
#[test]
fn rounds_sweep_several_pools() {
    explore(|| {
        let pools = [2, 2, 0].map(|slots| Watched::new(Settings::new().private_slots(slots)));
        let rounds = janitor(3, &pools);
        let threads = [0, 1, 2].map(|first| {
            let [a, b, c] = [0, 1, 2].map(|step| pools[(first + step) % 3].clone());
            a.clone().spawn(move |_| {
                a.burst(2);
                b.burst(3);
                c.spawn(move |c| {
                    c.burst(2);
                    a.burst(1);
                })
            })
        });
        join(join(threads));
        join([rounds]);
        age_out(2, &pools);
        pools.into_iter().for_each(Watched::close);
    });
}

/// Pools are first used and then dropped while a round may be sweeping them. The round drops the items that it holds.
#[test]
fn pools_are_dropped_during_rounds() {
    explore(|| {
        let lasting = [(); 2].map(|()| Watched::new(Settings::new().private_slots(2)));
        let passing = [(); 3].map(|()| Watched::new(Settings::new().private_slots(2)));
        let rounds = janitor(3, passing.iter().chain(&lasting));
        let mut last = lasting.iter().cycle();
        let threads = passing.map(|passing| {
            last.next().expect("a cycle").spawn(move |lasting| {
                lasting.burst(2);
                passing.burst(3);
                let ledger = passing.give_up();
                lasting.burst(1);
                ledger
            })
        });
        let ledgers = join(threads);
        join([rounds]);
        for ledger in ledgers {
            ledger.assert_closed();
        }
        age_out(2, &lasting);
        lasting.into_iter().for_each(Watched::close);
    });
}

/// Items hold items of another pool, of their own, or the last handle to a pool. A round that drops them puts items
/// into pools that it has just swept, and drops a pool.
#[test]
fn items_hold_items_of_other_pools() {
    explore(|| {
        let pools = [(); 3].map(|()| Watched::new(Settings::new().private_slots(2)));
        let rounds = janitor(3, &pools);
        let [outer, inner, passing] = pools;
        let threads = [&inner, &outer, &passing].map(|held| {
            let (inner, held) = (inner.clone(), held.clone());
            outer.spawn(move |outer| {
                let mut item = outer.get();
                item.holds = Some(held.get_owned());
                drop(item);
                inner.burst(2);
            })
        });
        let ledger = passing.give_up();
        join(threads);
        join([rounds]);
        // An item that returns when another is dropped is idle from then on, and may hold one more.
        age_out(6, [&outer, &inner]);
        ledger.assert_closed();
        outer.close();
        inner.close();
    });
}

/// An item was in use when a round found nothing. It returns while further rounds park the pool. None is left behind in a
/// pool that rounds leave out, whatever the thread does next.
fn return_while_parked(rounds: usize, next: fn()) {
    explore(move || {
        let pool = Watched::new(Settings::new().private_slots(2));
        pool.burst(1);
        let item = pool.get();
        join([janitor(1, [&pool])]);
        let rounds = janitor(rounds, [&pool]);
        drop(item);
        next();
        join([rounds]);
        age_out(2, [&pool]);
        pool.close();
    });
}

#[test]
fn rounds_miss_no_item_of_a_parked_pool() {
    return_while_parked(2, || {});
}

#[test]
fn stopping_hides_no_item_of_a_parked_pool() {
    return_while_parked(1, ebbtide::stop_janitor);
}

/// All other threads have ended. Two rounds leave nothing in these pools, or more if an item's `Drop` puts another one.
fn age_out<'a>(rounds: usize, pools: impl IntoIterator<Item = &'a Watched, IntoIter: Clone>) {
    let pools = pools.into_iter();
    join([janitor(rounds, pools.clone())]);
    for pool in pools {
        assert_eq!((pool.alive(), pool.idle()), (0, 0), "idle items outlived rounds that no call overlapped");
    }
}
