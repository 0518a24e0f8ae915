//! Pools that the janitor sweeps, and items that keep it waiting.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use ebbtide::{Pool, Settings};

use crate::common::{Count, Counted, CountedPool, Ledger, Maker, lock};

/// Settings with an epoch that soon ends.
pub(crate) const SHORT: Settings = Settings::new().every(Duration::from_millis(1));

/// A pool of counted items that the janitor sweeps.
pub(crate) fn timed(settings: Settings) -> (CountedPool, Arc<Ledger>) {
    let ledger = Ledger::new();
    (Pool::with_settings(Maker(Arc::clone(&ledger)), settings), ledger)
}

/// A gate at which an item's `Drop` waits.
#[derive(Default)]
pub(crate) struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    pub(crate) waiting: Count,
}

impl Gate {
    pub(crate) fn pass(&self) {
        let mut open = lock(&self.open);
        self.waiting.bump();
        while !*open {
            open = self.opened.wait(open).expect("no panic");
        }
    }

    pub(crate) fn open(&self) {
        *lock(&self.open) = true;
        self.opened.notify_all();
    }
}

/// Opens a gate when it is dropped, so that a failed test doesn't wait for itself.
pub(crate) struct Opens<'a>(pub(crate) &'a Gate);

impl Drop for Opens<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}

pub(crate) struct Slow {
    gate: Arc<Gate>,
    _counted: Counted,
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.gate.pass();
    }
}

/// A pool of slow items, which a gate keeps in their drop until it opens.
pub(crate) fn slow() -> (Pool<Slow, impl Fn() -> Slow + Send + Sync + 'static>, Arc<Gate>, Arc<Ledger>) {
    let (gate, ledger) = (Arc::new(Gate::default()), Ledger::new());
    let make = {
        let (gate, ledger) = (Arc::clone(&gate), Arc::clone(&ledger));
        move || Slow { gate: Arc::clone(&gate), _counted: ledger.item() }
    };
    (Pool::with_settings(make, SHORT), gate, ledger)
}
