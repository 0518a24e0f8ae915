//! `BoundedPool`: the manager's disposer gets every item that the pool does not keep, wherever that is decided.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::polled::Polled;
use crate::common::{Bomb, Count, Counted, Ledger, lock, panic_of, until};
use crate::timed::{Gate, Opens};
use ebbtide::BoundedPool;
use ebbtide::bounded::{Disposer, Info, Pooled, Settings, TryRecycle};
use futures_lite::future::block_on;

/// What the makers and the disposers of a test share.
#[derive(Default)]
struct Shared {
    ledger: Arc<Ledger>,
    /// The items that were disposed of.
    gone: Mutex<Vec<usize>>,
    /// Unless 0, items are refused when they return, fail their checks, or have checks that panic.
    refuses: Count,
    unfit: Count,
    trips: Count,
    /// Unless 0, the disposer, or the call that makes it, panics.
    fails: Count,
    fails_early: Count,
    /// Where the disposer waits.
    gate: Gate,
}

struct Maker(Arc<Shared>);

impl TryRecycle<Counted> for Maker {
    type Error = Infallible;

    fn try_create(&self) -> Result<Counted, Infallible> {
        Ok(self.0.ledger.item())
    }

    fn check(&self, _: &mut Counted, _: &Info) -> bool {
        assert_eq!(self.0.trips.get(), 0, "tripped");
        self.0.unfit.get() == 0
    }

    fn recycle(&self, _: &mut Counted, _: &Info) -> bool {
        self.0.refuses.get() == 0
    }

    fn disposer(&self) -> Disposer<Counted> {
        assert_eq!(self.0.fails_early.swap(0), 0, "too early");
        let shared = Arc::clone(&self.0);
        Disposer::new(move |item: Counted| {
            shared.gate.pass();
            lock(&shared.gone).push(item.id);
            drop(item);
            assert_eq!(shared.fails.get(), 0, "disposed of");
        })
    }
}

type Disposing = BoundedPool<Counted, Maker>;

/// A pool with `n` idle items.
fn disposing(n: usize) -> (Arc<Disposing>, Arc<Shared>) {
    let shared = Arc::new(Shared::default());
    shared.gate.open();
    let pool = BoundedPool::with_settings(Maker(Arc::clone(&shared)), Settings::new(n).manual());
    assert_eq!(pool.prefill(n), Ok(n));
    (Arc::new(pool), shared)
}

/// After `end`, the disposer had the first item, and no item exists that the pool does not have.
#[track_caller]
fn disposes(end: impl FnOnce(&Arc<Disposing>, &Shared)) {
    let (pool, shared) = disposing(1);
    end(&pool, &shared);
    assert_eq!((&*lock(&shared.gone), shared.ledger.drop_order()), (&vec![0], vec![0]));
    assert_eq!((pool.in_use(), pool.idle()), (0, shared.ledger.live()));
}

#[test]
fn whatever_ends_an_item_it_is_disposed_of() {
    disposes(|pool, _| assert_eq!(pool.clear().unwrap().dropped, 1));
    disposes(|pool, _| pool.close());
    disposes(|pool, _| {
        pool.advance();
        pool.advance();
    });
    disposes(|pool, _| assert_eq!(pool.retain(|_, _| false).dropped, 1));
    disposes(|pool, _| assert!(panic_of(|| pool.retain(|_, _| panic!("tripped"))).contains("tripped")));
    disposes(|pool, _| {
        let item = pool.get().unwrap();
        pool.close();
        drop(item);
    });
    disposes(|pool, _| {
        let item = pool.get().unwrap();
        let served = Polled::waiting(pool.get_async());
        drop(item);
        pool.close();
        drop(served);
    });
    disposes(|pool, shared| {
        shared.refuses.set(1);
        drop(pool.get());
    });
    let (pool, shared) = disposing(2);
    pool.resize(1).unwrap();
    assert_eq!(*lock(&shared.gone), [0]);
}

#[test]
fn items_that_fail_their_checks_are_disposed_of() {
    let ways: [fn(&Arc<Disposing>); 4] = [
        |pool| drop(pool.get()),
        |pool| drop(pool.get_owned()),
        |pool| drop(pool.get_many(1)),
        |pool| drop(block_on(pool.get_async())),
    ];
    for way in ways {
        disposes(|pool, shared| {
            shared.unfit.set(1);
            way(pool);
        });
        disposes(|pool, shared| {
            shared.trips.set(1);
            assert!(panic_of(|| way(pool)).contains("tripped"));
        });
    }
}

#[test]
fn old_items_are_disposed_of() {
    let shared = Arc::new(Shared::default());
    shared.gate.open();
    let settings = Settings::new(1).manual().max_lifetime(Duration::from_nanos(1));
    let pool = BoundedPool::with_settings(Maker(Arc::clone(&shared)), settings);
    drop(pool.get());
    assert_eq!(pool.prefill(1), Ok(1));
    drop(pool.get());
    assert_eq!(*lock(&shared.gone), [0, 1, 2]);
}

#[test]
fn idle_items_of_a_dropped_pool_are_disposed_of() {
    let (pool, shared) = disposing(2);
    drop(pool);
    assert_eq!(*lock(&shared.gone), [0, 1]);
    shared.ledger.assert_all_dropped_once();
}

/// What the pool's users take is theirs.
#[test]
fn items_of_users_are_not_disposed_of() {
    let (pool, shared) = disposing(3);
    drop(Pooled::detach(pool.get().unwrap()));
    drop(Pooled::replace(&mut pool.get().unwrap(), shared.ledger.item()));
    pool.advance();
    pool.advance_with(drop);
    assert_eq!((shared.ledger.dropped(), lock(&shared.gone).len()), (4, 0));
}

/// The janitor hands over the items that it finds. It does so even if the pool is dropped in between.
#[test]
fn the_janitor_disposes_of_what_it_sweeps() {
    let shared = Arc::new(Shared::default());
    let settings = Settings::new(1).every(Duration::from_millis(1));
    let pool = BoundedPool::with_settings(Maker(Arc::clone(&shared)), settings);
    let opens = Opens(&shared.gate);
    assert_eq!(pool.prefill(1), Ok(1));
    until("it is disposing", || shared.gate.waiting.get() > 0);
    assert_eq!((pool.in_use(), pool.idle()), (1, 0));
    drop(pool);
    assert_eq!(shared.ledger.live(), 1);
    drop(opens);
    until("it is gone", || *lock(&shared.gone) == [0]);
}

/// Creates zeros, with the disposer that this returns.
struct Numbers(fn() -> Disposer<u8>);

impl TryRecycle<u8> for Numbers {
    type Error = Infallible;

    fn try_create(&self) -> Result<u8, Infallible> {
        Ok(0)
    }

    fn disposer(&self) -> Disposer<u8> {
        (self.0)()
    }
}

/// An item is in use until the disposer returns, which may use the pool.
#[test]
fn an_item_keeps_its_place_until_the_disposer_returns() {
    static POOL: BoundedPool<u8, Numbers> = BoundedPool::with_settings(
        Numbers(|| Disposer::new(|_| SEEN.add(10 * POOL.in_use() + POOL.prefill(2).unwrap()))),
        Settings::new(2).manual(),
    );
    static SEEN: Count = Count::new();
    assert_eq!(POOL.prefill(2), Ok(2));
    POOL.clear();
    assert_eq!((SEEN.get(), POOL.idle()), (20 + 11, 1));
}

/// A disposer that panics for each item still gets the others, and no place is lost.
#[test]
fn panics_of_the_disposer() {
    let (pool, shared) = disposing(3);
    shared.fails.set(1);
    assert!(panic_of(|| pool.clear()).contains("disposed of"));
    assert_eq!((lock(&shared.gone).len(), pool.in_use(), pool.idle()), (3, 0, 0));
    shared.refuses.set(1);
    assert!(panic_of(|| drop(pool.get())).contains("disposed of"));
    shared.refuses.set(0);
    drop(pool.get());
    shared.unfit.set(1);
    assert!(panic_of(|| pool.get().map(drop)).contains("disposed of"));
    assert_eq!((pool.in_use(), pool.prefill(3)), (0, Ok(3)));
    drop(pool);
    shared.ledger.assert_all_dropped_once();
    assert_eq!(lock(&shared.gone).len(), 8);
}

/// On the janitor's threads, a panic of the disposer is counted.
#[test]
fn panics_on_the_janitor_are_counted() {
    let shared = Arc::new(Shared::default());
    shared.gate.open();
    shared.fails.set(1);
    let settings = Settings::new(1).every(Duration::from_millis(1));
    let pool = BoundedPool::with_settings(Maker(Arc::clone(&shared)), settings);
    assert_eq!(pool.prefill(1), Ok(1));
    until("the panic is counted", || pool.stats().panics == 1);
    assert_eq!((lock(&shared.gone).len(), pool.in_use()), (1, 0));
}

/// If the disposer cannot be made, the first user gets the panic, and the next one tries again.
#[test]
fn a_panic_before_the_first_use() {
    let shared = Arc::new(Shared::default());
    shared.gate.open();
    shared.fails_early.set(1);
    let pool = BoundedPool::with_settings(Maker(Arc::clone(&shared)), Settings::new(1).manual());
    assert!(panic_of(|| drop(pool.get())).contains("too early"));
    drop(pool.get());
    pool.clear();
    assert_eq!(*lock(&shared.gone), [0]);
}

/// What the disposer owns is dropped with the pool. If that panics, the pool's drop does not.
#[test]
fn a_panic_in_the_drop_of_the_disposer_is_contained() {
    let explodes = || {
        let bomb = Bomb;
        Disposer::new(move |_| {
            let _ = &bomb;
        })
    };
    let pool = BoundedPool::with_settings(Numbers(explodes), Settings::new(1).manual());
    drop(pool.get());
    drop(pool);
}
