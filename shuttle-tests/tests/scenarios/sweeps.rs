//! Many threads use one pool while others sweep it.

use crate::common::{Watched, explore, join};
use ebbtide::{Pooled, Settings};

/// Users spill and refill while two threads sweep. One sweep runs at a time, and no item is lost between them.
#[test]
fn two_sweepers() {
    explore(|| {
        let pool = Watched::new(Settings::new().manual().private_slots(2));
        let users = [3, 2, 1, 3].map(|n| {
            pool.spawn(move |pool| {
                pool.burst(n);
                pool.burst(1);
            })
        });
        let sweepers = [(); 2].map(|()| {
            pool.spawn(|pool| {
                for _ in 0..2 {
                    pool.advance();
                }
            })
        });
        join(users.into_iter().chain(sweepers));
        pool.age_out();
        pool.close();
    });
}

/// The first thread to come makes the pool's heap part, its shards and its buckets of slot sets. Six threads and a
/// sweep come at once.
#[test]
fn six_threads_use_a_pool_first() {
    explore(|| {
        let pool = Watched::new(Settings::new().manual().private_slots(2));
        let users = [1, 3, 1, 3, 1, 3].map(|n| pool.spawn(move |pool| pool.burst(n)));
        let sweep = pool.spawn(|pool| {
            // A sweep of an unused pool succeeds, but no epoch exists yet.
            pool.clear();
        });
        join(users.into_iter().chain([sweep]));
        pool.age_out();
        pool.close();
    });
}

/// Puts mark shards as occupied, and gets that find nothing clear the marks, with a sweep in between. In the end every
/// item is found.
#[test]
fn marks_hide_no_item() {
    explore(|| {
        let pool = Watched::new(Settings::new().manual().private_slots(0));
        let givers = [(); 3].map(|()| {
            pool.spawn(|pool| {
                pool.put_new();
                pool.put_new();
            })
        });
        let takers = [(); 3].map(|()| {
            pool.spawn(|pool| {
                drop(pool.try_get().map(Pooled::detach));
                drop(pool.try_get().map(Pooled::detach));
            })
        });
        let sweeper = pool.spawn(|pool| pool.sweep(1));
        join(givers.into_iter().chain(takers).chain([sweeper]));
        pool.find_all();
        pool.age_out();
        pool.close();
    });
}

/// There is one idle item for each thread. Every thread finds one, in any shard, as no batch takes several along.
#[test]
fn every_thread_finds_an_item() {
    explore(|| {
        let pool = Watched::new(Settings::new().manual().private_slots(0));
        assert_eq!(pool.prefill(5), 5);
        join([(); 5].map(|()| pool.spawn(|pool| drop(pool.get_owned()))));
        assert_eq!(pool.made(), 5, "an item was made while one was idle");
        pool.age_out();
        pool.close();
    });
}

/// Victims are got one by one while the sweep that would drop them runs. The rest of a batch returns. If that is too
/// late for this sweep, the next one drops it.
#[test]
fn victims_are_rescued_one_by_one() {
    explore(|| {
        let pool = Watched::new(Settings::new().manual().private_slots(6));
        assert_eq!(pool.prefill(6), 6);
        pool.advance();
        let users = [1, 2, 1, 2].map(|n| pool.spawn(move |pool| pool.burst(n)));
        let sweep = pool.spawn(|pool| pool.sweep(1));
        join(users.into_iter().chain([sweep]));
        pool.advance();
        assert_eq!(pool.untouched(), 0, "the rest of a batch is two epochs late");
        pool.age_out();
        pool.close();
    });
}
