//! The main job: large buffers recycled in four ways, measured side by side.
//!
//! A program works with 100 buffers of 5 to 10 MiB. At each step it gives back one of them, picked at random, takes
//! another and writes to every page of it. After 1,200 steps it needs only five. It goes on with those for eight
//! epochs; what it holds by then, beside the five, is the question.
//!
//! - (a) `fresh`: a buffer is allocated when it is taken and freed when it is given back.
//! - (b) `channel`: a bounded channel of spare buffers, with non-blocking get and put. It has room for a quarter of the
//!   working set.
//! - (c) `thread`: a recycler thread behind two channels. It hands out first what came back last, and drops what has
//!   been there for two epochs.
//! - (d) `ebbtide`: a [`Pool`]. Its sweeps, one at each epoch, drop what has not been used for two epochs, and no
//!   thread stands between giving back and taking.
//!
//! ```text
//! cargo run --release --example recycler
//! cargo run --release --example recycler -- --buffers 20 --steps 500 --csv samples.csv
//! cargo run --release --example recycler -- --help
//! ```
//!
//! It prints a table and writes a chart, `target/recycler.svg` unless `--chart` says otherwise. `--buffers`,
//! `--min-mb`, `--max-mb`, `--steps`, `--shrink-to` and `--epoch-ms` change the job, `--seed` changes which buffers are
//! picked and how large they are, `--csv` writes the samples.
//!
//! Each way runs in a process of its own, one after the other, so that none sees what another left in the allocator.
//! All four pick in the same order, and the nth buffer made is equally large in all of them; one that is used again
//! keeps its size. The steps are spread over four epochs, so that sweeps and timeouts happen during the work, too;
//! steps per second counts the time spent in the steps, not the pauses between them.
//!
//! When a block that was mapped on its own is freed, glibc no longer maps blocks of up to that size on their own, and
//! may keep them when they are freed. The example fixes the threshold, alike for all four; `--default-malloc` shows the
//! run without. Nothing else is done to make memory shrink.

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

/// Makes glibc map every block of 128 KiB or more on its own, as it does at first anyway, and keep to that.
fn fix_mmap_threshold() {
    // SAFETY: mallopt may be called at any time and takes glibc's locks; it refuses a value that it can't use.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
    }
}

/// Runs the four ways one after the other and shows what came of it.
fn compare(options: &Options) -> Result<(), Failure> {
    // Empty files now, so that a bad path is found out before the work.
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
