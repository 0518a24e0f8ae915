//! The janitor's rounds over several pools. Under shuttle there is no janitor; a thread of the scenario does what it
//! does, with `advance_all`.

mod common;

use common::{Watched, explore, janitor, join};
use ebbtide::Settings;

/// Three pools are swept in rounds, all at once, while threads use them in turn, end, and leave their slot sets in each of
/// them to others.
#[test]
fn several_pools() {
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

/// Pools are used for the first time, all at once, and dropped while a round may be sweeping them. What the round has in
/// its hands it drops.
#[test]
fn pools_come_and_go() {
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

/// Items hold items of another pool, of their own, or the last handle to a pool. A round that drops them runs what user
/// code can do there: it puts items into pools that it has just swept, and drops a pool.
#[test]
fn items_that_hold_items() {
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
        // What goes back when another item is dropped is idle from then on, and may hold one more.
        age_out(6, [&outer, &inner]);
        ledger.assert_closed();
        outer.close();
        inner.close();
    });
}

/// When all other threads have ended: so many rounds, two unless an item's `Drop` puts another one, leave nothing in these
/// pools.
fn age_out<'a>(rounds: usize, pools: impl IntoIterator<Item = &'a Watched, IntoIter: Clone>) {
    let pools = pools.into_iter();
    join([janitor(rounds, pools.clone())]);
    for pool in pools {
        assert_eq!((pool.alive(), pool.idle()), (0, 0), "idle items outlived rounds that no call overlapped");
    }
}
