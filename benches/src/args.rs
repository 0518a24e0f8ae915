//! The command line, by hand.

use crate::contender::{self, Entry};
use crate::go;
use crate::workload::{self, Workload};

/// What the user wants.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Compare(Comparison),
    /// One run of one workload in this process: what the comparison starts for each sample.
    Sample(&'static Entry, &'static Workload),
}

/// Which samples to take, and how many of each.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) contenders: Vec<&'static Entry>,
    pub(crate) go: bool,
    pub(crate) workloads: Vec<&'static Workload>,
    pub(crate) rounds: usize,
}

pub(crate) const USAGE: &str =
    "usage: ebbtide-benches [--quick | --rounds N] [--only CONTENDER,...] [--workload WORKLOAD,...] [--help]";

const ROUNDS: usize = 31;
const QUICK_ROUNDS: usize = 9;

pub(crate) fn help() -> String {
    format!(
        "{USAGE}\n\n\
        Measures ebbtide beside its peers and prints tables in Markdown.\n\n\
        \x20 --quick            {QUICK_ROUNDS} rounds instead of {ROUNDS}: less than three minutes\n\
        \x20 --rounds N         so many samples of each contender in each workload\n\
        \x20 --only A,B         only these contenders\n\
        \x20 --workload A,B     only these workloads\n\
        \x20 --help             this text\n\n\
        contenders: {}\n\
        workloads:  {}",
        contender_names().join(", "),
        workload_names().join(", "),
    )
}

pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut args = args.into_iter();
    let mut rounds = None;
    let mut only = None;
    let mut workloads = None;
    while let Some(arg) = args.next() {
        let mut value = |of: &str| {
            let value = args.next();
            value.ok_or_else(|| format!("`{of}` needs a value"))
        };
        match arg.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--quick" => set(&mut rounds, QUICK_ROUNDS, "--quick` or `--rounds")?,
            "--rounds" => {
                let text = value("--rounds")?;
                let number = text.parse().ok().filter(|&number| number > 0);
                let number = number.ok_or_else(|| format!("`--rounds` is a number from 1 up, not `{text}`"))?;
                set(&mut rounds, number, "--quick` or `--rounds")?;
            }
            "--only" => set(&mut only, value("--only")?, "--only")?,
            "--workload" => set(&mut workloads, value("--workload")?, "--workload")?,
            "--sample" => {
                let entry = entry(&value("--sample")?)?;
                let workload = workload(&value("--sample")?)?;
                if !(entry.runs)(workload) {
                    return Err(format!("`{}` has no `{}`", entry.name, workload.name));
                }
                return match args.next() {
                    None => Ok(Command::Sample(entry, workload)),
                    Some(more) => Err(format!("`{more}` is too much after `--sample`")),
                };
            }
            unknown => return Err(format!("unknown argument `{unknown}`")),
        }
    }
    let (contenders, go) = match only {
        None => (contender::ALL.iter().collect(), true),
        Some(names) => {
            let (go, rest): (Vec<_>, Vec<_>) = names.split(',').partition(|&name| name == go::NAME);
            for name in &rest {
                entry(name)?;
            }
            let chosen = contender::ALL.iter().filter(|e| rest.contains(&e.name));
            (chosen.collect(), !go.is_empty())
        }
    };
    let workloads = match workloads {
        None => workload::ALL.iter().collect(),
        Some(names) => {
            let names: Vec<_> = names.split(',').collect();
            for name in &names {
                workload(name)?;
            }
            let chosen = workload::ALL.iter().filter(|w| names.contains(&w.name));
            chosen.collect()
        }
    };
    Ok(Command::Compare(Comparison { contenders, go, workloads, rounds: rounds.unwrap_or(ROUNDS) }))
}

/// Sets what may be said only once.
fn set<T>(to: &mut Option<T>, value: T, what: &str) -> Result<(), String> {
    match to.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("`{what}` only once")),
    }
}

fn entry(name: &str) -> Result<&'static Entry, String> {
    let found = contender::ALL.iter().find(|entry| entry.name == name);
    found.ok_or_else(|| {
        let known = contender_names().join(", ");
        format!("no contender `{name}`: there are {known}")
    })
}

fn workload(name: &str) -> Result<&'static Workload, String> {
    let found = workload::ALL.iter().find(|workload| workload.name == name);
    found.ok_or_else(|| {
        let known = workload_names().join(", ");
        format!("no workload `{name}`: there are {known}")
    })
}

fn contender_names() -> Vec<&'static str> {
    let names = contender::ALL.iter().map(|entry| entry.name);
    names.chain([go::NAME]).collect()
}

fn workload_names() -> Vec<&'static str> {
    workload::ALL.iter().map(|workload| workload.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        super::parse(line.split_whitespace().map(str::to_owned))
    }

    fn comparison(line: &str) -> Comparison {
        match parse(line) {
            Ok(Command::Compare(comparison)) => comparison,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn nothing_means_everything() {
        let all = comparison("");
        assert_eq!(all.contenders.len(), contender::ALL.len());
        assert_eq!(all.workloads.len(), workload::ALL.len());
        assert_eq!((all.go, all.rounds), (true, ROUNDS));
    }

    #[test]
    fn filters_choose() {
        let some = comparison("--only go,ebbtide --workload burst-16,pair --quick");
        let names: Vec<_> = some.contenders.iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["ebbtide"]);
        let names: Vec<_> = some.workloads.iter().map(|w| w.name).collect();
        assert_eq!(names, ["pair", "burst-16"]);
        assert_eq!((some.go, some.rounds), (true, QUICK_ROUNDS));
        assert!(!comparison("--only opool").go);
    }

    #[test]
    fn bad_arguments_are_named() {
        for (line, says) in [
            ("--fast", "unknown argument `--fast`"),
            ("pair", "unknown argument `pair`"),
            ("--rounds", "needs a value"),
            ("--rounds 0", "not `0`"),
            ("--rounds many", "not `many`"),
            ("--quick --rounds 3", "only once"),
            ("--only java", "no contender `java`"),
            ("--only ebbtide,", "no contender ``"),
            ("--workload soak", "no workload `soak`"),
            ("--sample ebbtide", "needs a value"),
            ("--sample go pair", "no contender `go`"),
            ("--sample ebbtide pair 3", "`3` is too much"),
            ("--sample thread-local-cell burst-16", "has no `burst-16`"),
        ] {
            let message = parse(line).map(|_| line).unwrap_err();
            assert!(message.contains(says), "{line}: {message}");
        }
    }
}
