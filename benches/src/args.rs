//! The command line.

use std::path::{Path, PathBuf};

use crate::instructions::{self, Task};
use crate::lineup::{self, Entrant, Entry};
use crate::machine;
use crate::rounds::Comparison;
use crate::workload::{Workload, list};

/// The requested command.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Compare(Comparison, Output),
    /// One sample of one workload in this process. A comparison starts such a process for each sample.
    Sample(&'static Entry, &'static Workload),
    Instructions(Task),
}

/// The file for the tables and the folder for the charts.
#[derive(Debug, PartialEq)]
pub(crate) struct Output {
    pub(crate) tables: PathBuf,
    pub(crate) charts: PathBuf,
}

impl Default for Output {
    /// Another kind of machine has other files, because only figures of one can be compared.
    fn default() -> Self {
        let charts = Path::new("target/benchmarks").join(machine::file_name());
        Self { tables: charts.with_extension("md"), charts }
    }
}

pub(crate) const USAGE: &str = "usage: ebbtide-benches [--quick] [--rounds N] [--only CONTENDER,...] \
    [--workload WORKLOAD,...] [--tables FILE] [--charts DIR] [--help]\n\
    \x20      ebbtide-benches instructions [--check | --write]";

const ROUNDS: usize = 31;
const QUICK_ROUNDS: usize = 3;

pub(crate) fn help() -> String {
    let workloads = list::ALL.iter().map(|workload| format!("  {:18} {}\n", workload.name, workload.about));
    let Output { tables, charts } = Output::default();
    format!(
        "Compares ebbtide with its peers, prints and writes Markdown tables, and draws charts.\n\n\
        {USAGE}\n\n\
        \x20 --quick            fewer workloads, {QUICK_ROUNDS} rounds: less than five minutes\n\
        \x20 --rounds N         samples of each contender in each workload  [default: {ROUNDS}]\n\
        \x20 --only A,B         only these contenders\n\
        \x20 --workload A,B     only these workloads, or those of a chart\n\
        \x20 --tables FILE      the file for the tables  [default: {}]\n\
        \x20 --charts DIR       the folder for the charts  [default: {}]\n\
        \x20 --help             this text\n\n\
        `instructions` counts the instructions per pair, and cache lines, which needs valgrind, and prints tables.\n\n\
        \x20 --check            counts for ebbtide only, and fails if a figure exceeds the kept one\n\
        \x20 --write            keeps the tables\n\n\
        contenders: {}\n\n\
        workloads:\n{}",
        tables.display(),
        charts.display(),
        names().join(", "),
        workloads.collect::<String>().trim_end(),
    )
}

pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut args = args.into_iter().peekable();
    if args.next_if(|arg| arg == "instructions").is_some() {
        return instructions::parse(args).map(Command::Instructions);
    }
    let mut quick = None;
    let mut rounds = None;
    let mut only = None;
    let mut workloads = None;
    let mut tables = None;
    let mut charts = None;
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("`{arg}` needs a value"));
        match arg.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--quick" => set(&mut quick, (), &arg)?,
            "--rounds" => {
                let text = value()?;
                let number = text.parse().ok().filter(|&number| number > 0);
                set(
                    &mut rounds,
                    number.ok_or_else(|| format!("`--rounds` is a number from 1 up, not `{text}`"))?,
                    &arg,
                )?;
            }
            "--only" => set(&mut only, value()?, &arg)?,
            "--workload" => set(&mut workloads, value()?, &arg)?,
            "--tables" => set(&mut tables, value()?.into(), &arg)?,
            "--charts" => set(&mut charts, value()?.into(), &arg)?,
            "--sample" => {
                let entry = entry(&value()?)?;
                let workload = workload(&value()?)?;
                if !(entry.runs)(workload) {
                    return Err(format!("`{}` has no `{}`", entry.name, workload.name));
                }
                return match args.next() {
                    None => Ok(Command::Sample(entry, workload)),
                    Some(more) => Err(format!("`{more}` is unexpected after `--sample`")),
                };
            }
            unknown => return Err(format!("unknown argument `{unknown}`")),
        }
    }
    let mut entrants = Entrant::all();
    if let Some(only) = only {
        let wanted: Vec<_> = only.split(',').collect();
        if let Some(unknown) = wanted.iter().find(|name| !names().contains(name)) {
            return Err(no_contender(unknown));
        }
        entrants.retain(|entrant| wanted.contains(&entrant.name()));
    }
    let workloads: Vec<_> = match workloads {
        None => list::ALL.iter().filter(|workload| workload.quick || quick.is_none()).collect(),
        Some(names) => {
            let wanted: Vec<_> = names.split(',').collect();
            if let Some(unknown) = wanted.iter().find(|name| !list::ALL.iter().any(|workload| is(workload, name))) {
                return Err(no_workload(unknown));
            }
            list::ALL.iter().filter(|workload| wanted.iter().any(|name| is(workload, name))).collect()
        }
    };
    entrants.retain(|entrant| workloads.iter().any(|workload| entrant.runs(workload)));
    let rounds = rounds.unwrap_or(if quick.is_some() { QUICK_ROUNDS } else { ROUNDS });
    let default = Output::default();
    let output = Output { tables: tables.unwrap_or(default.tables), charts: charts.unwrap_or(default.charts) };
    Ok(Command::Compare(Comparison { entrants, workloads, rounds }, output))
}

/// Sets an option that may be given only once.
fn set<T>(to: &mut Option<T>, value: T, what: &str) -> Result<(), String> {
    match to.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("`{what}` only once")),
    }
}

/// A contender that is written in Rust. Only these take samples in this program.
fn entry(name: &str) -> Result<&'static Entry, String> {
    lineup::ALL.iter().find(|entry| entry.name == name).ok_or_else(|| no_contender(name))
}

fn no_contender(name: &str) -> String {
    format!("no contender `{name}`: there are {}", names().join(", "))
}

fn workload(name: &str) -> Result<&'static Workload, String> {
    list::ALL.iter().find(|workload| workload.name == name).ok_or_else(|| no_workload(name))
}

fn no_workload(name: &str) -> String {
    let known: Vec<_> = list::ALL.iter().map(|workload| workload.name).collect();
    format!("no workload `{name}`: there are {}", known.join(", "))
}

/// Whether `name` is the name of the workload or of its group.
fn is(workload: &Workload, name: &str) -> bool {
    workload.name == name || workload.group.titles().1 == name
}

fn names() -> Vec<&'static str> {
    Entrant::all().into_iter().map(Entrant::name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        super::parse(line.split_whitespace().map(str::to_owned))
    }

    fn compare(line: &str) -> (Comparison, Output) {
        match parse(line) {
            Ok(Command::Compare(comparison, output)) => (comparison, output),
            other => panic!("{line}: {other:?}"),
        }
    }

    fn comparison(line: &str) -> Comparison {
        compare(line).0
    }

    fn workloads(comparison: &Comparison) -> Vec<&str> {
        comparison.workloads.iter().map(|workload| workload.name).collect()
    }

    #[test]
    fn no_arguments_select_everything() {
        let (all, output) = compare("");
        assert_eq!(all.entrants.len(), names().len());
        assert_eq!(all.workloads.len(), list::ALL.len());
        assert_eq!(all.rounds, ROUNDS);
        assert_eq!(output, Output::default());
    }

    #[test]
    fn allocators_and_go_are_included() {
        let names = names();
        for name in lineup::ALL.iter().map(|entry| entry.name).chain(["mimalloc", "jemalloc", "snmalloc", "go"]) {
            assert_eq!(names.iter().filter(|other| **other == name).count(), 1, "{name}: {names:?}");
        }
    }

    #[test]
    fn filters_select() {
        let (some, output) =
            compare("--only go,ebbtide --workload burst-16,pair --rounds 3 --charts some --tables where.md");
        let names: Vec<_> = some.entrants.iter().map(|entrant| entrant.name()).collect();
        assert_eq!(names, ["ebbtide", "go"]);
        assert_eq!(workloads(&some), ["pair", "burst-16"]);
        assert_eq!(some.rounds, 3);
        assert_eq!(output, Output { tables: "where.md".into(), charts: "some".into() });
    }

    #[test]
    fn a_chart_name_selects_its_workloads_and_contenders() {
        let some = comparison("--workload bounded,pair --only opool,ebbtide,deadpool,mimalloc --rounds 1");
        let bounded = list::ALL.iter().filter(|workload| workload.is_bounded()).count();
        assert_eq!(some.workloads.len(), bounded + 1);
        assert_eq!(some.entrants.len(), 4);
        let some = comparison("--workload bounded --only opool,ebbtide,deadpool,mimalloc,go");
        let names: Vec<_> = some.entrants.iter().map(|entrant| entrant.name()).collect();
        assert_eq!(names, ["ebbtide", "deadpool", "go"]);
    }

    #[test]
    fn quick_omits_slow_workloads() {
        let quick = comparison("--quick");
        assert_eq!(quick.rounds, QUICK_ROUNDS);
        assert!(quick.workloads.iter().all(|workload| workload.quick) && quick.workloads.len() < list::ALL.len());
        let slow = list::ALL.iter().find(|workload| !workload.quick).expect("there is one").name;
        let both = comparison(&format!("--quick --rounds 7 --workload {slow}"));
        assert_eq!((workloads(&both), both.rounds), (vec![slow], 7));
    }

    #[test]
    fn bad_arguments_are_named() {
        for (line, says) in [
            ("--fast", "unknown argument `--fast`"),
            ("pair", "unknown argument `pair`"),
            ("--rounds", "`--rounds` needs a value"),
            ("--rounds 0", "not `0`"),
            ("--rounds many", "not `many`"),
            ("--quick --quick", "`--quick` only once"),
            ("--tables", "`--tables` needs a value"),
            ("--charts", "`--charts` needs a value"),
            ("--only java", "no contender `java`"),
            ("--only ebbtide,", "no contender ``"),
            ("--workload soak", "no workload `soak`"),
            ("--sample ebbtide", "needs a value"),
            ("--sample go pair", "no contender `go`"),
            ("--sample ebbtide pair 3", "`3` is unexpected"),
            ("--sample thread-local-cell burst-16", "has no `burst-16`"),
            ("--quick instructions", "unknown argument `instructions`"),
            ("instructions --fast", "`--fast`"),
            ("instructions --check --write", "`--check --write`"),
            ("instructions --work go pair 3", "no row `go`"),
            ("instructions --work ebbtide soak 3", "no column `soak`"),
            ("instructions --work ebbtide pair many", "not `many`"),
            ("instructions --trace go pair 0", "no path `go`"),
            ("instructions --trace hand-off soak 0", "no column `soak`"),
            ("instructions --trace hand-off pair many", "not `many`"),
        ] {
            let message = parse(line).map(|_| line).unwrap_err();
            assert!(message.contains(says), "{line}: {message}");
        }
    }
}
