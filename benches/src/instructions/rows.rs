//! The rows and columns of the table.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use ebbtide::{BoundedPool, BufferPool, DefaultRecycle, Fetch, Pool, Pooled, Settings};

use super::loop_alone::LoopAlone;
use crate::contender::Contender;
use crate::item::{Buffer, Item};
use crate::lineup::{self, Entry};
use crate::workload::counted::{LARGEST, work};
use crate::workload::{Group, Kind, Shape, Workload};

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(super) name: &'static str,
    pub(super) runs: fn(&Workload) -> bool,
    pub(super) work: fn(Shape, usize),
}

/// The columns. They have other bursts than the workloads of the comparison.
pub(super) static COLUMNS: [Workload; 5] = [
    column("pair", Shape::Pair),
    column("burst-2", Shape::Burst(2)),
    column("burst-16", Shape::Burst(16)),
    column("burst-64", Shape::Burst(64)),
    column("burst-2048", Shape::Burst(LARGEST)),
];

const fn column(name: &'static str, shape: Shape) -> Workload {
    Workload {
        name,
        group: Group::Targets,
        about: "",
        shape,
        item: Kind::Buffer,
        threads: 1,
        columns: &[],
        targets: &[],
        peers: true,
        quick: false,
    }
}

impl Row {
    /// Whether its figures are checked. Other rows depend on foreign code.
    pub(super) fn is_checked(&self) -> bool {
        self.name.starts_with("ebbtide")
    }
}

/// Every contender that has a figure, other uses of ebbtide, and the loop alone.
pub(super) fn rows() -> Vec<Row> {
    let contenders = lineup::ALL.iter().map(|&Entry { name, runs, work, .. }| Row { name, runs, work });
    let only_pairs = |workload: &Workload| workload.shape == Shape::Pair;
    let others = [
        Row { name: "ebbtide-local", runs: only_pairs, work: |_, pairs| local(pairs) },
        Row { name: "ebbtide-owned", runs: only_pairs, work: |_, pairs| owned(pairs) },
        Row { name: "ebbtide-detached", runs: only_pairs, work: |_, pairs| detached(pairs) },
        Row { name: "ebbtide-miss", runs: only_pairs, work: |_, pairs| misses(pairs) },
        Row { name: "ebbtide-buffers", runs: only_pairs, work: |_, pairs| buffers(pairs) },
        Row { name: "ebbtide-bounded", runs: only_pairs, work: |_, pairs| bounded(pairs) },
        Row { name: "ebbtide-new-pool", runs: only_pairs, work: |_, pairs| new_pools(pairs) },
        Row { name: LoopAlone::<Buffer>::NAME, runs: |_| true, work: work::<LoopAlone<Buffer>> },
    ];
    contenders.filter(|row| COLUMNS.iter().any(row.runs)).chain(others).collect()
}

/// Pairs with the thread's slots at hand.
fn local(pairs: usize) {
    Pool::<Buffer>::new().with_local(|pool| {
        for _ in 0..pairs {
            let mut item = pool.get();
            item.write();
        }
    });
}

/// Pairs with guards that hold the pool.
fn owned(pairs: usize) {
    let pool = Arc::new(Pool::<Buffer>::new());
    for _ in 0..pairs {
        let mut item = pool.get_owned();
        item.write();
    }
}

/// Items that are detached and put back.
fn detached(pairs: usize) {
    let pool = Pool::<Buffer>::new();
    for _ in 0..pairs {
        let mut item = Pooled::detach(pool.get());
        item.write();
        pool.put(item);
    }
}

/// Items that are created because the pool is empty, although it was used, and that are dropped after use. Under
/// callgrind every creation takes so long that a `get` would look for items to fetch. This one does not.
fn misses(pairs: usize) {
    let pool: Pool<Buffer> = Pool::with_settings(DefaultRecycle, Settings::new().fetch(Fetch::Never));
    drop((0..100).map(|_| pool.get()).collect::<Vec<_>>());
    while let Some(item) = pool.try_get() {
        drop(Pooled::detach(item));
    }
    for _ in 0..pairs {
        let mut item = pool.get();
        item.write();
        drop(Pooled::detach(item));
    }
}

/// Buffers of the smallest class that is large enough.
fn buffers(pairs: usize) {
    let pool = BufferPool::new();
    for _ in 0..pairs {
        let mut buffer = pool.get(black_box(4000));
        buffer.push(1);
        black_box(&mut *buffer);
    }
}

/// The bounded pool below its limit.
fn bounded(pairs: usize) {
    let pool = BoundedPool::<Buffer>::new(4);
    for _ in 0..pairs {
        let mut item = pool.get().expect("nobody closes it");
        item.write();
    }
}

/// Pools with timed epochs that are created, used once, and dropped when there are a thousand that are newer.
fn new_pools(pairs: usize) {
    const OTHERS: usize = 1000;
    // No epoch ends meanwhile. Whether creating an item looks costly under callgrind must not decide where it goes.
    let settings = Settings::new().every(Duration::from_secs(3600)).fetch(Fetch::Never);
    let mut pools = VecDeque::with_capacity(OTHERS + 1);
    for _ in 0..pairs {
        let pool = Pool::<Buffer>::with_settings(DefaultRecycle, settings);
        pool.get().write();
        pools.push_back(pool);
        if pools.len() > OTHERS {
            pools.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::allocate::Allocate;
    use crate::item;

    /// Every row does what its name says, as far as the number of created items shows that. Some pools create more than
    /// needed, but only once.
    #[test]
    fn rows_do_what_they_say() {
        const PAIRS: usize = 4 * LARGEST;
        for row in rows() {
            for column in COLUMNS.iter().filter(|column| (row.runs)(column)) {
                item::take_made();
                (row.work)(column.shape, PAIRS);
                let made = item::take_made() as usize;
                let makes_all = ["ebbtide-miss", "ebbtide-new-pool", Allocate::<Buffer>::NAME].contains(&row.name);
                let expected = if makes_all { PAIRS..=PAIRS + 100 } else { 0..=2 * LARGEST };
                assert!(expected.contains(&made), "{} in {}: {made} items made", row.name, column.name);
            }
        }
    }
}
