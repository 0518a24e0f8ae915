//! Items got, written to and put back, one or several at a time, in otherwise independent threads.

use std::collections::VecDeque;

use super::clock::side_by_side;
use super::{Plan, ROOM};
use crate::contender::Contender;
use crate::item::Item;
use crate::sample::Sample;

/// An item in use. Always inlined, so that the measured loops have no call that a user's loop doesn't have.
#[inline(always)]
pub(super) fn get<C: Contender>(pool: &C) -> C::Guard<'_> {
    let mut item = pool.get();
    item.write();
    item
}

/// Runs this many pairs, one after another. Always inlined, as above.
#[inline(always)]
pub(super) fn repeat<C: Contender>(pairs: usize, pool: &C) -> usize {
    for _ in 0..pairs {
        pool.put(get(pool));
    }
    pairs
}

pub(super) fn pairs<C: Contender>(threads: usize, plan: Plan) -> Sample {
    let pool = &C::new(ROOM);
    let work = side_by_side(threads, plan, || || repeat(plan.chunk(), pool));
    work.sample(threads)
}

pub(super) fn bursts<C: Contender>(size: usize, threads: usize, plan: Plan) -> Sample {
    let pool = &C::new(ROOM);
    let bursts = plan.chunks(size);
    let work = side_by_side(threads, plan, || {
        // Large enough to share no line with the next thread's.
        let mut held = Vec::with_capacity(size.max(64));
        move || {
            for _ in 0..bursts {
                held.extend((0..size).map(|_| get(pool)));
                held.drain(..).for_each(|item| pool.put(item));
            }
            bursts * size
        }
    });
    work.sample(threads)
}

/// Keeps this many items in use. Each new item returns the oldest.
pub(super) fn window<C: Contender>(size: usize, threads: usize, plan: Plan) -> Sample {
    let pool = &C::new(ROOM);
    let work = side_by_side(threads, plan, || {
        let mut held = VecDeque::with_capacity(size + 1);
        held.extend((0..size).map(|_| get(pool)));
        move || {
            for _ in 0..plan.chunk() {
                held.push_back(get(pool));
                if let Some(oldest) = held.pop_front() {
                    pool.put(oldest);
                }
            }
            plan.chunk()
        }
    });
    work.sample(threads)
}
