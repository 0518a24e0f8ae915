//! `BufferPool`: the class in which a `get` looks, where a buffer goes when it returns, and how long it stays.

use std::mem;
use std::sync::Arc;

use crate::buffers::sum;
use crate::common::{Worker, on_thread};
use ebbtide::BufferPool;
use ebbtide::buffers::{PooledBuffer, Settings};

/// A pool with four classes, 1, 2, 4 and 8 KiB, that only the test sweeps.
fn four() -> BufferPool {
    BufferPool::with_settings(FOUR.manual())
}

const FOUR: Settings = Settings::new().smallest(1024).largest(8192);

/// The sizes of the classes that have idle buffers, and how many.
fn idle(pool: &BufferPool) -> Vec<(usize, usize)> {
    pool.stats().map(|(size, stats)| (size, stats.idle)).filter(|(_, idle)| *idle > 0).collect()
}

#[test]
fn get_rounds_up() {
    let pool = four();
    for (wanted, class) in [
        (0, 1024),
        (1, 1024),
        (1023, 1024),
        (1024, 1024),
        (1025, 2048),
        (2048, 2048),
        (2049, 4096),
        (4097, 8192),
        (8192, 8192),
    ] {
        let buffer = pool.get(wanted);
        assert_eq!((buffer.len(), buffer.capacity()), (0, class), "{wanted} bytes wanted");
        drop(buffer);
        assert_eq!(idle(&pool), [(class, 1)], "{wanted} bytes wanted");
        pool.clear();
    }
}

#[test]
fn put_rounds_down() {
    let pool = four();
    for (capacity, class) in [
        (1024, 1024),
        (1025, 1024),
        (2047, 1024),
        (2048, 2048),
        (2049, 2048),
        (3072, 2048),
        (4095, 2048),
        (4096, 4096),
        (8191, 4096),
        (8192, 8192),
    ] {
        pool.put(Vec::with_capacity(capacity));
        assert_eq!(idle(&pool), [(class, 1)], "a capacity of {capacity}");
        assert_eq!(pool.idle_bytes(), class);
        let buffer = pool.get(class);
        assert_eq!((buffer.capacity(), sum(&pool, |stats| stats.created)), (class, 0), "the surplus is freed");
        drop(PooledBuffer::detach(buffer));
    }
}

/// Buffers larger than the largest class or smaller than the smallest are not kept.
#[test]
fn buffers_outside_the_classes_are_not_kept() {
    let pool = four();
    for wanted in [8193, 9000, 100_000] {
        let buffer = pool.get(wanted);
        assert_eq!((buffer.len(), buffer.capacity()), (0, wanted), "created with exactly this capacity");
    }
    for capacity in [0, 1, 512, 1023, 8193, 16384, 100_000] {
        pool.put(Vec::with_capacity(capacity));
        assert_eq!(idle(&pool), [], "a capacity of {capacity}");
    }
    assert_eq!((sum(&pool, |stats| stats.created), sum(&pool, |stats| stats.refused)), (3, 3 + 7));
    let (largest, stats) = pool.stats().last().unwrap();
    assert_eq!((largest, stats.created, stats.refused), (8192, 3, 3 + 3), "counted with the largest class");
}

/// A buffer's capacity decides where it goes. No later user gets one that is too small.
#[test]
fn a_changed_buffer_goes_to_the_class_of_its_capacity() {
    let pool = four();
    let idle_after = |change: fn(&mut Vec<u8>)| {
        let mut buffer = pool.get(4096);
        change(&mut buffer);
        drop(buffer);
        let idle = idle(&pool);
        pool.clear();
        idle
    };
    assert_eq!(idle_after(|buffer| buffer.extend([1; 4096])), [(4096, 1)], "filled");
    assert_eq!(idle_after(|buffer| buffer.extend([1; 4097])), [(8192, 1)], "grown");
    assert_eq!(idle_after(|buffer| buffer.reserve_exact(5000)), [(4096, 1)], "grown a little");
    assert_eq!(idle_after(|buffer| buffer.reserve(9000)), [], "grown too much");
    assert_eq!(idle_after(|buffer| buffer.shrink_to(1500)), [(1024, 1)], "shrunk");
    assert_eq!(idle_after(|buffer| buffer.shrink_to_fit()), [], "shrunk to nothing");
    assert_eq!(idle_after(|buffer| drop(mem::take(buffer))), [], "taken");
    assert_eq!(idle_after(|buffer| *buffer = vec![1; 3000]), [(2048, 1)], "replaced by a smaller one");
    assert_eq!(idle_after(|buffer| *buffer = vec![1; 8192]), [(8192, 1)], "replaced by a larger one");

    let (mut one, mut other) = (pool.get(1024), pool.get(8192));
    mem::swap(&mut *one, &mut *other);
    drop((one, other));
    assert_eq!(idle(&pool), [(1024, 1), (8192, 1)], "swapped");
}

#[test]
fn reused_buffers_are_empty() {
    let pool = four();
    for wanted in [1024, 2048, 8192] {
        pool.get(wanted).extend_from_slice(b"for this user only");
        pool.put(vec![7; wanted]);
        for buffer in [pool.get(wanted), pool.get(wanted)] {
            assert_eq!(**buffer, *b"");
        }
    }
    assert_eq!(sum(&pool, |stats| stats.created), 3, "the others are reused");
}

/// An idle buffer survives one epoch and not two, in every class.
#[test]
fn every_class_ages() {
    let pool = four();
    drop([1024, 2048, 4096, 8192].map(|size| pool.get(size)));
    let first = pool.advance().unwrap();
    assert_eq!((first.dropped, first.kept), (0, 4));
    assert_eq!(idle(&pool), [(1024, 1), (2048, 1), (4096, 1), (8192, 1)]);
    let second = pool.advance().unwrap();
    assert_eq!((second.dropped, second.kept), (4, 0));
    assert_eq!((idle(&pool), pool.idle_bytes()), (vec![], 0));
}

/// Use of one class keeps nothing young in another.
#[test]
fn classes_age_independently() {
    let pool = four();
    drop([pool.get(1024), pool.get(1024), pool.get(8192)]);
    for _ in 0..5 {
        pool.advance();
        drop(pool.get(1024));
    }
    assert_eq!(idle(&pool), [(1024, 1)]);
    assert_eq!(sum(&pool, |stats| stats.created), 3);
}

/// A buffer that grew is young in its new class, like any other that returns now.
#[test]
fn a_grown_buffer_starts_young() {
    let pool = four();
    drop(pool.get(1024));
    pool.advance();
    pool.get(1024).reserve(8192);
    pool.advance();
    assert_eq!(idle(&pool), [(8192, 1)]);
    pool.advance();
    assert_eq!(idle(&pool), []);
}

/// A user who asks for less than it writes finds the grown buffer, up to eight times larger. It keeps at most one idle.
#[test]
fn a_grown_buffer_is_reused() {
    for (asked, filled, times) in [(1000, 5000, 1000), (0, 64 << 10, 1000), (100, 1 << 20, 300), (1025, 1 << 20, 300)] {
        for pool in [
            BufferPool::new(),
            BufferPool::with_settings(Settings::new().manual()),
            BufferPool::with_settings(Settings::new().private_bytes(0).manual()),
        ] {
            (0..times).for_each(|_| pool.get(asked).reserve(filled));
            if filled <= 8 * asked {
                assert_eq!(sum(&pool, |stats| stats.created), 1, "get({asked}), then {filled} bytes");
            }
            assert!(pool.idle_bytes() <= filled.next_power_of_two(), "get({asked}), then {filled} bytes");
            pool.get(asked).reserve(2 << 20);
            assert_eq!(pool.idle_bytes(), 0, "beyond the largest class");
        }
    }
}

/// The smallest buffer that is large enough is handed out unchanged.
#[test]
fn a_miss_looks_in_larger_classes() {
    let pool = four();
    drop([pool.get(8192), pool.get(4096)]);
    let buffers = [pool.get(1024), pool.get(1024), pool.get(1024)];
    assert_eq!(buffers.each_ref().map(|buffer| buffer.capacity()), [4096, 8192, 1024]);
    drop(buffers);
    assert_eq!(idle(&pool), [(1024, 1), (4096, 1), (8192, 1)]);
}

/// A miss takes no victims of larger classes. Otherwise small requests would keep large buffers forever.
#[test]
fn a_miss_takes_no_victims_of_larger_classes() {
    let pool = four();
    drop(pool.get(8192));
    pool.advance();
    assert_eq!(pool.get(1024).capacity(), 1024);
    assert_eq!(idle(&pool), [(1024, 1), (8192, 1)]);
    pool.advance();
    assert_eq!(idle(&pool), [(1024, 1)]);
}

/// A user who holds many small buffers keeps no large ones, though a large one is idle each time.
#[test]
fn many_small_buffers_keep_no_large_one() {
    let pool = BufferPool::with_settings(Settings::new().manual());
    let mut held = Vec::new();
    for _ in 0..100 {
        drop(pool.get(1 << 20));
        held.push(pool.get(1024));
        assert_eq!(pool.idle_bytes(), 0, "the large one was dropped");
    }
    assert!(held.iter().all(|buffer| buffer.capacity() <= 8 * 1024));
}

/// A new buffer, or a victim that is handed out, replaces a young one that is too small.
#[test]
fn a_buffer_that_is_too_small_is_replaced() {
    let pool = four();
    for size in [1024, 2048, 4096, 8192] {
        drop(pool.get(size));
        assert_eq!(idle(&pool), [(size, 1)]);
    }
    pool.advance();
    drop(pool.get(2048));
    drop(pool.get(8192));
    assert_eq!(idle(&pool), [(8192, 1)], "the victim is young again");
    assert_eq!((sum(&pool, |stats| stats.created), sum(&pool, |stats| stats.refused)), (5, 4));
}

/// Buffers of a thread that only puts are found by one that only gets. Those of an idle thread are found after a sweep.
#[test]
fn buffers_move_between_threads() {
    let pool = Arc::new(four());
    let giver = Worker::new();
    let buffers: Vec<_> = (0..100).map(|_| pool.get_owned(4096)).collect();
    giver.run(move || drop(buffers));
    pool.advance();
    let buffers: Vec<_> = (0..100).map(|_| pool.get_owned(4000)).collect();
    assert_eq!(sum(&pool, |stats| stats.created), 100);
    drop(buffers);
}

/// `prefill` fills the class in which `get` looks, for every thread.
#[test]
fn prefill_fills_a_class() {
    let pool = four();
    assert_eq!(pool.prefill(50, 3000), 50);
    assert_eq!((idle(&pool), pool.prefill(1, 8193)), (vec![(4096, 50)], 0));
    on_thread(|| drop((0..50).map(|_| pool.get(4096)).collect::<Vec<_>>()));
    assert_eq!(sum(&pool, |stats| stats.created), 0);
}

/// Detached and forgotten buffers don't return. An owned guard keeps its pool alive.
#[test]
fn detached_and_forgotten_buffers_do_not_return() {
    let pool = Arc::new(four());
    let mut mine = PooledBuffer::detach(pool.get_owned(1024));
    mine.push(1);
    let mut other = PooledBuffer::detach(pool.get(1024));
    other.push(2);
    mem::forget(pool.get(1024));
    assert_eq!((idle(&pool), mine[0], other[0]), (vec![], 1, 2));

    let owned = pool.get_owned(1024);
    assert_eq!(Arc::strong_count(&pool), 2);
    drop(owned);
    assert!(Arc::into_inner(pool).is_some(), "no guard holds it");
}
