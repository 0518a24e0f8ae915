//! The cost of a pair in instructions, which is the same in every run, unlike nanoseconds.
//!
//! callgrind runs this program twice, with few pairs and with many. The difference in instructions, divided by the
//! difference in pairs, is the cost of one. Start-up, warm-up and the end cancel out. The figure has no cache misses,
//! mispredicted branches or waiting. So it shows whether a path became longer, not how fast it is.
//!
//! The figure includes the loop. The row `loop-alone` is the part of the loop and the item, to subtract if only the
//! pool matters.
//!
//! | module | what it does |
//! | --- | --- |
//! | `page`, `table` | the figures in Markdown, and their comparison with the kept ones |
//! | `rows`, `loop_alone` | the paths whose instructions are counted |
//! | `lines` | counts cache lines |
//! | `coherence` | which lines a thread writes, and takes from another one |
//! | `trace` | reads the trace of a process |
//! | `paths`, `marks` | the paths that are traced, and marks in the trace |

mod coherence;
mod lines;
mod loop_alone;
mod marks;
mod page;
mod paths;
mod rows;
mod table;
mod trace;

use std::fs;
use std::process::Command;

use crate::process::stdout;
use crate::workload::Workload;
use crate::workload::counted::LARGEST;
use page::{KEPT, Page};
use paths::{ALONE, Path, TOGETHER};
use rows::{COLUMNS, Row, rows};
use table::{Line, Table};

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
    /// Runs a path in this process, under lackey, with arrays that begin at this byte of a line.
    Trace(&'static Path, &'static Workload, usize),
}

pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Task, String> {
    let args: Vec<String> = args.collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(Task::Print),
        ["--check"] => Ok(Task::Check),
        ["--write"] => Ok(Task::Write),
        ["--work", row, column, pairs] => {
            let row = rows().into_iter().find(|known| known.name == row).ok_or_else(|| format!("no row `{row}`"))?;
            let column = column_of(column)?;
            let pairs = pairs.parse().map_err(|_| format!("a number of pairs is not `{pairs}`"))?;
            Ok(Task::Work(row, column, pairs))
        }
        ["--trace", path, column, at] => {
            let known = ALONE.iter().chain(&TOGETHER).find(|known| known.name == path);
            let path = known.ok_or_else(|| format!("no path `{path}`"))?;
            let at = at.parse().map_err(|_| format!("a byte of a line is not `{at}`"))?;
            Ok(Task::Trace(path, column_of(column)?, at))
        }
        _ => Err(format!("`instructions` takes nothing, `--check` or `--write`, not `{}`", args.join(" "))),
    }
}

fn column_of(name: &str) -> Result<&'static Workload, String> {
    COLUMNS.iter().find(|known| known.name == name).ok_or_else(|| format!("no column `{name}`"))
}

pub(crate) fn run(task: Task) -> Result<(), String> {
    match task {
        Task::Print => print!("{}", count_all(|_| true)?),
        Task::Check => {
            let kept = fs::read_to_string(KEPT).map_err(|error| format!("{KEPT}: {error}"))?;
            let now = count_all(Row::is_checked)?;
            println!("{}", now.check(&kept.parse()?)?);
        }
        Task::Write => fs::write(KEPT, count_all(|_| true)?.text()).map_err(|error| format!("{KEPT}: {error}"))?,
        Task::Work(row, workload, pairs) => (row.work)(workload.shape, pairs),
        Task::Trace(path, workload, at) => {
            marks::announce();
            marks::on_stack(|| (path.run)(workload.shape, at));
        }
    }
    Ok(())
}

/// Counts every column of the rows for which `wanted` is true.
fn count_all(wanted: impl Fn(&Row) -> bool) -> Result<Page, String> {
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
    let head = COLUMNS.iter().map(|column| column.name.to_owned()).collect();
    let pairs = lines::of_pairs()?;
    let batches = lines::of_batches(&pairs)?;
    Ok(Page { made_with, tables: [Table { head, lines }, pairs, batches] })
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
