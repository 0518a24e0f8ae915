//! A fetch, stopped after each of its instructions in turn while the owner of the slots proceeds.

use std::ops::ControlFlow::{Break, Continue};

use crate::common::{Count, MANUAL};
use crate::stepping::{at_each_stop, start, step, turn};
use ebbtide::{Fetch, Pool, Pooled};

/// Wherever a fetch is stopped, the owner proceeds. Each takes an item, or the owner comes first, or the fetch does.
#[test]
fn an_owner_never_waits_for_a_stopped_fetch() {
    let _turn = turn();
    let other = Pool::with_settings(|| 0, MANUAL.fetch(Fetch::Always));
    let (mut owner_first, mut fetch_first) = (0, 0);
    at_each_stop(|first| {
        let made = Count::new();
        let pool = Pool::with_settings(|| made.bump(), MANUAL.fetch(Fetch::Always));
        drop((pool.get(), pool.get()));
        let (mut mine, mut theirs, mut stopped) = (None, None, false);
        let fetch = || {
            // The thread's first item of any pool takes thousands of instructions more.
            drop(other.get());
            start();
            theirs = pool.try_get();
        };
        step(first, fetch, || {
            mine = pool.try_get();
            stopped = true;
            0
        });
        if !stopped {
            return Break(owner_first > 0 && fetch_first > 0);
        }
        match (&mine, &theirs) {
            (Some(_), None) => owner_first += 1,
            (None, Some(_)) => fetch_first += 1,
            _ => {}
        }
        let rest = std::iter::from_fn(|| pool.try_get());
        let mut found: Vec<_> = [mine, theirs].into_iter().flatten().chain(rest).map(Pooled::detach).collect();
        found.sort_unstable();
        assert_eq!((found, made.get()), (vec![0, 1], 2), "stopped after {first} instructions");
        Continue(())
    });
    println!("the owner came first {owner_first} times, the fetch {fetch_first} times");
    assert!(owner_first > 0 && fetch_first > 0, "nothing was tested");
}
