//! The parameters of the job.

use std::path::PathBuf;
use std::time::Duration;

use crate::common::{self, Failure, Flag};

pub(crate) const MIB: usize = 1 << 20;
/// The steps take at least this many epochs.
pub(crate) const EPOCHS_BEFORE: u32 = 4;
/// After the shrink the run continues for this many epochs, with ten replaced buffers in each.
pub(crate) const EPOCHS_AFTER: u32 = 8;
pub(crate) const TURNS_AFTER: usize = 10 * EPOCHS_AFTER as usize;

#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) buffers: usize,
    pub(crate) min_mb: usize,
    pub(crate) max_mb: usize,
    pub(crate) steps: usize,
    pub(crate) shrink_to: usize,
    pub(crate) epoch_ms: usize,
    pub(crate) seed: usize,
    pub(crate) chart: PathBuf,
    pub(crate) csv: Option<PathBuf>,
    pub(crate) default_malloc: bool,
    /// Set in a child process: the name of its way.
    pub(crate) child: Option<String>,
}

impl Options {
    pub(crate) fn parse() -> Result<Options, Failure> {
        let mut options = Options {
            buffers: 100,
            min_mb: 5,
            max_mb: 10,
            steps: 1200,
            shrink_to: 5,
            epoch_ms: 250,
            seed: 1,
            chart: PathBuf::from("target/recycler.svg"),
            csv: None,
            default_malloc: false,
            child: None,
        };
        let mut flags = [
            Flag::number("--buffers", "buffers in the working set", &mut options.buffers, 1..=100_000),
            Flag::number("--min-mb", "smallest buffer in MiB", &mut options.min_mb, 1..=1024),
            Flag::number("--max-mb", "largest buffer in MiB", &mut options.max_mb, 1..=1024),
            Flag::number("--steps", "steps before the set shrinks", &mut options.steps, 1..=10_000_000),
            Flag::number("--shrink-to", "buffers needed after that", &mut options.shrink_to, 1..=100_000),
            Flag::number("--epoch-ms", "length of an epoch", &mut options.epoch_ms, 10..=60_000),
            Flag::number("--seed", "picks buffers and their sizes", &mut options.seed, 0..=999_999_999),
            Flag::path("--chart", "where the chart goes", &mut options.chart),
            Flag::optional_path("--csv", "where the samples go", &mut options.csv),
            Flag::switch("--default-malloc", "leave glibc's mmap threshold as it is", &mut options.default_malloc),
            Flag::inner("--child", &mut options.child),
        ];
        common::parse("Recycles large buffers in four ways and compares their speed and memory.", &mut flags)?;
        options.check()
    }

    /// Checks conditions on several arguments.
    fn check(self) -> Result<Options, Failure> {
        let Options { buffers, min_mb, max_mb, shrink_to, .. } = self;
        let total = buffers * max_mb;
        let message = if min_mb > max_mb {
            format!("--min-mb {min_mb} is more than --max-mb {max_mb}")
        } else if shrink_to > buffers {
            format!("--shrink-to {shrink_to} is more than --buffers {buffers}")
        } else if total > 65536 {
            format!("--buffers {buffers} times --max-mb {max_mb} is {total} MiB; the limit is 65536 MiB")
        } else {
            return Ok(self);
        };
        Err(Failure::usage(message))
    }

    pub(crate) fn epoch(&self) -> Duration {
        Duration::from_millis(self.epoch_ms as u64)
    }
}
