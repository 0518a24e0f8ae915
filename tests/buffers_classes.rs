//! `BufferPool`: the class in which a `get` looks, where a buffer goes when it returns, how long it stays, and the
//! bounds in bytes.

mod common;

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;

use common::{Worker, on_thread};
use ebbtide::BufferPool;
use ebbtide::buffers::{PooledBuffer, Settings};
use proptest::prelude::*;

/// A pool with four classes, 1, 2, 4 and 8 KiB, that only the test sweeps.
fn four() -> BufferPool {
    BufferPool::with_settings(FOUR.manual())
}

const FOUR: Settings = Settings::new().smallest(1024).largest(8192);

/// The sizes of the classes that have idle buffers, and how many.
fn idle(pool: &BufferPool) -> Vec<(usize, usize)> {
    pool.stats().map(|(size, stats)| (size, stats.idle)).filter(|(_, idle)| *idle > 0).collect()
}

/// The sum over all classes.
fn sum(pool: &BufferPool, which: impl Fn(ebbtide::Stats) -> usize) -> usize {
    pool.stats().map(|(_, stats)| which(stats)).sum()
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
    for capacity in [0, 1, 1023, 8193, 16384, 100_000] {
        pool.put(Vec::with_capacity(capacity));
        assert_eq!(idle(&pool), [], "a capacity of {capacity}");
    }
    assert_eq!((sum(&pool, |stats| stats.created), sum(&pool, |stats| stats.refused)), (3, 3 + 6));
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
    let first = pool.advance();
    assert_eq!((first.dropped, first.kept), (0, 4));
    assert_eq!(idle(&pool), [(1024, 1), (2048, 1), (4096, 1), (8192, 1)]);
    let second = pool.advance();
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

/// Each class has an equal share of the budget, in whole buffers. A class whose share is less than a buffer keeps none.
#[test]
fn the_budget_bounds_shared_bytes() {
    let shared = |budget: usize| {
        let pool = BufferPool::with_settings(FOUR.private_bytes(0).max_idle_bytes(budget).manual());
        for size in [1024, 2048, 4096, 8192] {
            (0..100).for_each(|_| pool.put(Vec::with_capacity(size)));
            pool.prefill(100, size);
        }
        assert!(pool.idle_bytes() <= budget, "{} of {budget} bytes", pool.idle_bytes());
        idle(&pool)
    };
    assert_eq!(shared(0), []);
    assert_eq!(shared(4 * 1024), [(1024, 1)]);
    assert_eq!(shared(4 * 8191), [(1024, 7), (2048, 3), (4096, 1)]);
    assert_eq!(shared(4 * 8192), [(1024, 8), (2048, 4), (4096, 2), (8192, 1)]);
    assert_eq!(shared(4 * 50_000), [(1024, 48), (2048, 24), (4096, 12), (8192, 6)]);
    assert_eq!(shared(usize::MAX - 1), [(1024, 200), (2048, 200), (4096, 200), (8192, 200)]);
}

/// The budget counts the real capacity of grown buffers, not the size of their class.
#[test]
fn grown_buffers_stay_within_the_budget() {
    let pool = BufferPool::with_settings(FOUR.private_bytes(0).max_idle_bytes(4 * 8192).manual());
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

/// An operation on a buffer pool.
#[derive(Clone, Debug)]
enum Step {
    Get(usize),
    GiveBack(usize),
    Grow(usize, usize),
    Shrink(usize, usize),
    Take(usize),
    Replace(usize, usize),
    Swap(usize, usize),
    Detach(usize),
    Put(usize),
    Prefill(usize, usize),
    Advance,
    Clear,
}

fn steps() -> impl Strategy<Value = Step> {
    let bytes = || prop_oneof![0..200_usize, 0..40_000_usize, (5..16_u32, -1..=1_isize).prop_map(near)];
    let which = || 0..64_usize;
    prop_oneof![
        10 => bytes().prop_map(Step::Get),
        8 => which().prop_map(Step::GiveBack),
        2 => (which(), bytes()).prop_map(|(which, by)| Step::Grow(which, by)),
        2 => (which(), bytes()).prop_map(|(which, to)| Step::Shrink(which, to)),
        1 => which().prop_map(Step::Take),
        2 => (which(), bytes()).prop_map(|(which, by)| Step::Replace(which, by)),
        1 => (which(), which()).prop_map(|(one, other)| Step::Swap(one, other)),
        1 => which().prop_map(Step::Detach),
        2 => bytes().prop_map(Step::Put),
        1 => (0..20_usize, bytes()).prop_map(|(n, bytes)| Step::Prefill(n, bytes)),
        1 => Just(Step::Advance),
        1 => Just(Step::Clear),
    ]
}

/// A power of two, or one more or less.
fn near((exponent, by): (u32, isize)) -> usize {
    (1_usize << exponent).saturating_add_signed(by)
}

/// How many idle buffers a class has.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Idle {
    young: usize,
    victims: usize,
}

/// The idle buffers of each class, by the rules. A get takes a young one from the first of four classes, from the
/// requested one upwards, that has one. Otherwise a victim of the requested class, or a new buffer, replaces a young
/// one: the largest that is too small, or else the smallest that is too large. A returned buffer goes to the largest
/// class that it fills.
struct Model {
    idle: BTreeMap<usize, Idle>,
    largest: usize,
    created: usize,
}

impl Model {
    fn new(smallest: usize, largest: usize) -> Self {
        let sizes = std::iter::successors(Some(smallest), |size| Some(2 * size));
        let idle = sizes.take_while(|size| *size <= largest).map(|size| (size, Idle::default()));
        Self { idle: idle.collect(), largest, created: 0 }
    }

    fn first_fit(&mut self, wanted: usize) -> Option<&mut Idle> {
        self.idle.range_mut(wanted..).next().map(|(_, idle)| idle)
    }

    fn get(&mut self, wanted: usize) {
        if wanted > self.largest {
            self.created += 1;
        } else if let Some((_, idle)) = self.idle.range_mut(wanted..).take(4).find(|(_, idle)| idle.young > 0) {
            idle.young -= 1;
        } else {
            let sizes: Vec<usize> = self.idle.keys().copied().collect();
            let (smaller, fitting) = sizes.split_at(sizes.partition_point(|size| *size < wanted));
            let others = smaller.iter().rev().chain(fitting.iter().skip(4));
            if let Some(size) = others.into_iter().find(|size| self.idle[size].young > 0) {
                self.idle.get_mut(size).expect("a class").young -= 1;
            }
            match self.first_fit(wanted) {
                Some(idle) if idle.victims > 0 => idle.victims -= 1,
                _ => self.created += 1,
            }
        }
    }

    fn give_back(&mut self, capacity: usize) {
        if let Some((_, idle)) = self.idle.range_mut(..=capacity).next_back().filter(|_| capacity <= self.largest) {
            idle.young += 1;
        }
    }

    fn advance(&mut self) {
        self.idle.values_mut().for_each(|idle| *idle = Idle { young: 0, victims: idle.young });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens to buffers and pool, a get returns an empty buffer of at least the requested capacity. The idle
    /// buffers are those that the rules say.
    #[test]
    fn a_get_returns_an_empty_buffer_of_at_least_that_capacity(
        smallest in 6..14_u32,
        classes in 0..8_u32,
        steps in prop::collection::vec(steps(), 1..200),
    ) {
        let (smallest, largest) = (1 << smallest, 1 << (smallest + classes));
        let pool = BufferPool::with_settings(Settings::new().smallest(smallest).largest(largest).manual());
        let mut model = Model::new(smallest, largest);
        let mut held: Vec<PooledBuffer<&BufferPool>> = Vec::new();
        for step in steps {
            let all = held.len();
            match step {
                Step::Get(wanted) => {
                    let mut buffer = pool.get(wanted);
                    prop_assert!(buffer.is_empty());
                    prop_assert!(buffer.capacity() >= wanted, "{} for {wanted}", buffer.capacity());
                    buffer.push(1);
                    held.push(buffer);
                    model.get(wanted);
                }
                Step::Put(capacity) => {
                    pool.put(Vec::with_capacity(capacity));
                    model.give_back(capacity);
                }
                Step::Prefill(n, wanted) => {
                    let made = match model.first_fit(wanted) {
                        Some(idle) => { idle.young += n; n }
                        None => 0,
                    };
                    prop_assert_eq!(pool.prefill(n, wanted), made);
                }
                Step::Clear => {
                    pool.clear();
                    model.idle.values_mut().for_each(|idle| *idle = Idle::default());
                }
                Step::Advance => {
                    pool.advance();
                    model.advance();
                }
                // The remaining steps need a buffer in use.
                _ if all == 0 => {}
                Step::GiveBack(which) => {
                    let buffer = held.swap_remove(which % all);
                    model.give_back(buffer.capacity());
                }
                Step::Grow(which, by) => held[which % all].resize(by, 2),
                Step::Shrink(which, to) => {
                    held[which % all].clear();
                    held[which % all].shrink_to(to);
                }
                Step::Take(which) => drop(mem::take(&mut *held[which % all])),
                Step::Replace(which, by) => *held[which % all] = Vec::with_capacity(by),
                Step::Swap(one, other) => {
                    let other = mem::take(&mut *held[other % all]);
                    let one = mem::replace(&mut *held[one % all], other);
                    held.push(pool.get(0));
                    model.get(0);
                    *held[all] = one;
                }
                Step::Detach(which) => drop(PooledBuffer::detach(held.swap_remove(which % all))),
            }
            let idle: BTreeMap<usize, usize> = pool.stats().map(|(size, stats)| (size, stats.idle)).collect();
            let expected = model.idle.iter().map(|(size, idle)| (*size, idle.young + idle.victims)).collect();
            prop_assert_eq!(idle, expected);
            prop_assert_eq!(sum(&pool, |stats| stats.created), model.created);
        }
    }
    /// Whatever the sizes, epochs and growth, there are no more buffers than were in use at once in this epoch and in
    /// the last one together. With one in use at a time, at most twice its bytes are idle.
    #[test]
    fn idle_buffers_were_recently_in_use_at_once(
        at_once in 1..10_usize,
        steps in prop::collection::vec((log_uniform(), log_uniform(), 0..10_usize, 0..30_u32), 1..150),
    ) {
        let pool = BufferPool::with_settings(Settings::new().manual());
        let mut held: VecDeque<PooledBuffer<&BufferPool>> = VecDeque::new();
        let (mut before, mut now) = ((0, 0), (0, 0));
        for (asked, filled, give_back, sweep) in steps {
            let mut buffer = pool.get(asked);
            buffer.reserve(filled);
            held.push_back(buffer);
            let bytes = held.iter().map(|buffer| buffer.capacity()).sum();
            now = (now.0.max(held.len()), now.1.max(bytes));
            held.drain(..(held.len() + 1).saturating_sub(at_once).max(give_back).min(held.len()));
            let buffers = sum(&pool, |stats| stats.idle) + held.len();
            prop_assert!(buffers <= before.0 + now.0, "{buffers} buffers, {before:?} and {now:?} in use at once");
            if at_once == 1 {
                prop_assert!(pool.idle_bytes() <= 2 * before.1.max(now.1), "{before:?} and {now:?} in use at once");
            }
            if sweep == 0 {
                pool.advance();
                before = mem::replace(&mut now, (held.len(), held.iter().map(|buffer| buffer.capacity()).sum()));
            }
        }
    }
}

/// Sizes up to the largest class, each class equally likely.
fn log_uniform() -> impl Strategy<Value = usize> {
    (0..19_u32).prop_flat_map(|exponent| 1_usize << exponent..=2 << exponent)
}
