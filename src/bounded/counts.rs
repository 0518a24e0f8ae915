//! What a bounded pool did, as far as it is counted outside its lock.

use crate::pool::Stats;
use crate::sync::Counter;

/// See the fields of [`Stats`].
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) created: Counter,
    pub(super) refused: Counter,
    pub(super) panics: Counter,
    pub(super) waits: Counter,
    pub(super) wait_timeouts: Counter,
    pub(super) create_timeouts: Counter,
    pub(super) check_timeouts: Counter,
    pub(super) failed_checks: Counter,
    /// Without those that sweeps found.
    pub(super) expired: Counter,
}

impl Counts {
    pub(super) fn stats(&self) -> Stats {
        Stats {
            created: self.created.get(),
            refused: self.refused.get(),
            panics: self.panics.get(),
            waits: self.waits.get(),
            wait_timeouts: self.wait_timeouts.get(),
            create_timeouts: self.create_timeouts.get(),
            check_timeouts: self.check_timeouts.get(),
            failed_checks: self.failed_checks.get(),
            expired: self.expired.get(),
            ..Stats::default()
        }
    }
}
