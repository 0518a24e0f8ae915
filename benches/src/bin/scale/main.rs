//! Where the time goes at scale: measures on two cores what the pool's events cost, and works out from it what a pair costs
//! on many. `docs/performance.md` has the results.
//!
//! ```text
//! cargo run --release -p ebbtide-benches --bin scale
//! ```
//!
//! | module | what it does |
//! | --- | --- |
//! | `machine` | measures cache lines, atomics, racks and barriers |
//! | `pools` | measures the pool's fast path and sweeps, and the cases that the model predicts |
//! | `model` | the formulas |
//! | `report` | tables in Markdown |
//! | `timing` | clocks and threads |

mod machine;
mod model;
mod pools;
mod report;
mod timing;

use std::process::{Command, ExitCode};

use report::Results;

const USAGE: &str = "usage: scale [--rounds N] [--help]";
const ROUNDS: usize = 15;

/// One number that is measured, in nanoseconds, in a process of its own.
struct Sample {
    name: &'static str,
    run: fn() -> f64,
}

const fn sample(name: &'static str, run: fn() -> f64) -> Sample {
    Sample { name, run }
}

/// What the model starts from, and what is measured besides because it explains the results.
static INPUTS: [Sample; 27] = [
    sample("pair", || pools::pair(1)),
    sample("bursts of 16", || pools::burst(1, 16)),
    sample("bursts of 16 without a pool", || pools::bare(16)),
    sample("bursts of 2048 without a pool", || pools::bare(2048)),
    sample("line from core to core, to be written", machine::transfer),
    sample("line from core to core, to be read", machine::load),
    sample("item that another core used last", machine::item),
    sample("atomic add", || machine::rmw(1)),
    sample("atomic add, each of 2 threads", || machine::rmw(2)),
    sample("store and full fence", machine::full_fence),
    sample("claim", machine::claim),
    sample("rack, push and pop", || machine::rack(1)),
    sample("rack, push and pop, each of 2 threads", || machine::rack(2)),
    sample("rack, looked through and empty", machine::empty_rack),
    sample("queue of empty arrays, push and pop", machine::queue),
    sample("heavy barrier", || machine::barrier(0)),
    sample("heavy barrier, 1 other thread busy", || machine::barrier(1)),
    sample("heavy barrier, 2 other threads busy", || machine::barrier(2)),
    sample("heavy barrier, 64 other threads busy", || machine::barrier(64)),
    sample("heavy barrier, 64 other threads asleep", || machine::barrier_sleepers(64)),
    sample("heavy barrier, for the thread that it interrupts", machine::interrupted),
    sample("sweep, 1 slot set, empty", || pools::sweep_empty(1)),
    sample("sweep, 1023 slot sets, empty", || pools::sweep_empty(1023)),
    sample("sweep, 1 slot set, full", || pools::sweep_full(1)),
    sample("sweep, 15 slot sets, full", || pools::sweep_full(15)),
    sample("sweep, 255 slot sets, full", || pools::sweep_full(255)),
    sample("sweep, for a thread in bursts of 16", pools::swept),
];

/// What the model predicts, or what is claimed of lines that are shared by accident.
static CHECKS: [Sample; 11] = [
    sample("pair, 2 threads", || pools::pair(2)),
    sample("bursts of 16, 2 threads", || pools::burst(2, 16)),
    sample("bursts of 2048", || pools::burst(1, 2048)),
    sample("bursts of 2048, 2 threads", || pools::burst(2, 2048)),
    sample("bursts of 2048, 2 threads at one shard", pools::one_shard),
    sample("bursts of 2048, `max_idle` set", || pools::counted(1)),
    sample("bursts of 2048, `max_idle` set, 2 threads", || pools::counted(2)),
    sample("pair with `get_owned`", || pools::owned(1)),
    sample("pair with `get_owned`, 2 threads", || pools::owned(2)),
    sample("bursts of 2048, items refused at another pool", || pools::refused(true)),
    sample("bursts of 2048, items refused at this pool", || pools::refused(false)),
];

fn samples() -> impl Iterator<Item = &'static Sample> {
    INPUTS.iter().chain(&CHECKS)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let rounds = match args[..] {
        [] => Ok(ROUNDS),
        ["--rounds", number] => match number.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(format!("`--rounds` is a number from 1 up, not `{number}`")),
        },
        ["--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        // One sample in this process: what the measuring of all of them starts for each.
        ["--sample", name] => match samples().find(|sample| sample.name == name) {
            Some(sample) => {
                let before = machine::distance();
                let value = (sample.run)();
                println!("{before} {value} {}", machine::distance());
                return ExitCode::SUCCESS;
            }
            None => Err(format!("no sample `{name}`")),
        },
        _ => Err(format!("unknown arguments\n\n{USAGE}")),
    };
    match rounds.and_then(measure) {
        Ok(results) => {
            println!("{}", report::markdown(&results));
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

/// What one process found.
struct Found {
    name: &'static str,
    value: f64,
    /// What a line took from core to core before and after.
    distances: [f64; 2],
}

/// All samples one after the other, and again, so that a change of the machine's mood meets all of them.
///
/// Under a hypervisor two CPUs may be two halves of a core now and two ends of the machine the next moment. So only those
/// samples count before and after which a line took about as long from core to core as it mostly does.
fn measure(rounds: usize) -> Result<Results, String> {
    let mut found = Vec::new();
    for _ in 0..rounds {
        for sample in samples() {
            found.push(run(sample.name)?);
        }
    }
    let usual = timing::median(found.iter().flat_map(|found| found.distances).collect());
    let mut results: Results = samples().map(|sample| (sample.name, Vec::new())).collect();
    for Found { name, value, distances } in found {
        if distances.iter().all(|distance| (0.6..1.6).contains(&(distance / usual))) {
            results.entry(name).or_default().push(value);
        }
    }
    match results.iter().find(|(_, values)| values.is_empty()) {
        Some((name, _)) => Err(format!("the CPUs changed places all the time; no good sample of `{name}`")),
        None => Ok(results),
    }
}

fn run(name: &'static str) -> Result<Found, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program can't be found: {error}"))?;
    let output = Command::new(program).args(["--sample", name]).output();
    let output = output.map_err(|error| format!("`{name}` can't be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    match numbers[..] {
        [before, value, after] => Ok(Found { name, value, distances: [before, after] }),
        _ => Err(format!("`{name}` gave {text:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}
