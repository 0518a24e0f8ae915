//! The events of a bounded pool but for sweeps, for `tracing`. Without the feature, and under loom, nothing is emitted.
//!
//! A subscriber is user code and may use the pool. So the callers hold no lock.

use super::tracking::Holder;
use crate::engine::item::Payload;

/// Warns of those who hold items for too long. Returns the subscriber's first panic.
#[cfg(all(feature = "tracing", not(all(loom, feature = "loom"))))]
pub(super) fn overdue(item: &'static str, holders: Vec<Holder>) -> Option<Payload> {
    crate::engine::item::for_each_caught(holders, |Holder { location, time }| {
        let micros = time.as_micros() as u64;
        tracing::warn!(target: "ebbtide", item, %location, micros, "held for long");
    })
}

#[cfg(not(all(feature = "tracing", not(all(loom, feature = "loom")))))]
pub(super) fn overdue(_: &'static str, _: Vec<Holder>) -> Option<Payload> {
    None
}
