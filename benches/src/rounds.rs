//! Takes the samples, one process for each. In every round, the contenders of a workload run in a new order.
//!
//! A new process has new memory. So no sample depends on the state in which an earlier one left the allocator, and
//! address-space layouts vary. A temporary slowdown of the machine affects all contenders.

use std::hash::{BuildHasher, RandomState};
use std::thread;

use crate::allocators;
use crate::costs::Costs;
use crate::lineup::{Entrant, Runner};
use crate::process::stdout;
use crate::progress::Progress;
use crate::results::{Results, Row};
use crate::workload::Workload;

/// The samples to take, and how many of each.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) entrants: Vec<Entrant>,
    pub(crate) workloads: Vec<&'static Workload>,
    pub(crate) rounds: usize,
}

pub(crate) fn run(comparison: &Comparison) -> Result<Results, String> {
    let Comparison { entrants, workloads, rounds } = comparison;
    let mut builder = Builder { progress: Progress::new(entrants.len() + 1), missing: Vec::new() };
    let runners = entrants.iter().filter_map(|entrant| builder.build(entrant.name(), || entrant.runner()));
    let runners: Vec<Runner> = runners.collect();
    let weighed = workloads.iter().find(|workload| workload.counts());
    let counting =
        weighed.and_then(|workload| builder.build(workload.name, || allocators::build(allocators::COUNTING)));
    let Builder { progress, missing } = builder;
    drop(progress);
    if runners.is_empty() {
        return Err("nobody is left to be measured".into());
    }

    let row = |runner: &Runner| Row {
        name: runner.name,
        overtakes: runner.overtakes(),
        samples: vec![Vec::new(); workloads.len()],
    };
    let mut rows: Vec<Row> = runners.iter().map(row).collect();
    let command = |place: usize, workload| runners[place].sample(workload, counting.as_deref());
    let a_round = workloads.iter().map(|workload| (0..rows.len()).filter_map(|place| command(place, workload)).count());
    let mut progress = Progress::new(rounds * a_round.sum::<usize>());
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut costs = Vec::new();
    for _ in 0..*rounds {
        costs.push(Costs::measure());
        for (at, workload) in workloads.iter().enumerate() {
            shuffle(&mut order);
            for &place in &order {
                let Some(mut command) = command(place, workload) else {
                    continue;
                };
                let Row { name, samples, .. } = &mut rows[place];
                progress.begin(&format!("{} {name}", workload.name));
                let sample = stdout(&mut command).and_then(|line| line.parse());
                samples[at].push(sample.map_err(|error| format!("{name} in {}: {error}", workload.name))?);
            }
        }
    }
    Ok(Results {
        workloads: workloads.clone(),
        rows,
        rounds: *rounds,
        cores: thread::available_parallelism().map_or(1, |cores| cores.get()),
        costs,
        go: runners.iter().find_map(Runner::go).map(str::to_owned),
        missing,
    })
}

/// Builds missing programs, and reports what can't be built.
struct Builder {
    progress: Progress,
    missing: Vec<(&'static str, String)>,
}

impl Builder {
    fn build<T>(&mut self, name: &'static str, build: impl FnOnce() -> Result<T, String>) -> Option<T> {
        self.progress.begin(&format!("builds {name}"));
        let built = build();
        let leave_out = |why| {
            self.progress.note(&format!("no figures for {name}: {why}"));
            self.missing.push((name, why));
        };
        built.map_err(leave_out).ok()
    }
}

/// All orders are about equally likely, which is enough here.
fn shuffle(order: &mut [usize]) {
    for end in (1..order.len()).rev() {
        let random = RandomState::new().hash_one(end) as usize;
        order.swap(end, random % (end + 1));
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
