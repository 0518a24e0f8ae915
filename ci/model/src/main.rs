//! Explores the protocol between an owner and a sweep of its private slots, on machines with explicit store buffers.
//! The heavy barrier drains the buffers of all CPUs. src/machine.rs has the machines, src/protocol the protocol,
//! src/scenarios.rs the explored programs, src/search the exploration and the invariants, and src/mutants.rs the ways
//! to break the protocol.

mod machine;
mod mutants;
mod protocol;
mod scenarios;
mod search;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use machine::Machine;
use mutants::{Mutant, Shown};
use scenarios::Scenario;
use search::Program;

const USAGE: &str = "\
usage: ci/model/run [--all] [WORD]

Without --all: the small scenarios and the three mutants of the barriers (32 s of CPU time on a busy machine).
With --all: every scenario, also on the weak machine with more early loads, and every mutant (many times as long).
With WORD: only those whose name contains it.";

/// A scenario that must be correct, or a mutant that some scenario must expose.
enum Job<'a> {
    Correct(&'a Scenario, Machine),
    Broken(Mutant, &'static str, Machine, bool),
}

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args().skip(1).collect();
    let everything = arguments.first().is_some_and(|first| first == "--all");
    arguments.drain(..usize::from(everything));
    let word = arguments.pop().unwrap_or_default();
    if word == "--help" || !arguments.is_empty() {
        println!("{USAGE}");
        return ExitCode::from(if word == "--help" { 0 } else { 2 });
    }
    let scenarios = scenarios::all();
    let mut small: Vec<_> = scenarios.iter().filter(|scenario| scenario.small).collect();
    small.sort_by_key(|scenario| scenario.threads.iter().map(|script| script.ops.len()).sum::<usize>());
    let mut jobs = Vec::new();
    for (mutant, shown, what) in mutants::ALL {
        let chosen = everything || mutants::BARRIERS.contains(mutant);
        let on = if *shown == Shown::Tso { &[Machine::Tso, Machine::Weak(3)][..] } else { &[Machine::Weak(3)] };
        let seen = !matches!(shown, Shown::Not(_));
        jobs.extend(on.iter().filter(|_| chosen).map(|&machine| Job::Broken(*mutant, what, machine, seen)));
    }
    for machine in [Machine::Tso, Machine::Weak(2)] {
        let explored = scenarios.iter().filter(|scenario| everything || scenario.small);
        jobs.extend(explored.map(|scenario| Job::Correct(scenario, machine)));
    }
    if everything {
        jobs.extend(small.iter().map(|scenario| Job::Correct(scenario, Machine::Weak(3))));
    }

    jobs.retain(|job| match job {
        Job::Correct(scenario, _) => scenario.name.contains(&word),
        Job::Broken(mutant, ..) => format!("{mutant:?}").contains(&word),
    });

    let (next, wrong, start) = (AtomicUsize::new(0), AtomicUsize::new(0), Instant::now());
    let totals = Mutex::new(Vec::<(Machine, usize, usize)>::new());
    let work = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (line, ok) = match *job {
                Job::Correct(scenario, machine) => {
                    let outcome = Program { scenario, machine, mutant: None }.explore();
                    let mut totals = totals.lock().unwrap();
                    match totals.iter_mut().find(|total| total.0 == machine) {
                        Some(total) => *total = (machine, total.1 + 1, total.2 + outcome.states),
                        None => totals.push((machine, 1, outcome.states)),
                    }
                    let ok = outcome.wrong.is_none();
                    let way =
                        outcome.wrong.map_or(String::new(), |(what, way)| format!("\n{}\n{what}", way.join("\n")));
                    (format!("{machine:?}: {}: {} states{way}", scenario.name, outcome.states), ok)
                }
                Job::Broken(mutant, what, machine, expected) => {
                    let caught = small.iter().find_map(|&scenario| {
                        let outcome = Program { scenario, machine, mutant: Some(mutant) }.explore();
                        outcome.wrong.map(|(wrong, way)| format!("{wrong} ({}, {} steps)", scenario.name, way.len()))
                    });
                    let ok = caught.is_some() == expected;
                    (format!("{machine:?}: {mutant:?}, {what}: {}", caught.unwrap_or("not exposed".into())), ok)
                }
            };
            let seconds = start.elapsed().as_secs();
            println!("{seconds:5} s {} {line}", if ok { "ok   " } else { "WRONG" });
            if !ok {
                wrong.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        (0..threads).for_each(|_| drop(scope.spawn(work)));
    });
    for (machine, scenarios, states) in totals.into_inner().unwrap() {
        println!("{machine:?}: {scenarios} scenarios, {states} states");
    }
    for (mutant, shown, what) in mutants::ALL {
        if let Shown::Not(reason) = shown {
            println!("not exposed here: {mutant:?}, {what}: {reason}");
        }
    }
    if wrong.into_inner() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
