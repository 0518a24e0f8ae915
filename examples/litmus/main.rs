//! Shows on this machine's CPUs why a sweep needs the heavy barrier, and that the barrier works.
//!
//! ```text
//! cargo run --release --example litmus
//! cargo run --release --example litmus -- --seconds 10
//! cargo run --release --example litmus -- --help
//! ```
//!
//! Two threads meet repeatedly at private slots with one item. Each runs only its side of the protocol. The owner's pop
//! lowers `top`, passes the light barrier, and takes the item unless `floor` is marked. The sweep marks `floor`, passes
//! a barrier, and takes the item unless `top` is lowered. If both take the item, it has two owners: a double take. In
//! every other meeting the sweep passes the crate's own heavy barrier. Then there must be no double take. In the other
//! meetings it only pauses for about the duration of a system call that does nothing. Then double takes are expected.
//! Before its pop the owner writes to memory that the sweep has just written. So the lowered `top` stays in the CPU's
//! store buffer.
//!
//! The meetings without a barrier show how significant the others are. If the barrier did nothing, a double take would
//! be equally likely in both kinds. The probability that all *n* double takes are in meetings without a barrier would
//! be 1 in 2^*n*. The program runs until it has seen 1000, or `--seconds` are over. With fewer than 40, a
//! probability of 1 in 10^12, it decides nothing. It can't distinguish a call that does nothing for microseconds from
//! one that works.
//!
//! Exit status: 0 if only meetings without a barrier had double takes, 1 if a meeting with the barrier had one, 2 for
//! bad arguments, and 3 if the program can't tell. It can't tell with fewer than two CPUs, without an asymmetric
//! barrier in this process, if the system refuses the barrier, or with too few double takes without it.

#[path = "../common/mod.rs"]
mod common;

#[expect(dead_code, reason = "only the barriers that meet in a test are used")]
#[path = "../../src/sync/fence.rs"]
mod fence;

use std::hint::spin_loop;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::Flag;

/// The number of double takes without the barrier that ends a run, and the number that a verdict needs.
const ENOUGH: u64 = 1000;
pub(crate) const NEEDED: u64 = 40;

/// The duration of the missing barrier: longer than a system call that does nothing.
const PAUSE: Duration = Duration::from_nanos(300);

/// How many cache lines the owner writes before its pop. A CPU's store buffer has about as many entries.
const LINES: usize = 48;

/// A value on its own cache lines.
#[repr(align(128))]
#[derive(Default)]
struct Apart<T>(T);

/// A sweep's mark in `floor`, above every place.
const ASKED: isize = 1 << 30;

/// The shared state of both sides.
struct Meeting {
    /// 1 while the item is there, 0 after the owner's pop.
    top: Apart<AtomicIsize>,
    /// 0, or ASKED.
    floor: Apart<AtomicIsize>,
    /// Written by both sides in turn, to keep the store buffer busy.
    lines: [Apart<AtomicUsize>; LINES],
    /// How often each side has reached the meeting point.
    arrived: [Apart<AtomicUsize>; 2],
    /// Whether the owner took the item in this round.
    owner_took: Apart<AtomicBool>,
    over: Apart<AtomicBool>,
}

/// The meetings of each kind in a run, and the double takes in them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) meetings: [u64; 2],
    pub(crate) doubles: [u64; 2],
    pub(crate) refused: bool,
}

/// Indices into the arrays of `Seen`.
const WITHOUT: usize = 0;
const WITH: usize = 1;

/// The verdict of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Holds,
    DoubleTake,
    CantTell,
}

impl Seen {
    pub(crate) fn verdict(&self) -> Verdict {
        if self.doubles[WITH] > 0 {
            Verdict::DoubleTake
        } else if self.refused || self.doubles[WITHOUT] < NEEDED {
            Verdict::CantTell
        } else {
            Verdict::Holds
        }
    }
}

impl Meeting {
    fn new() -> Self {
        Self {
            top: Apart(AtomicIsize::new(1)),
            floor: Apart::default(),
            lines: std::array::from_fn(|_| Apart::default()),
            arrived: Default::default(),
            owner_took: Apart::default(),
            over: Apart::default(),
        }
    }

    /// Waits for the other side. The second to arrive releases both at nearly the same time.
    fn meet(&self, side: usize) {
        // ORDERING: Release; partner: the other side's Acquire load below. Each side sees what the other did before.
        let mine = self.arrived[side].0.fetch_add(1, Ordering::Release) + 1;
        let mut spins = 0_u32;
        // ORDERING: Acquire; partner: the other side's Release above.
        while self.arrived[1 - side].0.load(Ordering::Acquire) < mine {
            spin_loop();
            spins += 1;
            if spins % 4096 == 0 {
                // The other side may need this CPU.
                thread::yield_now();
            }
        }
    }

    fn write_lines(&self, value: usize) {
        for line in &self.lines {
            // ORDERING: Relaxed, no partner. Nobody reads it.
            line.0.store(value, Ordering::Relaxed);
        }
    }

    /// The owner's pop. Returns true if it takes the item.
    fn pop(&self) -> bool {
        // ORDERING: Release, as in the crate. The barriers are under test.
        self.top.0.store(0, Ordering::Release);
        fence::light();
        // ORDERING: Relaxed, as in the crate. See above.
        self.floor.0.load(Ordering::Relaxed) <= 0
    }

    /// The sweep's side. Returns true if it takes the item.
    fn take(&self, barrier: impl FnOnce()) -> bool {
        // ORDERING: AcqRel, as in the crate. See above.
        let marked = self.floor.0.compare_exchange(0, ASKED, Ordering::AcqRel, Ordering::Relaxed);
        assert!(marked.is_ok(), "only this thread writes it");
        barrier();
        // ORDERING: Acquire, as in the crate. See above.
        self.top.0.load(Ordering::Acquire) > 0
    }

    fn owner(&self) {
        loop {
            self.meet(0);
            // ORDERING: Relaxed; ordered by the meeting point.
            if self.over.0.load(Ordering::Relaxed) {
                return;
            }
            self.write_lines(1);
            let took = self.pop();
            // ORDERING: Relaxed; ordered by the meeting point.
            self.owner_took.0.store(took, Ordering::Relaxed);
            self.meet(0);
            // ORDERING: Relaxed; ordered by the meeting point.
            self.top.0.store(1, Ordering::Relaxed);
        }
    }

    /// Meets the owner until there are enough double takes, the time is up, or `heavy` returns `false`.
    fn sweep(&self, time: Duration, heavy: impl Fn() -> bool) -> Seen {
        let start = Instant::now();
        let mut seen = Seen::default();
        for round in 0.. {
            self.write_lines(2);
            let over = seen.refused || seen.doubles[WITHOUT] >= ENOUGH || round % 64 == 0 && start.elapsed() > time;
            // ORDERING: Relaxed; ordered by the meeting point.
            self.over.0.store(over, Ordering::Relaxed);
            self.meet(1);
            if over {
                break;
            }
            // The distance between the two sides changes with each pair of rounds.
            for _ in 0..round / 2 % 8 {
                spin_loop();
            }
            let kind = round % 2;
            let took = self.take(|| match kind {
                WITHOUT => pause(),
                _ => seen.refused = !heavy(),
            });
            self.meet(1);
            seen.meetings[kind] += 1;
            // ORDERING: Relaxed; ordered by the meeting point.
            seen.doubles[kind] += u64::from(took && self.owner_took.0.load(Ordering::Relaxed));
            // ORDERING: Relaxed; ordered by the meeting point.
            self.floor.0.store(0, Ordering::Relaxed);
        }
        seen
    }
}

fn pause() {
    let start = Instant::now();
    while start.elapsed() < PAUSE {}
}

fn run(time: Duration, heavy: impl Fn() -> bool) -> Seen {
    let meeting = Meeting::new();
    thread::scope(|scope| {
        scope.spawn(|| meeting.owner());
        meeting.sweep(time, heavy)
    })
}

/// Reports why there is no verdict.
fn cannot_tell(why: &str) -> ExitCode {
    eprintln!("litmus: can't tell: {why}");
    ExitCode::from(3)
}

fn main() -> ExitCode {
    let mut seconds = 60;
    let mut flags = [Flag::number("--seconds", "at most this long", &mut seconds, 1..=3600)];
    match common::parse("Tests the heavy barrier on this machine's CPUs.", &mut flags) {
        Ok(()) => litmus(Duration::from_secs(seconds as u64)),
        failure => common::exit("litmus", failure),
    }
}

fn litmus(time: Duration) -> ExitCode {
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        return cannot_tell("one CPU is not enough");
    }
    println!("barriers of this process: {:?}", fence::pair());
    if fence::pair() == fence::Pair::Symmetric {
        return cannot_tell(
            "no asymmetric barrier in this process; both sides use full fences, and nothing is on trial",
        );
    }

    let seen = run(time, fence::heavy);
    for (kind, name) in [(WITHOUT, "without the heavy barrier:"), (WITH, "with it, as shipped:")] {
        println!("{name:<28} {:>9} double takes in {:>10} meetings", seen.doubles[kind], seen.meetings[kind]);
    }
    match seen.verdict() {
        Verdict::Holds => {
            println!("if the barrier did nothing, the chance to see this would be 1 in 2^{}", seen.doubles[WITHOUT]);
            ExitCode::SUCCESS
        }
        Verdict::DoubleTake => ExitCode::FAILURE,
        Verdict::CantTell if seen.refused => cannot_tell("the system refused the barrier"),
        Verdict::CantTell => cannot_tell("too few double takes without the barrier"),
    }
}
