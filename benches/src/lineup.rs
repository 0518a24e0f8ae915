//! All contenders, and the program that takes the samples of each.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::{env, fmt};

use crossbeam_queue::{ArrayQueue, SegQueue};

use crate::contender::{Bounded, Contender};
use crate::contenders::allocate::{Allocate, Owned};
use crate::contenders::bounded::ebbtide::Limited;
use crate::contenders::boxes::Boxes;
use crate::contenders::ebbtide::Ebbtide;
use crate::item::Buffer;
use crate::sample::Sample;
use crate::workload::{Plan, Shape, Workload, bounded, counted, run};
use crate::{allocators, contenders, go};

/// A contender as an entry of the list, without its type.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// For bounded pools: whether a newcomer may get the item that another user waits for.
    pub(crate) overtakes: bool,
    pub(crate) runs: fn(&Workload) -> bool,
    pub(crate) sample: fn(&Workload, Plan) -> Sample,
    /// Runs this many pairs, and nothing else worth counting.
    pub(crate) work: fn(Shape, usize),
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn entry<C: Contender<Item = Buffer>>() -> Entry {
    Entry { name: C::NAME, overtakes: false, runs: runs::<C>, sample: run::run::<C>, work: counted::work::<C> }
}

fn runs<C: Contender>(workload: &Workload) -> bool {
    let is_ours = C::NAME == Ebbtide::<Buffer>::NAME;
    !workload.is_bounded()
        && (workload.peers || is_ours)
        && (C::SWEEPS || !workload.sweeps())
        && (C::LOSES || !workload.loses())
        && C::runs(workload)
}

const fn limited<B: Bounded>() -> Entry {
    Entry {
        name: B::NAME,
        overtakes: B::OVERTAKES,
        runs: bounded::runs::<B>,
        sample: bounded::run::<B>,
        work: |_, _| unreachable!("without a limit it has no items"),
    }
}

/// Every contender written in Rust, in the order of the tables.
pub(crate) static ALL: [Entry; 24] = [
    Entry {
        runs: |workload| match workload.is_bounded() {
            true => bounded::runs::<Limited<false>>(workload),
            false => runs::<Ebbtide<Buffer>>(workload),
        },
        sample: |workload, plan| match workload.is_bounded() {
            true => bounded::run::<Limited<false>>(workload, plan),
            false => run::run::<Ebbtide<Buffer>>(workload, plan),
        },
        ..entry::<Ebbtide<Buffer>>()
    },
    entry::<contenders::thread_local::LocalCell<Buffer>>(),
    entry::<contenders::thread_local::LocalVec<Buffer>>(),
    entry::<contenders::thread_local::LocalPerPool<Buffer>>(),
    entry::<Allocate<Buffer>>(),
    entry::<contenders::object_pool::ObjectPool<Buffer>>(),
    entry::<contenders::lockfree_object_pool::Linear<Buffer>>(),
    entry::<contenders::opool::Opool<Buffer>>(),
    entry::<contenders::sharded_slab::Slab<Buffer>>(),
    entry::<contenders::concurrent_pool::Concurrent<Buffer>>(),
    entry::<contenders::regex_automata::Regex<Buffer>>(),
    entry::<Boxes<ArrayQueue<Box<Buffer>>>>(),
    entry::<Boxes<SegQueue<Box<Buffer>>>>(),
    entry::<Boxes<Mutex<Vec<Box<Buffer>>>>>(),
    entry::<Boxes<parking_lot::Mutex<Vec<Box<Buffer>>>>>(),
    limited::<Limited<true>>(),
    limited::<contenders::bounded::deadpool::Unmanaged>(),
    limited::<contenders::bounded::fastpool::Fastpool>(),
    limited::<contenders::bounded::semaphore::Guarded<Mutex<Vec<Owned<Buffer>>>>>(),
    limited::<contenders::bounded::semaphore::Guarded<ArrayQueue<Owned<Buffer>>>>(),
    limited::<contenders::bounded::async_channel::Channel>(),
    limited::<contenders::bounded::bb8::Bb8>(),
    limited::<contenders::bounded::r2d2::R2d2>(),
    limited::<contenders::bounded::mutex_condvar::MutexCondvar>(),
];

#[derive(Clone, Copy, Debug)]
pub(crate) enum Entrant {
    /// One of `ALL`.
    Here(&'static Entry),
    /// No pool, with this allocator.
    Allocator(&'static str),
    Go,
}

impl Entrant {
    /// All of them, in the order of the tables. The other allocators follow the system's, and Go is last.
    pub(crate) fn all() -> Vec<Self> {
        let mut all: Vec<_> = ALL.iter().map(Entrant::Here).collect();
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

    /// Whether `workload` makes sense for it, as far as is known before it is built.
    pub(crate) fn runs(self, workload: &Workload) -> bool {
        match self {
            Entrant::Here(entry) => (entry.runs)(workload),
            Entrant::Allocator(_) => (system().runs)(workload),
            Entrant::Go => workload.peers,
        }
    }

    /// Builds its program, if that isn't this one. The error is the reason why it can't be measured.
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
    ALL.iter().find(|entry| entry.name == SYSTEM).expect("it is in the list")
}

/// A contender that is ready to run.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) name: &'static str,
    runs_in: RunsIn,
}

#[derive(Debug)]
enum RunsIn {
    /// This program, or a variant with another allocator.
    Rust(PathBuf, &'static Entry),
    Go(go::Program),
}

impl Runner {
    /// The command that takes one sample, or `None` if `workload` makes no sense for it. `counting` is the program that
    /// measures memory.
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

    /// Whether a newcomer may get the item that another user waits for. In Go's channels nobody overtakes.
    pub(crate) fn overtakes(&self) -> bool {
        matches!(self.runs_in, RunsIn::Rust(_, entry) if entry.overtakes)
    }

    /// The output of `go version`, if this is Go.
    pub(crate) fn go(&self) -> Option<&str> {
        match &self.runs_in {
            RunsIn::Rust(..) => None,
            RunsIn::Go(program) => Some(&program.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::lockfree_object_pool::Linear;
    use crate::contenders::regex_automata::Regex;
    use crate::contenders::sharded_slab::Slab;
    use crate::workload::list;

    #[test]
    fn every_contender_works_in_every_workload_and_is_counted() {
        for workload in &list::ALL {
            for contender in &ALL {
                if !(contender.runs)(workload) {
                    continue;
                }
                let sample = (contender.sample)(workload, Plan::TINY);
                let what = format!("{} in {}: {sample}", contender.name, workload.name);
                for column in workload.columns {
                    assert!(sample.get(column.key).is_some(), "no {}: {what}", column.key);
                }
                if let (Some(pairs), Some(made)) = (sample.get("pairs"), sample.get("made")) {
                    assert!(sample.get("warm_up_made").unwrap() + made > 0.0, "{what}");
                    match contender.name {
                        Allocate::<Buffer>::NAME => assert!(made >= pairs, "{what}"),
                        // They create whole pages of items.
                        Slab::<Buffer>::NAME | Linear::<Buffer>::NAME => assert!(made < pairs + 1024.0, "{what}"),
                        // An item that one thread returns is hardly ever found by another.
                        Regex::<Buffer>::NAME if workload.hands_over() => {}
                        // Two sweeps may come between a thread's few bursts.
                        _ if workload.sweeps() => {}
                        _ => assert!(made < pairs / 2.0, "{what}"),
                    }
                }
            }
        }
    }
}
