//! An item in steady use gives back storage that its users did not need in the last two epochs.

mod common;
#[path = "common/counting.rs"]
mod counting;

use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;

use common::{Count, MANUAL, panic_of};
use counting::allocations;
use ebbtide::{BufferPool, Clear, DefaultRecycle, Pool, Pooled, Recycle, WithCapacity, buffers};

const LARGE: usize = 200_000;
const SMALL: usize = 2000;

/// A type that a user fills.
trait Fill: Clear + Default + Send + 'static {
    fn fill(&mut self, elements: usize);
}

macro_rules! fill {
    ($($(#[$cfg:meta])* $item:ty, |$value:ident, $elements:ident| $fill:expr;)*) => {$(
        $(#[$cfg])*
        impl Fill for $item {
            fn fill(&mut self, $elements: usize) {
                let $value = self;
                $fill;
            }
        }
    )*};
}

fill! {
    Vec<u8>, |vec, n| vec.resize(n, 1);
    Vec<u64>, |vec, n| vec.resize(n, 1);
    VecDeque<u32>, |deque, n| deque.resize(n, 1);
    BinaryHeap<u32>, |heap, n| heap.extend(0..n as u32);
    HashMap<u64, u64>, |map, n| map.extend((0..n as u64).map(|key| (key, 0)));
    HashSet<u32>, |set, n| set.extend(0..n as u32);
    String, |text, n| text.extend(std::iter::repeat_n('x', n));
    OsString, |text, n| text.push("x".repeat(n));
    PathBuf, |path, n| path.push("x".repeat(n));
    #[cfg(feature = "bytes")] bytes::BytesMut, |buffer, n| buffer.resize(n, 1);
    Box<Vec<u8>>, |boxed, n| boxed.resize(n, 1);
    (Option<u8>, Vec<u8>, String), |tuple, n| { tuple.1.fill(n); tuple.2.fill(n) };
    [Vec<u8>; 3], |array, n| array[2].resize(n, 1);
}

fn pool<T: Fill>() -> Pool<T> {
    Pool::with_settings(DefaultRecycle, MANUAL)
}

/// Uses the pool's one item.
#[track_caller]
fn fill<T: Fill>(pool: &Pool<T>, elements: usize) {
    pool.get().fill(elements);
    assert_eq!(pool.stats().created, 1);
}

/// One large use, then small ones. Two epochs later the item holds at most four times what they use, by what the
/// allocator counts.
#[track_caller]
fn shrinks<T: Fill>() {
    let pool = pool::<T>();
    // The pool itself allocates here.
    for _ in 0..3 {
        drop(pool.get());
        pool.advance();
    }
    let (needed, heap) = allocations(|| {
        fill(&pool, LARGE);
        for _ in 0..2 {
            fill(&pool, SMALL);
            pool.advance();
        }
        let mut item = pool.get();
        item.fill(SMALL);
        item.used()
    });
    let held = heap.allocated - heap.freed;
    // A hash table leaves one place in eight free. A sweep frees an array, which the next use allocates.
    assert!(held <= 4 * needed / 7 * 8 + 1024, "{held} bytes for {needed}");
    fill(&pool, SMALL);
}

#[test]
fn sequences_shrink() {
    shrinks::<Vec<u8>>();
    shrinks::<Vec<u64>>();
    shrinks::<VecDeque<u32>>();
    shrinks::<BinaryHeap<u32>>();
}

#[test]
fn hash_tables_shrink() {
    shrinks::<HashMap<u64, u64>>();
    shrinks::<HashSet<u32>>();
}

#[test]
fn texts_shrink() {
    shrinks::<String>();
    shrinks::<OsString>();
    shrinks::<PathBuf>();
}

#[cfg(feature = "bytes")]
#[test]
fn bytes_mut_shrinks() {
    shrinks::<bytes::BytesMut>();
}

#[test]
fn boxes_shrink() {
    shrinks::<Box<Vec<u8>>>();
}

#[test]
fn tuples_shrink() {
    shrinks::<(Option<u8>, Vec<u8>, String)>();
}

#[test]
fn arrays_shrink() {
    shrinks::<[Vec<u8>; 3]>();
}

/// Many users of a table with one entry do not pay for the one that had many: clearing goes through the whole table.
#[test]
fn a_huge_table_is_as_before_within_two_epochs() {
    let pool = pool::<HashMap<u64, u64>>();
    fill(&pool, LARGE);
    for _ in 0..2 {
        pool.advance();
        fill(&pool, 1);
    }
    assert!(pool.get().capacity() < 10);
}

/// Large and small uses in each epoch: nothing is reallocated, whatever their order.
#[test]
fn uses_that_alternate_within_an_epoch_reallocate_nothing() {
    fn alternate<T: Fill>() {
        let pool = pool::<T>();
        fill(&pool, LARGE);
        for epoch in 0..6 {
            let ((), heap) = allocations(|| {
                for turn in 0..20 {
                    fill(&pool, if turn % 10 == epoch { LARGE } else { SMALL });
                }
            });
            assert_eq!(heap.large, 0);
            pool.advance();
        }
    }
    alternate::<Vec<u8>>();
    alternate::<HashMap<u64, u64>>();
    alternate::<(Option<u8>, Vec<u8>, String)>();
}

/// An epoch of small uses is followed by one of large ones.
#[test]
fn epochs_that_alternate_reallocate_nothing() {
    let pool = pool::<Vec<u8>>();
    fill(&pool, LARGE);
    for epoch in 0..8 {
        let ((), heap) = allocations(|| (0..3).for_each(|_| fill(&pool, if epoch % 2 == 0 { SMALL } else { LARGE })));
        assert_eq!(heap.large, 0);
        pool.advance();
    }
}

/// Users may empty the item themselves. What it grew to was needed.
#[test]
fn what_an_item_grew_to_was_needed() {
    let pool = pool::<Vec<u8>>();
    for _ in 0..3 {
        let mut item = pool.get();
        item.fill(LARGE);
        item.clear();
        let capacity = item.capacity();
        drop(item);
        assert_eq!(pool.get().capacity(), capacity);
        pool.advance();
        pool.clear();
    }
}

/// An item that is in use for epochs had one user in that time.
#[test]
fn one_long_use_counts_for_all_its_epochs() {
    let pool = pool::<Vec<u8>>();
    fill(&pool, LARGE);
    let mut item = pool.get();
    for _ in 0..3 {
        pool.advance();
    }
    item.fill(SMALL);
    drop(item);
    assert!(pool.get().capacity() <= 4 * SMALL);
}

#[test]
fn items_below_4_kib_keep_their_storage() {
    let pool = pool::<Vec<u8>>();
    pool.put(Vec::with_capacity(4000));
    assert_eq!(capacity_after(4, &pool), 4000);
}

/// What comes from outside the pool has its two epochs, and what leaves it keeps its storage.
#[test]
fn detached_items_are_new_when_they_return() {
    let pool = pool::<Vec<u8>>();
    fill(&pool, LARGE);
    pool.advance();
    fill(&pool, SMALL);
    let item = Pooled::detach(pool.get());
    assert!(item.capacity() >= LARGE);
    pool.advance();
    pool.put(item);
    pool.advance();
    drop(pool.get());
    assert!(pool.get().capacity() >= LARGE);
    pool.advance();
    drop(pool.get());
    assert!(pool.get().capacity() <= 16);
}

/// Codecs split off what they filled. The buffer is whole again when the parts are gone, and all of it was needed.
#[cfg(feature = "bytes")]
#[test]
fn a_buffer_that_is_split_off_stays_whole() {
    let pool = pool::<bytes::BytesMut>();
    drop(pool.get_with(|| bytes::BytesMut::with_capacity(LARGE)));
    for _ in 0..6 {
        let ((), heap) = allocations(|| {
            for _ in 0..3 {
                let mut buffer = pool.get();
                assert!(buffer.capacity() >= LARGE);
                buffer.fill(LARGE / 4 * 3);
                drop(buffer.split().freeze());
            }
        });
        assert_eq!(heap.large, 0);
        pool.advance();
    }
    let frozen = {
        let mut buffer = pool.get();
        buffer.fill(SMALL);
        buffer.split().freeze()
    };
    assert!(pool.get().capacity() <= LARGE - SMALL);
    drop(frozen);
    drop(pool.get());
    assert!(pool.get().capacity() >= LARGE);
}

/// A recycler of buffers that may or may not take part, and counts the calls of `shrink`.
#[derive(Debug, Default)]
struct Shrinker {
    shrunk: Count,
    tells: bool,
    shrinks: bool,
    panics: bool,
}

impl Recycle<Vec<u8>> for &Shrinker {
    fn create(&self) -> Vec<u8> {
        Vec::with_capacity(LARGE)
    }

    fn recycle(&self, item: &mut Vec<u8>) -> bool {
        item.clear();
        true
    }

    fn weight(&self, item: &Vec<u8>) -> usize {
        item.weight()
    }

    fn used(&self, item: &Vec<u8>) -> usize {
        if self.tells { item.used() } else { Recycle::weight(self, item) }
    }

    fn shrink(&self, item: &mut Vec<u8>, max: usize) {
        self.shrunk.bump();
        assert!(!self.panics, "shrink");
        if self.shrinks {
            item.shrink(max);
        }
    }
}

/// Uses an item in this many epochs. Returns its capacity.
fn capacity_after<R: Recycle<Vec<u8>>>(epochs: usize, pool: &Pool<Vec<u8>, R>) -> usize {
    for _ in 0..epochs {
        pool.get().push(1);
        pool.advance();
    }
    pool.get().capacity()
}

#[test]
fn a_recycler_can_take_part() {
    let recycler = Shrinker { tells: true, shrinks: true, ..Shrinker::default() };
    assert!(capacity_after(4, &Pool::with_settings(&recycler, MANUAL)) <= 4);
    assert_eq!(recycler.shrunk.get(), 1);
}

/// It would cost time at each return.
#[test]
fn an_item_that_cannot_shrink_is_asked_every_other_epoch() {
    let recycler = Shrinker { tells: true, ..Shrinker::default() };
    let pool = Pool::with_settings(&recycler, MANUAL);
    for _ in 0..10 {
        (0..5).for_each(|_| pool.get().push(1));
        pool.advance();
    }
    assert_eq!(pool.get().capacity(), LARGE);
    assert!((3..=5).contains(&recycler.shrunk.get()), "{:?}", recycler.shrunk);
}

/// The item is lost, nothing else.
#[test]
fn a_panic_in_shrink_drops_the_item() {
    let recycler = Shrinker { tells: true, panics: true, ..Shrinker::default() };
    let pool = Pool::with_settings(&recycler, MANUAL);
    assert_eq!(panic_of(|| capacity_after(4, &pool)), "shrink");
    let stats = pool.stats();
    assert_eq!((stats.created, stats.refused, stats.idle), (1, 1, 0));
    assert_eq!(capacity_after(1, &pool), LARGE);
}

/// A recycler that has only what it must have.
struct Plain;

impl Recycle<Vec<u8>> for Plain {
    fn create(&self) -> Vec<u8> {
        Vec::with_capacity(LARGE)
    }

    fn recycle(&self, item: &mut Vec<u8>) -> bool {
        item.clear();
        true
    }
}

#[test]
fn recyclers_that_do_not_tell_what_was_used_shrink_nothing() {
    let recycler = Shrinker { shrinks: true, ..Shrinker::default() };
    assert_eq!(capacity_after(4, &Pool::with_settings(&recycler, MANUAL)), LARGE);
    assert_eq!(recycler.shrunk.get(), 0);
    assert_eq!(capacity_after(4, &Pool::with_settings(Plain, MANUAL)), LARGE);
    let limits = WithCapacity { min: LARGE, max: 2 * LARGE };
    assert_eq!(capacity_after(4, &Pool::with_settings(limits, MANUAL)), LARGE);
    assert_eq!(capacity_after(4, &Pool::with_settings(|| Vec::with_capacity(LARGE), MANUAL)), LARGE);
}

/// The class of a buffer says how large it is.
#[test]
fn buffers_of_a_class_stay_as_large_as_it_says() {
    let pool = BufferPool::with_settings(buffers::Settings::new().manual());
    for _ in 0..4 {
        pool.get(LARGE).push(1);
        pool.advance();
    }
    assert_eq!(pool.idle_bytes(), LARGE.next_power_of_two());
}

#[cfg(feature = "bounded")]
#[test]
fn items_of_a_bounded_pool_shrink() {
    let pool: ebbtide::BoundedPool<Vec<u8>> =
        ebbtide::BoundedPool::with_settings(DefaultRecycle, ebbtide::bounded::Settings::new(1).manual());
    let capacity_after = |elements: usize| {
        pool.get().expect("it is free").fill(elements);
        pool.get().expect("it is free").capacity()
    };
    assert!(capacity_after(LARGE) >= LARGE);
    pool.advance();
    assert!(capacity_after(SMALL) >= LARGE);
    pool.advance();
    assert!(capacity_after(SMALL) <= 4 * SMALL);
}
