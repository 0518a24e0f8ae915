//! `advance_with` hands expired items to its caller instead of dropping them.

mod common;

use std::sync::Arc;
use std::thread;

use common::{Bomb, Count, OnDrop, burst, counted, panic_of};
use ebbtide::buffers::{self, BufferPool};
use ebbtide::{Settings, Swept};

/// It hands over what `advance` would drop, on the calling thread, and counts it as dropped.
#[test]
fn what_expires_is_received() {
    let (pool, ledger) = counted(Settings::new().min_idle(3));
    assert_eq!(pool.advance_with(|_| unreachable!("nothing was created")), Some(Swept::default()));
    let all = burst(&pool, 100);
    assert_eq!(pool.advance_with(|_| unreachable!("the items are young")).map(|swept| swept.kept), Some(100));
    let used = burst(&pool, 10);
    let (mut received, caller) = (Vec::new(), thread::current().id());
    let swept = pool.advance_with(|item| {
        assert_eq!(thread::current().id(), caller);
        item.own();
        received.push(item);
    });
    let swept = swept.expect("no other sweep runs");
    assert_eq!((swept.dropped, swept.kept), (received.len(), 100 - received.len()));
    assert!(received.len() >= 80 && received.iter().all(|item| !used.contains(&item.id)), "{received:?}");
    assert_eq!((pool.stats().dropped, ledger.dropped(), all.len()), (received.len(), 0, ledger.live()));
    drop((received, pool));
    ledger.assert_all_dropped_once();
}

/// While it receives, the sweep is over: this thread and others use the pool, and sweep it.
#[test]
fn the_receiver_may_use_the_pool() {
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    burst(&pool, 20);
    pool.advance();
    let received = Count::new();
    pool.advance_with(|item| {
        received.bump();
        pool.put(item);
        let user = {
            let pool = Arc::clone(&pool);
            move || {
                burst(&pool, 10);
                assert_eq!(pool.advance().map(|swept| swept.left_busy), Some(0));
            }
        };
        user();
        thread::spawn(user).join().expect("no panic");
    });
    assert_eq!(received.get(), 20);
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// If the receiver panics, it still gets the other items. The first panic is raised.
#[test]
fn a_panic_of_the_receiver_loses_one_item() {
    let (pool, ledger) = counted(Settings::new());
    burst(&pool, 100);
    pool.advance();
    let mut received = Vec::new();
    let text = panic_of(|| {
        pool.advance_with(|item| {
            received.push(item.id);
            assert_ne!(received.len() % 30, 0, "the {}th", received.len());
        })
    });
    assert!(text.contains("the 30th"), "{text}");
    assert_eq!((received.len(), pool.idle()), (100, 0));
    ledger.assert_all_dropped_once();
}

/// What the receiver owns may panic as it is dropped. After another panic, that goes no further.
#[test]
fn of_several_panics_the_first_is_raised() {
    let (pool, _ledger) = counted(Settings::new());
    let with_a_bomb = |fails: bool| {
        let bomb = Bomb;
        burst(&pool, 2);
        pool.advance();
        panic_of(|| {
            pool.advance_with(move |_| {
                let _bomb = &bomb;
                assert!(!fails, "the first");
            })
        })
    };
    assert_eq!(with_a_bomb(false), "bomb");
    assert_eq!(with_a_bomb(true), "the first");

    burst(&pool, 2);
    pool.advance();
    let text = panic_of(|| {
        let _sweeps = OnDrop(|| {
            pool.advance_with(|_| panic!("the second"));
        });
        panic!("the first");
    });
    assert_eq!((text.as_str(), pool.idle()), ("the first", 0));
}

/// The buffers of all classes are received, even if the receiver panics.
#[test]
fn buffers_of_all_sizes_are_received() {
    let pool = BufferPool::with_settings(buffers::Settings::new().manual());
    for fails in [false, true] {
        drop((pool.get(1000), pool.get(5000), pool.get(1 << 20)));
        pool.advance();
        let mut received = Vec::new();
        let mut sweep = || {
            pool.advance_with(|buffer| {
                received.push(buffer.capacity());
                assert!(!fails, "{}", buffer.capacity());
            })
        };
        if fails {
            assert_eq!(panic_of(sweep), "1024");
        } else {
            assert_eq!(sweep().unwrap().dropped, 3);
        }
        assert_eq!((received, pool.idle_bytes()), (vec![1 << 10, 8 << 10, 1 << 20], 0));
    }
}
