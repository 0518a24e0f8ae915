//! Measures ebbtide beside its peers and Go's `sync.Pool`.
//!
//! ```text
//! cargo run --release -p ebbtide-benches -- --help
//! ```
//!
//! | module | what it does |
//! | --- | --- |
//! | `contender` | the trait that every contender implements, the list of contenders |
//! | `contenders` | one small adapter each |
//! | `item` | what is pooled |
//! | `workload` | the workloads, each written once, and the rows of the targets |
//! | `sample` | what one run of one workload gives, as numbers and as a line of text |
//! | `counting` | an allocator that counts, for a program of its own |
//! | `allocators`, `go` | build the programs beside this one and say how to run them |
//! | `lineup` | everybody who can be compared, and in which program |
//! | `rounds` | runs every contender in every workload, a process each, in shuffled rounds |
//! | `instructions` | the exact cost of a pair, and the check that it doesn't grow |
//! | `progress` | how far that is |
//! | `results`, `spread` | all samples, their medians and quartiles |
//! | `machine` | what the run took place on |
//! | `report`, `chart` | tables in Markdown, charts in SVG |
//! | `args` | the command line |
//!
//! It is a library so that several programs can be made of it, which differ in their global allocator.

mod allocators;
mod args;
mod chart;
mod contender;
mod contenders;
mod counting;
mod go;
mod instructions;
mod item;
mod lineup;
mod machine;
mod progress;
mod report;
mod results;
mod rounds;
mod sample;
mod spread;
mod workload;

use std::process::ExitCode;
use std::{env, fs};

use args::{Command, Comparison};
pub use counting::Counting;

#[cfg(test)]
#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The whole of every program in this package.
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
        Command::Compare(comparison) => compare(&comparison, &arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn compare(comparison: &Comparison, arguments: &[String]) -> Result<(), String> {
    let folder = &comparison.charts;
    // What can't be written is better known before all is measured.
    fs::create_dir_all(folder).map_err(|error| format!("no charts in {}: {error}", folder.display()))?;
    let results = rounds::run(comparison)?;
    print!("{}", report::markdown(&results, arguments));
    for chart in report::charts(&results, folder)? {
        eprintln!("wrote {}", chart.display());
    }
    Ok(())
}

/// The page on migrating is tested here, where the other pools are.
#[cfg(doctest)]
#[doc = include_str!("../../docs/migrating.md")]
struct Migrating;
