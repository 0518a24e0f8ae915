//! Go's `sync.Pool`, and its channels for bounded workloads, from the program in `go/`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::stdout;
use crate::workload::{Channel, Kind, Plan, Shape, Usage, Workload};

/// The contender's name on the command line and in the tables.
pub(crate) const NAME: &str = "go";

/// The built Go program.
#[derive(Debug)]
pub(crate) struct Program {
    binary: PathBuf,
    /// The output of `go version`.
    pub(crate) version: String,
}

impl Program {
    /// Builds the program next to this one. The error is the reason if that fails.
    pub(crate) fn build() -> Result<Self, String> {
        let version = stdout(Command::new("go").arg("version"))?;
        let this = env::current_exe().map_err(|error| error.to_string())?;
        let binary = this.with_file_name(format!("ebbtide-benches-go{}", env::consts::EXE_SUFFIX));
        stdout(
            Command::new("go")
                .args(["build", "-o"])
                .arg(&binary)
                .arg(".")
                .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("go"))
                .env("GOTOOLCHAIN", "local"),
        )?;
        Ok(Self { binary, version })
    }

    /// The command that takes one sample of `workload`, or `None` if that makes no sense in Go.
    pub(crate) fn sample(&self, workload: &Workload, plan: Plan) -> Option<Command> {
        let mut puts = 0;
        let (shape, size) = match workload.shape {
            Shape::Pair => ("pair", 1),
            Shape::Burst(size) => ("burst", size),
            Shape::Window(size) => ("window", size),
            Shape::HandOff(size, Channel::Spinning) => ("hand-off", size),
            Shape::HandOff(size, Channel::Blocking) => ("hand-off-blocking", size),
            Shape::PutGet => ("put-get", 1),
            Shape::PutFirst { puts: some, gets } => {
                puts = some;
                ("put-first", gets)
            }
            Shape::Pause(size) => ("pause", size),
            Shape::Work(size) => ("work", size),
            Shape::Pools(pools) => ("pools", pools),
            Shape::BesidePools(others) => ("beside-pools", others),
            Shape::Churn(size) => ("churn", size),
            Shape::Cold(every) => ("cold", every),
            Shape::Latency { size, sweeps: false } => ("latency", size),
            Shape::Latency { size, sweeps: true } => ("latency-sweeps", size),
            Shape::Weight => ("weight", 1),
            Shape::AfterBurst(size) => ("after-burst", size),
            Shape::Bounded(items, Usage::Pairs | Usage::AsyncCheckouts) => ("bounded-pairs", items),
            Shape::Bounded(items, Usage::Tasks) => ("bounded-waits", items),
            Shape::Bounded(items, Usage::GivingUp) => ("bounded-given-up", items),
            // A goroutine is a task, and has only one way to receive.
            Shape::Bounded(_, Usage::AsyncPairs | Usage::Checkouts | Usage::Threads) => return None,
            // A Go pool has parts for the few threads that run goroutines, not for goroutines. And a garbage collection
            // does far more than a sweep.
            Shape::FirstUse | Shape::BesideThreads(_) | Shape::SweepThreads(_) => return None,
        };
        let item = match workload.item {
            Kind::Nothing => "nothing",
            Kind::Page => "page",
            Kind::Large => "large",
            Kind::Buffer | Kind::Costly => "buffer",
        };
        let mut command = Command::new(&self.binary);
        command.args([
            format!("-shape={shape}"),
            format!("-size={size}"),
            format!("-puts={puts}"),
            format!("-item={item}"),
            format!("-threads={}", workload.threads),
            format!("-warm-up={:?}", plan.warm_up),
            format!("-measured={:?}", plan.measured),
            format!("-shrink={}", plan.shrink),
        ]);
        Some(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Sample;
    use crate::workload::list;

    /// Without Go on this machine, the test does nothing.
    #[test]
    fn the_go_program_works_in_every_workload() {
        let program = match Program::build() {
            Ok(program) => program,
            Err(why) => return eprintln!("not tested: {why}"),
        };
        for workload in &list::ALL {
            let Some(mut command) = program.sample(workload, Plan::TINY) else { continue };
            let line = stdout(&mut command).unwrap();
            let what = format!("{}: {line}", workload.name);
            let sample: Sample = line.parse().unwrap();
            for column in workload.columns {
                // A Go pool has no part for each goroutine.
                assert!(column.key == "thread_bytes" || sample.get(column.key).is_some(), "no {}: {what}", column.key);
            }
            if let (Some(pairs), Some(made)) = (sample.get("pairs"), sample.get("made")) {
                assert!(sample.get("warm_up_made").unwrap() + made > 0.0, "{what}");
                assert!(made < pairs / 2.0, "{what}");
            }
        }
    }
}
