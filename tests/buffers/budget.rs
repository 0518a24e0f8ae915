//! `BufferPool`: the bounds in bytes, on the shared queues of all classes together and on each thread.

use std::sync::Arc;
use std::thread;

use crate::buffers::sum;
use crate::common::{Dice, Worker, on_thread};
use ebbtide::BufferPool;
use ebbtide::buffers::Settings;

/// Four classes: 1, 2, 4 and 8 KiB.
const FOUR: Settings = Settings::new().smallest(1024).largest(8192);
const SIZES: [usize; 4] = [1024, 2048, 4096, 8192];

/// A pool that keeps this many bytes, all of them in the shared queues.
fn with_budget(bytes: usize) -> BufferPool {
    BufferPool::with_settings(FOUR.private_bytes(0).max_idle_bytes(bytes).manual())
}

/// Each size alone may use the whole budget, in whole buffers.
#[test]
fn one_size_may_use_the_whole_budget() {
    for budget in [0, 1023, 1024, 8191, 8192, 50_000] {
        for size in SIZES {
            let pool = with_budget(budget);
            (0..100).for_each(|_| pool.put(Vec::with_capacity(size)));
            assert_eq!(pool.idle_bytes(), (budget / size).min(100) * size, "{budget} bytes for buffers of {size}");
        }
    }
    let pool = with_budget(usize::MAX - 1);
    SIZES.iter().for_each(|size| assert_eq!(pool.prefill(100, *size), 100));
}

/// A burst that fits the budget is reused as a whole, whatever its size.
#[test]
fn a_burst_within_the_budget_is_reused() {
    let pool = BufferPool::with_settings(Settings::new().max_idle_bytes(64 << 20).manual());
    for _ in 0..4 {
        drop((0..128).map(|_| pool.get(256 << 10)).collect::<Vec<_>>());
    }
    assert_eq!((sum(&pool, |stats| stats.created), sum(&pool, |stats| stats.rejected)), (128, 0));
}

/// All sizes count against one budget, however the first buffer of a size comes into the pool.
#[test]
fn all_sizes_share_one_budget() {
    let ways: [fn(&BufferPool, usize); 4] = [
        |pool, size| drop((0..100).map(|_| pool.get(size)).collect::<Vec<_>>()),
        |pool, size| (0..100).for_each(|_| pool.put(Vec::with_capacity(size))),
        |pool, size| assert!(pool.prefill(100, size) <= 100),
        |pool, size| (0..100).for_each(|_| *pool.get(9000) = Vec::with_capacity(size)),
    ];
    for way in ways {
        let pool = with_budget(20_000);
        for size in SIZES {
            way(&pool, size);
            assert!(pool.idle_bytes() <= 20_000, "{} bytes", pool.idle_bytes());
        }
        assert!(pool.idle_bytes() > 20_000 - 8192, "{} bytes", pool.idle_bytes());
    }
}

/// If one size fills the budget, its idle buffers make room for those of another size, in whatever order those return
/// and however old they are.
#[test]
fn another_size_gets_room() {
    for (reversed, old) in [(false, false), (true, false), (false, true), (true, true)] {
        let pool = with_budget(64 << 10);
        for size in [8192, 1024, 4096, 2048, 8192] {
            let created = || pool.stats().find(|(class, _)| *class == size).map(|(_, stats)| stats.created);
            let (before, all) = (created().expect("a class"), (64 << 10) / size);
            if old {
                pool.advance();
            }
            for _ in 0..10 {
                let mut burst: Vec<_> = (0..all).map(|_| pool.get(size)).collect();
                if reversed {
                    burst.reverse();
                }
                drop(burst);
            }
            assert_eq!(created(), Some(before + all), "buffers of {size} bytes are reused");
        }
    }
}

/// No idle buffer makes way for one that is larger than the budget, or if there is room.
#[test]
fn no_buffer_makes_way_in_vain() {
    let pool = with_budget(4096);
    assert_eq!(pool.prefill(3, 1024), 3);
    pool.advance();
    pool.put(Vec::with_capacity(8192));
    assert_eq!(pool.idle_bytes(), 3 * 1024, "8192 bytes never fit");
    pool.put(Vec::with_capacity(1024));
    assert_eq!(pool.idle_bytes(), 4 * 1024);
    pool.put(Vec::with_capacity(2048));
    assert_eq!((pool.idle_bytes(), sum(&pool, |stats| stats.refused)), (4 * 1024, 2), "two victims made way");
}

/// Sweeps and `clear` give the room back.
#[test]
fn dropped_buffers_leave_room() {
    let pool = with_budget(64 << 10);
    for size in SIZES.repeat(2) {
        assert_eq!(pool.prefill(100, size), (64 << 10) / size);
        pool.advance();
        assert_eq!(pool.prefill(1, size), 0, "victims take up room");
        pool.advance();
        assert_eq!(pool.prefill(100, size), (64 << 10) / size);
        pool.clear();
    }
}

/// Threads with different sizes, and sweeps, never leave more idle than the budget and their private slots.
#[test]
fn the_budget_holds_under_contention() {
    const BUDGET: usize = 40_000;
    const PRIVATE: usize = 4096;
    let pool = BufferPool::with_settings(FOUR.private_bytes(PRIVATE).max_idle_bytes(BUDGET).manual());
    let threads = 4;
    thread::scope(|scope| {
        for seed in 0..threads {
            let pool = &pool;
            scope.spawn(move || {
                let mut dice = Dice::new(seed);
                for _ in 0..2000 {
                    let held: Vec<_> = (0..dice.below(20)).map(|_| pool.get(1 + dice.below(8192))).collect();
                    if dice.below(50) == 0 {
                        pool.advance();
                    }
                    drop(held);
                }
            });
        }
    });
    let bound = BUDGET + threads as usize * SIZES.len() * PRIVATE;
    assert!(pool.idle_bytes() <= bound, "{} bytes are over {bound}", pool.idle_bytes());
    pool.clear();
    assert_eq!((pool.idle_bytes(), pool.prefill(1000, 1024)), (0, BUDGET / 1024), "no room is lost");
    on_thread(|| assert_eq!(pool.prefill(1, 1024), 0));
}

/// The budget counts the real capacity of grown buffers, not the size of their class.
#[test]
fn grown_buffers_stay_within_the_budget() {
    let pool = BufferPool::with_settings(FOUR.private_bytes(0).max_idle_bytes(8192).manual());
    (0..10).for_each(|_| pool.put(Vec::with_capacity(2047)));
    let buffers: Vec<_> = (0..8).map(|_| pool.get(1)).collect();
    assert_eq!(sum(&pool, |stats| stats.created), 0);
    assert_eq!(buffers.iter().map(|buffer| buffer.capacity()).sum::<usize>(), 8192);
}

/// A thread keeps at most `private_bytes` in each class, and at most 32 buffers. With no budget for the shared queues,
/// that is all.
#[test]
fn private_bytes_bound_each_thread() {
    let private = |private_bytes: usize| {
        let pool = BufferPool::with_settings(FOUR.private_bytes(private_bytes).max_idle_bytes(0).manual());
        let most = [1024, 2048, 4096, 8192].map(|size| {
            let mut buffers: Vec<_> = (0..100).map(|_| pool.get(size)).collect();
            let idle = std::iter::from_fn(|| buffers.pop().map(|_| pool.idle_bytes())).max();
            pool.clear();
            idle.unwrap() / size
        });
        assert!(most.iter().zip([1024, 2048, 4096, 8192]).all(|(most, size)| most * size <= private_bytes));
        most
    };
    assert_eq!(private(0), [0; 4]);
    assert_eq!(private(2047), [0; 4]);
    assert_eq!(private(2048), [2, 0, 0, 0]);
    assert_eq!(private(16384), [16, 8, 4, 2]);
    assert_eq!(private(31 * 1024), [30, 14, 6, 2]);
    assert_eq!(private(usize::MAX), [32; 4]);
}

/// The documented bound holds with threads that keep as much as they can.
#[test]
fn idle_bytes_stay_within_the_documented_bound() {
    const THREADS: usize = 3;
    const PRIVATE: usize = 16 << 10;
    const BUDGET: usize = 64 << 10;
    let pool = Arc::new(BufferPool::with_settings(FOUR.private_bytes(PRIVATE).max_idle_bytes(BUDGET).manual()));
    let workers: Vec<_> = (0..THREADS).map(|_| Worker::new()).collect();
    for worker in &workers {
        let pool = Arc::clone(&pool);
        worker.run(move || {
            for size in [1024, 2048, 4096, 8192] {
                (0..100).for_each(|_| pool.put(Vec::with_capacity(size)));
            }
        });
    }
    let (idle, bound) = (pool.idle_bytes(), THREADS * 4 * PRIVATE + BUDGET);
    assert!(idle <= bound, "{idle} bytes are over {bound}");
    assert!(idle >= THREADS * 4 * PRIVATE, "{idle} bytes: private slots are used");
}
