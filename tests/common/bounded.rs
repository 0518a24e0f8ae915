//! Bounded pools of counted items.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::Arc;

use ebbtide::bounded::Settings;
use ebbtide::{BoundedPool, Manual};

use crate::common::{Counted, Ledger, Maker};

pub(crate) type CountedPool = BoundedPool<Counted, Maker>;

/// A pool of counted items, named "counted", with this capacity and manual epochs.
pub(crate) fn counted(capacity: usize) -> (Arc<CountedPool>, Arc<Ledger>) {
    counted_with(Settings::new(capacity).manual())
}

pub(crate) fn counted_with(settings: Settings<Manual>) -> (Arc<CountedPool>, Arc<Ledger>) {
    let ledger = Ledger::new();
    (Arc::new(BoundedPool::with_settings(Maker(Arc::clone(&ledger)), settings.name("counted"))), ledger)
}
