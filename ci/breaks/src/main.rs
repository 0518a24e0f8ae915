//! Breaks the code on purpose and says which breaks went unnoticed.

mod breaks;
mod changed;
mod edit;
mod run;
mod tokens;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use breaks::{Break, Sources};
use changed::Changes;
use run::Trial;

const HELP: &str = "\
Breaks the code on purpose and says which breaks went unnoticed.

  ci/breaks/run                   tries every break
  ci/breaks/run NAME...           those whose names begin so
  ci/breaks/run --changed REV     those that what changed since REV concerns: their files, their tests or themselves
  ci/breaks/run --tenth           a tenth of all, another one each day
  ci/breaks/run … --at-most N     no more than N, those of one argument before those of the next, and others each day
  ci/breaks/run --check           only says which breaks don't apply to the source
  ci/breaks/run --list            names them, and the tests that must fail
  ci/breaks/run --apply NAME      breaks this copy of the source

Names, --changed and --tenth add up. A break is caught if its test fails. One that doesn't apply or doesn't build counts as
unnoticed, and so does a test that passes, or doesn't come to an end, three times.

The entries are in ci/breaks/*.toml. An edit replaces the tokens `find` of its file, which must be there once, by `replace`;
comments and whitespace do not matter. `within` limits the search to items that begin with these tokens. An entry with several
tests must make each of them fail.

Each of three workers has a copy of the project and a target directory, under target/breaks. It begins with the dependencies
that the project's target directory has. Two variables change what is usual: BREAKS_TARGET_DIR, and BREAKS_TIMEOUT, the
seconds that a test may take (400).
";

/// The project's root. Cargo says where this package is; what was built into the program may be another copy's path.
fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this program");
    Path::new(&package).join("../..").canonicalize().expect("the project's root")
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match act(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn act(arguments: &[&str]) -> Result<ExitCode, String> {
    let root = root();
    let all = breaks::read_all(&root)?;
    match arguments {
        ["--help"] => print!("{HELP}"),
        ["--list"] => {
            trials(all.iter().map(|(_, item)| item)).for_each(|trial| println!("{} ({})", trial.item.name, trial.test))
        }
        ["--check"] => return Ok(check(&root, &all)),
        ["--apply", name] => {
            let found = all.iter().find(|(_, item)| item.name == *name);
            let (_, item) = found.ok_or_else(|| format!("no break is called {name}"))?;
            for (path, text) in Sources::new(&root).apply(item)? {
                fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        _ => return try_breaks(root.clone(), &select(&root, &all, arguments)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn check(root: &Path, all: &[(String, Break)]) -> ExitCode {
    let wrong = breaks::check(root, all);
    wrong.iter().for_each(|what| println!("{what}"));
    if wrong.is_empty() {
        println!("{} breaks, all of which apply", all.len());
        ExitCode::SUCCESS
    } else {
        println!("{} faults in {} breaks", wrong.len(), all.len());
        ExitCode::FAILURE
    }
}

/// The breaks that are asked for.
fn select<'a>(root: &Path, all: &'a [(String, Break)], arguments: &[&str]) -> Result<Vec<&'a Break>, String> {
    // One list for each argument.
    let mut wanted: Vec<Vec<usize>> = Vec::new();
    let mut also = |which: &dyn Fn(usize, &(String, Break)) -> bool| {
        wanted.push((0..all.len()).filter(|&index| which(index, &all[index])).collect());
        wanted.last().map_or(0, Vec::len)
    };
    if arguments.is_empty() {
        also(&|_, _| true);
    }
    let today = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() / 86_400) as usize;
    let (mut rest, mut most) = (arguments.iter(), usize::MAX);
    while let Some(argument) = rest.next() {
        match *argument {
            "--changed" => {
                let revision = rest.next().ok_or("--changed needs a revision")?;
                let changes = Changes::since(root, revision)?;
                let count = also(&|_, (file, item)| changes.concern(file, item));
                println!("what changed since {revision} concerns {count} breaks");
            }
            "--tenth" => {
                let tenth = today % 10;
                let count = also(&|index, _| index % 10 == tenth);
                println!("today's tenth, {tenth} of 0 to 9, has {count} breaks");
            }
            "--at-most" => {
                let number = rest.next().and_then(|number| number.parse().ok());
                most = number.ok_or("--at-most needs a number")?;
            }
            option if option.starts_with('-') => return Err(format!("{option} is no option\n\n{HELP}")),
            name => {
                if also(&|_, (_, item)| item.name.starts_with(name)) == 0 {
                    return Err(format!("no break is called {name}"));
                }
            }
        }
    }
    Ok(first(wanted, most, today).into_iter().map(|index| &all[index].1).collect())
}

/// At most so many of these in total, each once. Those of a list come before those of the next.
fn first(lists: Vec<Vec<usize>>, most: usize, day: usize) -> BTreeSet<usize> {
    let mut chosen = BTreeSet::new();
    for list in lists {
        let others = list.into_iter().filter(|index| !chosen.contains(index)).collect();
        chosen.extend(spread(others, most - chosen.len(), day));
    }
    chosen
}

/// At most so many of these, with the same distance between them, and others each day.
fn spread<T: Copy>(all: Vec<T>, most: usize, day: usize) -> Vec<T> {
    if all.len() <= most {
        return all;
    }
    (0..most).map(|index| all[(index * all.len() / most + day) % all.len()]).collect()
}

fn trials<'a>(breaks: impl Iterator<Item = &'a Break>) -> impl Iterator<Item = Trial<'a>> {
    breaks.flat_map(|item| item.tests.iter().map(move |test| Trial { item, test }))
}

fn try_breaks(root: PathBuf, breaks: &[&Break]) -> Result<ExitCode, String> {
    let targets = env::var_os("BREAKS_TARGET_DIR").map_or_else(|| root.join("target/breaks"), PathBuf::from);
    let seconds = env::var("BREAKS_TIMEOUT").map_or(Ok(400), |text| text.parse());
    let seconds = seconds.map_err(|error| format!("BREAKS_TIMEOUT: {error}"))?;
    let trials: Vec<_> = trials(breaks.iter().copied()).collect();
    println!("{} breaks, about {} minutes", breaks.len(), run::expected_minutes(&trials));
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let missed = run::run(&run::Settings { root, targets, built: target.join("debug"), seconds }, trials)?;
    missed.iter().for_each(|trial| println!("not caught: {} ({})", trial.item.name, trial.test));
    println!("{} breaks, {} times not caught", breaks.len(), missed.len());
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::{first, spread};

    #[test]
    fn what_comes_first_is_tried_first() {
        let chosen = |most| Vec::from_iter(first(vec![vec![7, 8], vec![0, 2, 4, 6, 8]], most, 0));
        assert_eq!(chosen(10), [0, 2, 4, 6, 7, 8]);
        assert_eq!(chosen(4), [0, 4, 7, 8]);
        assert_eq!(chosen(1), [7]);
    }

    #[test]
    fn a_sample_is_spread_and_moves_on_each_day() {
        let all: Vec<usize> = (0..10).collect();
        assert_eq!(spread(all.clone(), 10, 3), all);
        assert_eq!(spread(all.clone(), 3, 0), [0, 3, 6]);
        assert_eq!(spread(all.clone(), 3, 4), [4, 7, 0]);
        let mut found: Vec<_> = (0..4).flat_map(|day| spread(all.clone(), 3, day)).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, all);
    }
}
