//! Epochs that wrap around, and settings and arguments at the ends of their types. On 32-bit CPUs these ends are near.

mod common;

use std::time::Duration;

use common::{Count, MANUAL, Worker, burst, counted, on_thread, panic_of, until};
use ebbtide::{BufferPool, Pool, Settings, WithCapacity, buffers};

/// After the wrap, as before it, an item survives one sweep and not two, wherever it is and whichever thread put it.
#[test]
fn epochs_wrap_around() {
    for before in 0..6 {
        let (pool, ledger) = counted(Settings::new());
        pool.prefill(1);
        for _ in 0..before {
            pool.advance();
        }
        pool.clear();
        burst(&pool, 100);
        on_thread(|| burst(&pool, 100));
        pool.prefill(20);
        let idle = pool.idle();
        pool.advance();
        assert_eq!((pool.idle(), ledger.live()), (idle, idle), "one sweep, after {before}");
        pool.advance();
        assert_eq!((pool.idle(), ledger.live()), (0, 0), "two sweeps, after {before}");
        ledger.assert_all_dropped_once();
    }
}

/// Items used in each epoch are never dropped. Those below them are.
#[test]
fn used_items_survive_the_epoch_wrap() {
    let (pool, ledger) = counted(Settings::new());
    burst(&pool, 100);
    for _ in 0..8 {
        burst(&pool, 50);
        pool.advance();
    }
    assert_eq!(ledger.made(), 100);
    assert!((50..100).contains(&ledger.live()), "{} of 100 live", ledger.live());
}

/// An owner that answers a sweep is ahead by one epoch until the sweep ends, also at the wrap.
#[test]
fn items_of_idle_threads_age_across_the_epoch_wrap() {
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    let workers = [Worker::new(), Worker::new()];
    for _ in 0..6 {
        for worker in &workers {
            let pool = std::sync::Arc::clone(&pool);
            worker.run(move || burst(&pool, 9));
        }
        pool.advance();
        pool.advance();
        assert_eq!((pool.idle(), ledger.live()), (0, 0));
    }
}

#[test]
fn max_idle_and_min_idle_can_be_usize_max() {
    for limit in [usize::MAX, usize::MAX - 1, isize::MAX as usize + 1, isize::MAX as usize] {
        let (pool, ledger) = counted(Settings::new().max_idle(limit).min_idle(limit));
        burst(&pool, 100);
        assert_eq!(pool.prefill(100), 100);
        for _ in 0..5 {
            pool.advance();
        }
        assert_eq!((pool.idle(), ledger.dropped(), pool.stats().rejected), (200, 0, 0), "{limit}");
        pool.clear();
        assert_eq!((pool.idle(), ledger.live()), (0, 0), "{limit}");
    }
}

#[test]
fn prefill_stops_at_max_idle() {
    for slots in [0, 1, 32, 4096] {
        let (pool, ledger) = counted(Settings::new().private_slots(slots).max_idle(10));
        for n in [usize::MAX, isize::MAX as usize, u32::MAX as usize] {
            pool.clear();
            assert_eq!((pool.prefill(n), pool.idle()), (10, 10), "{slots} slots, {n} items");
        }
        assert!(ledger.made() <= 3 * (10 + slots.max(1)));
    }
}

#[test]
fn private_slots_up_to_the_limit_work() {
    for slots in [1, 2, 3, 4095, 4096] {
        let (pool, ledger) = counted(Settings::new().private_slots(slots));
        burst(&pool, 3 * slots);
        burst(&pool, 3 * slots);
        assert_eq!((ledger.made(), pool.idle()), (3 * slots, 3 * slots), "{slots} slots");
        pool.advance();
        pool.advance();
        assert_eq!((pool.idle(), ledger.live()), (0, 0), "{slots} slots");
    }
}

/// The janitor sleeps exactly as long as it must, even with a pool that is never due.
#[test]
fn epochs_of_any_length_work() {
    let nanos = [u64::MAX, u64::MAX - 1, u64::MAX / 2 + 1, i64::MAX as u64, u64::from(u32::MAX) * 1_000_000_000];
    let lengths = nanos.map(Duration::from_nanos).into_iter().chain([Duration::MAX, Duration::from_secs(1 << 31)]);
    for every in lengths {
        let slow = Pool::with_settings(String::new, Settings::new().every(every));
        drop(slow.get());
        let fast = Pool::with_settings(String::new, Settings::new().every(Duration::from_millis(1)));
        drop(fast.get());
        until("the other pool is swept", || fast.stats().sweeps > 0 && fast.idle() == 0);
        assert_eq!((slow.idle(), slow.stats().sweeps), (1, 0), "{every:?}");
    }
}

#[test]
fn zero_sized_items_work() {
    let dropped = Count::new();
    struct Mark<'a>(&'a Count, [usize; 0]);
    impl Drop for Mark<'_> {
        fn drop(&mut self) {
            self.0.bump();
        }
    }
    let pool = Pool::with_settings(|| Mark(&dropped, []), MANUAL);
    let nothing = Pool::with_settings(|| (), MANUAL);
    drop(Vec::from_iter((0..1000).map(|_| (pool.get(), nothing.get()))));
    assert_eq!((pool.idle(), nothing.idle()), (1000, 1000));
    pool.clear();
    assert_eq!((pool.idle(), dropped.get()), (0, 1000));
}

/// A capacity that no vector can have is refused as by a vector, and the pool is unchanged.
#[test]
fn buffers_larger_than_memory_are_refused() {
    let pool = BufferPool::with_settings(buffers::Settings::new().manual());
    drop(pool.get(1000));
    for capacity in [usize::MAX, usize::MAX - 1, isize::MAX as usize + 1] {
        assert!(panic_of(|| pool.get(capacity)).contains("capacity overflow"));
        assert_eq!(pool.prefill(5, capacity), 0);
    }
    assert_eq!(pool.idle_bytes(), 1024);
}

#[test]
fn extreme_buffer_settings_work() {
    const ALL: buffers::Settings = buffers::Settings::new().smallest(64).largest(1 << 30);
    for bytes in [usize::MAX, usize::MAX - 1, isize::MAX as usize] {
        let pool = BufferPool::with_settings(ALL.max_idle_bytes(bytes).private_bytes(bytes).manual());
        drop((pool.get(0), pool.get(65), pool.get(1 << 20)));
        assert_eq!(pool.idle_bytes(), 64 + 128 + (1 << 20));
        // Just below the next class, and just above.
        pool.put(Vec::with_capacity((2 << 20) - 1));
        pool.put(Vec::with_capacity((2 << 20) + 1));
        assert_eq!(pool.idle_bytes(), 64 + 128 + (4 << 20));
    }
    let pool = BufferPool::with_settings(ALL.max_idle_bytes(0).private_bytes(0).manual());
    drop((pool.get(0), pool.get(1 << 20)));
    assert_eq!(pool.idle_bytes(), 0);
}

#[test]
fn with_capacity_can_keep_any_capacity() {
    let pool: Pool<Vec<u8>, _> = Pool::with_settings(WithCapacity { min: 0, max: usize::MAX }, MANUAL);
    pool.put(Vec::with_capacity(1 << 20));
    assert!(pool.get().capacity() >= 1 << 20);
}

#[cfg(feature = "bounded")]
mod bounded {
    use super::*;

    use std::thread;

    use ebbtide::bounded::{GetError, Settings};
    use ebbtide::{BoundedPool, DefaultRecycle};

    const MOST: usize = i32::MAX as usize;

    fn pool(settings: Settings) -> BoundedPool<String> {
        BoundedPool::with_settings(DefaultRecycle, settings.manual())
    }

    #[test]
    fn the_largest_capacity_works() {
        let pool = pool(Settings::new(MOST));
        assert_eq!((pool.prefill(100), pool.idle()), (Ok(100), 100));
        let items = pool.get_many(60).unwrap();
        for n in [MOST - 59, MOST] {
            assert_eq!(
                pool.get_many_timeout(n, Duration::ZERO).unwrap_err(),
                GetError::Timeout,
                "one place is missing"
            );
        }
        for asked in [MOST + 1, usize::MAX] {
            assert!(matches!(pool.get_many(asked), Err(GetError::OverCapacity { capacity: MOST, .. })));
            assert!(matches!(pool.resize(asked), Err(error) if error.setting() == "capacity"));
        }
        pool.resize(1).unwrap();
        assert_eq!((pool.in_use(), pool.idle(), pool.capacity()), (60, 0, 1));
        pool.resize(MOST).unwrap();
        drop(items);
        assert_eq!((pool.in_use(), pool.idle()), (0, 60));
    }

    #[test]
    fn min_idle_can_equal_the_capacity() {
        let pool = pool(Settings::new(MOST).min_idle(MOST));
        assert_eq!(pool.prefill(5), Ok(5));
        for _ in 0..3 {
            assert_eq!(pool.advance().unwrap().kept, 5);
        }
    }

    #[test]
    fn prefill_stops_at_the_capacity() {
        let pool = pool(Settings::new(3));
        assert_eq!((pool.prefill(usize::MAX), pool.idle()), (Ok(3), 3));
    }

    /// A waiter with a timeout of any length is served.
    #[test]
    fn timeouts_of_any_length_work() {
        let longest = [
            Duration::MAX,
            Duration::from_nanos(u64::MAX),
            Duration::from_secs(1 << 31),
            Duration::from_secs(u32::MAX.into()),
        ];
        let pool = pool(Settings::new(1));
        for timeout in longest {
            let held = pool.get().unwrap();
            thread::scope(|scope| {
                let waiter = scope.spawn(|| pool.get_timeout(timeout).map(drop));
                until("it waits", || pool.waiting() == 1);
                drop(held);
                assert_eq!(waiter.join().unwrap(), Ok(()), "{timeout:?}");
            });
        }
    }
}
