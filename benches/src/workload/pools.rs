//! Many pools in one program.

use super::clock::side_by_side;
use super::pairs::{get, repeat};
use super::{Plan, SMALL_ROOM};
use crate::contender::Contender;
use crate::item;
use crate::sample::Sample;

/// A pair in each of this many pools, one after the other.
pub(super) fn in_turn<C: Contender>(pools: usize, plan: Plan) -> Sample {
    let pools: Vec<_> = (0..plan.of(pools)).map(|_| C::new(SMALL_ROOM)).collect();
    let pools = &pools;
    let rounds = plan.chunks(pools.len());
    let work = side_by_side(1, plan, || {
        || {
            for _ in 0..rounds {
                for pool in pools {
                    pool.put(get(pool));
                }
            }
            rounds * pools.len()
        }
    });
    work.sample(1)
}

/// Pairs in one pool, while this many others exist that were used once.
pub(super) fn pairs_beside<C: Contender>(others: usize, plan: Plan) -> Sample {
    let others: Vec<_> = (0..plan.of(others)).map(|_| C::new(SMALL_ROOM)).collect();
    let (others, pool) = (&others, &C::new(SMALL_ROOM));
    let work = side_by_side(1, plan, || {
        others.iter().for_each(|other| other.put(get(other)));
        item::take_made();
        || repeat(plan.chunk(), pool)
    });
    work.sample(1)
}
