//! The cost of a pair in instructions, which is the same in every run, unlike nanoseconds.
//!
//! callgrind runs this program twice, with few pairs and with many. The difference in instructions, divided by the
//! difference in pairs, is the cost of one. Start-up, warm-up and the end cancel out. The figure has no cache misses,
//! mispredicted branches or waiting. So it shows whether a path became longer, not how fast it is.
//!
//! The figure includes the loop. The row `loop-alone` is the part of the loop and the item, to subtract if only the
//! pool matters.

mod loop_alone;
mod rows;
mod table;

use std::fs;
use std::process::Command;

use crate::process::stdout;
use crate::workload::Workload;
use crate::workload::counted::LARGEST;
use rows::{COLUMNS, Row, rows};
use table::{KEPT, Line, Table};

/// The requested task.
#[derive(Debug)]
pub(crate) enum Task {
    Print,
    /// Counts for ebbtide and compares with the kept figures.
    Check,
    /// Counts and keeps the figures.
    Write,
    /// Runs this many pairs in this process, under callgrind.
    Work(Row, &'static Workload, usize),
}

pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Task, String> {
    let args: Vec<String> = args.collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(Task::Print),
        ["--check"] => Ok(Task::Check),
        ["--write"] => Ok(Task::Write),
        ["--work", row, column, pairs] => {
            let row = rows().into_iter().find(|known| known.name == row).ok_or_else(|| format!("no row `{row}`"))?;
            let column = COLUMNS.iter().find(|known| known.name == column);
            let column = column.ok_or_else(|| format!("no column `{}`", args[2]))?;
            let pairs = pairs.parse().map_err(|_| format!("a number of pairs is not `{pairs}`"))?;
            Ok(Task::Work(row, column, pairs))
        }
        _ => Err(format!("`instructions` takes nothing, `--check` or `--write`, not `{}`", args.join(" "))),
    }
}

pub(crate) fn run(task: Task) -> Result<(), String> {
    match task {
        Task::Print => print!("{}", count_all(|_| true)?),
        Task::Check => {
            let kept = fs::read_to_string(KEPT).map_err(|error| format!("{KEPT}: {error}"))?;
            let now = count_all(Row::is_checked)?;
            println!("{}", now.check(&kept.parse()?)?);
        }
        Task::Write => fs::write(KEPT, count_all(|_| true)?.page()).map_err(|error| format!("{KEPT}: {error}"))?,
        Task::Work(row, workload, pairs) => (row.work)(workload.shape, pairs),
    }
    Ok(())
}

/// Counts every column of the rows for which `wanted` is true.
fn count_all(wanted: impl Fn(&Row) -> bool) -> Result<Table, String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err("instructions are counted on x86-64 Linux alone, where the kept figures are from".into());
    }
    if cfg!(debug_assertions) {
        return Err("the figures of a debug build mean nothing: use `--release`".into());
    }
    let c_library = stdout(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    let made_with = format!("{}, {c_library}", env!("RUSTC_VERSION"));
    let mut lines = Vec::new();
    for row in rows().into_iter().filter(wanted) {
        eprintln!("counting {}", row.name);
        let figures = COLUMNS.iter().map(|column| (row.runs)(column).then(|| count(&row, column)).transpose());
        lines.push(Line { name: row.name.to_owned(), figures: figures.collect::<Result<_, _>>()? });
    }
    Ok(Table { made_with, lines })
}

/// Instructions per pair.
fn count(row: &Row, column: &Workload) -> Result<f64, String> {
    // Both are multiples of every burst's size, and large enough to be warm after the first burst.
    const FEW: usize = 16 * LARGEST;
    const MANY: usize = 64 * LARGEST;
    let (few, many) = (executed(row, column, FEW)?, executed(row, column, MANY)?);
    Ok((many - few) / (MANY - FEW) as f64)
}

/// The number of instructions of a process that runs this many pairs.
fn executed(row: &Row, column: &Workload, pairs: usize) -> Result<f64, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let log = stdout(
        Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--log-fd=1"])
            .arg(this)
            .args(["instructions", "--work", row.name, column.name, &pairs.to_string()]),
    )?;
    let collected = log.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    collected.ok_or_else(|| format!("callgrind didn't say what it collected: {log}"))
}
