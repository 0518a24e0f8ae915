//! The load, which is the same for each pool. A child process takes it and prints samples for the parent.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Barrier;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Failure, seeded};
use crate::item::MADE;
use crate::options::{KIB, MIB, Options};
use crate::sample::Sample;

/// What happens when, in epochs.
pub(crate) struct Phase {
    pub(crate) title: &'static str,
    pub(crate) epochs: Range<u32>,
}

pub(crate) static PHASES: [Phase; 5] = [
    Phase { title: "bursts", epochs: 0..2 },
    Phase { title: "a trickle on one thread", epochs: 2..5 },
    Phase { title: "one huge request, then the trickle", epochs: 5..8 },
    Phase { title: "bursts", epochs: 8..9 },
    Phase { title: "all threads sleep", epochs: 9..13 },
];
pub(crate) const END: u32 = 13;

const BURSTS_PER_EPOCH: u32 = 4;
const REQUESTS_PER_EPOCH: u32 = 50;
const SAMPLES_PER_EPOCH: u32 = 25;
/// The least and the most that a request needs, but for the huge one.
pub(crate) const SMALLEST: usize = 2 * KIB;
pub(crate) const LARGEST: usize = 64 * KIB;

/// Runs the users in threads of their own, and prints samples meanwhile.
///
/// `take` takes an item and begins its use with this many bytes. `give` ends its use and gives it back.
pub(crate) fn work<I>(
    options: &Options,
    take: impl Fn(usize) -> I + Sync,
    give: impl Fn(I) + Sync,
) -> Result<(), Failure> {
    let clock = Clock { start: Instant::now(), epoch: options.epoch() };
    let end = Barrier::new(options.threads + 1);
    let sampled = thread::scope(|scope| {
        for thread in 0..options.threads {
            let mut user = User { thread, requests: 0, clock, options, take: &take, give: &give };
            let end = &end;
            scope.spawn(move || {
                user.run();
                // Lives until the end, so what it keeps for itself stays.
                end.wait();
            });
        }
        let sampled = print_samples(clock);
        end.wait();
        sampled
    });
    sampled?;
    // ORDERING: Relaxed. A counter orders nothing.
    Ok(writeln!(io::stdout(), "made {}", MADE.load(Ordering::Relaxed))?)
}

fn print_samples(clock: Clock) -> io::Result<()> {
    let count = SAMPLES_PER_EPOCH * END;
    for nth in 1..=count {
        // Lies between two requests of the trickle, whose items are then idle.
        clock.wait_until((f64::from(nth) - 0.25) / f64::from(SAMPLES_PER_EPOCH));
        let sample = Sample::take(clock.start.elapsed().as_secs_f64());
        writeln!(io::stdout(), "{} {sample}", f64::from(nth) / f64::from(count))?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Clock {
    start: Instant,
    epoch: Duration,
}

impl Clock {
    fn wait_until(&self, epochs: f64) {
        thread::sleep(self.epoch.mul_f64(epochs).saturating_sub(self.start.elapsed()));
    }
}

struct User<'a, T, G> {
    thread: usize,
    /// How many sizes it has picked.
    requests: u64,
    clock: Clock,
    options: &'a Options,
    take: &'a T,
    give: &'a G,
}

impl<I, T: Fn(usize) -> I, G: Fn(I)> User<'_, T, G> {
    fn run(&mut self) {
        let [first, trickle, with_huge, second, _] = &PHASES;
        self.bursts(&first.epochs);
        if self.thread == 0 {
            self.trickle(&trickle.epochs, None);
            self.trickle(&with_huge.epochs, Some(self.options.huge_mb * MIB));
        }
        self.bursts(&second.epochs);
    }

    /// Each burst holds its items for half of the time until the next one.
    fn bursts(&mut self, epochs: &Range<u32>) {
        let pause = 1.0 / f64::from(BURSTS_PER_EPOCH);
        for nth in epochs.start * BURSTS_PER_EPOCH..epochs.end * BURSTS_PER_EPOCH {
            let at = f64::from(nth) * pause;
            self.clock.wait_until(at);
            let items: Vec<_> = (0..self.options.burst).map(|_| (self.take)(self.next_size())).collect();
            self.clock.wait_until(at + pause / 2.0);
            items.into_iter().for_each(self.give);
        }
    }

    /// The first request may have a size of its own.
    fn trickle(&mut self, epochs: &Range<u32>, mut first: Option<usize>) {
        for nth in epochs.start * REQUESTS_PER_EPOCH..epochs.end * REQUESTS_PER_EPOCH {
            self.clock.wait_until(f64::from(nth) / f64::from(REQUESTS_PER_EPOCH));
            let size = first.take().unwrap_or_else(|| self.next_size());
            (self.give)((self.take)(size));
        }
    }

    fn next_size(&mut self) -> usize {
        self.requests += 1;
        let nth = (self.thread as u64) << 32 | self.requests;
        SMALLEST + seeded(self.options.seed as u64, nth) as usize % (LARGEST - SMALLEST + 1)
    }
}
