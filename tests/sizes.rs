//! Sizes of the types, and heap memory beside the items, to the byte.
//!
//! The figures are for 64-bit CPUs with cache lines padded to 128 bytes.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

mod common;
#[path = "common/counting.rs"]
mod counting;

use std::sync::Arc;

use common::{MANUAL, Worker, alone};
use counting::allocations;
use ebbtide::{DefaultRecycle, Manual, OwnedPooled, Pool, Pooled, Settings, WithCapacity};

const WORD: usize = 8;

/// A pool is one cache line, used or not, for any item size. With a recycler of more than a word it is two.
#[test]
fn a_pool_is_one_cache_line() {
    assert_eq!(size_of::<Settings>(), 5 * WORD);
    assert_eq!(size_of::<Settings<Manual>>(), 5 * WORD);
    assert_eq!(size_of::<Pool<Vec<u8>>>(), 8 * WORD);
    assert_eq!(size_of::<Pool<String, fn() -> String>>(), 8 * WORD);
    assert_eq!(size_of::<Pool<[u8; 4096], fn() -> [u8; 4096]>>(), 8 * WORD);
    assert_eq!(size_of::<Pool<Vec<u8>, WithCapacity>>(), 16 * WORD);
}

/// Guards are two words for any item size, and so is an `Option` of one.
#[test]
fn a_guard_is_two_words() {
    assert_eq!(size_of::<Pooled<'_, u8, fn() -> u8>>(), 2 * WORD);
    assert_eq!(size_of::<Pooled<'_, [u8; 4096], fn() -> [u8; 4096]>>(), 2 * WORD);
    assert_eq!(size_of::<Pooled<'_, (), fn()>>(), 2 * WORD);
    assert_eq!(size_of::<Option<Pooled<'_, Vec<u8>, DefaultRecycle>>>(), 2 * WORD);
    assert_eq!(size_of::<OwnedPooled<[u8; 4096], fn() -> [u8; 4096]>>(), 2 * WORD);
    assert_eq!(size_of::<OwnedPooled<Vec<u8>>>(), 2 * WORD);
    assert_eq!(size_of::<Option<OwnedPooled<Vec<u8>>>>(), 2 * WORD);
}

/// The bytes that this thread allocates in `f`, and those that it frees.
fn heap(f: impl FnOnce()) -> (usize, usize) {
    let ((), counts) = allocations(f);
    (counts.allocated, counts.freed)
}

/// Zero-sized items need no memory, so all heap memory is the pool's.
type Empty = Pool<(), fn()>;

fn empty() -> Empty {
    Pool::with_settings((|| ()) as fn(), MANUAL)
}

/// A thread takes a number on its first use of any pool. The process's list of numbers allocates.
fn take_number() {
    drop(empty().get());
}

/// Gets `n` items and puts them back, in an existing vector.
fn burst<'pool>(pool: &'pool Empty, held: &mut Vec<Pooled<'pool, (), fn()>>, n: usize) {
    held.extend((0..n).map(|_| pool.get()));
    held.clear();
}

/// The heap part. An unused pool has none.
const STORE: usize = 1024;
/// A thread's memory in a pool: its slot set, and two arrays of 16 places with a header of four words.
const SLOT_SET: usize = 128;
const ARRAY: usize = 20 * WORD;

#[test]
fn an_unused_pool_has_nothing_on_the_heap() {
    let unused = heap(|| {
        let pool = empty();
        assert!(pool.try_get().is_none());
        assert_eq!((pool.idle(), pool.advance().is_some(), pool.clear().is_some()), (0, true, true));
    });
    assert_eq!(unused, (0, 0));
}

/// Each part is allocated when it is first needed. After that, private hits neither allocate nor free.
#[test]
fn each_part_is_allocated_when_first_needed() {
    take_number();
    let pool = empty();
    let mut held = Vec::with_capacity(32);
    assert_eq!(heap(|| held.push(pool.get())), (STORE, 0), "the first get");
    held.clear();
    assert_eq!(heap(|| burst(&pool, &mut held, 16)), (0, 0), "a burst that fills the first array");
    assert_eq!(heap(|| burst(&pool, &mut held, 17)), (ARRAY, 0), "one item more");
    assert_eq!(heap(|| (0..100).for_each(|n| burst(&pool, &mut held, n % 33))), (0, 0), "whatever fits");
}

/// Slot sets come in blocks of 1, 2, 4 and so on. A thread's first put allocates its arrays. The heir of an ended
/// thread's number has them already. This runs in a process of its own, where no other test takes numbers.
#[test]
fn each_thread_allocates_its_slot_set_and_arrays() {
    if !alone("each_thread_allocates_its_slot_set_and_arrays") {
        return;
    }
    take_number();
    let pool = Arc::new(empty());
    assert_eq!(heap(|| drop(pool.get())), (STORE + SLOT_SET + ARRAY, 0), "the first thread");
    let put = |worker: &Worker| {
        let pool = Arc::clone(&pool);
        worker.run(move || {
            take_number();
            heap(|| drop(pool.get()))
        })
    };
    let mut workers = Vec::new();
    for slot_sets in [2, 0, 4, 0, 0, 0, 8, 0] {
        workers.push(Worker::new());
        assert_eq!(
            put(&workers[workers.len() - 1]),
            (slot_sets * SLOT_SET + ARRAY, 0),
            "further thread {}",
            workers.len()
        );
    }
    drop(workers);
    assert_eq!(put(&Worker::new()), (0, 0), "an heir");
}

/// All arrays have the same size, even one for the part of a batch that a full pool rejects. Otherwise an owner that
/// answers a sweep might find no room for its items in one that it reuses.
#[test]
fn all_arrays_have_the_same_size() {
    take_number();
    let pool = Pool::with_settings((|| ()) as fn(), MANUAL.max_idle(24));
    let mut held = Vec::with_capacity(64);
    let mut bursts = || heap(|| burst(&pool, &mut held, 64));
    bursts();
    assert_eq!(bursts(), (ARRAY, ARRAY), "of the last 16 items, 8 are rejected");
}

/// The next burst reuses the arrays that a burst empties: 128 with the thread, and 128 at its shard. A sweep frees
/// them, and one of the two arrays of the private slots.
#[test]
fn a_sweep_frees_the_arrays_of_a_burst() {
    take_number();
    let pool = empty();
    let mut held = Vec::with_capacity(8192);
    burst(&pool, &mut held, 2048);
    assert_eq!(heap(|| burst(&pool, &mut held, 2048)), (0, 0), "128 arrays");
    burst(&pool, &mut held, 4096);
    let (allocated, _) = heap(|| burst(&pool, &mut held, 4096));
    assert!(allocated < 64 * ARRAY, "256 arrays: {allocated} bytes, more than the queue behind the rack takes for 126");

    burst(&pool, &mut held, 8192);
    held.extend((0..8192).map(|_| pool.get()));
    let (allocated, freed) = heap(|| assert!(pool.advance().is_some()));
    assert_eq!(freed - allocated, (128 + 128 + 1) * ARRAY, "a sweep");
}

/// A shared idle item takes up its place, and a share of its array's header and queue entry. All of it is freed with
/// the pool.
#[test]
fn an_idle_item_takes_up_little_more_than_its_place() {
    const MORE: usize = 100_000;
    take_number();
    let (allocated, freed) = heap(|| {
        let pool = empty();
        let mut held = Vec::with_capacity(1000 + MORE);
        burst(&pool, &mut held, 1000);
        let (allocated, freed) = heap(|| burst(&pool, &mut held, 1000 + MORE));
        let each = (allocated - freed) as f64 / MORE as f64;
        assert!((8.0..=12.0).contains(&each), "{each} bytes for an idle item");
        // The pool then frees empty arrays too.
        held.extend((0..MORE).map(|_| pool.get()));
        held.drain(..).for_each(Pooled::detach);
    });
    assert_eq!(allocated, freed);
}
