//! `BoundedPool`: a panic in create, in recycle or in an item's `Drop` loses at most that item, and no place.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use crate::common::polled::Polled;
use crate::common::{Bomb, Count, Counted, Ledger, alone, panic_of, until};
use ebbtide::bounded::{OwnedPooled, Pooled, Settings};
use ebbtide::{BoundedPool, Recycle, advance_all};
use futures_lite::future::block_on;

/// Creates items, and panics on demand: in the create call with this number, or in every recycle.
struct Clumsy {
    ledger: Arc<Ledger>,
    calls: Count,
    trips_at: Count,
    drops_it: Count,
}

impl Clumsy {
    fn new(ledger: &Arc<Ledger>) -> Arc<Self> {
        let clumsy =
            Self { ledger: Arc::clone(ledger), calls: Count::new(), trips_at: Count::new(), drops_it: Count::new() };
        clumsy.trips_at.set(usize::MAX);
        Arc::new(clumsy)
    }

    /// The n-th create from now on panics, counted from 0.
    fn trip_at(&self, n: usize) {
        self.trips_at.set(self.calls.get() + n);
    }
}

struct Shared(Arc<Clumsy>);

impl Recycle<Counted> for Shared {
    fn create(&self) -> Counted {
        if self.0.calls.bump() == self.0.trips_at.get() {
            panic!("tripped");
        }
        self.0.ledger.item()
    }

    fn recycle(&self, _: &mut Counted) -> bool {
        assert_eq!(self.0.drops_it.get(), 0, "dropped it");
        true
    }
}

type ClumsyPool = BoundedPool<Counted, Shared>;

fn clumsy(capacity: usize) -> (Arc<ClumsyPool>, Arc<Clumsy>, Arc<Ledger>) {
    let ledger = Ledger::new();
    let clumsy = Clumsy::new(&ledger);
    let pool = BoundedPool::with_settings(Shared(Arc::clone(&clumsy)), Settings::new(capacity).manual());
    (Arc::new(pool), clumsy, ledger)
}

/// A panic in create reaches the caller of every way to get, and the place is free.
#[test]
fn a_panic_in_create_frees_the_place() {
    let (pool, clumsy, ledger) = clumsy(1);
    let ways: [&dyn Fn(); 8] = [
        &|| drop(pool.get()),
        &|| drop(pool.try_get()),
        &|| drop(pool.get_many(1)),
        &|| drop(pool.get_owned()),
        &|| {
            let Ok(_) = pool.prefill(1);
        },
        &|| drop(block_on(pool.get_async())),
        &|| drop(block_on(pool.get_owned_async())),
        &|| drop(block_on(pool.get_many_async(1))),
    ];
    for way in ways {
        clumsy.trip_at(0);
        assert_eq!(panic_of(way), "tripped");
        assert_eq!((pool.in_use(), pool.idle()), (0, 0));
    }
    assert_eq!(panic_of(|| drop(pool.get_with(|| panic!("with this")))), "with this");
    let future = pool.get_async_with(|| async { panic!("in a future") as Result<Counted, ()> });
    assert_eq!(panic_of(|| drop(block_on(future))), "in a future");
    assert_eq!((pool.in_use(), pool.stats().created, ledger.made()), (0, 0, 0));
    assert!(pool.get().is_ok());
}

/// A waiter whose create panics passes its place on.
#[test]
fn a_panic_in_create_serves_the_next() {
    let (pool, clumsy, _ledger) = clumsy(1);
    let held = pool.get().unwrap();
    let first = Polled::waiting(pool.get_async());
    let second = Polled::waiting(pool.get_async());
    drop(Pooled::detach(held));
    clumsy.trip_at(0);
    assert_eq!(panic_of(|| drop(first.ready())), "tripped");
    assert!(second.ready().is_ok());
}

/// If the create of one of several items panics, those created before become idle.
#[test]
fn a_panic_in_get_many_returns_the_items_made_so_far() {
    let (pool, clumsy, ledger) = clumsy(4);
    clumsy.trip_at(2);
    assert_eq!(panic_of(|| drop(pool.get_many(4))), "tripped");
    assert_eq!((pool.in_use(), pool.idle(), ledger.made()), (0, 2, 2));
    clumsy.trip_at(1);
    assert_eq!(panic_of(|| pool.prefill(2)), "tripped");
    assert_eq!((pool.in_use(), pool.idle(), ledger.made()), (0, 3, 3));
    assert_eq!(pool.get_many(4).unwrap().len(), 4);
}

/// A panic in recycle reaches the caller. The item is dropped, and its place goes to the next waiter.
#[test]
fn a_panic_in_recycle_frees_the_place() {
    let (pool, clumsy, ledger) = clumsy(1);
    let held = pool.get().unwrap();
    let next = Polled::waiting(pool.get_async());
    clumsy.drops_it.set(1);
    assert!(panic_of(|| drop(held)).contains("dropped it"));
    assert_eq!((ledger.live(), pool.stats().refused), (0, 1));
    let item = next.ready().unwrap();
    assert_eq!((item.id, ledger.live()), (1, 1));
    let owned = panic::catch_unwind(AssertUnwindSafe(|| drop(item)));
    assert!(owned.is_err());
    assert!(panic_of(|| drop(pool.get_owned().unwrap())).contains("dropped it"));
    assert_eq!((pool.in_use(), ledger.live()), (0, 0));
    ledger.assert_all_dropped_once();
}

/// The same while the thread unwinds: the first panic goes on, and the process lives.
#[test]
fn a_panic_in_recycle_while_unwinding_does_not_abort() {
    if !alone("panics::a_panic_in_recycle_while_unwinding_does_not_abort") {
        return;
    }
    let (pool, clumsy, ledger) = clumsy(2);
    clumsy.drops_it.set(1);
    let outcome = panic_of(|| {
        let _items = pool.get_many(2).unwrap();
        panic!("the first");
    });
    assert_eq!(outcome, "the first");
    assert_eq!((pool.in_use(), ledger.live(), pool.stats().refused), (0, 0, 2));
}

/// If items panic in `Drop`, every other item is still dropped, each place is free, and the first panic is raised.
#[test]
fn a_panic_in_an_items_drop_frees_the_place() {
    let ledger = Ledger::new();
    let make = |n: usize| if n % 2 == 1 { ledger.bomb() } else { ledger.item() };
    let calls = Count::new();
    let pool = BoundedPool::with_settings(|| make(calls.bump()), Settings::new(4).manual());
    let ends: [&dyn Fn(); 3] = [
        &|| {
            pool.clear();
        },
        &|| {
            pool.advance();
            pool.advance();
        },
        &|| pool.resize(4).and(pool.resize(1)).unwrap(),
    ];
    for end in ends {
        pool.resize(4).unwrap();
        pool.clear();
        calls.set(0);
        drop(pool.get_many(4).unwrap());
        let before = ledger.live();
        assert!(panic_of(end).starts_with("bomb "));
        assert_eq!((ledger.live(), pool.in_use()), (before - 4 + pool.idle(), 0));
        // Drops what is left, which may be a bomb.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| pool.clear()));
    }
    pool.resize(4).unwrap();
    calls.set(0);
    let items = pool.get_many(4).unwrap();
    pool.close();
    // All at once: the second bomb panics while the first unwinds.
    assert!(panic_of(|| drop(items)).starts_with("bomb "));
    assert_eq!((pool.in_use(), pool.stats().rejected), (0, 4 + 3));
    ledger.assert_all_dropped_once();
}

/// Dropping a pool with such items raises nothing and drops all.
#[test]
fn a_pool_of_panicking_items_can_be_dropped() {
    let ledger = Ledger::new();
    let pool = BoundedPool::with_settings(|| ledger.bomb(), Settings::new(5).manual());
    assert_eq!(pool.prefill(5), Ok(5));
    drop(pool);
    assert_eq!(ledger.dropped(), 5);
    ledger.assert_all_dropped_once();
}

/// After such an item, the janitor still sweeps this pool and others.
#[test]
fn panicking_items_do_not_stop_the_janitor() {
    // `advance_all` would sweep other tests' pools too.
    if !alone("panics::panicking_items_do_not_stop_the_janitor") {
        return;
    }
    let ledger = Ledger::new();
    let make = {
        let ledger = Arc::clone(&ledger);
        move || ledger.bomb()
    };
    let pool = BoundedPool::with_settings(make, Settings::new(3).every(Duration::from_secs(3600)));
    drop(pool.get_many(3).unwrap());
    advance_all();
    assert!(panic_of(advance_all).starts_with("bomb "));
    assert_eq!((ledger.live(), pool.in_use(), pool.idle()), (0, 0, 0));
    assert_eq!(pool.prefill(3), Ok(3));
    std::mem::forget(pool.get_many(3).unwrap());
    assert_eq!(pool.stats().panics, 0, "that panic was raised");
}

/// A panic that only the janitor sees is counted.
#[test]
fn the_janitors_panics_are_counted() {
    let ledger = Ledger::new();
    let make = {
        let ledger = Arc::clone(&ledger);
        move || ledger.bomb()
    };
    let pool = BoundedPool::with_settings(make, Settings::new(3).every(Duration::from_millis(1)));
    for round in 1..=2 {
        drop(pool.get());
        until("it is counted", || pool.stats().panics == round);
        assert_eq!((ledger.live(), pool.in_use()), (0, 0));
    }
}

/// A recycler that panics, and panics again when it is dropped with its pool.
struct Fragile(Bomb);

impl Recycle<u8> for Fragile {
    fn create(&self) -> u8 {
        0
    }

    fn recycle(&self, _: &mut u8) -> bool {
        panic!("fragile");
    }
}

/// A factory that wasn't needed panics when it is dropped. The item, which would panic too, returns to the pool.
#[test]
fn a_panic_of_an_unused_factory_returns_the_item() {
    let ledger = Ledger::new();
    let pool = Arc::new(BoundedPool::with_settings(|| ledger.bomb(), Settings::new(1).manual()));
    drop(pool.get().unwrap());
    let create = |bomb: Bomb| {
        let ledger = Arc::clone(&ledger);
        move || {
            let _bomb = bomb;
            ledger.item()
        }
    };
    let future = |bomb: Bomb| {
        let create = create(bomb);
        move || async move { Ok::<_, ()>(create()) }
    };
    let ways: [&dyn Fn(); 3] =
        [&|| drop(pool.get_with(create(Bomb))), &|| drop(block_on(pool.get_async_with(future(Bomb)))), &|| {
            drop(block_on(pool.get_owned_async_with(future(Bomb))))
        }];
    for way in ways {
        assert_eq!(panic_of(way), "bomb");
        assert_eq!((pool.in_use(), pool.idle(), ledger.live()), (0, 1, 1));
    }
}

/// The last guard drops the pool, and so does `detach`. Of several panics the first is raised.
#[test]
fn the_last_guard_raises_one_panic() {
    let pool = || Arc::new(BoundedPool::with_settings(Fragile(Bomb), Settings::new(1).manual()));
    let last = pool().get_owned().unwrap();
    assert_eq!(panic_of(|| drop(last)), "fragile");
    let last = pool().get_owned().unwrap();
    assert_eq!(panic_of(|| OwnedPooled::detach(last)), "bomb");
}
