//! The list of samples.

use ebbtide_benches::costs;

use crate::pools;

/// A measured number in nanoseconds. Each sample has a process of its own.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) run: fn() -> f64,
}

const fn sample(name: &'static str, run: fn() -> f64) -> Sample {
    Sample { name, run }
}

/// The inputs of the model, and further samples that `docs/performance.md` uses.
static INPUTS: [Sample; 26] = [
    sample("pair", || pools::pair(1)),
    sample("bursts of 16", || pools::burst(1, 16)),
    sample("bursts of 16 without a pool", || pools::bare(16)),
    sample("bursts of 2048 without a pool", || pools::bare(2048)),
    sample("line from core to core, to be written", costs::transfer),
    sample("line from core to core, to be read", costs::load),
    sample("item that another core used last", costs::item),
    sample("atomic add", || costs::rmw(1)),
    sample("atomic add, each of 2 threads", || costs::rmw(2)),
    sample("store and full fence", costs::full_fence),
    sample("claim", costs::claim),
    sample("rack, push and pop", || costs::rack(1)),
    sample("rack, push and pop, each of 2 threads", || costs::rack(2)),
    sample("rack, looked through and empty", costs::empty_rack),
    sample("heavy barrier", || costs::barrier(0)),
    sample("heavy barrier, 1 other thread busy", || costs::barrier(1)),
    sample("heavy barrier, 2 other threads busy", || costs::barrier(2)),
    sample("heavy barrier, 64 other threads busy", || costs::barrier(64)),
    sample("heavy barrier, 64 other threads asleep", || costs::barrier_sleepers(64)),
    sample("heavy barrier, for the thread that it interrupts", costs::interrupted),
    sample("sweep, 1 slot set, empty", || pools::sweep_empty(1)),
    sample("sweep, 1023 slot sets, empty", || pools::sweep_empty(1023)),
    sample("sweep, 1 slot set, full", || pools::sweep_full(1)),
    sample("sweep, 15 slot sets, full", || pools::sweep_full(15)),
    sample("sweep, 255 slot sets, full", || pools::sweep_full(255)),
    sample("sweep, for a thread in bursts of 16", pools::swept),
];

/// The values that the model predicts, and samples of accidentally shared lines for `docs/performance.md`.
static CHECKS: [Sample; 11] = [
    sample("pair, 2 threads", || pools::pair(2)),
    sample("bursts of 16, 2 threads", || pools::burst(2, 16)),
    sample("bursts of 2048", || pools::burst(1, 2048)),
    sample("bursts of 2048, 2 threads", || pools::burst(2, 2048)),
    sample("bursts of 2048, 2 threads at one shard", pools::one_shard),
    sample("bursts of 2048, `max_idle` set", || pools::counted(1)),
    sample("bursts of 2048, `max_idle` set, 2 threads", || pools::counted(2)),
    sample("pair with `get_owned`", || pools::owned(1)),
    sample("pair with `get_owned`, 2 threads", || pools::owned(2)),
    sample("bursts of 2048, items refused at another pool", || pools::refused(true)),
    sample("bursts of 2048, items refused at this pool", || pools::refused(false)),
];

pub(crate) fn samples() -> impl Iterator<Item = &'static Sample> {
    INPUTS.iter().chain(&CHECKS)
}
