//! Shows on this machine's own CPUs what the heavy barrier of a sweep is for, and that it does that.
//!
//! ```text
//! cargo run --release --example litmus -- [SECONDS]
//! ```
//!
//! Two threads meet over and over at private slots that hold one item, each with its side of the protocol and nothing
//! else. The owner's pop lowers `top`, passes the light barrier and takes the item unless it finds `floor` marked; the
//! sweep marks `floor`, passes a barrier and takes the item unless it finds `top` lowered. When both take it, it has two
//! owners. In every other meeting the sweep passes the heavy barrier that the crate ships, compiled from the crate's own
//! source, and no double take may be seen. In the others it passes none, for as long as a call that does nothing takes, and
//! double takes are expected: before its pop the owner writes to memory that the sweep has just written to, so the lowered
//! `top` waits in the CPU's store buffer.
//!
//! These meetings without a barrier tell how much the others are worth. If the barrier did nothing, a double take would be as
//! likely in a meeting of either kind; so that all of *n* are seen in those without has a chance of 1 in 2^*n*. It runs until
//! there are 1000, for SECONDS at most (60 unless given), and says nothing with fewer than 40, a chance of 1 in 10^12. It
//! can't tell a call that does nothing and takes microseconds from one that works.
//!
//! Ends with status 0 if it saw just that, 1 if a double take got past the shipped barriers, 2 for bad arguments, and 3
//! if it can't tell: fewer than two CPUs, no asymmetric barrier in this process, a barrier that the system refused, or too
//! few double takes without it.

use std::hint::spin_loop;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[path = "../../src/sync/fence.rs"]
mod fence;

/// How many double takes without the barrier end a run, and how many it needs to tell anything.
const ENOUGH: u64 = 1000;
pub(crate) const NEEDED: u64 = 40;

/// How long the sweep passes no barrier: longer than a system call that does nothing.
const PAUSE: Duration = Duration::from_nanos(300);

/// How many lines of memory the owner writes to before its pop: about as many as a CPU's store buffer has places.
const LINES: usize = 48;

/// A value on cache lines of its own.
#[repr(align(128))]
#[derive(Default)]
struct Apart<T>(T);

/// The mark of a sweep in `floor`, higher than every place.
const ASKED: isize = 1 << 30;

/// What the two sides share.
struct Meeting {
    /// 1 while the item is there, 0 once the owner has gone for it.
    top: Apart<AtomicIsize>,
    /// 0, or ASKED.
    floor: Apart<AtomicIsize>,
    /// Written by both sides in turn, for the time that takes.
    lines: [Apart<AtomicUsize>; LINES],
    /// How often each side has come to the meeting point.
    arrived: [Apart<AtomicUsize>; 2],
    /// Whether the owner took the item in this round.
    owner_took: Apart<AtomicBool>,
    over: Apart<AtomicBool>,
}

/// What a run saw: meetings of each kind, and double takes in them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) meetings: [u64; 2],
    pub(crate) doubles: [u64; 2],
    pub(crate) refused: bool,
}

/// Which meetings of `Seen` are meant.
const WITHOUT: usize = 0;
const WITH: usize = 1;

/// What a run tells.
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

    /// Waits for the other side. Whoever comes second lets both go on at nearly the same time.
    fn meet(&self, side: usize) {
        // ORDERING: Release; partner: the other side's Acquire load below: each sees what the other did before.
        let mine = self.arrived[side].0.fetch_add(1, Ordering::Release) + 1;
        let mut spins = 0_u32;
        // ORDERING: Acquire; partner: the other side's Release above.
        while self.arrived[1 - side].0.load(Ordering::Acquire) < mine {
            spin_loop();
            spins += 1;
            if spins % 4096 == 0 {
                // The other side may wait for this CPU.
                thread::yield_now();
            }
        }
    }

    fn write_lines(&self, value: usize) {
        for line in &self.lines {
            // ORDERING: Relaxed, no partner; nobody reads it.
            line.0.store(value, Ordering::Relaxed);
        }
    }

    /// The owner's pop: true if it takes the item.
    fn pop(&self) -> bool {
        // ORDERING: Release as shipped; it is the barriers that are on trial.
        self.top.0.store(0, Ordering::Release);
        fence::light();
        // ORDERING: Relaxed as shipped; as above.
        self.floor.0.load(Ordering::Relaxed) <= 0
    }

    /// The sweep's side of it: true if it takes the item.
    fn take(&self, barrier: impl FnOnce()) -> bool {
        // ORDERING: AcqRel as shipped; as above.
        let marked = self.floor.0.compare_exchange(0, ASKED, Ordering::AcqRel, Ordering::Relaxed);
        assert!(marked.is_ok(), "only this thread writes it");
        barrier();
        // ORDERING: Acquire as shipped; as above.
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

    /// Meets the owner until there is enough to tell, the time is up, or `heavy` returns `false`.
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
            // A different distance between the two sides in each pair of rounds.
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

/// What the arguments ask for: `None` is help.
pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Duration>, String> {
    let given = match (arguments.next(), arguments.next()) {
        (None, _) => return Ok(Some(Duration::from_secs(60))),
        (Some(given), None) => given,
        (Some(_), Some(more)) => return Err(format!("{more:?} is one argument too many")),
    };
    match given.parse() {
        _ if given == "--help" || given == "-h" => Ok(None),
        Ok(seconds @ 1..=3600) => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(format!("SECONDS is {given:?}, but must be a number from 1 to 3600")),
    }
}

/// Says why nothing can be told.
fn cannot_tell(why: &str) -> ExitCode {
    eprintln!("litmus: can't tell: {why}");
    ExitCode::from(3)
}

fn main() -> ExitCode {
    let time = match parse(std::env::args().skip(1)) {
        Ok(Some(time)) => time,
        Ok(None) => {
            println!("litmus [SECONDS]: tries the heavy barrier on this machine's CPUs, for so long at most (60)");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("litmus: {why}");
            return ExitCode::from(2);
        }
    };
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        return cannot_tell("with one CPU two sides never meet");
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
