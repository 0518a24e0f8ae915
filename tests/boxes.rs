//! `BoxPool`: a value lives and ends as in a `Box`, and only its memory goes on.

mod common;

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::fmt::{Debug, Display};
use std::future::Future;
use std::hash::BuildHasher;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use common::{MANUAL, on_thread, panic_of};
use ebbtide::boxes::ErasedBox;
use ebbtide::{BoxPool, OwnedPooledBox, PooledBox};

fn pool<T>() -> BoxPool<T> {
    BoxPool::with_settings(MANUAL)
}

fn address<T: ?Sized>(value: &T) -> usize {
    std::ptr::from_ref(value).addr()
}

/// Counts its drops.
struct Counts<'a>(&'a Cell<usize>);

impl Drop for Counts<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// Panics when it is dropped.
struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        panic!("boom");
    }
}

#[test]
fn a_value_is_dropped_with_its_box_and_its_memory_is_used_again() {
    let drops = Cell::new(0);
    let pool = pool();
    let first = pool.insert(Counts(&drops));
    let at = address(&*first);
    assert_eq!(drops.get(), 0);
    drop(first);
    assert_eq!((drops.get(), pool.idle()), (1, 1));
    let second = pool.insert(Counts(&drops));
    assert_eq!((address(&*second), pool.stats().created), (at, 1));
    drop(second);
    drop(pool);
    assert_eq!(drops.get(), 2, "idle memory has no value");
}

#[test]
fn a_value_is_moved_out_undropped() {
    let drops = Cell::new(0);
    let pool = pool();
    let value = PooledBox::into_inner(pool.insert(Counts(&drops)));
    assert_eq!((drops.get(), pool.idle()), (0, 1));
    drop(value);
    assert_eq!(drops.get(), 1);
}

#[test]
fn memory_of_a_value_that_panics_is_used_again() {
    let pool = pool();
    let boxed = pool.insert(Explosive);
    assert_eq!(panic_of(|| drop(boxed)), "boom");
    assert_eq!(pool.idle(), 1);
    std::mem::forget(PooledBox::into_inner(pool.insert(Explosive)));
    assert_eq!(pool.stats().created, 1);
}

/// A panic in `Drop` does not abort the process if the thread already unwinds.
#[test]
fn the_first_of_two_panics_continues() {
    let pool = pool();
    let boxed = pool.insert(Explosive);
    let panic = panic_of(move || {
        let _boxed = boxed;
        panic!("first");
    });
    assert_eq!((&*panic, pool.idle()), ("first", 1));
}

#[test]
fn values_of_all_sizes_and_alignments_fit() {
    #[derive(Debug, PartialEq)]
    #[repr(align(4096))]
    struct Page([u8; 4096]);
    fn fits<T: PartialEq + Debug>(make: impl Fn() -> T) {
        let pool = pool();
        for _ in 0..3 {
            let boxes: Vec<_> = (0..100).map(|_| pool.insert(make())).collect();
            assert!(boxes.iter().all(|boxed| **boxed == make() && address(&**boxed) % align_of::<T>() == 0));
        }
        assert_eq!(pool.stats().created, 100);
    }
    fits(|| ());
    fits(|| 7_u8);
    fits(|| String::from("text"));
    fits(|| [7_u64; 1000]);
    fits(|| Page([7; 4096]));
}

/// What is created here and dropped there goes on.
#[test]
fn memory_returns_from_other_threads() {
    let pool = Arc::new(pool());
    for round in 0..10 {
        let boxes: Vec<OwnedPooledBox<_>> = (0..100).map(|n| pool.insert_owned(n + round)).collect();
        on_thread(move || assert!(boxes.iter().enumerate().all(|(n, boxed)| **boxed == n + round)));
    }
    assert!(pool.stats().created < 300, "{}", pool.stats().created);
}

/// A pool of values that must stay on their thread can still be used by many threads.
#[test]
fn values_need_not_be_send() {
    static POOL: BoxPool<Rc<u8>> = BoxPool::new();
    let here = POOL.insert(Rc::new(1));
    assert_eq!(on_thread(|| **POOL.insert(Rc::new(2))), 2);
    assert_eq!(**here, 1);
}

#[test]
fn memory_that_nobody_uses_is_freed() {
    let pool = pool();
    drop((0..100).map(|n| pool.insert(n)).collect::<Vec<_>>());
    assert_eq!(pool.idle(), 100);
    pool.advance();
    assert_eq!(pool.idle(), 100);
    pool.advance();
    assert_eq!(pool.idle(), 0);
    assert_eq!((pool.prefill(3), pool.idle()), (3, 3));
    pool.clear();
    assert_eq!(pool.idle(), 0);
}

#[test]
fn an_owned_box_outlives_its_pool() {
    let pool = Arc::new(pool());
    let boxed = pool.insert_owned(String::from("text"));
    drop(pool);
    assert_eq!(*boxed, "text");
}

#[test]
fn a_pinned_future_runs_where_it_is() {
    let pool = pool();
    let mut context = Context::from_waker(Waker::noop());
    let mut task = pool.insert_pin(async {
        let local = 7;
        let reference = pin!(&local);
        **reference
    });
    assert_eq!(task.as_mut().poll(&mut context), Poll::Ready(7));
    let (ones, twos) = (pool_of(|| async { 1 }), pool_of(|| async { 2 }));
    let mut tasks: [Pin<ErasedBox<'_, dyn Future<Output = u8> + Send + '_>>; 2] =
        [PooledBox::into_future(ones.0.insert(ones.1())), PooledBox::into_future(twos.0.insert(twos.1()))];
    let results = tasks.each_mut().map(|task| task.as_mut().poll(&mut context));
    assert_eq!(results, [Poll::Ready(1), Poll::Ready(2)]);
}

/// A pool of what a function makes, and the function.
fn pool_of<T, F: Fn() -> T>(make: F) -> (BoxPool<T>, F) {
    (pool(), make)
}

#[test]
fn an_erased_box_drops_the_whole_value() {
    let drops = Arc::new(());
    let numbers = pool();
    let names = pool();
    let boxes: [ErasedBox<'_, dyn Display + Send>; 2] = [
        PooledBox::erase(numbers.insert((7, Arc::clone(&drops))), |(number, _)| number as &mut (dyn Display + Send)),
        PooledBox::erase(names.insert("Ada"), |name| name as &mut (dyn Display + Send)),
    ];
    assert_eq!(boxes.each_ref().map(ToString::to_string), ["7", "Ada"]);
    assert_eq!(Arc::strong_count(&drops), 2);
    drop(boxes);
    assert_eq!((Arc::strong_count(&drops), numbers.idle(), names.idle()), (1, 1, 1));
}

#[test]
fn an_erased_box_is_written_through() {
    let pool = pool();
    let mut slice: ErasedBox<'_, [u8]> = PooledBox::erase(pool.insert([1, 2, 3]), |array| &mut array[..]);
    slice[1] = 9;
    assert_eq!(*slice, [1, 9, 3]);
}

#[test]
fn a_view_that_panics_drops_the_value() {
    let pool = pool();
    let held = Arc::new(());
    let boxed = pool.insert(Arc::clone(&held));
    panic_of(|| PooledBox::erase(boxed, |_| -> &mut u8 { panic!("no view") }));
    assert_eq!((Arc::strong_count(&held), pool.idle()), (1, 1));
}

/// A box compares, hashes, iterates and shows itself as its value.
#[test]
fn a_box_is_like_its_value() {
    let numbers = pool();
    let (one, two) = (numbers.insert(1), numbers.insert(2));
    assert!(one < two && one != two && one.max(two) == numbers.insert(2));
    let ranges = pool();
    assert_eq!(ranges.insert(0..3).rev().collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!(ranges.insert(0..3).len(), 3);
    let hasher = RandomState::new();
    assert_eq!(hasher.hash_one(numbers.insert(7)), hasher.hash_one(7));
    let errors = pool();
    let error: &dyn std::error::Error = &errors.insert("x".parse::<u8>().unwrap_err());
    assert_eq!(error.to_string(), "invalid digit found in string");
    assert_eq!(format!("{:?} {}", numbers.insert(7), numbers.insert(8)), "7 8");
}
