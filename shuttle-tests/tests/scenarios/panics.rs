//! Items whose user code panics while other threads use the pool.

use std::panic::resume_unwind;

use crate::common::{Fault, Watched, caught, explore, join};
use ebbtide::Settings;

/// Items panic in their `Drop`, several in one sweep. The sweep goes on and raises one of the panics. Every other item
/// is dropped once, and the pool still works.
#[test]
fn panics_in_drop_during_sweeps() {
    explore(|| {
        let pool = Watched::new(Settings::new().manual().private_slots(2));
        let users = [3, 2, 3].map(|n| {
            pool.spawn(move |pool| {
                let mut items: Vec<_> = (0..n).map(|_| pool.get()).collect();
                items[0].fault = Fault::PanicInDrop;
                items[1].fault = Fault::PanicInDrop;
                drop(items);
                drop(pool.try_get());
            })
        });
        let sweeper = pool.spawn(|pool| {
            let swept = [(); 3].map(|()| pool.try_advance().expect("no other sweep runs"));
            swept.iter().filter(|swept| swept.is_err()).count()
        });
        join(users);
        let mut raised = join([sweeper])[0];
        for _ in 0..2 {
            raised += usize::from(pool.try_advance().expect("no other sweep runs").is_err());
        }
        assert!((1..=5).contains(&raised), "items panicked, and {raised} sweeps said so");
        pool.age_out();
        pool.close();
    });
}

/// The recycler panics for an item or refuses it, and `create` panics, during a sweep and other puts.
#[test]
fn panics_in_recyclers() {
    explore(|| {
        let pool = Watched::new(Settings::new().manual().private_slots(2));
        let users = [Fault::Refused, Fault::PanicInRecycle, Fault::None].map(|fault| {
            pool.spawn(move |pool| {
                pool.burst(2);
                let mut item = pool.get();
                item.fault = fault;
                let dropped = caught(|| drop(item));
                assert_eq!(dropped.is_err(), fault == Fault::PanicInRecycle);
                // If an item is idle, none is created.
                caught(|| drop(pool.get_with(|| resume_unwind(Box::new(0_usize))))).unwrap_or_default();
                pool.burst(3);
            })
        });
        let sweeper = pool.spawn(|pool| pool.sweep(2));
        join(users.into_iter().chain([sweeper]));
        pool.age_out();
        pool.close();
    });
}
