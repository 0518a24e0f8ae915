//! The event of a sweep, for `tracing`. Without the feature, and under loom, the type is empty and emits nothing.

use crate::engine::item::Payload;
use crate::engine::tally::Swept;
use crate::engine::top::Purpose;

/// A sweep under way, and what its event will tell.
pub(crate) struct Trace {
    /// The pool's name, what the sweep is for, the epoch that it ends, counted from 0, and when it began.
    #[cfg(all(feature = "tracing", not(all(loom, feature = "loom"))))]
    begun: (Option<&'static str>, Purpose, usize, std::time::Instant),
}

#[cfg(all(feature = "tracing", not(all(loom, feature = "loom"))))]
impl Trace {
    pub(crate) fn begin(pool: Option<&'static str>, purpose: Purpose, epoch: usize) -> Self {
        let since_the_first = epoch.wrapping_sub(crate::engine::batch::FIRST_EPOCH);
        Self { begun: (pool, purpose, since_the_first, std::time::Instant::now()) }
    }

    /// Emits the event of a sweep of a pool whose items have this type. Returns the subscriber's panic.
    ///
    /// The caller has dropped the items and holds nothing, because a subscriber is user code and may use the pool.
    pub(crate) fn end(self, item: &'static str, swept: Swept) -> Option<Payload> {
        let (pool, purpose, epoch, since) = self.begun;
        let Swept { dropped, kept, left_busy } = swept;
        let micros = since.elapsed().as_micros() as u64;
        let tell = || {
            tracing::debug!(target: "ebbtide", pool, item, ?purpose, epoch, dropped, kept, left_busy, micros, "swept");
        };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(tell)).err()
    }
}

#[cfg(not(all(feature = "tracing", not(all(loom, feature = "loom")))))]
impl Trace {
    pub(crate) fn begin(_: Option<&'static str>, _: Purpose, _: usize) -> Self {
        Self {}
    }

    pub(crate) fn end(self, _: &'static str, _: Swept) -> Option<Payload> {
        None
    }
}
