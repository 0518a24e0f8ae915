//! Large buffers recycled in four ways, side by side.
//!
//! A program works with 100 buffers of 5 to 10 MiB. Each step returns a random one, takes another and writes to every
//! page of it. After 1,200 steps it needs only five, and continues with those for eight epochs. The question is how
//! much memory it still holds then.
//!
//! - (a) `fresh`: a buffer is allocated when taken and freed when returned.
//! - (b) `channel`: a bounded channel of spare buffers with non-blocking get and put. It has room for a quarter of the
//!   working set.
//! - (c) `thread`: a recycler thread behind two channels. It hands out the last returned buffer first, and drops
//!   buffers after two idle epochs.
//! - (d) `ebbtide`: a [`Pool`]. A sweep in each epoch drops buffers after two idle epochs. No other thread is involved
//!   in taking and returning.
//!
//! ```text
//! cargo run --release --example recycler
//! cargo run --release --example recycler -- --buffers 20 --steps 500 --csv samples.csv
//! cargo run --release --example recycler -- --help
//! ```
//!
//! It prints a table and writes a chart to `target/recycler.svg`. `--help` lists the arguments.
//!
//! The ways run one after the other, each in a process of its own, so that none inherits the allocator's state. All
//! pick in the same order, and the nth buffer made has the same size in each. A reused buffer keeps its size. The steps
//! are spread over four epochs, so that sweeps and timeouts happen during the work. Steps per second count the time in
//! the steps, without the pauses.
//!
//! When glibc frees a block that was mapped on its own, it raises its threshold for such mappings to that size. It may
//! then keep freed blocks. The example fixes the threshold for all four ways. `--default-malloc` leaves it alone.
//! Nothing else is done to make memory shrink.

#[path = "../common/mod.rs"]
mod common;

mod buffer;
mod chart;
mod job;
mod options;
mod run;
mod sample;
mod ways;

use std::io::{self, Write};
use std::process::ExitCode;

use common::{Failure, write_file};
use options::{EPOCHS_AFTER, MIB, Options};
use run::{Run, run_in_child};
use ways::WAYS;

fn main() -> ExitCode {
    let outcome = Options::parse().and_then(|options| match &options.child {
        Some(name) => {
            let way = WAYS.iter().find(|way| way.name == name);
            let way = way.ok_or_else(|| Failure::usage(format!("--child '{name}': no such way")))?;
            if !options.default_malloc {
                fix_mmap_threshold();
            }
            (way.run)(&options)
        }
        None => compare(&options),
    });
    common::exit("recycler", outcome)
}

/// Makes glibc map every block of at least 128 KiB on its own, which is its initial setting, and keep that threshold.
fn fix_mmap_threshold() {
    // SAFETY: mallopt may be called at any time. It takes glibc's locks, and refuses values that it can't use.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
    }
}

/// Runs the four ways one after the other and shows the results.
fn compare(options: &Options) -> Result<(), Failure> {
    // Writes empty files first, so that a bad path fails before the work.
    let outputs = [Some(&options.chart), options.csv.as_ref()];
    outputs.into_iter().flatten().try_for_each(|path| write_file(path, ""))?;
    writeln!(io::stdout(), "{}\n", malloc_note(options))?;

    let mut runs = Vec::new();
    for way in &WAYS {
        runs.push(run_in_child(way)?);
    }
    print_table(&runs)?;
    write_file(&options.chart, &chart::draw(&runs, options)?)?;
    writeln!(io::stdout(), "chart: {}", options.chart.display())?;
    if let Some(path) = &options.csv {
        write_file(path, &csv_text(&runs))?;
        writeln!(io::stdout(), "samples: {}", path.display())?;
    }
    Ok(())
}

fn malloc_note(options: &Options) -> &'static str {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        "Not glibc: there is no mmap threshold to fix."
    } else if options.default_malloc {
        "glibc's mmap threshold is left alone: it rises when large blocks are freed."
    } else {
        "glibc's mmap threshold is fixed at 128 KiB in all four runs (mallopt)."
    }
}

fn csv_text(runs: &[Run]) -> String {
    let mut text = String::from("mode,seconds,in_use_bytes,idle_bytes,resident_bytes\n");
    for run in runs {
        text.extend(run.samples.iter().map(|sample| format!("{},{sample}\n", run.way.name)));
    }
    text
}

fn print_table(runs: &[Run]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut row = |title: &str, cells: [&str; 7]| {
        let cells = cells.map(|cell| format!("{cell:>9}")).concat();
        writeln!(out, "{title:20}{cells}")
    };
    row("", ["buffers", "steps", "peak", "idle", "in use", "resident", "resident"])?;
    row("", ["made", "per s", "MiB", "MiB", "MiB", "MiB", "/ in use"])?;
    for run in runs {
        let last = run.last();
        let (made, rate) = (run.made.to_string(), format!("{:.0}", run.steps_per_second));
        let [peak, idle, in_use, resident] =
            [run.peak(), Some(last.idle), Some(last.in_use), last.resident].map(in_mib);
        row(run.way.title, [&made, &rate, &peak, &idle, &in_use, &resident, &run.ratio()])?;
    }
    writeln!(out, "\nidle, in use, resident: {EPOCHS_AFTER} epochs after the shrink")?;
    if runs.iter().all(|run| run.peak().is_none()) {
        writeln!(out, "n/a: resident memory is read on Linux only")?;
    }
    Ok(())
}

fn in_mib(bytes: Option<usize>) -> String {
    bytes.map_or("n/a".into(), |bytes| format!("{:.1}", bytes as f64 / MIB as f64))
}
