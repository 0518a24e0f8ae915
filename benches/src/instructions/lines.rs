//! Cache lines that operations write, counted in traces of this program, as instructions are.
//!
//! A pair or a burst is a round, in which a line counts once. That is how many lines move if another core had them all.

use std::process::Command;

use super::coherence::{Round, rounds};
use super::marks::Act;
use super::paths::{ALONE, BATCH, Path, TOGETHER};
use super::rows::COLUMNS;
use super::table::{Line, Table};
use super::trace::events;
use crate::process::stdout;
use crate::workload::counted::LARGEST;
use crate::workload::{Shape, Workload};

/// The columns of a batch's table.
pub(super) const MOVES: [&str; 3] = ["written", "moved", "fetched"];

/// The row of a batch that no other thread gets.
pub(super) const ALONE_IN_BURSTS: &str = "spill and refill";

/// Lines written by a pair.
pub(super) fn of_pairs() -> Result<Table, String> {
    let mut lines = Vec::new();
    for path in &ALONE {
        eprintln!("counting lines of {}", path.name);
        let figure = |column: &Workload| {
            let size = if let Shape::Burst(size) = column.shape { size } else { 1 };
            Ok(mean(&traced(path, column, 0)?, Act::Get, |round| round.written).unwrap_or_default() / size as f64)
        };
        let figures = COLUMNS.iter().map(|column| path.has(column.shape).then(|| figure(column)).transpose());
        lines.push(Line { name: path.name.to_owned(), figures: figures.collect::<Result<_, String>>()? });
    }
    Ok(Table { head: COLUMNS.iter().map(|column| column.name.to_owned()).collect(), lines })
}

/// Lines written and taken from another thread for a batch, by the gets and by the puts.
pub(super) fn of_batches(pairs: &Table) -> Result<Table, String> {
    let mut lines = vec![Line { name: ALONE_IN_BURSTS.to_owned(), figures: vec![spilled(pairs), None, None] }];
    for path in &TOGETHER {
        eprintln!("counting lines of {}", path.name);
        let mut rounds = Vec::new();
        // The allocator may begin an array at any of these bytes of a line.
        for at in [0, 16, 32, 48] {
            rounds.extend(traced(path, &COLUMNS[0], at)?);
        }
        for (act, name) in [(Act::Get, "gets"), (Act::Put, "puts")] {
            let counts: [fn(&Round) -> usize; 3] = [|round| round.written, |round| round.moved, |round| round.fetched];
            let figures = counts.map(|count| mean(&rounds, act, count)).to_vec();
            lines.push(Line { name: format!("{}, {name}", path.name), figures });
        }
    }
    Ok(Table { head: MOVES.map(str::to_owned).to_vec(), lines })
}

/// Lines written by a spill and a refill in one thread: what bursts write beyond the private slots and the items.
fn spilled(pairs: &Table) -> Option<f64> {
    const FEW: usize = 64;
    let written = |size: usize| Some(pairs.figure("ebbtide", &format!("burst-{size}"))? * size as f64);
    let items = (LARGEST - FEW) as f64;
    Some((written(LARGEST)? - written(FEW)? - items) / (items / BATCH as f64))
}

/// The rounds of a process that runs a path, after three quarters of them.
fn traced(path: &Path, column: &Workload, at: usize) -> Result<Vec<Round>, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let trace = stdout(
        Command::new("valgrind")
            .args(["--tool=lackey", "--trace-mem=yes", "--fair-sched=yes", "--log-fd=1"])
            .arg(this)
            .args(["instructions", "--trace", path.name, column.name, &at.to_string()]),
    )?;
    let mut rounds = rounds(events(&trace));
    Ok(rounds.split_off(rounds.len() / 4 * 3))
}

/// The mean over the rounds with this act, if there are any.
fn mean(rounds: &[Round], act: Act, count: impl Fn(&Round) -> usize) -> Option<f64> {
    let counts: Vec<_> = rounds.iter().filter(|round| round.act == act).map(count).collect();
    (!counts.is_empty()).then(|| counts.iter().sum::<usize>() as f64 / counts.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spill_and_a_refill_are_what_a_larger_burst_adds() {
        let line = Line { name: "ebbtide".to_owned(), figures: vec![Some(1.5), Some(1.25)] };
        let mut pairs = Table { head: ["burst-64", "burst-2048"].map(str::to_owned).to_vec(), lines: vec![line] };
        // 124 batches write 2560 - 96 lines, of which 1984 are the items'.
        assert_eq!(spilled(&pairs), Some(480.0 / 124.0));
        pairs.lines[0].figures[1] = None;
        assert_eq!(spilled(&pairs), None);
    }

    #[test]
    fn the_mean_is_over_the_rounds_with_an_act() {
        let round = |act, written| Round { act, written, moved: 0, fetched: 0 };
        let rounds = [round(Act::Get, 1), round(Act::Put, 7), round(Act::Get, 2)];
        assert_eq!(mean(&rounds, Act::Get, |round| round.written), Some(1.5));
        assert_eq!(mean(&rounds[1..2], Act::Get, |round| round.written), None);
    }
}
