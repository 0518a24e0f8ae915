//! Every workload, in the order of the tables.

use super::columns::{
    AFTER_BURST, AS_FAST_AS_FAIR, CHURN, COLD, FIRST_USE, GIVEN_UP, HAND_OFF, LATENCY, MISSES, PAIR, PAUSE, SWEEP,
    TIMES_R2D2, USE, WAITS, WAITS_AS_FAIR, WEIGHT, as_with_one, plain, steady, times, times_go, times_local,
    undisturbed,
};
use super::{Channel, Group, Kind, Shape, Usage, Workload};

const BASE: Workload = Workload {
    name: "",
    group: Group::Targets,
    about: "",
    shape: Shape::Pair,
    item: Kind::Buffer,
    threads: 1,
    columns: PAIR,
    targets: &[],
    peers: true,
    quick: true,
};

const BOUNDED: Workload = Workload { group: Group::Bounded, columns: WAITS, quick: false, ..BASE };

pub(crate) static ALL: [Workload; 66] = [
    Workload {
        name: "pair",
        group: Group::Targets,
        about: "one pair after another",
        shape: Shape::Pair,
        targets: &[times_go(0.24, 0.18)],
        ..BASE
    },
    Workload {
        name: "pair-2t",
        group: Group::Targets,
        about: "the same in two threads on one pool",
        shape: Shape::Pair,
        threads: 2,
        targets: &[times_go(0.24, 0.18), as_with_one("pair")],
        ..BASE
    },
    Workload {
        name: "burst-16",
        group: Group::Targets,
        about: "gets 16, then gives them back, the first one first",
        shape: Shape::Burst(16),
        targets: &[times_local(1.05, 0.9)],
        ..BASE
    },
    Workload {
        name: "burst-16-2t",
        group: Group::Targets,
        about: "the same in two threads on one pool",
        shape: Shape::Burst(16),
        threads: 2,
        targets: &[times_local(1.05, 0.9), as_with_one("burst-16")],
        ..BASE
    },
    Workload {
        name: "burst-256",
        group: Group::Targets,
        about: "gets 256, then gives them back",
        shape: Shape::Burst(256),
        targets: &[times_local(1.25, 1.1)],
        ..BASE
    },
    Workload {
        name: "burst-2048",
        group: Group::Targets,
        about: "gets 2048, then gives them back",
        shape: Shape::Burst(2048),
        targets: &[times_local(1.5, 1.2)],
        ..BASE
    },
    Workload {
        name: "hand-off",
        group: Group::Targets,
        about: "32 are got in one thread and given back in another, less what the messages cost",
        shape: Shape::HandOff(32, Channel::Spinning),
        threads: 2,
        columns: HAND_OFF,
        targets: &[times("array-queue", 1.0, 0.8), MISSES],
        ..BASE
    },
    Workload {
        name: "hand-off-1",
        group: Group::Targets,
        about: "one is got in one thread and given back in another, less what the messages cost",
        shape: Shape::HandOff(1, Channel::Spinning),
        threads: 2,
        columns: HAND_OFF,
        targets: &[times_go(0.9, 0.6), MISSES],
        ..BASE
    },
    Workload {
        name: "burst-4-64t",
        group: Group::Targets,
        about: "bursts of 4 in 64 threads, most of which wait for a core",
        shape: Shape::Burst(4),
        threads: 64,
        targets: &[times_local(1.1, 1.0)],
        ..BASE
    },
    Workload {
        name: "go-parallel",
        group: Group::Go,
        about: "gives one item back and gets one, in two threads",
        shape: Shape::PutGet,
        threads: 2,
        ..BASE
    },
    Workload {
        name: "go-overflow",
        group: Group::Go,
        about: "gives 100 back, then gets 100, in two threads",
        shape: Shape::PutFirst { puts: 100, gets: 100 },
        threads: 2,
        quick: false,
        ..BASE
    },
    Workload {
        name: "go-starvation",
        group: Group::Go,
        about: "gives 67 back, drops 33, then gets 100, in two threads",
        shape: Shape::PutFirst { puts: 67, gets: 100 },
        threads: 2,
        ..BASE
    },
    Workload {
        name: "go-pause",
        group: Group::Go,
        about: "a sweep that drops 100 000 items, and the longest pair in another thread meanwhile",
        shape: Shape::Pause(100_000),
        threads: 2,
        columns: PAUSE,
        ..BASE
    },
    Workload {
        name: "go-costly",
        group: Group::Go,
        about: "bursts of 100 items that take 1 ms to make, with 32 KiB of scratch each and epochs, in two threads",
        shape: Shape::Work(100),
        item: Kind::Costly,
        threads: 2,
        ..BASE
    },
    Workload {
        name: "window-1",
        group: Group::Shapes,
        about: "keeps 1 in use: gets one, gives the oldest back",
        shape: Shape::Window(1),
        quick: false,
        ..BASE
    },
    Workload {
        name: "window-32",
        group: Group::Shapes,
        about: "keeps 32 in use: gets one, gives the oldest back",
        shape: Shape::Window(32),
        ..BASE
    },
    Workload {
        name: "window-512",
        group: Group::Shapes,
        about: "keeps 512 in use: gets one, gives the oldest back",
        shape: Shape::Window(512),
        quick: false,
        ..BASE
    },
    Workload {
        name: "pair-0b",
        group: Group::Shapes,
        about: "pairs of items of no size",
        shape: Shape::Pair,
        item: Kind::Nothing,
        ..BASE
    },
    Workload {
        name: "burst-16-0b",
        group: Group::Shapes,
        about: "bursts of 16 items of no size",
        shape: Shape::Burst(16),
        item: Kind::Nothing,
        quick: false,
        ..BASE
    },
    Workload {
        name: "pair-4k",
        group: Group::Shapes,
        about: "pairs of items of 4096 bytes, each written to once",
        shape: Shape::Pair,
        item: Kind::Page,
        ..BASE
    },
    Workload {
        name: "burst-16-4k",
        group: Group::Shapes,
        about: "bursts of 16 items of 4096 bytes, each written to once",
        shape: Shape::Burst(16),
        item: Kind::Page,
        quick: false,
        ..BASE
    },
    Workload {
        name: "pair-32k",
        group: Group::Shapes,
        about: "pairs of buffers of 32 KiB, filled each time",
        shape: Shape::Pair,
        item: Kind::Large,
        ..BASE
    },
    Workload {
        name: "burst-16-32k",
        group: Group::Shapes,
        about: "bursts of 16 buffers of 32 KiB, filled each time",
        shape: Shape::Burst(16),
        item: Kind::Large,
        quick: false,
        ..BASE
    },
    Workload {
        name: "hand-off-blocking",
        group: Group::Shapes,
        about: "the hand-off by the language's own channel, whose receiver sleeps",
        shape: Shape::HandOff(32, Channel::Blocking),
        threads: 2,
        columns: HAND_OFF,
        quick: false,
        ..BASE
    },
    Workload {
        name: "churn-10",
        group: Group::Shapes,
        about: "a new thread for every 10 pairs; the cost is that of the whole thread",
        shape: Shape::Churn(10),
        columns: CHURN,
        ..BASE
    },
    Workload {
        name: "first-use",
        group: Group::Shapes,
        about: "a new thread's only pair, and the time from then to the thread's end",
        shape: Shape::FirstUse,
        columns: FIRST_USE,
        ..BASE
    },
    Workload {
        name: "cold-1000",
        group: Group::Shapes,
        about: "one pair in 1000 finds a cold cache: that one",
        shape: Shape::Cold(1000),
        columns: COLD,
        ..BASE
    },
    Workload {
        name: "pools-1",
        group: Group::Scale,
        about: "pairs in one pool, by the loop of the next two",
        shape: Shape::Pools(1),
        quick: false,
        ..BASE
    },
    Workload {
        name: "pools-100",
        group: Group::Scale,
        about: "a pair in each of 100 pools in turn",
        shape: Shape::Pools(100),
        quick: false,
        ..BASE
    },
    Workload {
        name: "pools-10000",
        group: Group::Scale,
        about: "a pair in each of 10 000 pools in turn",
        shape: Shape::Pools(10_000),
        quick: false,
        ..BASE
    },
    Workload {
        name: "pools-100000",
        group: Group::Scale,
        about: "a pair in each of 100 000 pools in turn; ebbtide only",
        shape: Shape::Pools(100_000),
        peers: false,
        quick: false,
        ..BASE
    },
    Workload {
        name: "beside-1-pool",
        group: Group::Scale,
        about: "pairs in one pool beside another that has been used",
        shape: Shape::BesidePools(1),
        quick: false,
        ..BASE
    },
    Workload {
        name: "beside-100-pools",
        group: Group::Scale,
        about: "pairs in one pool beside 100 others that have been used",
        shape: Shape::BesidePools(100),
        quick: false,
        ..BASE
    },
    Workload {
        name: "beside-10000-pools",
        group: Group::Scale,
        about: "pairs in one pool beside 10 000 others that have been used",
        shape: Shape::BesidePools(10_000),
        targets: &[undisturbed()],
        ..BASE
    },
    Workload {
        name: "beside-100000-pools",
        group: Group::Scale,
        about: "pairs in one pool beside 100 000 others that have been used; ebbtide only",
        shape: Shape::BesidePools(100_000),
        targets: &[undisturbed()],
        peers: false,
        quick: false,
        ..BASE
    },
    Workload {
        name: "beside-1-thread",
        group: Group::Scale,
        about: "pairs beside an idle thread that has used the pool",
        shape: Shape::BesideThreads(1),
        quick: false,
        ..BASE
    },
    Workload {
        name: "beside-100-threads",
        group: Group::Scale,
        about: "pairs beside 100 idle threads that have used the pool",
        shape: Shape::BesideThreads(100),
        quick: false,
        ..BASE
    },
    Workload {
        name: "beside-1000-threads",
        group: Group::Scale,
        about: "pairs beside 1000 idle threads that have used the pool",
        shape: Shape::BesideThreads(1000),
        targets: &[undisturbed()],
        ..BASE
    },
    Workload {
        name: "beside-10000-threads",
        group: Group::Scale,
        about: "pairs beside 10 000 idle threads that have used the pool; ebbtide only",
        shape: Shape::BesideThreads(10_000),
        targets: &[undisturbed()],
        peers: false,
        quick: false,
        ..BASE
    },
    Workload {
        name: "sweep-1000-threads",
        group: Group::Scale,
        about: "a sweep of an empty pool that 1000 idle threads have used",
        shape: Shape::SweepThreads(1000),
        columns: SWEEP,
        targets: &[plain("sweep_us", 100.0, 10.0)],
        ..BASE
    },
    Workload {
        name: "sweep-10000-threads",
        group: Group::Scale,
        about: "a sweep of an empty pool that 10 000 idle threads have used",
        shape: Shape::SweepThreads(10_000),
        columns: SWEEP,
        targets: &[plain("sweep_us", 1000.0, 100.0)],
        peers: false,
        quick: false,
        ..BASE
    },
    Workload {
        name: "latency-2t",
        group: Group::Latency,
        about: "bursts of 64 in 2 threads, each get and each put timed",
        shape: Shape::Latency { size: 64, sweeps: false },
        threads: 2,
        columns: LATENCY,
        ..BASE
    },
    Workload {
        name: "latency-2t-sweeps",
        group: Group::Latency,
        about: "the same, with a sweep every millisecond",
        shape: Shape::Latency { size: 64, sweeps: true },
        threads: 2,
        columns: LATENCY,
        targets: &[steady("p999_ns", "latency-2t"), steady("p9999_ns", "latency-2t")],
        ..BASE
    },
    Workload {
        name: "latency-64t",
        group: Group::Latency,
        about: "bursts of 64 in 64 threads, each get and each put timed",
        shape: Shape::Latency { size: 64, sweeps: false },
        threads: 64,
        columns: LATENCY,
        quick: false,
        ..BASE
    },
    Workload {
        name: "latency-64t-sweeps",
        group: Group::Latency,
        about: "the same, with a sweep every millisecond",
        shape: Shape::Latency { size: 64, sweeps: true },
        threads: 64,
        columns: LATENCY,
        targets: &[steady("p999_ns", "latency-64t"), steady("p9999_ns", "latency-64t")],
        quick: false,
        ..BASE
    },
    Workload {
        name: "weight",
        group: Group::Memory,
        about: "what a pool asks of the allocator, items included",
        shape: Shape::Weight,
        columns: WEIGHT,
        targets: &[plain("unused_bytes", 64.0, 64.0)],
        ..BASE
    },
    Workload {
        name: "after-burst",
        group: Group::Memory,
        about: "after 2048 buffers of 32 KiB were in use at once, and two epochs",
        shape: Shape::AfterBurst(2048),
        item: Kind::Large,
        columns: AFTER_BURST,
        targets: &[plain("held", 0.0, 0.0)],
        ..BASE
    },
    Workload {
        name: "bounded-pair",
        about: "one pair after another, 4 items",
        shape: Shape::Bounded(4, Usage::Pairs),
        columns: USE,
        targets: &[AS_FAST_AS_FAIR],
        ..BOUNDED
    },
    Workload {
        name: "bounded-pair-async",
        about: "the same in a task that never waits",
        shape: Shape::Bounded(4, Usage::AsyncPairs),
        columns: USE,
        targets: &[AS_FAST_AS_FAIR],
        ..BOUNDED
    },
    Workload {
        name: "bounded-pair-2t",
        about: "pairs in 2 threads, 2 items",
        shape: Shape::Bounded(2, Usage::Pairs),
        threads: 2,
        columns: USE,
        targets: &[AS_FAST_AS_FAIR],
        ..BOUNDED
    },
    Workload {
        name: "bounded-2t-1",
        about: "pairs in 2 threads, 1 item",
        shape: Shape::Bounded(1, Usage::Checkouts),
        threads: 2,
        columns: USE,
        ..BOUNDED
    },
    Workload {
        name: "bounded-4t-2",
        about: "pairs in 4 threads, 2 items",
        shape: Shape::Bounded(2, Usage::Checkouts),
        threads: 4,
        columns: USE,
        ..BOUNDED
    },
    Workload {
        name: "bounded-16t-1",
        about: "pairs in 16 threads, 1 item",
        shape: Shape::Bounded(1, Usage::Checkouts),
        threads: 16,
        columns: USE,
        ..BOUNDED
    },
    Workload {
        name: "bounded-16t-8",
        about: "pairs in 16 threads, 8 items",
        shape: Shape::Bounded(8, Usage::Checkouts),
        threads: 16,
        columns: USE,
        targets: &[TIMES_R2D2],
        ..BOUNDED
    },
    Workload {
        name: "bounded-64t-8",
        about: "pairs in 64 threads, 8 items",
        shape: Shape::Bounded(8, Usage::Checkouts),
        threads: 64,
        columns: USE,
        ..BOUNDED
    },
    Workload {
        name: "bounded-2-tasks-1",
        about: "pairs in 2 tasks, 1 item",
        shape: Shape::Bounded(1, Usage::AsyncCheckouts),
        threads: 2,
        columns: USE,
        ..BOUNDED
    },
    Workload {
        name: "bounded-4-tasks-2",
        about: "pairs in 4 tasks, 2 items",
        shape: Shape::Bounded(2, Usage::AsyncCheckouts),
        threads: 4,
        columns: USE,
        ..BOUNDED
    },
    Workload {
        name: "bounded-16-tasks-1",
        about: "pairs in 16 tasks, 1 item",
        shape: Shape::Bounded(1, Usage::AsyncCheckouts),
        threads: 16,
        columns: USE,
        ..BOUNDED
    },
    Workload {
        name: "bounded-16-tasks-8",
        about: "pairs in 16 tasks, 8 items",
        shape: Shape::Bounded(8, Usage::AsyncCheckouts),
        threads: 16,
        columns: USE,
        ..BOUNDED
    },
    Workload {
        name: "bounded-64-tasks-8",
        about: "pairs in 64 tasks, 8 items",
        shape: Shape::Bounded(8, Usage::AsyncCheckouts),
        threads: 64,
        columns: USE,
        ..BOUNDED
    },
    Workload {
        name: "bounded-wait-1",
        about: "2 threads, 1 item, each wait timed",
        shape: Shape::Bounded(1, Usage::Threads),
        threads: 2,
        ..BOUNDED
    },
    Workload {
        name: "bounded-wait-2",
        about: "3 threads, 1 item, each wait timed",
        shape: Shape::Bounded(1, Usage::Threads),
        threads: 3,
        ..BOUNDED
    },
    Workload {
        name: "bounded-wait-64",
        about: "66 threads, 2 items, each wait timed",
        shape: Shape::Bounded(2, Usage::Threads),
        threads: 66,
        ..BOUNDED
    },
    Workload {
        name: "bounded-wait-2-tasks",
        about: "3 tasks, 1 item, each wait timed",
        shape: Shape::Bounded(1, Usage::Tasks),
        threads: 3,
        targets: &[WAITS_AS_FAIR],
        ..BOUNDED
    },
    Workload {
        name: "bounded-wait-64-tasks",
        about: "66 tasks, 2 items, each wait timed",
        shape: Shape::Bounded(2, Usage::Tasks),
        threads: 66,
        targets: &[WAITS_AS_FAIR],
        ..BOUNDED
    },
    Workload {
        name: "bounded-given-up",
        about: "64 tasks, 2 items, and waits given up at random",
        shape: Shape::Bounded(2, Usage::GivingUp),
        threads: 64,
        columns: GIVEN_UP,
        targets: &[WAITS_AS_FAIR],
        ..BOUNDED
    },
];
