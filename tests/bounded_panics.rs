//! `BoundedPool`: a panic in create, in recycle, in an item's `Drop` or in a waker loses at most that item, and no
//! place.
#![cfg(feature = "bounded")]

mod common;

use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::time::Duration;

use common::polled::Polled;
use common::{Bomb, Count, Counted, Ledger, alone, lock, panic_of, until};
use ebbtide::bounded::{OwnedPooled, Pooled, Settings, TryRecycle};
use ebbtide::{BoundedPool, Recycle, advance_all};

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
        &|| drop(smol::block_on(pool.get_async())),
        &|| drop(smol::block_on(pool.get_owned_async())),
        &|| drop(smol::block_on(pool.get_many_async(1))),
    ];
    for way in ways {
        clumsy.trip_at(0);
        assert_eq!(panic_of(way), "tripped");
        assert_eq!((pool.in_use(), pool.idle()), (0, 0));
    }
    assert_eq!(panic_of(|| drop(pool.get_with(|| panic!("with this")))), "with this");
    let future = pool.get_async_with(|| async { panic!("in a future") as Result<Counted, ()> });
    assert_eq!(panic_of(|| drop(smol::block_on(future))), "in a future");
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
    if !alone("a_panic_in_recycle_while_unwinding_does_not_abort") {
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

/// A task whose waker panics.
struct Grumpy;

impl Wake for Grumpy {
    fn wake(self: Arc<Self>) {
        panic!("let me sleep");
    }
}

/// A waker that panics keeps no other from being woken. The place of its own wait isn't lost.
#[test]
fn a_panic_in_a_waker_still_wakes_the_others() {
    let (pool, _clumsy, ledger) = clumsy(3);
    let mut held = pool.get_many(3).unwrap();
    let many = Polled::waiting(pool.get_many_async(3));
    let mut grumpy = Box::pin(pool.get_async());
    let waker = Waker::from(Arc::new(Grumpy));
    assert!(matches!(grumpy.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending));
    let behind = Polled::waiting(pool.get_async());
    // The wait for many isn't first, so one call serves both waits behind it.
    held.drain(..).for_each(drop);
    assert_eq!(panic_of(|| drop(many)), "let me sleep");
    assert!(behind.ready().is_ok());
    assert_eq!(pool.in_use(), 1);
    drop(grumpy);
    assert_eq!((pool.in_use(), pool.idle(), ledger.live()), (0, 3, 3));
}

/// A waker whose clones panic when they are dropped.
fn touchy() -> Waker {
    static TABLE: RawWakerVTable = RawWakerVTable::new(|_| clone(), |_| (), |_| (), |_| panic!("out of wakers"));
    const fn clone() -> RawWaker {
        RawWaker::new(std::ptr::null(), &TABLE)
    }
    // SAFETY: the table's functions use no data and may be called on any thread.
    unsafe { Waker::from_raw(clone()) }
}

/// A wait that is ready at its first poll doesn't need the waker. If dropping the waker panics, the item returns.
#[test]
fn a_panic_in_a_wakers_drop_loses_nothing() {
    let (pool, _clumsy, ledger) = clumsy(1);
    let waker = ManuallyDrop::new(touchy());
    let mut wait = Box::pin(pool.get_many_async(1));
    let text = panic_of(|| drop(wait.as_mut().poll(&mut Context::from_waker(&waker))));
    assert_eq!(text, "out of wakers");
    drop(wait);
    assert_eq!((pool.in_use(), pool.waiting()), (0, 0));
    drop(pool.try_get().unwrap());
    assert_eq!(ledger.live(), 1);
}

/// Another poll with the same waker neither clones nor drops one.
#[test]
fn polling_again_with_one_waker_neither_clones_nor_drops_it() {
    let (pool, _clumsy, _ledger) = clumsy(1);
    let _held = pool.get();
    let waker = ManuallyDrop::new(touchy());
    let mut wait = Box::pin(pool.get_async());
    for _ in 0..2 {
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(panic_of(|| drop(wait)), "out of wakers");
}

/// Waits with a waker that panics when called.
fn grumpy_wait<F: Future>(wait: F) -> Pin<Box<F>> {
    let mut wait = Box::pin(wait);
    let waker = Waker::from(Arc::new(Grumpy));
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    wait
}

/// Panics in recycle, with a payload whose own `Drop` panics.
struct Explosive;

impl Recycle<u8> for Explosive {
    fn create(&self) -> u8 {
        0
    }

    fn recycle(&self, _: &mut u8) -> bool {
        panic::panic_any(Bomb)
    }
}

/// The recycler panics, then the next waiter's waker does. The first panic is raised, and the next waiter has the
/// place.
#[test]
fn a_panic_in_recycle_precedes_one_in_a_waker() {
    let pool = BoundedPool::with_settings(Explosive, Settings::new(1).manual());
    let held = pool.get().unwrap();
    let mut next = grumpy_wait(pool.get_async());
    let first = panic::catch_unwind(AssertUnwindSafe(|| drop(held))).unwrap_err();
    // Forgotten, as it is a bomb.
    assert!(ManuallyDrop::new(first).is::<Bomb>());
    assert_eq!((pool.in_use(), pool.waiting()), (1, 0));
    let Poll::Ready(Ok(item)) = next.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it was served");
    };
    assert_eq!(Pooled::detach(item), 0);
}

/// A dropped wait wakes another, whose waker panics, and so does the drop of its own waker. The first panic is raised.
#[test]
fn a_dropped_wait_raises_one_panic() {
    let (pool, _clumsy, _ledger) = clumsy(2);
    let _held = pool.get().unwrap();
    let waker = ManuallyDrop::new(touchy());
    let mut both = Box::pin(pool.get_many_async(2));
    assert!(both.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let behind = grumpy_wait(pool.get_async());
    assert_eq!(panic_of(|| drop(both)), "let me sleep");
    drop(behind);
    assert_eq!((pool.in_use(), pool.waiting()), (1, 0));
}

/// `detach` raises the panic of the next waiter's waker. The item, whose `Drop` panics too, is lost, and nothing else.
#[test]
fn detach_raises_one_panic() {
    let ledger = Ledger::new();
    let pool = Arc::new(BoundedPool::with_settings(|| ledger.bomb(), Settings::new(1).manual()));
    let held = pool.get().unwrap();
    let next = grumpy_wait(pool.get_async());
    assert_eq!(panic_of(|| drop(Pooled::detach(held))), "let me sleep");
    drop(next);
    let held = pool.get_owned().unwrap();
    let next = grumpy_wait(pool.get_async());
    assert_eq!(panic_of(|| drop(OwnedPooled::detach(held))), "let me sleep");
    drop(next);
    assert_eq!((pool.in_use(), ledger.made()), (0, 2));
    ledger.assert_all_dropped_once();
}

/// Fails with an error whose `Drop` panics, once a wait with a panicking waker is in the queue.
struct Failing;

static FAILING: BoundedPool<u8, Failing> = BoundedPool::with_settings(Failing, Settings::new(1).manual());

/// That wait.
static BEHIND: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>> = Mutex::new(None);

fn fail() -> Bomb {
    let wait = async { drop(FAILING.get_async().await) };
    *lock(&BEHIND) = Some(grumpy_wait(wait));
    Bomb
}

impl TryRecycle<u8> for Failing {
    type Error = Bomb;

    fn try_create(&self) -> Result<u8, Bomb> {
        Err(fail())
    }

    fn recycle(&self, _: &mut u8) -> bool {
        true
    }
}

/// If create fails, the place goes to the next waiter, whose waker panics. That panic is raised, not the one of the
/// error's `Drop`.
#[test]
fn a_failed_create_raises_one_panic() {
    let ways: [&dyn Fn(); 5] = [
        &|| drop(FAILING.get()),
        &|| drop(FAILING.get_many(1)),
        &|| drop(FAILING.prefill(1)),
        &|| drop(smol::block_on(FAILING.get_async())),
        &|| drop(smol::block_on(FAILING.get_async_with(|| async { Err::<u8, _>(fail()) }))),
    ];
    for way in ways {
        assert_eq!(panic_of(way), "let me sleep");
        drop(lock(&BEHIND).take());
        assert_eq!((FAILING.in_use(), FAILING.waiting()), (0, 0));
    }
}

/// A dropped wait wakes another, whose waker panics. Its unused factory panics when it is dropped too. The first panic
/// is raised.
#[test]
fn a_dropped_future_raises_one_panic() {
    let (pool, _clumsy, ledger) = clumsy(1);
    let held = pool.get().unwrap();
    let bomb = Bomb;
    let connect = move || async move {
        let _bomb = bomb;
        Err::<Counted, ()>(())
    };
    let served = Polled::waiting(pool.get_async_with(connect));
    let behind = grumpy_wait(pool.get_async());
    drop(held);
    assert_eq!(panic_of(|| drop(served)), "let me sleep");
    drop(behind);
    assert_eq!((pool.in_use(), pool.idle(), ledger.live()), (0, 1, 1));
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
        [&|| drop(pool.get_with(create(Bomb))), &|| drop(smol::block_on(pool.get_async_with(future(Bomb)))), &|| {
            drop(smol::block_on(pool.get_owned_async_with(future(Bomb))))
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

/// A pool with forgotten waits is dropped, with the items of a served one and the waker of another. It raises no panic
/// of theirs.
#[test]
fn a_pool_with_forgotten_waits_can_be_dropped() {
    let ledger = Ledger::new();
    let pool = Arc::new(BoundedPool::with_settings(
        {
            let ledger = Arc::clone(&ledger);
            move || ledger.bomb()
        },
        Settings::new(3).manual(),
    ));
    let items = pool.get_many(3).unwrap();
    // SAFETY: the pool lives until the last use, as `pool` is dropped after that.
    let forgetful = unsafe { &*Arc::as_ptr(&pool) };
    std::mem::forget(Polled::waiting(forgetful.get_many_async(2)));
    let waker = ManuallyDrop::new(touchy());
    let mut unserved = Box::pin(forgetful.get_many_async(3));
    assert!(unserved.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    std::mem::forget(unserved);
    drop(items);
    assert_eq!((pool.in_use(), pool.idle(), pool.waiting()), (2, 1, 1));
    drop(pool);
    assert_eq!(ledger.dropped(), 3);
    ledger.assert_all_dropped_once();
}
