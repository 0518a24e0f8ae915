//! What the classes of a buffer pool did together.

use ebbtide::BufferPool;

/// The sum over all classes.
pub(crate) fn sum(pool: &BufferPool, which: impl Fn(ebbtide::Stats) -> usize) -> usize {
    pool.stats().map(|(_, stats)| which(stats)).sum()
}
