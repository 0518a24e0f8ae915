//! The parameters of the load.

use std::path::PathBuf;
use std::time::Duration;

use crate::common::{self, Failure, Flag};

pub(crate) const KIB: usize = 1 << 10;
pub(crate) const MIB: usize = 1 << 20;
/// The most items that all threads use at once. They hold up to 128 KiB each.
const MOST_ITEMS: usize = 100_000;

#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) threads: usize,
    pub(crate) burst: usize,
    pub(crate) huge_mb: usize,
    pub(crate) epoch_ms: usize,
    pub(crate) seed: usize,
    pub(crate) chart: PathBuf,
    pub(crate) csv: Option<PathBuf>,
    /// Set in a child process: the name of its pool.
    pub(crate) child: Option<String>,
}

impl Options {
    pub(crate) fn parse() -> Result<Options, Failure> {
        let mut options = Options {
            threads: 8,
            burst: 256,
            huge_mb: 64,
            epoch_ms: 500,
            seed: 1,
            chart: PathBuf::from("target/tide.svg"),
            csv: None,
            child: None,
        };
        let mut flags = [
            Flag::number("--threads", "threads that use the pool", &mut options.threads, 1..=1000),
            Flag::number("--burst", "items that each uses at once", &mut options.burst, 1..=MOST_ITEMS),
            Flag::number("--huge-mb", "size of the huge request in MiB", &mut options.huge_mb, 1..=4096),
            Flag::number("--epoch-ms", "length of an epoch", &mut options.epoch_ms, 10..=60_000),
            Flag::number("--seed", "picks the sizes", &mut options.seed, 0..=999_999_999),
            Flag::path("--chart", "where the chart goes", &mut options.chart),
            Flag::optional_path("--csv", "where the samples go", &mut options.csv),
            Flag::inner("--child", &mut options.child),
        ];
        common::parse("Shows what four pools hold over time, under the same load.", &mut flags)?;
        let Options { threads, burst, .. } = options;
        if threads * burst > MOST_ITEMS {
            let message = format!("--threads {threads} times --burst {burst} is more than {MOST_ITEMS}");
            return Err(Failure::usage(message));
        }
        Ok(options)
    }

    pub(crate) fn epoch(&self) -> Duration {
        Duration::from_millis(self.epoch_ms as u64)
    }
}
