//! The columns of the workloads' tables, and their targets.

use super::{Against, Column, Target};

const fn column(key: &'static str, title: &'static str, unit: &'static str) -> Column {
    Column { key, title, unit, aside: false }
}

const fn aside(key: &'static str, title: &'static str, unit: &'static str) -> Column {
    Column { key, title, unit, aside: true }
}

pub(super) const NS: Column = column("ns", "a pair", "ns");
pub(super) const MADE: Column = column("made_per_million", "made per million", "");

/// The clock's share of every shown time.
const CLOCK: Column = aside("clock_ns", "of that the clock", "ns");

pub(super) const PAIR: &[Column] = &[NS, MADE];
pub(super) const HAND_OFF: &[Column] = &[NS, MADE, aside("messages_ns", "the messages alone, for each item", "ns")];
pub(super) const CHURN: &[Column] = &[NS, MADE, aside("thread_ns", "the thread alone, for each pair", "ns")];
pub(super) const FIRST_USE: &[Column] = &[
    column("first_ns", "the pair", "ns"),
    CLOCK,
    column("end_ns", "the thread's end", "ns"),
    aside("bare_ns", "the end of one that uses nothing", "ns"),
];
pub(super) const COLD: &[Column] = &[NS, CLOCK];
pub(super) const PAUSE: &[Column] =
    &[column("pause_us", "longest pair meanwhile", "µs"), column("sweep_us", "the sweep", "µs")];
pub(super) const SWEEP: &[Column] = &[column("sweep_us", "a sweep", "µs")];
pub(super) const LATENCY: &[Column] = &[
    column("p50_ns", "p50", "ns"),
    column("p99_ns", "p99", "ns"),
    column("p999_ns", "p99.9", "ns"),
    column("p9999_ns", "p99.99", "ns"),
    column("max_ns", "max", "ns"),
    CLOCK,
];
pub(super) const USE: &[Column] = &[NS];
pub(super) const WAITS: &[Column] = &[
    column("ns", "an item", "ns"),
    column("p50_ns", "p50 of the wait", "ns"),
    column("p99_ns", "p99", "ns"),
    column("p999_ns", "p99.9", "ns"),
    column("max_ns", "max", "ns"),
    CLOCK,
];
pub(super) const GIVEN_UP: &[Column] =
    &[column("ns", "an item", "ns"), aside("given_up_per_item", "given up for each item", "")];
pub(super) const WEIGHT: &[Column] = &[
    column("unused_bytes", "unused", "B"),
    column("used_bytes", "used once", "B"),
    column("thread_bytes", "each further thread", "B"),
    column("item_bytes", "each further item", "B"),
];
pub(super) const AFTER_BURST: &[Column] =
    &[column("held", "items held", ""), column("resident_mib", "growth of resident memory", "MiB")];

pub(super) const fn times_go(bar: f64, goal: f64) -> Target {
    Target { key: NS.key, against: Against::Go, bar, goal }
}

/// A thread-local `Vec` shares nothing.
pub(super) const fn times_local(bar: f64, goal: f64) -> Target {
    times("thread-local-vec", bar, goal)
}

pub(super) const fn times(peer: &'static str, bar: f64, goal: f64) -> Target {
    Target { key: NS.key, against: Against::Peer(peer), bar, goal }
}

pub(super) const fn plain(key: &'static str, bar: f64, goal: f64) -> Target {
    Target { key, against: Against::Nothing, bar, goal }
}

/// A bounded pool against the fastest in which nobody overtakes: with an item for every user, and with fewer.
pub(super) const AS_FAST_AS_FAIR: Target = Target { key: NS.key, against: Against::Fair, bar: 0.5, goal: 0.3 };
pub(super) const WAITS_AS_FAIR: Target = Target { key: NS.key, against: Against::Fair, bar: 1.0, goal: 0.8 };

/// 1.5 times the throughput.
pub(super) const TIMES_R2D2: Target = Target { key: NS.key, against: Against::R2d2, bar: 1.0, goal: 1.0 / 1.5 };

/// A second thread makes nothing slower.
pub(super) const fn as_with_one(workload: &'static str) -> Target {
    Target { key: NS.key, against: Against::Own(workload), bar: 1.05, goal: 1.0 }
}

/// Other pools and threads in the program make nothing slower.
pub(super) const fn undisturbed() -> Target {
    Target { key: NS.key, against: Against::Own("pair"), bar: 1.10, goal: 1.0 }
}

/// Sweeps make the slowest calls hardly slower.
pub(super) const fn steady(key: &'static str, without: &'static str) -> Target {
    Target { key, against: Against::Own(without), bar: 1.5, goal: 1.0 }
}

/// Items made once warm, though there are enough.
pub(super) const MISSES: Target = plain(MADE.key, 5.0, 0.0);
