//! `Pooled::replace`: another item takes the place of one in use, and is as a new one.

use std::ops::Deref;
use std::time::Duration;

use crate::common::{Bomb, panic_of};
use crate::pools::{counted, counted_with};
use ebbtide::bounded::{OwnedPooled, Pooled, Settings};
use ebbtide::{BoundedPool, Guard};

/// The new item is in use in the same place, with a new info. The caller has the old one. Afterwards the new one is
/// idle.
#[test]
fn the_new_item_takes_the_place() {
    let (pool, ledger) = counted(1);
    drop(pool.get().unwrap());
    let mut item = pool.get().unwrap();
    let old = Pooled::replace(&mut item, ledger.item());
    assert_eq!((old.id, item.id, Pooled::info(&item).uses()), (0, 1, 0));
    assert_eq!((pool.in_use(), pool.idle(), pool.stats().created), (1, 0, 1));
    assert!(pool.try_get().is_none());
    drop((old, item));
    assert_eq!((ledger.drop_order(), pool.in_use(), pool.idle()), (vec![0], 0, 1));

    let mut owned = pool.get_owned().unwrap();
    assert_eq!(OwnedPooled::info(&owned).uses(), 1);
    drop(OwnedPooled::replace(&mut owned, ledger.item()));
    assert_eq!(OwnedPooled::detach(owned).id, 2);
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// An item that is too old is dropped when it returns. One that was put into its place is not.
#[test]
fn the_lifetime_begins_anew() {
    let (pool, ledger) = counted_with(Settings::new(1).manual().max_lifetime(Duration::from_secs(3600)));
    let mut item = pool.get().unwrap();
    let expires = Pooled::info(&item).expires();
    Pooled::replace(&mut item, ledger.item());
    assert_ne!(Pooled::info(&item).expires(), expires);
}

/// If a user panics with the old item, the new one returns to the pool.
#[test]
fn a_panic_of_the_old_item_keeps_the_new_one() {
    let pool = BoundedPool::with_settings(|| None, Settings::new(1).manual());
    let mut item = pool.get().unwrap();
    Pooled::replace(&mut item, Some(Bomb));
    assert_eq!(panic_of(move || drop(Pooled::replace(&mut item, None))), "bomb");
    assert_eq!((pool.in_use(), pool.idle()), (0, 1));
}

/// Any item: without a size, or aligned to more than a word, with or without a `Drop`.
#[test]
fn items_of_any_layout() {
    #[derive(Debug, PartialEq)]
    #[repr(align(128))]
    struct Aligned(u8);

    fn twice<T: Send + PartialEq + std::fmt::Debug + 'static>(make: fn(u8) -> T) {
        let mut n = 0;
        let create = || make(0);
        let pool = BoundedPool::with_settings(create, Settings::new(1).manual());
        let mut item = pool.get().unwrap();
        let mut replace = |guard: &mut _| {
            n += 1;
            replaced(guard, make(n))
        };
        assert_eq!([replace(&mut item), replace(&mut item)], [make(0), make(1)]);
        assert_eq!(*item, make(2));
        assert_eq!(std::ptr::from_ref(&*item).addr() % align_of::<T>(), 0);
    }
    fn replaced<T: Send, P: Deref<Target = BoundedPool<T, R>>, R: Fn() -> T>(guard: &mut Guard<T, P>, item: T) -> T {
        Guard::replace(guard, item)
    }
    twice(|_| ());
    twice(Aligned);
    twice(|n| (Aligned(n), n.to_string()));
    twice(|n| n.to_string());
}
