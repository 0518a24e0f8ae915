//! Everybody who can be compared, and where the samples of each are taken.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::contender::{Contender, Entry};
use crate::contenders::allocate::Allocate;
use crate::item::Buffer;
use crate::workload::{Plan, Workload};
use crate::{allocators, contender, go};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Entrant {
    /// One of `contender::ALL`.
    Here(&'static Entry),
    /// No pool, with this allocator.
    Allocator(&'static str),
    Go,
}

impl Entrant {
    /// All of them, in the order of the tables: the allocators stand beside the system's, Go comes last.
    pub(crate) fn all() -> Vec<Self> {
        let mut all: Vec<_> = contender::ALL.iter().map(Entrant::Here).collect();
        let system = all.iter().position(|entrant| entrant.name() == SYSTEM).expect("it is in the list");
        all.splice(system + 1..system + 1, allocators::ALL.map(Entrant::Allocator));
        all.push(Entrant::Go);
        all
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Entrant::Here(entry) => entry.name,
            Entrant::Allocator(name) => name,
            Entrant::Go => go::NAME,
        }
    }

    /// Whether `workload` makes sense for it, as far as can be told before it is built.
    pub(crate) fn runs(self, workload: &Workload) -> bool {
        match self {
            Entrant::Here(entry) => (entry.runs)(workload),
            Entrant::Allocator(_) => (system().runs)(workload),
            Entrant::Go => true,
        }
    }

    /// Builds what it runs in, if that isn't this program. The error says why it can't be measured.
    pub(crate) fn runner(self) -> Result<Runner, String> {
        let this = env::current_exe().map_err(|error| error.to_string());
        let runs_in = match self {
            Entrant::Here(entry) => RunsIn::Rust(this?, entry),
            Entrant::Allocator(name) => RunsIn::Rust(allocators::build(name)?, system()),
            Entrant::Go => RunsIn::Go(go::Program::build()?),
        };
        Ok(Runner { name: self.name(), runs_in })
    }
}

const SYSTEM: &str = Allocate::<Buffer>::NAME;

/// What every allocator runs.
fn system() -> &'static Entry {
    contender::ALL.iter().find(|entry| entry.name == SYSTEM).expect("it is in the list")
}

/// An entrant that can be started.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) name: &'static str,
    runs_in: RunsIn,
}

#[derive(Debug)]
enum RunsIn {
    /// This program, or its like with another allocator.
    Rust(PathBuf, &'static Entry),
    Go(go::Program),
}

impl Runner {
    /// The command that takes one sample, if `workload` makes sense for it. `counting` is the program that can tell what
    /// a pool weighs.
    pub(crate) fn sample(&self, workload: &Workload, counting: Option<&Path>) -> Option<Command> {
        match &self.runs_in {
            RunsIn::Rust(binary, entry) if (entry.runs)(workload) => {
                let mut command = Command::new(if workload.counts() { counting? } else { binary });
                command.args(["--sample", entry.name, workload.name]);
                Some(command)
            }
            RunsIn::Rust(..) => None,
            RunsIn::Go(program) => program.sample(workload, Plan::SAMPLE),
        }
    }

    /// Whether a newcomer may get the item that somebody waits for. Go's channels let nobody overtake.
    pub(crate) fn overtakes(&self) -> bool {
        matches!(self.runs_in, RunsIn::Rust(_, entry) if entry.overtakes)
    }

    /// What `go version` says, if this is Go.
    pub(crate) fn go(&self) -> Option<&str> {
        match &self.runs_in {
            RunsIn::Rust(..) => None,
            RunsIn::Go(program) => Some(&program.version),
        }
    }
}
