//! Promise 1: what the types require and guarantee. `compile_fail` has what must not compile.

mod common;

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::thread;

use common::MANUAL;
use ebbtide::{
    DefaultRecycle, OwnedPooled, Pool, Pooled, Recycle, Settings, SettingsError, Stats, Swept, WithCapacity,
};

fn is_send<T: Send>() {}
fn is_sync<T: Sync>() {}
fn is_static<T: 'static>() {}

/// `Send` and `!Sync`.
type OnlySend = Cell<u8>;

/// A recycler that is `Send` and `!Sync`.
struct Unshared(Cell<usize>);

impl Recycle<u8> for Unshared {
    fn create(&self) -> u8 {
        self.0.set(self.0.get() + 1);
        0
    }

    fn recycle(&self, _: &mut u8) -> bool {
        true
    }
}

/// A recycler that is `Sync` and `!Send`.
struct Unmoved(PhantomData<std::sync::MutexGuard<'static, ()>>);

impl Recycle<u8> for Unmoved {
    fn create(&self) -> u8 {
        0
    }

    fn recycle(&self, _: &mut u8) -> bool {
        true
    }
}

/// The pool requires `Send` of items, and is then `Send` and `Sync`.
#[test]
fn a_pool_of_send_items_is_send_and_sync() {
    is_send::<Pool<OnlySend, fn() -> OnlySend>>();
    is_sync::<Pool<OnlySend, fn() -> OnlySend>>();
    is_send::<Pool<Vec<u8>>>();
    is_sync::<Pool<Vec<u8>>>();
    is_send::<Pool<u8, Unshared>>();
    is_sync::<Pool<u8, Unmoved>>();
}

/// A guard is `Send` if its items are `Send` and its recycler is `Sync`. It is `Sync` if its items are.
#[test]
fn guards_are_send_and_sync_like_their_items() {
    is_send::<Pooled<'static, OnlySend, fn() -> OnlySend>>();
    is_send::<OwnedPooled<OnlySend, fn() -> OnlySend>>();
    is_send::<Pooled<'static, u8, Unmoved>>();
    is_sync::<Pooled<'static, Vec<u8>, DefaultRecycle>>();
    is_sync::<OwnedPooled<Vec<u8>>>();
    // A shared guard gives access to the item only, so the recycler doesn't matter.
    is_sync::<Pooled<'static, u8, Unshared>>();
    is_sync::<OwnedPooled<u8, Unshared>>();
    is_sync::<Pooled<'static, u8, Unmoved>>();
    is_sync::<OwnedPooled<u8, Unmoved>>();
}

/// The small types are plain data.
#[test]
fn the_small_types_are_plain_data() {
    is_send::<(Settings, Stats, Swept, SettingsError, DefaultRecycle, WithCapacity)>();
    is_sync::<(Settings, Stats, Swept, SettingsError, DefaultRecycle, WithCapacity)>();
    is_static::<(Settings, Stats, Swept, SettingsError, DefaultRecycle, WithCapacity)>();
    fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
    is_unwind_safe::<(Settings, Stats, Swept, SettingsError, DefaultRecycle, WithCapacity)>();
}

/// A guard of a `!Sync` item can be sent to another thread, used and dropped there.
#[test]
fn a_guard_of_a_cell_can_be_sent() {
    let pool = Pool::with_settings(|| Cell::new(1), MANUAL);
    let guard = pool.get();
    thread::scope(|scope| scope.spawn(move || guard.set(2)).join().expect("no panic"));
    pool.advance();
    assert_eq!(pool.get().get(), 2);
}

/// A guard of a `Sync` item can be shared, even if its recycler can't.
#[test]
fn a_guard_can_be_shared() {
    let pool = Pool::with_settings(Unshared(Cell::new(0)), MANUAL);
    let guard = pool.get();
    let shared = &guard;
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(move || assert_eq!(**shared, 0));
        }
    });
    drop(guard);
    assert_eq!(pool.get().to_string(), "0");
}

/// A pool with a `!Sync` recycler can be moved to another thread and used there.
#[test]
fn a_pool_with_an_unshared_recycler_can_be_moved() {
    let pool = Pool::with_settings(Unshared(Cell::new(0)), MANUAL);
    drop(pool.get());
    let calls = thread::spawn(move || {
        let guards = (pool.get(), pool.get());
        drop(guards);
        pool.stats().created
    });
    assert!(calls.join().expect("no panic") >= 2);
}

/// A guard gives shared and exclusive access through the usual traits, and its `Debug` is the item's.
#[test]
fn a_guard_dereferences_to_its_item() {
    fn as_ref(text: &impl AsRef<str>) -> usize {
        text.as_ref().len()
    }
    let pool = Arc::new(Pool::with_settings(|| String::from("ebb"), MANUAL));
    let (mut guard, mut owned) = (pool.get(), pool.get_owned());
    guard.push('!');
    owned.push('?');
    guard.push('1');
    owned.push('2');
    AsMut::<str>::as_mut(&mut guard).make_ascii_uppercase();
    AsMut::<str>::as_mut(&mut owned).make_ascii_uppercase();
    assert_eq!((as_ref(&guard), as_ref(&owned)), (5, 5));
    assert_eq!((format!("{guard}"), format!("{owned}")), ("EBB!1".to_owned(), "EBB?2".to_owned()));
    assert_eq!(format!("{guard:?} {owned:?}"), "\"EBB!1\" \"EBB?2\"");
    assert_eq!(format!("{guard:>7}|{owned:<7}|"), "  EBB!1|EBB?2  |");
}

/// A pool's `Debug` requires nothing of its items or its recycler.
#[test]
fn debug_of_a_pool_asks_nothing_of_its_items() {
    struct Opaque;
    let pool = Pool::with_settings(|| Opaque, MANUAL);
    drop(pool.get());
    let text = format!("{pool:?}");
    assert!(text.contains("Pool") && text.contains("created: 1") && text.contains("idle: 1"), "{text}");
}
