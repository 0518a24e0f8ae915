//! What four pools hold over time, under the same load.
//!
//! Eight threads share a pool of scratch buffers. In bursts, each thread uses 256 buffers of 2 to 64 KiB at once. In
//! the trickle, one thread uses one buffer at a time and the others sleep. One request of the trickle is huge. After
//! another burst, all threads sleep. The question is what lies in the pool meanwhile, and what that does to the
//! memory of the process.
//!
//! - `mutex`: a `Mutex<Vec>`, the pool that is written by hand most often.
//! - `thread-local`: a `RefCell<Vec>` for each thread.
//! - `object-pool`: the crate of that name.
//! - `ebbtide`: a [`Pool`](ebbtide::Pool) with its defaults, except that epochs are short. It boxes its items, and the
//!   others do not.
//!
//! ```text
//! cargo run --release --example tide
//! cargo run --release --example tide -- --threads 64 --burst 50 --csv samples.csv
//! cargo run --release --example tide -- --help
//! ```
//!
//! It prints a table and writes a chart to `target/tide.svg`. `--help` lists the arguments.
//!
//! The pools run one after the other, each in a process of its own, so that none inherits the allocator's state. All
//! follow the same schedule, with the same sizes from the same seed. Each process has the allocator as it is: nothing
//! is set, and nothing but the janitor of ebbtide asks it to return memory.

#[path = "../common/mod.rs"]
mod common;

mod chart;
mod item;
mod options;
mod pools;
mod run;
mod sample;
mod schedule;

use std::io::{self, Write};
use std::process::ExitCode;

use common::{Failure, write_file};
use options::{MIB, Options};
use pools::CONTENDERS;
use run::{Run, run_in_child};

fn main() -> ExitCode {
    let outcome = Options::parse().and_then(|options| match &options.child {
        Some(name) => {
            let contender = CONTENDERS.iter().find(|contender| contender.name == name);
            let contender = contender.ok_or_else(|| Failure::usage(format!("--child '{name}': no such pool")))?;
            (contender.run)(&options)
        }
        None => compare(&options),
    });
    common::exit("tide", outcome)
}

/// Runs the pools one after the other and shows the results.
fn compare(options: &Options) -> Result<(), Failure> {
    // Writes empty files first, so that a bad path fails before the work.
    let outputs = [Some(&options.chart), options.csv.as_ref()];
    outputs.into_iter().flatten().try_for_each(|path| write_file(path, ""))?;

    let runs = CONTENDERS.iter().map(run_in_child).collect::<Result<Vec<_>, _>>()?;
    print_table(&runs)?;
    write_file(&options.chart, &chart::draw(&runs, options)?)?;
    writeln!(io::stdout(), "chart: {}", options.chart.display())?;
    if let Some(path) = &options.csv {
        write_file(path, &csv_text(&runs))?;
        writeln!(io::stdout(), "samples: {}", path.display())?;
    }
    Ok(())
}

fn csv_text(runs: &[Run]) -> String {
    let mut text = String::from("pool,seconds,in_use_bytes,idle_bytes,idle_items,resident_bytes\n");
    for run in runs {
        text.extend(run.samples.iter().map(|sample| format!("{},{sample}\n", run.contender.name)));
    }
    text
}

fn print_table(runs: &[Run]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut row = |title: &str, cells: [&str; 6]| {
        let cells = cells.map(|cell| format!("{cell:>9}")).concat();
        writeln!(out, "{title:20}{cells}")
    };
    row("", ["items", "resident", "resident", "resident", "idle", "idle"])?;
    row("", ["made", "peak", "mean", "at end", "at end", "at end"])?;
    row("", ["", "MiB", "MiB", "MiB", "MiB", "items"])?;
    for run in runs {
        let in_mib =
            |bytes: Option<usize>| bytes.map_or("n/a".into(), |bytes| format!("{:.0}", bytes as f64 / MIB as f64));
        let last = run.last();
        let [peak, mean, end, idle] = [run.peak(), run.mean(), last.resident, Some(last.idle)].map(in_mib);
        let (made, items) = (run.made.to_string(), last.idle_items.to_string());
        row(run.contender.title, [&made, &peak, &mean, &end, &idle, &items])?;
    }
    if runs.iter().all(|run| run.peak().is_none()) {
        writeln!(out, "n/a: resident memory is read on Linux only")?;
    }
    writeln!(out)
}
