//! Promise 10: a user never sees the contents of the one before, unless that was asked for.

mod common;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::OsString;
use std::fmt::Debug;
use std::io::{Cursor, Write};
use std::num::Wrapping;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use common::{MANUAL, on_thread, panic_of};
use ebbtide::{Clear, DefaultRecycle, OwnedPooled, Pool, Pooled, Recycle, Settings, WithCapacity};

/// `Pool::new` clears an item before the next user sees it, whichever way it returns and is got.
#[test]
fn new_clears() {
    let pool: Arc<Pool<Vec<u8>>> = Arc::new(Pool::new());
    pool.get().extend([1, 2, 3]);
    assert!(pool.get().is_empty());
    pool.get_owned().push(1);
    assert!(pool.get_owned().is_empty());
    pool.get_with(|| vec![1]).push(2);
    assert!(pool.try_get().expect("one is idle").is_empty());
    let mut mine = Pooled::detach(pool.get());
    mine.extend([1, 2, 3]);
    pool.put(mine);
    assert!(pool.get().is_empty());
    assert_eq!(pool.stats().created, 1);
}

/// Items are cleared when they return, so idle items hold nothing either.
#[test]
fn items_are_cleared_when_they_return() {
    let pool: Pool<Vec<Arc<()>>> = Pool::new();
    let held = Arc::new(());
    pool.get().push(Arc::clone(&held));
    assert_eq!((Arc::strong_count(&held), pool.idle()), (1, 1));
}

/// Clearing keeps the storage.
#[test]
fn clearing_keeps_the_storage() {
    let pool: Pool<Vec<u8>> = Pool::new();
    pool.get().reserve(1000);
    assert!(pool.get().capacity() >= 1000);
}

/// `Pool::with` keeps an item's contents.
#[test]
fn with_keeps_an_items_contents() {
    let pool = Pool::with(|| vec![1]);
    pool.get().push(2);
    assert_eq!(*pool.get(), [1, 2]);
    pool.get().push(3);
    let first = pool.get();
    assert_eq!((&*first, &*pool.get()), (&vec![1, 2, 3], &vec![1]), "the second one is new");
}

/// A custom recycler.
struct Careful;

impl Recycle<Vec<u8>> for Careful {
    fn create(&self) -> Vec<u8> {
        Vec::with_capacity(10)
    }

    fn recycle(&self, item: &mut Vec<u8>) -> bool {
        item.clear();
        item.capacity() <= 100
    }
}

/// A recycler can refuse an item. It is then dropped, whichever way it came.
#[test]
fn an_oversized_item_can_be_refused() {
    let pool = Arc::new(Pool::with_settings(Careful, MANUAL));
    pool.get().push(1);
    assert_eq!((pool.idle(), pool.get().len()), (1, 0));
    pool.get().reserve(1000);
    assert_eq!((pool.idle(), pool.stats().refused), (0, 1));
    pool.put(Vec::with_capacity(101));
    drop(pool.get_with(|| Vec::with_capacity(101)));
    pool.get_owned().reserve(1000);
    assert_eq!((pool.idle(), pool.stats().refused), (0, 4));
    pool.put(Vec::with_capacity(100));
    assert_eq!((pool.idle(), pool.stats().refused), (1, 4));
    drop(OwnedPooled::detach(pool.get_owned()));
    assert_eq!(pool.stats().refused, 4, "a detached item isn't recycled");
}

/// `put` recycles an item.
#[test]
fn put_recycles() {
    let pool: Pool<String> = Pool::with_settings(DefaultRecycle, MANUAL);
    pool.put("secret".to_owned());
    let item = pool.try_get().expect("it was kept");
    assert_eq!(*item, "");
    assert!(item.capacity() >= 6);
}

/// `prefill` creates items and doesn't recycle them.
#[test]
fn prefill_creates() {
    let pool = Pool::with_settings(WithCapacity { min: 100, max: 100 }, MANUAL);
    pool.prefill(3);
    let item: Pooled<'_, Vec<u8>, _> = pool.try_get().expect("one of three");
    assert!(item.capacity() >= 100);
}

/// Fills a value, clears it, and checks that it equals a new one.
fn clears<T: Clear + Default + PartialEq + Debug>(fill: impl FnOnce(&mut T)) -> T {
    let mut value = T::default();
    fill(&mut value);
    assert_ne!(value, T::default(), "filled");
    value.clear();
    assert_eq!(value, T::default(), "cleared");
    value
}

/// `Clear` empties every collection of std that implements it, and keeps its storage.
#[test]
fn clear_empties_every_collection() {
    assert!(clears::<Vec<u8>>(|v| v.extend(0..100)).capacity() >= 100);
    assert!(clears::<VecDeque<u8>>(|v| v.extend(0..100)).capacity() >= 100);
    assert!(clears::<String>(|v| v.push_str("text")).capacity() >= 4);
    assert!(clears::<OsString>(|v| v.push("text")).capacity() >= 4);
    assert!(clears::<PathBuf>(|v| v.push("text")).capacity() >= 4);
    assert!(clears::<HashMap<u8, u8>>(|v| v.extend([(1, 2)])).capacity() >= 1);
    assert!(clears::<HashSet<u8>>(|v| v.extend([1])).capacity() >= 1);
    clears::<BTreeMap<u8, u8>>(|v| v.extend([(1, 2)]));
    clears::<BTreeSet<u8>>(|v| v.extend([1]));
    clears::<LinkedList<u8>>(|v| v.extend([1]));
    let mut heap = BinaryHeap::from([1, 2, 3]);
    Clear::clear(&mut heap);
    assert!(heap.is_empty() && heap.capacity() >= 3);
    #[cfg(feature = "bytes")]
    assert!(clears::<bytes::BytesMut>(|v| v.extend(0..100_u8)).capacity() >= 100);
}

/// Values become their default, and what contains others clears them.
#[test]
fn clear_reaches_into_every_part() {
    clears::<(u8, i64, f32, bool, char)>(|v| *v = (1, -1, 1.5, true, 'a'));
    clears::<(&str, &[u8], Duration, Wrapping<u8>)>(|v| *v = ("a", &[1], Duration::MAX, Wrapping(1)));
    clears::<Cell<u8>>(|v| v.set(1));
    clears::<Cursor<Vec<u8>>>(|v| v.write_all(b"text").expect("written"));
    assert!(clears::<RefCell<String>>(|v| v.get_mut().push_str("text")).get_mut().capacity() >= 4);
    let mut lock = Mutex::new(vec![1]);
    let mut shared = RwLock::new(vec![1]);
    panic_of(|| {
        let _held = (lock.lock(), shared.write());
        panic!("poisons both");
    });
    assert!(lock.is_poisoned() && shared.is_poisoned());
    Clear::clear(&mut lock);
    Clear::clear(&mut shared);
    assert!(lock.lock().expect("not poisoned").is_empty() && shared.read().expect("not poisoned").is_empty());
}

/// A cleared `Option` is like a new one, and its contents are dropped.
#[test]
fn clear_empties_an_option() {
    clears::<Option<String>>(|v| *v = Some("text".to_owned()));
    let pool: Pool<Option<Arc<()>>> = Pool::new();
    let held = Arc::new(());
    *pool.get() = Some(Arc::clone(&held));
    assert_eq!((Arc::strong_count(&held), pool.idle(), pool.get().is_none()), (1, 1, true));
}

/// Boxes, arrays and tuples are cleared part by part.
#[test]
fn clear_reaches_into_boxes_arrays_and_tuples() {
    clears::<Box<String>>(|v| v.push('a'));
    clears::<[String; 3]>(|v| v.iter_mut().for_each(|part| part.push('a')));
    clears::<(String,)>(|v| v.0.push('a'));
    clears::<(String, Vec<u8>)>(|v| {
        v.0.push('a');
        v.1.push(1);
    });
    clears::<([Vec<u8>; 2], Box<(String, OsString)>)>(|v| {
        v.0[1].push(1);
        v.1.1.push("a");
    });
    let mut unsized_box: Box<[String]> = Box::new(["a".to_owned(), "b".to_owned()]) as Box<[String; 2]>;
    unsized_box.iter_mut().for_each(Clear::clear);
    assert!(unsized_box.iter().all(String::is_empty));

    type S = String;
    type Twelve = (S, S, S, S, S, S, S, S, S, S, S, S);
    let a = || "a".to_owned();
    let mut twelve: Twelve = (a(), a(), a(), a(), a(), a(), a(), a(), a(), a(), a(), a());
    twelve.clear();
    assert_eq!(twelve, Twelve::default());
    let mut eleven = (a(), a(), a(), a(), a(), a(), a(), a(), a(), a(), a());
    eleven.clear();
    assert_eq!(eleven, Default::default());
    let mut none: [String; 0] = [];
    none.clear();
}

/// A boxed trait object can be cleared through its box.
#[test]
fn clear_reaches_into_boxed_trait_objects() {
    trait Scratch: Clear {
        fn size(&self) -> usize;
    }
    impl Scratch for String {
        fn size(&self) -> usize {
            self.len()
        }
    }
    let mut boxed: Box<dyn Scratch> = Box::new("text".to_owned());
    Clear::clear(&mut boxed);
    assert_eq!(boxed.size(), 0);
}

/// A new item has the requested capacity. One that grew too large is shrunk as far as possible.
fn with_capacity<C>(min: usize, max: usize, grow: impl Fn(&mut C, usize), capacity: impl Fn(&C) -> usize)
where
    C: Send,
    WithCapacity: Recycle<C>,
{
    let kind = std::any::type_name::<C>();
    let pool = Pool::with_settings(WithCapacity { min, max }, MANUAL);
    let item = pool.get();
    assert!(capacity(&item) >= min, "{kind}: made with {}", capacity(&item));
    drop(item);
    assert_eq!((pool.idle(), pool.stats().refused), (1, 0), "{kind}: kept as it was");
    grow(&mut pool.get(), 50 * max);
    let item = pool.try_get().expect("shrunk and kept");
    // Only hash tables round their capacity up.
    let fresh: C = WithCapacity { min: max, max }.create();
    assert!(capacity(&item) <= capacity(&fresh), "{kind}: kept with {}", capacity(&item));
}

/// A hash table is kept even if its capacity is rounded up past the limit. Otherwise none would ever be.
#[test]
fn with_capacity_keeps_hash_tables_that_are_rounded_up() {
    let pool: Pool<HashMap<u8, u8>, _> = Pool::with_settings(WithCapacity { min: 1000, max: 1000 }, MANUAL);
    drop(pool.get());
    assert_eq!((pool.idle(), pool.stats().refused), (1, 0));
}

/// `WithCapacity` keeps every collection within its limits.
#[test]
fn with_capacity_keeps_to_its_limits() {
    with_capacity::<Vec<u8>>(10, 100, |v, n| v.extend((0..n).map(|n| n as u8)), Vec::capacity);
    with_capacity::<VecDeque<u8>>(10, 100, |v, n| v.extend((0..n).map(|n| n as u8)), VecDeque::capacity);
    with_capacity::<BinaryHeap<usize>>(10, 100, |v, n| v.extend(0..n), BinaryHeap::capacity);
    with_capacity::<String>(10, 100, |v, n| v.extend((0..n).map(|_| 'a')), String::capacity);
    with_capacity::<OsString>(10, 100, |v, n| v.push("a".repeat(n)), OsString::capacity);
    with_capacity::<PathBuf>(10, 100, |v, n| v.push("a".repeat(n)), PathBuf::capacity);
    with_capacity::<HashMap<usize, u8>>(10, 100, |v, n| v.extend((0..n).map(|n| (n, 0))), HashMap::capacity);
    with_capacity::<HashSet<usize>>(10, 100, |v, n| v.extend(0..n), HashSet::capacity);
}

/// A collection that can be shrunk to the limit is kept, and cleared.
#[test]
fn with_capacity_shrinks_rather_than_refuses() {
    let pool: Pool<Vec<u8>, _> = Pool::with_settings(WithCapacity { min: 0, max: 100 }, MANUAL);
    pool.get().extend([7; 5000]);
    let item = pool.try_get().expect("shrunk and kept");
    assert!(item.is_empty() && item.capacity() <= 100);
    assert_eq!(pool.stats().refused, 0);
}

/// Collections of zero-sized elements, whose capacity is unlimited, are always kept. A limit of 0 keeps all collections
/// without storage.
#[test]
fn with_capacity_keeps_zero_sized_elements() {
    let pool: Pool<Vec<()>, _> = Pool::with_settings(WithCapacity { min: 0, max: 10 }, MANUAL);
    pool.get().extend([(); 100]);
    assert!(pool.try_get().expect("kept").is_empty());
    let pool: Pool<VecDeque<()>, _> = Pool::with_settings(WithCapacity { min: 3, max: 0 }, MANUAL);
    pool.get().extend([(); 100]);
    assert!(pool.try_get().expect("kept").is_empty());

    let pool: Pool<Vec<u8>, _> = Pool::with_settings(WithCapacity { min: 0, max: 0 }, MANUAL);
    pool.get().push(1);
    assert_eq!(pool.try_get().expect("shrunk to nothing and kept").capacity(), 0);
}

/// Sets of a zero-sized element have storage like others, and are kept.
#[test]
fn with_capacity_keeps_sets_of_units() {
    let pool: Pool<HashSet<()>, _> = Pool::with_settings(WithCapacity { min: 0, max: 10 }, MANUAL);
    pool.get().insert(());
    assert!(pool.try_get().expect("kept").is_empty());
    let pool: Pool<HashMap<(), ()>, _> = Pool::with_settings(WithCapacity { min: 0, max: 10 }, MANUAL);
    pool.get().insert((), ());
    assert!(pool.try_get().expect("kept").is_empty());
}

/// The recyclers' own methods, without a pool.
#[test]
fn recyclers_work_without_a_pool() {
    let mut text: String = DefaultRecycle.create();
    text.push('a');
    assert!(DefaultRecycle.recycle(&mut text) && text.is_empty());
    let make = || vec![1];
    let mut item = make.create();
    item.push(2);
    assert!(make.recycle(&mut item));
    assert_eq!(item, [1, 2]);
}

/// With and without private slots, an item is clean wherever it was.
#[test]
fn items_are_clean_wherever_they_come_from() {
    for slots in [0, 2, 32] {
        let pool: Pool<Vec<u8>> = Pool::with_settings(DefaultRecycle, Settings::new().private_slots(slots).manual());
        for _ in 0..3 {
            on_thread(|| {
                let mut guards: Vec<_> = (0..100).map(|_| pool.get()).collect();
                assert!(guards.iter().all(|item| item.is_empty()));
                guards.iter_mut().for_each(|item| item.push(1));
            });
            pool.advance();
            let guards: Vec<_> = (0..100).map(|_| pool.get()).collect();
            assert!(guards.iter().all(|item| item.is_empty()));
        }
        assert!(pool.stats().created < 500);
    }
}
