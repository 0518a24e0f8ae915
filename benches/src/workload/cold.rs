//! A pair whose cache lines were all evicted since the last one.

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};

use super::clock::side_by_side;
use super::latency::Times;
use super::pairs::{get, repeat};
use super::{Plan, ROOM};
use crate::contender::Contender;
use crate::sample::Sample;

/// The memory that is read in between: several times a core's private cache.
const WALK: usize = 8 << 20;

/// At most a cache line.
const STEP: usize = 64;

/// Pairs of which every `every`-th finds a cold cache. Only those are timed. The result is their median, with the
/// clock's share.
pub(super) fn cold<C: Contender>(every: usize, plan: Plan) -> Sample {
    let pool = &C::new(ROOM);
    let memory = vec![1_u8; plan.of(WALK)];
    let warm = plan.of(every) - 1;
    let times = Mutex::new(Times::new());
    let work = side_by_side(1, plan, || {
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
        let (pool, memory) = (&pool, &memory);
        move || {
            repeat(warm, *pool);
            for byte in memory.iter().step_by(STEP) {
                black_box(*byte);
            }
            times.of(|| pool.put(get(*pool)));
            warm + 1
        }
    });
    let times = times.into_inner().unwrap_or_else(PoisonError::into_inner);
    work.sample(1).with("ns", times.quantile(0.5)).with("clock_ns", Times::of_nothing())
}
