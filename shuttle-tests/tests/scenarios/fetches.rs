//! Threads fetch from each other's private slots, while their owners and sweeps go on.

use crate::common::{Watched, explore, join};
use ebbtide::{Fetch, Manual, Settings};

fn settings() -> Settings<Manual> {
    Settings::new().manual().private_slots(4).fetch(Fetch::Always)
}

/// Four threads return items and take those of the others. A sweep ages what is idle, and the owners answer it.
#[test]
fn threads_fetch_from_each_other_during_a_sweep() {
    explore(|| {
        let pool = Watched::new(settings());
        let users = [1, 2, 3, 4].map(|n| {
            pool.spawn(move |pool| {
                pool.burst(n);
                drop((pool.try_get(), pool.try_get()));
                pool.burst(2);
            })
        });
        let sweep = pool.spawn(|pool| pool.sweep(2));
        join(users.into_iter().chain([sweep]));
        pool.age_out();
        pool.close();
    });
}

/// The same while everything is dropped, and threads end and hand on their slots.
#[test]
fn threads_fetch_from_each_other_while_the_pool_is_cleared() {
    explore(|| {
        let pool = Watched::new(settings());
        let users = [3, 1, 2].map(|n| {
            pool.spawn(move |pool| {
                let item = pool.get_owned();
                pool.burst(n);
                let heir = pool.spawn(move |pool| {
                    drop(item);
                    pool.burst(2);
                });
                pool.burst(1);
                join([heir]);
            })
        });
        pool.clear();
        pool.sweep(1);
        join(users);
        pool.age_out();
        pool.close();
    });
}

/// An item that one thread returned is found by others, one of which uses it at a time.
#[test]
fn a_fetched_item_has_one_owner() {
    explore(|| {
        let pool = Watched::new(settings());
        pool.put_new();
        pool.put_new();
        let takers = [(); 3].map(|()| pool.spawn(|pool| drop((pool.try_get(), pool.try_get()))));
        pool.burst(2);
        join(takers);
        assert_eq!(pool.idle(), pool.alive());
        pool.age_out();
        pool.close();
    });
}
