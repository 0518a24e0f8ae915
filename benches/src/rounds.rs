//! Takes the samples: a process each, the contenders of a workload in a new order in every round.
//!
//! A new process has new memory, so no sample profits or suffers from what an earlier one left in the allocator, and
//! the luck of one address-space layout is not everybody's. What slows the machine down for a while falls on all alike.

use std::env;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, IsTerminal, Write};
use std::process::Command;
use std::thread;

use crate::args::Comparison;
use crate::go;
use crate::sample::Sample;
use crate::workload::{Plan, Workload};

/// All samples, and what they were taken with.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) workloads: Vec<&'static Workload>,
    pub(crate) rows: Vec<Row>,
    pub(crate) rounds: usize,
    /// How many threads can run at once.
    pub(crate) cores: usize,
    /// What Go was used, or why none was; nothing if it was not asked for.
    pub(crate) go: Option<Result<String, String>>,
}

/// One contender's samples: for each workload, in the order of `Results`, those of all rounds.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) samples: Vec<Vec<Sample>>,
}

pub(crate) fn run(comparison: &Comparison) -> Result<Results, String> {
    let this = env::current_exe().map_err(|error| error.to_string())?;
    let go = comparison.go.then(go::Program::build);
    if let Some(Err(why)) = &go {
        eprintln!("note: no figures for Go, and no ratios: {why}");
    }
    let program = go.as_ref().and_then(|built| built.as_ref().ok());

    let mut rows: Vec<Row> = comparison
        .contenders
        .iter()
        .map(|entry| entry.name)
        .chain(program.map(|_| go::NAME))
        .map(|name| Row { name, samples: vec![Vec::new(); comparison.workloads.len()] })
        .collect();
    if rows.is_empty() {
        return Err("nobody is left to be measured".into());
    }

    let progress = Progress { seen: io::stderr().is_terminal() };
    let mut order: Vec<usize> = (0..rows.len()).collect();
    for round in 1..=comparison.rounds {
        for (column, &workload) in comparison.workloads.iter().enumerate() {
            shuffle(&mut order);
            for &row in &order {
                let mut command = match comparison.contenders.get(row) {
                    Some(entry) if !(entry.runs)(workload) => continue,
                    Some(entry) => {
                        let mut command = Command::new(&this);
                        command.args(["--sample", entry.name, workload.name]);
                        command
                    }
                    None => match program {
                        Some(program) => program.sample(workload, Plan::SAMPLE),
                        None => continue,
                    },
                };
                let Row { name, samples } = &mut rows[row];
                let rounds = comparison.rounds;
                progress.show(&format!("round {round} of {rounds}: {} {name}", workload.name));
                let line = go::stdout(&mut command)?;
                samples[column].push(line.parse()?);
            }
        }
    }
    Ok(Results {
        workloads: comparison.workloads.clone(),
        rows,
        rounds: comparison.rounds,
        cores: thread::available_parallelism().map_or(1, |cores| cores.get()),
        go: go.map(|built| built.map(|program| program.version)),
    })
}

/// Every order is about as likely as every other, and nothing here needs more than that.
fn shuffle(order: &mut [usize]) {
    for end in (1..order.len()).rev() {
        let random = RandomState::new().hash_one(end) as usize;
        order.swap(end, random % (end + 1));
    }
}

/// One line on standard error that is written over, if anybody is there to see it.
struct Progress {
    seen: bool,
}

impl Progress {
    fn show(&self, line: &str) {
        if self.seen {
            // A progress line that can't be written is no reason to stop.
            let _ = write!(io::stderr(), "\r\x1b[K{line}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.show("");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut order: Vec<usize> = (0..10).collect();
        shuffle(&mut order);
        order.sort_unstable();
        assert!(order.into_iter().eq(0..10));
    }
}
