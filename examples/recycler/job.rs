//! The job, which is the same for each way. A child process does it and prints its results for the parent.

use std::io::{self, Write};
use std::ops::DerefMut;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::buffer::{BYTES, Buffer, MADE, random};
use crate::common::{Failure, resident};
use crate::options::{EPOCHS_AFTER, EPOCHS_BEFORE, Options, TURNS_AFTER};
use crate::sample::Sample;

/// The least time between two samples.
const SAMPLE_EVERY: Duration = Duration::from_millis(5);

/// Fills the working set, takes the steps, shrinks the set, and continues for a while.
pub(crate) fn work<B>(options: &Options, take: impl Fn() -> B, give: impl Fn(B)) -> Result<(), Failure>
where
    B: DerefMut<Target = Buffer>,
{
    let mut recorder = Recorder::new(options.buffers + options.steps + TURNS_AFTER);
    let mut set = Vec::with_capacity(options.buffers);
    let take_and_write = || {
        let mut buffer = take();
        buffer.write_every_page();
        buffer
    };
    // Replaces one buffer after another over some epochs. Returns the time without the pauses.
    let turn_over = |set: &mut Vec<B>, recorder: &mut Recorder, count, epochs: u32| -> io::Result<Duration> {
        let start = Instant::now();
        let mut busy = Duration::ZERO;
        for turn in 1..=count {
            let began = Instant::now();
            give(set.swap_remove(random(options.seed, recorder.done, set.len())));
            set.push(take_and_write());
            busy += began.elapsed();
            recorder.step_done(set)?;
            let due = (epochs * options.epoch()).mul_f64(turn as f64 / count as f64);
            thread::sleep(due.saturating_sub(start.elapsed()));
        }
        Ok(busy)
    };

    for _ in 0..options.buffers {
        set.push(take_and_write());
        recorder.step_done(&set)?;
    }
    let busy = turn_over(&mut set, &mut recorder, options.steps, EPOCHS_BEFORE)?;
    recorder.sample(&set)?;
    set.drain(options.shrink_to..).for_each(&give);
    let shrunk_at = recorder.sample(&set)?;
    turn_over(&mut set, &mut recorder, TURNS_AFTER, EPOCHS_AFTER)?;
    recorder.sample(&set)?;

    // ORDERING: Relaxed. A counter orders nothing.
    let made = MADE.load(Ordering::Relaxed);
    let steps_per_second = options.steps as f64 / busy.as_secs_f64();
    Ok(writeln!(io::stdout(), "result {made} {steps_per_second} {shrunk_at}")?)
}

/// Prints progress and samples for the parent process.
struct Recorder {
    start: Instant,
    next_sample: Duration,
    done: usize,
    in_all: usize,
}

impl Recorder {
    fn new(in_all: usize) -> Recorder {
        Recorder { start: Instant::now(), next_sample: Duration::ZERO, done: 0, in_all }
    }

    fn step_done<B: DerefMut<Target = Buffer>>(&mut self, set: &[B]) -> io::Result<()> {
        self.done += 1;
        if self.start.elapsed() >= self.next_sample {
            self.sample(set)?;
        }
        Ok(())
    }

    /// Prints a sample and returns its time.
    fn sample<B: DerefMut<Target = Buffer>>(&mut self, set: &[B]) -> io::Result<f64> {
        let now = self.start.elapsed();
        self.next_sample = now + SAMPLE_EVERY;
        let in_use = set.iter().map(|buffer| buffer.bytes.len()).sum();
        // ORDERING: Relaxed. A counter orders nothing.
        let idle = BYTES.load(Ordering::Relaxed) - in_use;
        let sample = Sample { seconds: now.as_secs_f64(), in_use, idle, resident: resident() };
        writeln!(io::stdout(), "{} {sample}", self.done as f64 / self.in_all as f64)?;
        Ok(sample.seconds)
    }
}
