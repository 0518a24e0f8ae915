//! Go's `sync.Pool`, from the program in `go/`.

use std::env;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::workload::{Plan, Shape, Workload};

/// The contender's name on the command line and in the tables.
pub(crate) const NAME: &str = "go";

/// The Go program, built.
#[derive(Debug)]
pub(crate) struct Program {
    binary: PathBuf,
    /// What `go version` says.
    pub(crate) version: String,
}

impl Program {
    /// Builds the program beside this one. The error says why there is none.
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

    /// The command that takes one sample of `workload`.
    pub(crate) fn sample(&self, workload: &Workload, plan: Plan) -> Command {
        let (shape, size) = match workload.shape {
            Shape::Pair => ("pair", 1),
            Shape::Burst(size) => ("burst", size),
            Shape::HandOff(size) => ("hand-off", size),
        };
        let mut command = Command::new(&self.binary);
        command.arg(shape);
        command.arg(size.to_string());
        command.arg(workload.threads.to_string());
        command.arg(plan.warm_up.as_millis().to_string());
        command.arg(plan.measured.as_millis().to_string());
        command
    }
}

/// Runs `command` and returns what it printed, or why it failed.
pub(crate) fn stdout(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } = command.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("there is no `{name}` to run"),
        _ => format!("`{name}` does not run: {error}"),
    })?;
    if status.success() {
        Ok(String::from_utf8_lossy(&stdout).trim().to_owned())
    } else {
        let stderr = String::from_utf8_lossy(&stderr);
        Err(format!("`{name}` failed ({status}): {}", stderr.trim()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sample::Sample;
    use crate::workload;

    /// Without Go on this machine there is nothing to test.
    #[test]
    fn the_go_program_works_in_every_workload() {
        let program = match Program::build() {
            Ok(program) => program,
            Err(why) => return eprintln!("not tested: {why}"),
        };
        let tiny = Plan { warm_up: Duration::ZERO, measured: Duration::ZERO };
        for workload in &workload::ALL {
            let line = stdout(&mut program.sample(workload, tiny)).unwrap();
            let sample: Sample = line.parse().unwrap();
            let made = sample.warm_up.made + sample.measured.made;
            let pairs = sample.warm_up.pairs + sample.measured.pairs;
            assert!(0 < made && made < pairs / 2, "{}: {line}", workload.name);
        }
    }
}
