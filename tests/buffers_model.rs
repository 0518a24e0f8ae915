//! `BufferPool`: any sequence of calls, against a model of the classes and against the bound on idle buffers.

#[path = "common/buffers.rs"]
mod buffers;

use std::collections::{BTreeMap, VecDeque};
use std::mem;

use buffers::sum;
use ebbtide::BufferPool;
use ebbtide::buffers::{PooledBuffer, Settings};
use proptest::prelude::*;

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
            let wanted_size = fitting[0];
            let others = smaller.iter().rev().chain(fitting.iter().skip(4));
            let (mut bytes, mut replaced) = (0, 0);
            for size in others {
                let young = &mut self.idle.get_mut(size).expect("a class").young;
                while *young > 0 && bytes < wanted_size && replaced < 32 {
                    *young -= 1;
                    bytes += size;
                    replaced += 1;
                }
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
