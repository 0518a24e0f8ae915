//! A fast producer hands items to a processor in pooled batches of a hundred.
//!
//! One thread fills a batch with readings and sends it to the other thread. That one checks and sums the readings and
//! drops the batch, which returns it to the pool. The producer then gets it again.
//!
//! At most `--in-flight` batches are sent and not yet received. Then the producer waits. The bound is that of the
//! channel (`std::sync::mpsc::sync_channel`): the threads need a channel anyway, and a `get` from the pool never waits.
//! A `BoundedPool` with an unbounded channel would instead bound the batches that exist, including the two that are
//! filled and read. It is the better choice if several channels share one budget.
//!
//! ```text
//! cargo run --release --example batches
//! cargo run --release --example batches -- --items 50000000 --in-flight 8
//! cargo run --release --example batches -- --help
//! ```
//!
//! Rounds with pooled batches alternate with rounds of a fresh `Vec` per batch, and are compared in pairs. With few
//! batches in flight, the threads mostly wake each other, and the source of the batches makes no difference. In every
//! round the processor checks each reading against the expected one, so none is lost, repeated or out of order. Both
//! sides' counts and checksums must match. Allocations are counted in a separate, untimed round.

mod common;

use std::io::{self, Write};
use std::ops::DerefMut;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

use common::{Counting, Failure, Flag, allocations, median, random};
use ebbtide::{Pool, WithCapacity};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Items in a batch.
const BATCH: usize = 100;

/// The item.
#[derive(Clone, Copy)]
struct Reading {
    number: u64,
    sensor: u32,
    value: f32,
}

impl Reading {
    fn take(number: u64) -> Reading {
        let bits = random(number);
        Reading { number, sensor: (bits >> 32) as u32 % 1000, value: (bits as u32) as f32 / u32::MAX as f32 }
    }

    fn digest(&self) -> u64 {
        self.number.rotate_left(17) ^ u64::from(self.sensor) << 32 ^ u64::from(self.value.to_bits())
    }
}

type Batch = Vec<Reading>;

static BATCHES: Pool<Batch, WithCapacity> = Pool::with_recycle(WithCapacity { min: BATCH, max: BATCH });

/// The number of readings and the sum of their digests.
#[derive(Debug, PartialEq, Eq)]
struct Sum {
    count: u64,
    checksum: u64,
}

/// Sends all items in batches that `take` returns. Returns the seconds that it took.
fn send_all<B>(items: u64, in_flight: usize, take: impl Fn() -> B) -> Result<f64, Failure>
where
    B: DerefMut<Target = Batch> + Send + 'static,
{
    let (full, batches) = sync_channel::<B>(in_flight);
    let start = Instant::now();
    let processor = thread::spawn(move || -> Result<Sum, String> {
        let mut sum = Sum { count: 0, checksum: 0 };
        for batch in batches {
            for reading in &*batch {
                if reading.number != sum.count {
                    return Err(format!("reading {} came where {} was due", reading.number, sum.count));
                }
                sum.count += 1;
                sum.checksum = sum.checksum.wrapping_add(reading.digest());
            }
        }
        Ok(sum)
    });

    let mut sent = Sum { count: 0, checksum: 0 };
    while sent.count < items {
        let mut batch = take();
        for number in sent.count..items.min(sent.count + BATCH as u64) {
            let reading = Reading::take(number);
            batch.push(reading);
            sent.count += 1;
            sent.checksum = sent.checksum.wrapping_add(reading.digest());
        }
        if full.send(batch).is_err() {
            break; // the processor's error says why
        }
    }
    drop(full);
    let processed = processor.join().map_err(|_| "the processor panicked")??;
    let seconds = start.elapsed().as_secs_f64();
    if processed != sent {
        return Err(format!("sent: {sent:?}, processed: {processed:?}").into());
    }
    Ok(seconds)
}

/// One source of batches.
type Way = fn(u64, usize) -> Result<f64, Failure>;

fn pooled(items: u64, in_flight: usize) -> Result<f64, Failure> {
    send_all(items, in_flight, || BATCHES.get())
}

/// Boxed, so that a sent batch is one pointer, like a pooled one.
fn fresh(items: u64, in_flight: usize) -> Result<f64, Failure> {
    send_all(items, in_flight, || Box::new(Vec::with_capacity(BATCH)))
}

fn run() -> Result<(), Failure> {
    let (mut items, mut in_flight, mut rounds) = (10_000_000, 64, 11);
    let mut flags = [
        Flag::number("--items", "items in a round", &mut items, 1..=1_000_000_000),
        Flag::number("--in-flight", "batches in the channel", &mut in_flight, 1..=100_000),
        Flag::number("--rounds", "rounds of each kind", &mut rounds, 1..=1000),
    ];
    common::parse("Hands items from one thread to another in pooled batches of 100.", &mut flags)?;
    let items = items as u64;

    let ways: [(&str, Way); 2] = [("pooled", pooled), ("a fresh Vec", fresh)];
    let mut seconds = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for ((_, send), seconds) in ways.iter().zip(&mut seconds) {
            seconds.push(send(items, in_flight)?);
        }
    }
    let mut out = io::stdout();
    writeln!(out, "{:12} {:>20} {:>24}", "", "million items per s", "allocations per batch")?;
    for ((name, send), seconds) in ways.iter().zip(&seconds) {
        let (count, outcome) = allocations(|| send(items, in_flight));
        outcome?;
        let rate = items as f64 / median(seconds.clone()) / 1e6;
        let per_batch = count as f64 / items.div_ceil(BATCH as u64) as f64;
        writeln!(out, "{name:12} {rate:20.1} {per_batch:24.4}")?;
    }
    let ratios: Vec<_> = seconds[0].iter().zip(&seconds[1]).map(|(pooled, fresh)| fresh / pooled).collect();
    let (least, most) = ratios.iter().fold((f64::MAX, 0.0_f64), |(least, most), &r| (least.min(r), most.max(r)));
    writeln!(
        out,
        "\nspeed, pooled over fresh: {:.2} (median of {rounds} pairs of rounds, {least:.2} to {most:.2})",
        median(ratios)
    )?;
    let made = BATCHES.stats().created;
    writeln!(out, "batches made by the pool in all rounds: {made}, with {in_flight} in the channel")?;
    Ok(writeln!(out, "every item arrived once, in order, in every round")?)
}

fn main() -> ExitCode {
    common::exit("batches", run())
}
