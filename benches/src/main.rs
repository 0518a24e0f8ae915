//! Measures ebbtide beside its peers and Go's `sync.Pool`.
//!
//! ```text
//! cargo run --release -p ebbtide-benches -- --help
//! ```
//!
//! | module | what it does |
//! | --- | --- |
//! | `contender` | the trait that every contender implements, the item, the list of contenders |
//! | `contenders` | one small adapter each |
//! | `workload` | the workloads, each written once, and the rows of the targets |
//! | `sample` | what one run of one workload gives, as numbers and as a line of text |
//! | `go` | builds the Go program and says how to run it |
//! | `rounds` | runs every contender in every workload, a process each, in shuffled rounds |
//! | `report` | medians, ratios and tables |
//! | `args` | the command line |

mod args;
mod contender;
mod contenders;
mod go;
mod report;
mod rounds;
mod sample;
mod workload;

use std::process::ExitCode;

use args::Command;

fn main() -> ExitCode {
    let command = match args::parse(std::env::args().skip(1)) {
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
        Command::Compare(comparison) => {
            rounds::run(&comparison).map(|results| println!("{}", report::markdown(&results)))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
