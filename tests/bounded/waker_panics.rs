//! `BoundedPool`: a waker that panics when it is called or dropped costs no other waiter anything. If something else
//! panics too, the first panic is raised.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

use crate::common::polled::Polled;
use crate::common::{Bomb, Counted, Ledger, lock, panic_of};
use crate::pools::counted;
use ebbtide::bounded::{OwnedPooled, Pooled, Settings, TryRecycle};
use ebbtide::{BoundedPool, Recycle};
use futures_lite::future::block_on;

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
    let (pool, ledger) = counted(3);
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
    let (pool, ledger) = counted(1);
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
    let (pool, _ledger) = counted(1);
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
    let (pool, _ledger) = counted(2);
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
}

/// If create fails, the place goes to the next waiter, whose waker panics. That panic is raised, not the one of the
/// error's `Drop`.
#[test]
fn a_failed_create_raises_one_panic() {
    let ways: [&dyn Fn(); 5] = [
        &|| drop(FAILING.get()),
        &|| drop(FAILING.get_many(1)),
        &|| drop(FAILING.prefill(1)),
        &|| drop(block_on(FAILING.get_async())),
        &|| drop(block_on(FAILING.get_async_with(|| async { Err::<u8, _>(fail()) }))),
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
    let (pool, ledger) = counted(1);
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
