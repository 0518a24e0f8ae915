//! What a sweep of a bounded pool decides under the lock.

use std::collections::VecDeque;

use super::state::{After, State};
use crate::engine::tally::Swept;
use crate::engine::top::Purpose;
use crate::sync::clock;

impl<T> State<T> {
    /// Ends an epoch, or clears. Returns the items to drop.
    pub(super) fn sweep(&mut self, purpose: Purpose) -> (Swept, After<T>) {
        let n = match purpose {
            Purpose::Clear => self.idle.len(),
            Purpose::Advance => {
                // Sorted by stamp, since items become idle at the back.
                let old = self.idle.partition_point(|idle| idle.stamp != self.epoch);
                self.epoch = self.epoch.wrapping_add(1);
                old.min(self.idle.len().saturating_sub(self.settings.min_idle))
            }
        };
        let mut doomed = self.oldest(n);
        let now = self.settings.max_lifetime.and_then(|_| clock());
        if self.idle.iter().any(|idle| idle.item.notes().expires_by(now)) {
            let (expired, kept): (VecDeque<_>, _) =
                self.idle.drain(..).partition(|idle| idle.item.notes().expires_by(now));
            self.idle = kept;
            self.expired += expired.len();
            doomed.extend(expired.into_iter().map(|idle| idle.item));
        }
        let n = doomed.len();
        self.sweeps += 1;
        self.dropped += n;
        (Swept { dropped: n, kept: self.idle.len(), left_busy: 0 }, self.doom(doomed))
    }
}
