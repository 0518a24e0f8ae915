//! Shows on this machine's own CPUs what the heavy barrier of a sweep is for.
//!
//! ```text
//! cargo run --release --example litmus -- [SECONDS]
//! ```
//!
//! Two threads meet over and over at private slots that hold one item, each with its side of the protocol and nothing
//! else. The owner's pop lowers `top`, passes the light barrier and takes the item unless it finds `floor` marked; the
//! sweep marks `floor`, passes a barrier and takes the item unless it finds `top` lowered. When both take it, it has two
//! owners. First the sweep passes no barrier, and double takes are expected; then it passes the heavy barrier that the
//! crate ships, compiled from the crate's own source, and none may be seen. Each part runs for SECONDS (5 unless given).
//!
//! Ends with status 0 if it saw just that, 1 if a double take got past the shipped barriers, 2 for bad arguments, and 3
//! if it can't tell: fewer than two CPUs, no asymmetric barrier on this system, or no double take without it.

use std::hint::spin_loop;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering, compiler_fence};
use std::thread;
use std::time::{Duration, Instant};

#[path = "../src/sync/fence.rs"]
mod fence;

/// A value on cache lines of its own.
#[repr(align(128))]
#[derive(Default)]
struct Apart<T>(T);

/// The mark of a sweep in `floor`, higher than every place.
const ASKED: isize = 1 << 30;

/// What the two sides share.
#[derive(Default)]
struct Meeting {
    /// 1 while the item is there, 0 once the owner has gone for it.
    top: Apart<AtomicIsize>,
    /// 0, or ASKED.
    floor: Apart<AtomicIsize>,
    /// How often each side has come to the meeting point.
    arrived: [Apart<AtomicUsize>; 2],
    /// Whether the owner took the item in this round.
    owner_took: Apart<AtomicBool>,
    over: Apart<AtomicBool>,
}

impl Meeting {
    /// Waits for the other side. Whoever comes second lets both go on at nearly the same time.
    fn meet(&self, side: usize) {
        // ORDERING: Release; partner: the other side's Acquire load below: each sees what the other did before.
        let mine = self.arrived[side].0.fetch_add(1, Ordering::Release) + 1;
        // ORDERING: Acquire; partner: the other side's Release above.
        while self.arrived[1 - side].0.load(Ordering::Acquire) < mine {
            spin_loop();
        }
    }

    /// The owner's pop: true if it takes the item.
    fn pop(&self) -> bool {
        // ORDERING: Release as shipped; it is the barriers that are on trial.
        self.top.0.store(0, Ordering::Release);
        fence::light();
        // ORDERING: Acquire as shipped; as above.
        self.floor.0.load(Ordering::Acquire) <= 0
    }

    /// The sweep's side of it: true if it takes the item.
    fn take(&self, barrier: fn()) -> bool {
        // ORDERING: Acquire as shipped; as above.
        let marked = self.floor.0.compare_exchange(0, ASKED, Ordering::Acquire, Ordering::Relaxed);
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
            let took = self.pop();
            // ORDERING: Relaxed; ordered by the meeting point.
            self.owner_took.0.store(took, Ordering::Relaxed);
            self.meet(0);
            // ORDERING: Relaxed; ordered by the meeting point.
            self.top.0.store(1, Ordering::Relaxed);
        }
    }

    /// Returns how many rounds there were and in how many of them both sides took the item.
    fn sweep(&self, time: Duration, barrier: fn()) -> (u64, u64) {
        let end = Instant::now() + time;
        let (mut rounds, mut doubles) = (0, 0);
        loop {
            let over = rounds % 64 == 0 && Instant::now() > end;
            // ORDERING: Relaxed; ordered by the meeting point.
            self.over.0.store(over, Ordering::Relaxed);
            self.meet(1);
            if over {
                return (rounds, doubles);
            }
            // A different distance between the two sides in each round.
            for _ in 0..rounds % 8 {
                spin_loop();
            }
            let took = self.take(barrier);
            self.meet(1);
            rounds += 1;
            // ORDERING: Relaxed; ordered by the meeting point.
            doubles += u64::from(took && self.owner_took.0.load(Ordering::Relaxed));
            // ORDERING: Relaxed; ordered by the meeting point.
            self.floor.0.store(0, Ordering::Relaxed);
        }
    }
}

fn run(name: &str, time: Duration, barrier: fn()) -> u64 {
    let meeting = Meeting { top: Apart(AtomicIsize::new(1)), ..Meeting::default() };
    let (rounds, doubles) = thread::scope(|scope| {
        scope.spawn(|| meeting.owner());
        meeting.sweep(time, barrier)
    });
    println!("{name:<28} {doubles:>9} double takes in {rounds:>10} meetings");
    doubles
}

fn main() -> ExitCode {
    let seconds = match std::env::args().nth(1).map(|given| (given.parse::<u64>(), given)) {
        None => 5,
        Some((Ok(seconds @ 1..=3600), _)) => seconds,
        Some((_, given)) => {
            eprintln!("litmus: SECONDS is {given:?}, but must be a number from 1 to 3600");
            return ExitCode::from(2);
        }
    };
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        eprintln!("litmus: one CPU only; two sides never meet there");
        return ExitCode::from(3);
    }
    println!("barriers of this process: {:?}", fence::pair());
    if fence::pair() == fence::Pair::Symmetric {
        eprintln!(
            "litmus: no asymmetric barrier on this system; both sides use full fences, and there is nothing to show"
        );
        return ExitCode::from(3);
    }

    let time = Duration::from_secs(seconds);
    // ORDERING: compiler only: the sweep's barrier left out.
    let without = run("without the heavy barrier:", time, || compiler_fence(Ordering::SeqCst));
    let with = run("with it, as shipped:", time, || assert!(fence::heavy(), "the system refused the barrier"));
    match (without, with) {
        (_, 1..) => ExitCode::FAILURE,
        (0, 0) => {
            eprintln!("litmus: no double take without the barrier either; this run shows nothing");
            ExitCode::from(3)
        }
        (_, 0) => ExitCode::SUCCESS,
    }
}
