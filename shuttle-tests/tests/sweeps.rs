//! Many threads that use one pool while others sweep it.

mod common;

use common::{Watched, explore, join};
use ebbtide::{Pooled, Settings};

/// Users that spill and refill, while two threads sweep: one sweep at a time, and no item is lost between them.
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

/// The pool's heap part, its shards and its buckets of slot sets are made by whoever comes first; six threads come at
/// once, and a sweep.
#[test]
fn first_use_by_all() {
    explore(|| {
        let pool = Watched::new(Settings::new().manual().private_slots(2));
        let users = [1, 3, 1, 3, 1, 3].map(|n| pool.spawn(move |pool| pool.burst(n)));
        let sweep = pool.spawn(|pool| {
            // A pool that nobody has used yet says that it was swept, but its epoch isn't made yet.
            pool.clear();
        });
        join(users.into_iter().chain([sweep]));
        pool.age_out();
        pool.close();
    });
}

/// Puts set the marks that say which shards hold anything, and gets that find nothing clear them, with a sweep in between:
/// in the end every item is found.
#[test]
fn marks() {
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

/// As many items are idle as threads come for one. Each finds one, in whichever shard they lie, as there are no batches
/// to take the others along.
#[test]
fn nobody_misses() {
    explore(|| {
        let pool = Watched::new(Settings::new().manual().private_slots(0));
        assert_eq!(pool.prefill(5), 5);
        join([(); 5].map(|()| pool.spawn(|pool| drop(pool.get_owned()))));
        assert_eq!(pool.made(), 5, "an item was made while one was idle");
        pool.age_out();
        pool.close();
    });
}

/// Victims are taken one by one while the sweep that would drop them runs. What is left of a batch goes back, and if that
/// was too late for this sweep it isn't for the next one.
#[test]
fn victims_rescued_by_many() {
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
