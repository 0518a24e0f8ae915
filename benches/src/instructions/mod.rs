//! What a pair costs in instructions: the same every time, where nanoseconds are not.
//!
//! callgrind runs this program twice, to do few pairs of a kind and then many. What the second run executed more, divided
//! by the pairs it did more, is the cost of one: start-up, warm-up and the end are the same in both and cancel out. No
//! cache is in it, no mispredicted branch and no waiting; so it says whether a path became longer, not how fast it is.
//!
//! The loop is counted with the pair. The row `loop-alone` is the part of a figure that is the loop's and the item's own,
//! to be subtracted where the pool alone is of interest.

mod loop_alone;
mod table;

use std::fs;
use std::mem;
use std::process::Command;
use std::sync::Arc;

use ebbtide::{BoundedPool, Pool, Pooled};

use crate::contender::{self, Contender, Entry};
use crate::go;
use crate::item::{Buffer, Item};
use crate::workload::{Group, Kind, Shape, Workload};
use loop_alone::LoopAlone;
use table::{Line, Table};

/// What the user wants of it.
#[derive(Debug)]
pub(crate) enum Task {
    Print,
    /// Counts for ebbtide and compares with what is kept.
    Check,
    /// Counts and keeps.
    Write,
    /// Does so many pairs in this process: what is started under callgrind.
    Work(Row, &'static Workload, usize),
}

/// Where the figures are kept.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.md");

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    name: &'static str,
    runs: fn(&Workload) -> bool,
    work: fn(Shape, usize),
}

/// The most items that are out at once.
const LARGEST: usize = 2048;

/// The columns. They differ from the workloads of the comparison in which bursts there are.
static COLUMNS: [Workload; 5] = [
    column("pair", Shape::Pair),
    column("burst-2", Shape::Burst(2)),
    column("burst-16", Shape::Burst(16)),
    column("burst-64", Shape::Burst(64)),
    column("burst-2048", Shape::Burst(LARGEST)),
];

const fn column(name: &'static str, shape: Shape) -> Workload {
    Workload {
        name,
        group: Group::Targets,
        about: "",
        shape,
        item: Kind::Buffer,
        threads: 1,
        columns: &[],
        targets: &[],
        quick: false,
    }
}

impl Row {
    /// Whether its figures are checked. The others depend on code that isn't ours.
    fn is_checked(&self) -> bool {
        self.name.starts_with("ebbtide")
    }
}

/// Every contender, what else ebbtide does, and the loop alone.
fn rows() -> Vec<Row> {
    let contenders = contender::ALL.iter().map(|&Entry { name, runs, work, .. }| Row { name, runs, work });
    let only_pairs = |workload: &Workload| workload.shape == Shape::Pair;
    let others = [
        Row { name: "ebbtide-owned", runs: only_pairs, work: |_, pairs| owned(pairs) },
        Row { name: "ebbtide-detached", runs: only_pairs, work: |_, pairs| detached(pairs) },
        Row { name: "ebbtide-miss", runs: only_pairs, work: |_, pairs| misses(pairs) },
        Row { name: "ebbtide-bounded", runs: only_pairs, work: |_, pairs| bounded(pairs) },
        Row { name: LoopAlone::<Buffer>::NAME, runs: |_| true, work: work::<LoopAlone<Buffer>> },
    ];
    contenders.chain(others).collect()
}

/// Does so many pairs, with a new pool. The loops are as plain as can be, so that the compiler makes the same of them
/// whatever else is in the program.
pub(crate) fn work<C: Contender>(shape: Shape, pairs: usize) {
    let pool = &C::new(LARGEST);
    match shape {
        Shape::Pair => {
            for _ in 0..pairs {
                let mut item = pool.get();
                item.write();
                pool.put(item);
            }
        }
        Shape::Burst(size) => {
            let mut held: Vec<_> = (0..size).map(|_| None).collect();
            for _ in 0..pairs / size {
                for place in &mut held {
                    let mut item = pool.get();
                    item.write();
                    // Nothing was there, which the compiler can't know.
                    mem::forget(place.replace(item));
                }
                for place in &mut held {
                    if let Some(item) = place.take() {
                        pool.put(item);
                    }
                }
            }
        }
        other => unreachable!("{other:?} is not counted"),
    }
}

/// Pairs whose guards hold the pool.
fn owned(pairs: usize) {
    let pool = Arc::new(Pool::<Buffer>::new());
    for _ in 0..pairs {
        let mut item = pool.get_owned();
        item.write();
    }
}

/// Items that are taken out of the pool's hands and put in again.
fn detached(pairs: usize) {
    let pool = Pool::<Buffer>::new();
    for _ in 0..pairs {
        let mut item = Pooled::detach(pool.get());
        item.write();
        pool.put(item);
    }
}

/// Items that are made because the pool has none, though it had some once, and dropped instead of given back.
fn misses(pairs: usize) {
    let pool = Pool::<Buffer>::new();
    drop((0..100).map(|_| pool.get()).collect::<Vec<_>>());
    while let Some(item) = pool.try_get() {
        drop(Pooled::detach(item));
    }
    for _ in 0..pairs {
        let mut item = pool.get();
        item.write();
        drop(Pooled::detach(item));
    }
}

/// The pool with a limit, while it isn't reached.
fn bounded(pairs: usize) {
    let pool = BoundedPool::<Buffer>::new(4);
    for _ in 0..pairs {
        let mut item = pool.get().expect("nobody closes it");
        item.write();
    }
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

/// Counts every column of the rows that are `wanted`.
fn count_all(wanted: impl Fn(&Row) -> bool) -> Result<Table, String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err("instructions are counted on x86-64 Linux alone, where the kept figures are from".into());
    }
    if cfg!(debug_assertions) {
        return Err("what a debug build executes says nothing: use `--release`".into());
    }
    let c_library = go::stdout(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
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
    // Both are whole bursts of any size there is, and enough of them to be warm after the first.
    const FEW: usize = 16 * LARGEST;
    const MANY: usize = 64 * LARGEST;
    let (few, many) = (executed(row, column, FEW)?, executed(row, column, MANY)?);
    Ok((many - few) / (MANY - FEW) as f64)
}

/// How many instructions a process executes that does so many pairs.
fn executed(row: &Row, column: &Workload, pairs: usize) -> Result<f64, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let log = go::stdout(
        Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--log-fd=1"])
            .arg(this)
            .args(["instructions", "--work", row.name, column.name, &pairs.to_string()]),
    )?;
    let collected = log.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    collected.ok_or_else(|| format!("callgrind didn't say what it collected: {log}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::allocate::Allocate;
    use crate::item;

    /// Every row does what its name says, as far as that shows in the number of items that are made. Some pools make more
    /// than are wanted, and only once.
    #[test]
    fn rows_do_what_they_say() {
        const PAIRS: usize = 4 * LARGEST;
        for row in rows() {
            for column in COLUMNS.iter().filter(|column| (row.runs)(column)) {
                item::take_made();
                (row.work)(column.shape, PAIRS);
                let made = item::take_made() as usize;
                let makes_all = ["ebbtide-miss", Allocate::<Buffer>::NAME].contains(&row.name);
                let expected = if makes_all { PAIRS..=PAIRS + 100 } else { 0..=2 * LARGEST };
                assert!(expected.contains(&made), "{} in {}: {made} items made", row.name, column.name);
            }
        }
    }
}
