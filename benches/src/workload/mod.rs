//! The workloads, each written once for every contender, and their parts.
//!
//! | module | the shapes in it |
//! | --- | --- |
//! | `list` | their names and numbers |
//! | `run` | finds the shape of a workload and runs it |
//! | `clock` | starts and stops threads together, adds up their work |
//! | `pairs` | one item at a time, or several: pair, burst, window |
//! | `hand_off` | items that one thread gets and another puts back |
//! | `go_own` | Go's own benchmarks of `sync.Pool` |
//! | `pools` | many pools |
//! | `threads` | short-lived and idle threads |
//! | `cold` | cold caches |
//! | `latency` | the time of single operations |
//! | `memory` | a pool's memory, and what is left after a burst |
//! | `bounded` | bounded pools and their waiters |
//! | `counted` | the loops whose instructions are counted |
//!
//! Most of them count pairs: one item got, written to, and put back. Within a chunk of some thousand pairs, only the
//! contender itself uses a clock, a lock or another thread.

pub(crate) mod bounded;
mod clock;
mod cold;
mod columns;
pub(crate) mod counted;
mod go_own;
mod hand_off;
mod latency;
pub(crate) mod list;
mod memory;
mod pairs;
mod pools;
pub(crate) mod run;
mod threads;

use std::time::Duration;

/// A workload: its work, its results, and its targets.
#[derive(Debug)]
pub(crate) struct Workload {
    /// Its name on the command line and in the tables.
    pub(crate) name: &'static str,
    /// Its table.
    pub(crate) group: Group,
    /// A description of one line.
    pub(crate) about: &'static str,
    pub(crate) shape: Shape,
    pub(crate) item: Kind,
    pub(crate) threads: usize,
    /// The shown numbers of a sample. Contenders are compared by the first. Less is better in all.
    pub(crate) columns: &'static [Column],
    pub(crate) targets: &'static [Target],
    /// Whether contenders other than ebbtide run it. With 100,000 pools, some of them take minutes.
    pub(crate) peers: bool,
    /// Whether a quick run includes it.
    pub(crate) quick: bool,
}

/// Workloads that share a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// The ones that a release must pass.
    Targets,
    /// Go's own benchmarks of `sync.Pool`.
    Go,
    /// Other numbers of items in use, other items, other thread lifetimes.
    Shapes,
    /// Many pools and many threads.
    Scale,
    Latency,
    Memory,
    /// Bounded pools.
    Bounded,
}

impl Group {
    /// Its title on the page, and the name of its chart.
    pub(crate) fn titles(self) -> (&'static str, &'static str) {
        match self {
            Group::Targets => ("Get and put", "get-and-put"),
            Group::Go => ("Go's own benchmarks", "go"),
            Group::Shapes => ("Other shapes", "shapes"),
            Group::Scale => ("Many pools, many threads", "scale"),
            Group::Latency => ("Latency", "latency"),
            Group::Memory => ("Memory", "memory"),
            Group::Bounded => ("With a limit", "bounded"),
        }
    }
}

/// A number in the samples of a workload.
#[derive(Debug)]
pub(crate) struct Column {
    /// Its name in the sample. If a sample lacks it, the table has a dash.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    /// Empty for a plain number.
    pub(crate) unit: &'static str,
    /// Whether it only explains another number. Contenders aren't compared by it.
    pub(crate) aside: bool,
}

/// A target for a workload.
#[derive(Debug)]
pub(crate) struct Target {
    /// The number with the target.
    pub(crate) key: &'static str,
    pub(crate) against: Against,
    /// What a release must reach, at most.
    pub(crate) bar: f64,
    /// The long-term goal.
    pub(crate) goal: f64,
}

/// What a target's number is divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Against {
    /// Go's same number.
    Go,
    /// The contender's own same number in the workload with that name.
    Own(&'static str),
    /// The least of the others in which nobody overtakes.
    Fair,
    /// The same number of the contender with that name.
    Peer(&'static str),
    /// The same number of r2d2, in which newcomers overtake. They do in our pool by default, which is the one compared.
    R2d2,
    /// Nothing: the number itself.
    Nothing,
}

/// The pooled item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Buffer,
    Nothing,
    Page,
    Large,
    Costly,
}

/// What a thread does with the pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    /// Gets one item and puts it back.
    Pair,
    /// Gets this many items, then puts them all back, the first one first.
    Burst(usize),
    /// Keeps this many items in use. Gets one and puts the oldest back.
    Window(usize),
    /// Gets this many items and sends them as one message to a second thread, which reads them and puts them back.
    HandOff(usize, Channel),
    /// Puts the item in use back and gets one again.
    PutGet,
    /// Puts some of the items in use back, drops the rest, and gets the same number again.
    PutFirst { puts: usize, gets: usize },
    /// Sweeps a pool with this many items while another thread uses it.
    Pause(usize),
    /// Bursts with work on each item, and with epochs.
    Work(usize),
    /// A pair in each of this many pools, in turn.
    Pools(usize),
    /// Pairs while this many other pools exist.
    BesidePools(usize),
    /// Pairs while this many threads are idle.
    BesideThreads(usize),
    /// Sweeps while this many threads are idle.
    SweepThreads(usize),
    /// This many pairs in each of many short-lived threads.
    Churn(usize),
    /// The first pair of each of many threads, and their ends.
    FirstUse,
    /// Pairs of which one in this many finds a cold cache.
    Cold(usize),
    /// Bursts with every operation timed, with or without epochs.
    Latency { size: usize, sweeps: bool },
    /// The memory of a pool.
    Weight,
    /// What a pool keeps after this many items were in use at once.
    AfterBurst(usize),
    /// A fixed number of items.
    Bounded(usize, Usage),
}

/// How a bounded pool is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Usage {
    /// Pairs, with an item for each thread.
    Pairs,
    /// Pairs in one task.
    AsyncPairs,
    /// Pairs in more threads than there are items.
    Checkouts,
    /// The same in tasks.
    AsyncCheckouts,
    /// Threads that wait for each other, and yield while they have an item.
    Threads,
    /// The same with tasks.
    Tasks,
    /// Tasks, some of which give up waiting.
    GivingUp,
}

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Channel {
    /// The waiting side spins.
    Spinning,
    /// The waiting side sleeps: std's channel.
    Blocking,
}

impl Workload {
    /// The most items that a thread has in use at once.
    pub(crate) fn most_in_use(&self) -> usize {
        match self.shape {
            Shape::Burst(size) | Shape::HandOff(size, _) | Shape::Work(size) => size,
            Shape::PutFirst { gets, .. } => gets,
            Shape::Window(size) => size + 1,
            Shape::Latency { size, .. } => size,
            Shape::Pause(items) | Shape::AfterBurst(items) => items,
            Shape::Weight => usize::MAX,
            Shape::Pair
            | Shape::PutGet
            | Shape::Pools(_)
            | Shape::BesidePools(_)
            | Shape::BesideThreads(_)
            | Shape::SweepThreads(_)
            | Shape::Churn(_)
            | Shape::FirstUse
            | Shape::Cold(_)
            | Shape::Bounded(..) => 1,
        }
    }

    /// Whether it is for bounded pools.
    pub(crate) fn is_bounded(&self) -> bool {
        matches!(self.shape, Shape::Bounded(..))
    }

    /// Whether it needs epochs.
    pub(crate) fn sweeps(&self) -> bool {
        matches!(self.shape, Shape::Pause(_) | Shape::SweepThreads(_) | Shape::Latency { sweeps: true, .. })
    }

    /// Whether items that came from the pool are dropped.
    pub(crate) fn loses(&self) -> bool {
        matches!(self.shape, Shape::PutFirst { puts, gets } if puts < gets)
    }

    /// Whether one thread gets items and another puts them back.
    pub(crate) fn hands_over(&self) -> bool {
        matches!(self.shape, Shape::HandOff(..))
    }

    /// Whether it needs a separate pool, as one among many or to measure its memory.
    pub(crate) fn needs_a_pool(&self) -> bool {
        matches!(self.shape, Shape::Pools(_) | Shape::BesidePools(_) | Shape::Weight)
    }

    /// Whether it needs a program with the allocator `Counting`.
    pub(crate) fn counts(&self) -> bool {
        self.shape == Shape::Weight
    }
}

/// The duration of a sample. Each part runs at least one chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// Numbers of pairs in a chunk, idle threads, other pools and so on are divided by this.
    pub(crate) shrink: usize,
}

impl Plan {
    /// The plan for the tables.
    pub(crate) const SAMPLE: Self =
        Self { warm_up: Duration::from_millis(20), measured: Duration::from_millis(70), shrink: 1 };

    /// One small chunk of each, for tests.
    #[cfg(test)]
    pub(crate) const TINY: Self = Self { warm_up: Duration::ZERO, measured: Duration::ZERO, shrink: 64 };

    /// This many, or fewer in a small plan.
    fn of(self, number: usize) -> usize {
        number.div_ceil(self.shrink)
    }

    /// About as many pairs between two reads of the clock.
    fn chunk(self) -> usize {
        self.of(4096)
    }

    /// How many times `size` pairs make a chunk.
    fn chunks(self, size: usize) -> usize {
        (self.chunk() / size).max(1)
    }
}

/// The bound of pools that need one, in most workloads: more than any of them has in use at once.
const ROOM: usize = 4096;

/// The same for workloads with many pools of one item each.
const SMALL_ROOM: usize = 64;
