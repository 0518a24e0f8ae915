//! `get_or_try_with`, and `try_get` in its owned form.

use std::sync::Arc;

use crate::pools::counted;
use ebbtide::bounded::GetError;

/// An idle item comes before a new one. An error is returned, and its place is free again.
#[test]
fn a_creation_that_fails_frees_its_place() {
    let (pool, ledger) = counted(1);
    assert_eq!(pool.get_or_try_with(|| Err("no")).err(), Some(GetError::Create("no")));
    assert_eq!((pool.in_use(), pool.idle()), (0, 0));
    let made = pool.get_or_try_with(|| Ok::<_, &str>(ledger.item())).expect("it does not fail");
    assert_eq!(pool.in_use(), 1);
    drop(made);
    assert!(pool.get_or_try_with(|| -> Result<_, &str> { unreachable!("one is idle") }).is_ok());
    pool.close();
    assert_eq!(pool.get_or_try_with(|| Err("no")).err(), Some(GetError::Closed));
}

/// It does not wait, and the guard keeps the pool.
#[test]
fn an_owned_item_is_got_without_a_wait() {
    let (pool, ledger) = counted(1);
    let only = pool.try_get_owned().expect("there is room");
    assert!(pool.try_get_owned().is_none());
    drop(only);
    let only = pool.try_get_owned().expect("it is idle");
    let weak = Arc::downgrade(&pool);
    drop(pool);
    assert!(weak.upgrade().is_some());
    drop(only);
    assert_eq!((weak.strong_count(), ledger.live()), (0, 0));
}
