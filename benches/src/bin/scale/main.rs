//! Measures on two cores what the pool's events cost, and computes from that what a pair costs on many cores.
//! `docs/performance.md` says what is counted and why.
//!
//! ```text
//! cargo run --release -p ebbtide-benches --bin scale
//! ```
//!
//! | module | what it does |
//! | --- | --- |
//! | `pools` | measures the pool's fast path and sweeps, and the cases that the model predicts |
//! | `model` | the formulas |
//! | `samples` | the list of samples |
//! | `report` | Markdown tables |
//!
//! The library's `costs` measures cache lines, atomics, racks and barriers.

mod model;
mod pools;
mod report;
mod samples;

use std::process::{Command, ExitCode};

use ebbtide_benches::{costs, timing};
use report::Results;
use samples::samples;

const USAGE: &str = "usage: scale [--rounds N] [--help]";
const ROUNDS: usize = 15;

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
        // One sample in this process. A full run starts such a process for each sample.
        ["--sample", name] => match samples().find(|sample| sample.name == name) {
            Some(sample) => {
                let before = costs::distance();
                let value = (sample.run)();
                println!("{before} {value} {}", costs::distance());
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

/// The result of one process.
struct Found {
    name: &'static str,
    value: f64,
    /// The time of a line from core to core, before and after.
    distances: [f64; 2],
}

/// Takes all samples one after the other, and repeats that, so that a change of the machine affects all samples.
///
/// Under a hypervisor two CPUs may share a core at one moment and be far apart the next. So a sample counts only if a
/// line took about the usual time from core to core before and after it.
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
