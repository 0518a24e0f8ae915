//! Builds broken copies of the project and runs their tests.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Mutex;
use std::thread;

use crate::breaks::{Break, Sources, Test};

/// Each has a copy of the project and a target directory, and builds one thing at a time. One more than there are CPUs,
/// because many a broken test waits for its deadline.
const WORKERS: usize = 3;

/// How often a test may pass, or not come to an end: what real threads do is up to the system, and broken code may ruin the
/// heap under the test's own feet.
const ATTEMPTS: usize = 3;

/// What a worker takes on two CPUs that only workers use, when the dependencies have been built.
const SECONDS_PER_TEST: usize = 5;
const SECONDS_PER_BREAK: usize = 8;

/// A break and a test that must fail with it.
#[derive(Clone, Copy)]
pub(crate) struct Trial<'a> {
    pub(crate) item: &'a Break,
    pub(crate) test: &'a Test,
}

pub(crate) fn expected_minutes(trials: &[Trial<'_>]) -> usize {
    let seconds = tests_of(trials).len() * SECONDS_PER_TEST + trials.len() * SECONDS_PER_BREAK;
    seconds.div_ceil(60 * WORKERS)
}

/// Where copies and builds go, and how long a test may take.
pub(crate) struct Settings {
    pub(crate) root: PathBuf,
    pub(crate) targets: PathBuf,
    /// What a build of the project left, of which workers take the dependencies.
    pub(crate) built: PathBuf,
    pub(crate) seconds: usize,
}

/// Returns the trials that failed. It is an error if a test fails without a break: it would prove nothing.
pub(crate) fn run<'a>(settings: &Settings, mut trials: Vec<Trial<'a>>) -> Result<Vec<Trial<'a>>, String> {
    let workers: Vec<_> = (0..WORKERS).map(|number| Worker::new(settings, number)).collect::<Result<_, _>>()?;
    let failed = share(&workers, tests_of(&trials), |worker, test| worker.passes(test));
    if !failed.is_empty() {
        let failed: Vec<_> = failed.into_iter().map(Test::to_string).collect();
        return Err(format!("these tests fail without a break: {}", failed.join(", ")));
    }
    // Those of one test program one after the other.
    trials.sort_by_key(|trial| trial.test);
    Ok(share(&workers, trials, |worker, trial| worker.catches(trial)))
}

/// Each test once, in order.
fn tests_of<'a>(trials: &[Trial<'a>]) -> Vec<&'a Test> {
    let mut tests: Vec<_> = trials.iter().map(|trial| trial.test).collect();
    tests.sort_unstable();
    tests.dedup();
    tests
}

/// Has the workers do it all, from both ends, so that what one does is next to what it did before. Returns those for which
/// the result was `false`.
fn share<T: Copy + Send>(workers: &[Worker<'_>], all: Vec<T>, what: impl Fn(&Worker<'_>, T) -> bool + Sync) -> Vec<T> {
    let queue = Mutex::new(VecDeque::from(all));
    let work = |worker: &Worker<'_>| {
        let mut failed = Vec::new();
        loop {
            let mut queue = queue.lock().expect("no panic");
            let next = if worker.number == 0 { queue.pop_front() } else { queue.pop_back() };
            drop(queue);
            let Some(next) = next else { return failed };
            if !what(worker, next) {
                failed.push(next);
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = workers.iter().map(|worker| scope.spawn(|| work(worker))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    })
}

struct Worker<'a> {
    settings: &'a Settings,
    number: usize,
    project: PathBuf,
    target: PathBuf,
    log: PathBuf,
}

enum Outcome {
    Passed,
    Failed,
    NoEnd,
}

impl<'a> Worker<'a> {
    fn new(settings: &'a Settings, number: usize) -> Result<Self, String> {
        let folder = settings.targets.join(number.to_string());
        let project = folder.join("project");
        if project.exists() {
            fs::remove_dir_all(&project).map_err(|error| format!("{}: {error}", project.display()))?;
        }
        let target = folder.join("target");
        if !target.exists() {
            copy_built(&settings.built, &target.join("debug"))
                .map_err(|error| format!("{}: {error}", target.display()))?;
        }
        copy(&settings.root, &project).map_err(|error| format!("{}: {error}", project.display()))?;
        Ok(Self { settings, number, project, target, log: folder.join("log") })
    }

    /// Whether the test passes without a break.
    fn passes(&self, test: &Test) -> bool {
        let passed = self.build(test) && matches!(self.test(test), Outcome::Passed);
        // Or it isn't there.
        let passed = passed && self.log().contains("test result: ok. 1 passed");
        if passed {
            println!("  passes         {test}");
        } else {
            println!("{}\n  FAILS          {test}", self.log_end());
        }
        passed
    }

    /// Whether the test fails with the break.
    fn catches(&self, Trial { item, test }: Trial<'_>) -> bool {
        let say = |verdict| println!("  {verdict:<14} {} ({test})", item.name);
        let broken = match Sources::new(&self.project).apply(item) {
            Ok(broken) => broken,
            Err(error) => {
                println!("{error}");
                say("does not apply");
                return false;
            }
        };
        let whole: Vec<_> =
            broken.iter().map(|(path, _)| fs::read_to_string(path).expect("it was read just now")).collect();
        broken.iter().for_each(|(path, text)| fs::write(path, text).expect("a copy can be written"));
        let verdict = self.verdict(test);
        broken.iter().zip(whole).for_each(|((path, _), text)| fs::write(path, text).expect("a copy can be written"));
        say(verdict);
        verdict == "caught"
    }

    fn verdict(&self, test: &Test) -> &'static str {
        if !self.build(test) {
            println!("{}", self.log_end());
            return "does not build";
        }
        let mut verdict = "";
        for _ in 0..ATTEMPTS {
            verdict = match self.test(test) {
                Outcome::Failed => return "caught",
                Outcome::Passed => "UNNOTICED",
                Outcome::NoEnd => "no end",
            };
        }
        verdict
    }

    fn build(&self, test: &Test) -> bool {
        if let Some((path, text)) = test.program(&self.settings.root) {
            let path = self.project.join(path);
            if fs::read_to_string(&path).is_ok_and(|old| old != text) {
                fs::write(path, text).expect("a copy can be written");
            }
        }
        self.run(cargo_test(Command::new("cargo"), test).arg("--no-run")).success()
    }

    fn test(&self, test: &Test) -> Outcome {
        let mut timeout = Command::new("timeout");
        timeout.args(["-k", "5", &self.settings.seconds.to_string(), "cargo"]);
        let status = self.run(cargo_test(timeout, test).args(["--", "--include-ignored", "--exact", &test.name]));
        match status.code() {
            Some(0) => Outcome::Passed,
            // What `timeout` says, if one signal was enough and if it wasn't.
            Some(124 | 137) => Outcome::NoEnd,
            _ => Outcome::Failed,
        }
    }

    /// Runs a command in the copy, and logs what it prints.
    fn run(&self, command: &mut Command) -> ExitStatus {
        let log = File::create(&self.log).expect("a log can be written");
        command.current_dir(&self.project).env("CARGO_TARGET_DIR", &self.target);
        // A break changes little, and what is built once more takes half as long.
        command.env("CARGO_INCREMENTAL", "1");
        // A tenth faster to build.
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

/// Completes a command that ends in `cargo`.
fn cargo_test(mut command: Command, test: &Test) -> Command {
    let package = if test.package == "ebbtide" { "ebbtide".to_owned() } else { format!("ebbtide-{}", test.package) };
    command.args(["test", "-q", "-p", &package]);
    if test.is_unit() {
        command.arg("--lib");
        return command;
    }
    command.args(["--test", &test.file]);
    match test.file.as_str() {
        "janitor_threads" | "large" | "limits" | "locked_instructions" | "promise_6_heap" => {
            command.args(["--features", "bounded"])
        }
        "compile_fail" => command.args(["--features", "bounded,derive"]),
        "clear_crates" | "observing" | "observing_bounded" | "pressure" | "shrinking" | "zeroize" => {
            command.arg("--all-features")
        }
        "derive" => command.args(["--features", "derive"]),
        file if test.package == "ebbtide" && file.starts_with("bounded") => command.args(["--features", "bounded"]),
        file if file.starts_with("buffers") => command.args(["--features", "bytes,tokio"]),
        _ => &mut command,
    };
    command
}

/// Copies a folder without what git and cargo put there. All files are new, hence newer than what an earlier run may have
/// built from a broken source.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if name == "target" || name == ".git" {
            continue;
        }
        if kind.is_dir() {
            copy(&entry.path(), &to.join(&name))?;
        } else if kind.is_file() {
            fs::copy(entry.path(), to.join(&name))?;
        }
    }
    Ok(())
}

/// Copies a folder of libraries that cargo has built, with the times of the files, from which it sees that they are built.
/// Those of the project are older than the copies of their sources, and hence built again.
fn copy_built(from: &Path, to: &Path) -> io::Result<()> {
    for folder in [".fingerprint", "build", "deps"] {
        copy_with_times(&from.join(folder), &to.join(folder))?;
    }
    Ok(())
}

/// Leaves out programs that only `cargo` starts, which are most of the bytes.
fn copy_with_times(from: &Path, to: &Path) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(from) else { return Ok(()) };
    fs::create_dir_all(to)?;
    for entry in entries {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_with_times(&path, &to)?;
        } else if path.extension().is_some() || !from.ends_with("deps") {
            fs::copy(&path, &to)?;
            File::options().write(true).open(&to)?.set_modified(entry.metadata()?.modified()?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_meet_and_failures_are_returned() {
        let root = PathBuf::new();
        let settings = Settings { root: root.clone(), targets: root.clone(), built: root.clone(), seconds: 1 };
        let worker = |number| Worker {
            settings: &settings,
            number,
            project: root.clone(),
            target: root.clone(),
            log: root.clone(),
        };
        let done = Mutex::new(Vec::new());
        let mut failed = share(&[worker(0), worker(1)], (0..10).collect(), |_, number: i32| {
            done.lock().expect("no panic").push(number);
            number % 5 != 0
        });
        let mut done = done.into_inner().expect("no panic");
        done.sort_unstable();
        failed.sort_unstable();
        assert_eq!((done, failed), ((0..10).collect(), vec![0, 5]));
    }

    #[test]
    fn the_file_of_a_test_decides_on_the_features() {
        let arguments = |test: &str| {
            let command = cargo_test(Command::new("cargo"), &Test::try_from(test.to_owned()).expect("a test"));
            command.get_args().map(|part| part.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(arguments("loom-tests models::get"), "test -q -p ebbtide-loom-tests --test models");
        assert_eq!(arguments("ebbtide lib::engine::cost::tests::get"), "test -q -p ebbtide --lib");
        assert_eq!(arguments("ebbtide api::get"), "test -q -p ebbtide --test api");
        assert_eq!(arguments("ebbtide bounded::api::get"), "test -q -p ebbtide --test bounded --features bounded");
    }
}
