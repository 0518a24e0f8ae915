//! `BufferPool`: users that ask for less or more than they write. Idle bytes are at most twice what was in use at once,
//! and what threads keep for themselves.

use std::iter;
use std::sync::Barrier;
use std::thread;

use crate::common::{Count, Dice};
use ebbtide::BufferPool;
use ebbtide::buffers::Settings;

/// All threads hold a buffer at once in each round: they get so many bytes, and grow it to so many.
fn check(threads: usize, rounds: usize, request: impl Fn(&mut Dice) -> (usize, usize) + Sync) {
    for private in [0, 16 << 10] {
        let pool = BufferPool::with_settings(Settings::new().private_bytes(private).manual());
        let (barrier, in_use, largest, worst) = (Barrier::new(threads), Count::new(), Count::new(), Count::new());
        thread::scope(|scope| {
            for thread in 0..threads {
                let (pool, barrier, request) = (&pool, &barrier, &request);
                let (in_use, largest, worst) = (&in_use, &largest, &worst);
                scope.spawn(move || {
                    let mut dice = Dice::new(thread as u64);
                    for _ in 0..rounds {
                        let (asked, filled) = request(&mut dice);
                        let mut buffer = pool.get(asked);
                        buffer.reserve(filled);
                        in_use.add(buffer.capacity());
                        barrier.wait();
                        largest.raise_to(in_use.get());
                        barrier.wait();
                        in_use.subtract(buffer.capacity());
                        drop(buffer);
                        if barrier.wait().is_leader() {
                            worst.raise_to(pool.idle_bytes().saturating_sub(2 * largest.get()));
                        }
                        barrier.wait();
                    }
                });
            }
        });
        let allowed = threads * allowance(private);
        assert!(worst.get() <= allowed, "{} bytes, and {allowed} are allowed, with {private} private", worst.get());
    }
}

/// What one thread may keep in its private slots, of all sizes together.
fn allowance(private_bytes: usize) -> usize {
    let sizes = iter::successors(Some(1 << 10), |size| Some(2 * size)).take_while(|size| *size <= 1 << 20);
    sizes.map(|size: usize| size * (private_bytes / size).min(32) / 2 * 2).sum()
}

#[test]
fn buffers_that_grow_a_little() {
    check(1, 1000, |_| (1000, 5000));
    check(8, 100, |_| (1000, 5000));
}

#[test]
fn buffers_that_grow_from_nothing() {
    check(1, 1000, |_| (0, 64 << 10));
    check(8, 100, |_| (0, 64 << 10));
}

#[test]
fn buffers_that_grow_to_the_largest_size() {
    check(1, 300, |_| (100, 1 << 20));
    check(8, 100, |_| (100, 1 << 20));
}

/// What is asked for and what is written have nothing to do with each other.
#[test]
fn buffers_of_random_sizes() {
    check(8, 300, |dice| (dice.below(1 << 20), dice.below(1 << 20)));
    check(8, 300, |dice| (1 << dice.below(21), 1 << dice.below(21)));
}
