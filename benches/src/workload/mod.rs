//! The workloads: each written once, for every contender. Here is what a workload consists of.
//!
//! | module | the shapes in it |
//! | --- | --- |
//! | `list` | their names and numbers |
//! | `run` | finds the shape of a workload and runs it |
//! | `clock` | starts threads together, tells them when to stop, adds up what they did |
//! | `pairs` | one item at a time, or several: pair, burst, window |
//! | `hand_off` | items that are got in one thread and put in another |
//! | `go_own` | what Go's own benchmarks of `sync.Pool` do |
//! | `pools` | many pools |
//! | `threads` | threads that come and go, and idle ones |
//! | `cold` | cold caches |
//! | `latency` | the time of single operations |
//! | `memory` | what a pool weighs, and what is left after a burst |
//! | `bounded` | pools with a limit, and those who wait there |
//! | `counted` | the loops whose instructions are counted |
//!
//! Most of them count pairs: one item got, written to, and given back. Nothing looks at a clock, a lock or another
//! thread within a chunk of some thousand pairs, but what the contender itself does.

pub(crate) mod bounded;
mod clock;
mod cold;
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

/// One workload: what is done, what is shown of it, and what must come of it.
#[derive(Debug)]
pub(crate) struct Workload {
    /// Its name on the command line and in the tables.
    pub(crate) name: &'static str,
    /// The table that it is in.
    pub(crate) group: Group,
    /// What it does, in a line.
    pub(crate) about: &'static str,
    pub(crate) shape: Shape,
    pub(crate) item: Kind,
    pub(crate) threads: usize,
    /// Which numbers of a sample are shown; the first is the one that contenders are compared by. Less is better in all.
    pub(crate) columns: &'static [Column],
    pub(crate) targets: &'static [Target],
    /// Whether it belongs to a quick run.
    pub(crate) quick: bool,
}

/// Workloads that make a table together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// Those that a release must pass.
    Targets,
    /// Those of Go's own benchmarks of `sync.Pool`.
    Go,
    /// Other numbers of items in hand, other items, other lives of threads.
    Shapes,
    /// Many pools, many threads.
    Scale,
    Latency,
    Memory,
    /// Pools with a limit.
    Bounded,
}

impl Group {
    /// What it is called, on the page and in the name of its chart.
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
    /// Its name in the sample. A sample without it has nothing to say, and the table has a dash.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    /// Nothing for a plain number.
    pub(crate) unit: &'static str,
    /// Whether it only explains another: nobody is compared by it.
    pub(crate) aside: bool,
}

/// What must come of a workload.
#[derive(Debug)]
pub(crate) struct Target {
    /// The number that is looked at.
    pub(crate) key: &'static str,
    pub(crate) against: Against,
    /// The least that a release must reach: at most so much.
    pub(crate) bar: f64,
    /// Where this is going.
    pub(crate) goal: f64,
}

/// What the number of a target is divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Against {
    /// Go's same number.
    Go,
    /// The contender's own same number in the workload of that name.
    Own(&'static str),
    /// The least of the others that let nobody overtake.
    Fair,
    /// Nothing: it is looked at as it is.
    Nothing,
}

/// What is pooled.
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
    /// Gets one item and gives it back.
    Pair,
    /// Gets so many items, then gives them all back, the first one first.
    Burst(usize),
    /// Keeps so many items in hand: gets one, gives the oldest back.
    Window(usize),
    /// Gets so many items and sends them as one message to a second thread, which reads them and gives them back.
    HandOff(usize, Channel),
    /// Has one item in hand, gives it back, and gets one again.
    PutGet,
    /// Has so many items in hand, gives some of them back, drops the rest, and gets as many as there were again.
    PutFirst { puts: usize, gets: usize },
    /// Sweeps a pool with so many items while another thread uses it.
    Pause(usize),
    /// Bursts with work on each item, and with epochs.
    Work(usize),
    /// A pair in each of so many pools, in turn.
    Pools(usize),
    /// Pairs while so many other pools are there.
    BesidePools(usize),
    /// Pairs while so many threads are idle.
    BesideThreads(usize),
    /// Sweeps while so many threads are idle.
    SweepThreads(usize),
    /// So many pairs in each of many threads that come and go.
    Churn(usize),
    /// Pairs of which one in so many finds a cold cache.
    Cold(usize),
    /// Bursts whose every operation is timed, with epochs or without.
    Latency { size: usize, sweeps: bool },
    /// What a pool weighs.
    Weight,
    /// What a pool holds when so many items have been used at once, and then no more.
    AfterBurst(usize),
    /// So many items, of which there are no more.
    Bounded(usize, Usage),
}

/// How a pool with a limit is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Usage {
    /// Pairs, each thread with an item of its own.
    Pairs,
    /// Pairs in one task.
    AsyncPairs,
    /// Threads that wait for each other.
    Threads,
    /// Tasks that wait for each other.
    Tasks,
    /// Tasks some of which give up.
    GivingUp,
}

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Channel {
    /// Whoever waits spins.
    Spinning,
    /// Whoever waits sleeps: the language's own channel.
    Blocking,
}

impl Workload {
    /// How many items a thread has in hand at once, at most.
    pub(crate) fn in_hand(&self) -> usize {
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
            | Shape::Cold(_)
            | Shape::Bounded(..) => 1,
        }
    }

    /// Whether it is about pools with a limit.
    pub(crate) fn is_bounded(&self) -> bool {
        matches!(self.shape, Shape::Bounded(..))
    }

    /// Whether it is nothing without epochs.
    pub(crate) fn sweeps(&self) -> bool {
        matches!(self.shape, Shape::Pause(_) | Shape::SweepThreads(_) | Shape::Latency { sweeps: true, .. })
    }

    /// Whether items are dropped that came from the pool.
    pub(crate) fn loses(&self) -> bool {
        matches!(self.shape, Shape::PutFirst { puts, gets } if puts < gets)
    }

    /// Whether items are got in one thread and put in another.
    pub(crate) fn hands_over(&self) -> bool {
        matches!(self.shape, Shape::HandOff(..))
    }

    /// Whether it is nothing without a pool that is a thing of its own: one among many, or one that is weighed.
    pub(crate) fn needs_a_pool(&self) -> bool {
        matches!(self.shape, Shape::Pools(_) | Shape::BesidePools(_) | Shape::Weight)
    }

    /// Whether only a program with the allocator `Counting` can run it.
    pub(crate) fn counts(&self) -> bool {
        self.shape == Shape::Weight
    }
}

/// How long a sample takes. Each part does at least one chunk of work, however short it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// Numbers of pairs in a chunk, of idle threads, of other pools and so on are divided by this.
    pub(crate) shrink: usize,
}

impl Plan {
    /// What the tables are made of.
    pub(crate) const SAMPLE: Self =
        Self { warm_up: Duration::from_millis(20), measured: Duration::from_millis(70), shrink: 1 };

    /// One small chunk of each, for tests.
    #[cfg(test)]
    pub(crate) const TINY: Self = Self { warm_up: Duration::ZERO, measured: Duration::ZERO, shrink: 64 };

    /// So many of something, or fewer if this is to be small.
    fn of(self, number: usize) -> usize {
        number.div_ceil(self.shrink)
    }

    /// Pairs between two looks at the clock, about.
    fn chunk(self) -> usize {
        self.of(4096)
    }

    /// So many times `size` pairs are about a chunk.
    fn chunks(self, size: usize) -> usize {
        (self.chunk() / size).max(1)
    }
}

/// The bound of a pool that needs one, in most workloads: more than any of them has out at once.
const ROOM: usize = 4096;

/// The same where there are many pools, which have one item each.
const SMALL_ROOM: usize = 64;
