//! Threads that end during sweeps, threads that inherit their slot sets, and items that change threads.

use std::cell::RefCell;

use crate::common::{Ledger, Tracked, Watched, explore, join};
use ebbtide::{OwnedPooled, Settings};
use shuttle::sync::mpsc;

/// Each of three threads ends by starting another one, while a sweep takes items. If the new thread is late enough, it
/// inherits the old one's number and slot set with its items. Otherwise it gets another's or a new one.
#[test]
fn heirs_lose_nothing() {
    explore(|| {
        let pool = Watched::new(Settings::new().manual().private_slots(4));
        let sweeper = pool.spawn(|pool| pool.sweep(4));
        let threads = [1, 2, 3].map(|n| {
            pool.spawn(move |pool| {
                pool.burst(n);
                pool.burst(n);
                pool.spawn(|pool| {
                    drop(pool.try_get());
                    pool.burst(2);
                    pool.burst(3);
                })
            })
        });
        join(join(threads));
        join([sweeper]);
        pool.age_out();
        pool.close();
    });
}

shuttle::thread_local! {
    static KEPT: RefCell<Option<OwnedPooled<Tracked, Ledger>>> = const { RefCell::new(None) };
}

/// Thread-local destructors drop guards, before and after their threads have returned their slot sets. Others inherit
/// these meanwhile.
#[test]
fn guards_in_thread_locals() {
    explore(|| {
        let pool = Watched::new(Settings::new().manual().private_slots(2));
        let sweeper = pool.spawn(|pool| pool.sweep(2));
        let threads = [true, false, true].map(|first| {
            pool.spawn(move |pool| {
                // The thread-local that a thread uses first is destroyed first.
                if first {
                    KEPT.with(|_| ());
                }
                let kept = pool.get_owned();
                pool.burst(1);
                KEPT.with(|slot| *slot.borrow_mut() = Some(kept));
                pool.spawn(|pool| pool.burst(2))
            })
        });
        join(join(threads));
        join([sweeper]);
        pool.age_out();
        pool.close();
    });
}

/// Two threads get items and send them. Two others receive them and put them into their own slots, from which the items
/// are spilled and stolen back. A sweep runs meanwhile.
#[test]
fn guards_cross_threads() {
    explore(|| {
        let pool = Watched::new(Settings::new().manual().private_slots(4));
        let mut threads = Vec::new();
        for _ in 0..2 {
            let (sender, receiver) = mpsc::channel();
            threads.push(pool.spawn(move |pool| {
                for _ in 0..8 {
                    sender.send(pool.get_owned()).expect("the receiver takes all there are");
                }
            }));
            threads.push(pool.spawn(move |_| receiver.into_iter().for_each(drop)));
        }
        threads.push(pool.spawn(|pool| pool.sweep(2)));
        join(threads);
        pool.age_out();
        pool.close();
    });
}
