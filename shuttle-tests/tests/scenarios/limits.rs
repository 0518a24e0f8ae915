//! `max_idle`, `min_idle`, `chaos` and `clear` under concurrent use.

use crate::common::{Watched, explore, join};
use ebbtide::Settings;

/// Puts, spills, refills, sweeps and `clear` take room under `max_idle` and give it back. In the end there is as much
/// room as at first.
#[test]
fn no_room_is_lost() {
    explore(|| {
        let pool = Watched::limited(Settings::new().manual().private_slots(4).max_idle(7));
        // Enough for two refills in a row. The first leaves an unneeded empty array, for which a sweep closes the slot
        // set.
        let users = [9, 8, 3].map(|n| {
            pool.spawn(move |pool| {
                pool.burst(n);
                pool.burst(n);
            })
        });
        let sweeper = pool.spawn(|pool| {
            pool.advance();
            pool.advance();
        });
        let clearer = pool.spawn(|pool| {
            pool.clear();
        });
        join(users.into_iter().chain([sweeper, clearer]));
        let bound = 7 + 3 * 4;
        assert!(pool.alive() <= bound, "{} idle items, but max_idle and private slots come to {bound}", pool.alive());
        pool.age_out();
        assert_eq!(pool.prefill(10), 7, "the room of an empty pool");
        pool.age_out();
        pool.close();
    });
}

/// Sweeps leave `min_idle` items if there are as many. `clear` leaves none.
#[test]
fn sweeps_keep_min_idle() {
    explore(|| {
        let pool = Watched::new(Settings::new().manual().private_slots(4).min_idle(3));
        let users = [5, 2, 3].map(|n| pool.spawn(move |pool| pool.burst(n)));
        let sweeper = pool.spawn(|pool| pool.sweep(3));
        join(users.into_iter().chain([sweeper]));
        let before = pool.alive();
        pool.sweep(3);
        assert_eq!(pool.alive(), before.min(3), "left of {before}");
        pool.clear().expect("no other sweep runs");
        assert_eq!(pool.alive(), 0);
        pool.close();
    });
}

/// No sweep leaves fewer items than `min_idle`, whatever moves meanwhile.
#[test]
fn every_sweep_keeps_min_idle() {
    explore(|| {
        let pool = Watched::new(Settings::new().manual().private_slots(4).min_idle(4));
        pool.prefill(6);
        let users = [1, 2, 3].map(|n| {
            pool.spawn(move |pool| {
                pool.burst(n);
                pool.burst(n);
            })
        });
        let sweeper = pool.spawn(|pool| {
            for _ in 0..4 {
                pool.sweep(1);
                assert!(pool.alive() >= 4, "{} items are left", pool.alive());
            }
        });
        join(users.into_iter().chain([sweeper]));
        pool.close();
    });
}

/// While all items are at most `max_idle`, none is rejected, and the first sweep drops none.
#[test]
fn nothing_is_dropped_below_max_idle() {
    explore(|| {
        let pool = Watched::limited(Settings::new().manual().private_slots(4).max_idle(8));
        let users = [(); 2].map(|()| {
            pool.spawn(|pool| {
                pool.burst(4);
                pool.burst(4);
            })
        });
        let sweeper = pool.spawn(|pool| {
            pool.advance();
        });
        join(users.into_iter().chain([sweeper]));
        if pool.made() <= 8 {
            assert_eq!((pool.alive(), pool.stats().rejected), (pool.made(), 0));
        }
        pool.age_out();
        pool.close();
    });
}

/// Some puts drop their item, and all take the slow path.
#[test]
fn chaos_drops_some_puts() {
    explore(|| {
        let pool = Watched::limited(Settings::new().manual().private_slots(2).chaos(1));
        let users = [3, 2, 3].map(|n| {
            pool.spawn(move |pool| {
                pool.burst(n);
                pool.burst(n);
            })
        });
        let sweeper = pool.spawn(|pool| pool.sweep(2));
        join(users.into_iter().chain([sweeper]));
        assert_ne!(pool.stats().rejected, 0, "no put was struck");
        pool.age_out();
        pool.close();
    });
}

/// `clear` drops idle items without a new epoch, while others put, get and sweep. If nothing overlaps it, it leaves no
/// item.
#[test]
fn clear_against_puts_and_gets() {
    explore(|| {
        let pool = Watched::new(Settings::new().manual().private_slots(2));
        let users = [3, 2, 3].map(|n| {
            pool.spawn(move |pool| {
                pool.burst(n);
                pool.put_new();
                pool.burst(n);
            })
        });
        let clearer = pool.spawn(|pool| {
            pool.clear();
        });
        let sweeper = pool.spawn(|pool| {
            for _ in 0..3 {
                pool.clear();
                pool.advance();
            }
        });
        join(users.into_iter().chain([clearer, sweeper]));
        let swept = pool.clear().expect("no other sweep runs");
        assert_eq!((swept.kept, swept.left_busy, pool.alive()), (0, 0, 0));
        pool.close();
    });
}
