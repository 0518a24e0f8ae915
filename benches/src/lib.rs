//! Compares ebbtide with other pools and Go's `sync.Pool`.
//!
//! ```text
//! cargo run --release -p ebbtide-benches -- --help
//! ```
//!
//! Each module uses only those below it:
//!
//! | module | what it does |
//! | --- | --- |
//! | `args` | the command line |
//! | `report`, `chart` | tables in Markdown, charts in SVG |
//! | `rounds` | runs every contender in every workload, a process each, in shuffled rounds |
//! | `progress` | a progress bar |
//! | `results`, `spread` | all samples, their medians and quartiles |
//! | `machine` | facts about the machine |
//! | `costs` | what its locked instructions, cache lines and barriers cost |
//! | `instructions` | instructions per pair, cache lines, and the check that they don't increase |
//! | `lineup` | all contenders, and the program of each |
//! | `allocators`, `go` | build the other programs, and the commands that run them |
//! | `contenders` | a small adapter for each contender |
//! | `workload::run` and its modules | run the workloads, each written once |
//! | `contender` | the traits that every contender implements |
//! | `workload`, `workload::list` | what a workload is, and all of them |
//! | `sample` | the results of one run of one workload, as numbers and as text |
//! | `item` | the pooled items |
//! | `timing` | clocks and threads |
//! | `counting` | an allocator that counts, for a separate program |
//! | `markdown`, `process` | tables and numbers as text; running other programs |
//!
//! This is a library because several programs use it, each with another global allocator.

mod allocators;
mod args;
mod chart;
mod contender;
mod contenders;
pub mod costs;
mod counting;
mod go;
mod instructions;
mod item;
mod lineup;
mod machine;
mod markdown;
mod process;
mod progress;
mod report;
mod results;
mod rounds;
mod sample;
mod spread;
pub mod timing;
mod workload;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use args::{Command, Output};
pub use counting::Counting;
use rounds::Comparison;

#[cfg(test)]
#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The body of every program in this package.
pub fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let command = match args::parse(arguments.iter().cloned()) {
        Ok(command) => command,
        Err(message) => {
            eprintln!("error: {message}\n\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    let result = match command {
        Command::Help => {
            println!("{}", args::help());
            Ok(())
        }
        Command::Sample(contender, workload) => {
            println!("{}", (contender.sample)(workload, workload::Plan::SAMPLE));
            Ok(())
        }
        Command::Instructions(task) => instructions::run(task),
        Command::Compare(comparison, output) => compare(&comparison, &output, &arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn compare(comparison: &Comparison, output: &Output, arguments: &[String]) -> Result<(), String> {
    let Output { tables, charts } = output;
    // Paths that can't be written fail before the measurements.
    let create = |folder: &Path, what: &str| {
        fs::create_dir_all(folder).map_err(|error| format!("no {what} in {}: {error}", folder.display()))
    };
    create(charts, "charts")?;
    create(tables.parent().unwrap_or(Path::new("")), "tables")?;
    let results = rounds::run(comparison)?;
    let page = report::markdown(&results, arguments);
    print!("{page}");
    fs::write(tables, page).map_err(|error| format!("no tables in {}: {error}", tables.display()))?;
    let charts = report::charts(&results, charts)?;
    for written in [tables].into_iter().chain(&charts) {
        eprintln!("wrote {}", written.display());
    }
    Ok(())
}

/// The migration page is tested here, as this package has the other pools.
#[cfg(doctest)]
#[doc = include_str!("../../docs/migrating.md")]
struct Migrating;
