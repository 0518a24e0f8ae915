//! Shared by the test files.

#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

mod ledger;
#[cfg(target_os = "linux")]
pub(crate) mod linux;
mod panics;
pub(crate) mod polled;
mod process;
mod threads;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use ledger::*;
pub(crate) use panics::*;
pub(crate) use process::*;
pub(crate) use threads::*;

/// A counter for several threads.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicUsize);

// ORDERING: SeqCst throughout, with no partner. Tests count with these, so the simplest ordering is right.
impl Count {
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Adds one and returns the value before.
    pub(crate) fn bump(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn set(&self, to: usize) {
        self.0.store(to, Ordering::SeqCst);
    }

    /// Sets it and returns the value before.
    pub(crate) fn swap(&self, to: usize) -> usize {
        self.0.swap(to, Ordering::SeqCst)
    }

    /// Raises it to at least `to`.
    pub(crate) fn raise_to(&self, to: usize) {
        self.0.fetch_max(to, Ordering::SeqCst);
    }

    pub(crate) fn add(&self, by: usize) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }

    pub(crate) fn subtract(&self, by: usize) {
        self.0.fetch_sub(by, Ordering::SeqCst);
    }

    /// Subtracts one.
    pub(crate) fn drop_by_one(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `condition` holds. Only a hang misses the deadline.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    assert!(holds_within(Duration::from_secs(30) * patience(), &mut condition), "waited in vain until {what}");
}

/// The factor for deadlines. An emulated CPU needs more time.
fn patience() -> u32 {
    std::env::var("EBBTIDE_PATIENCE").map_or(1, |times| times.parse().expect("a number"))
}

/// Whether `condition` comes to hold within `time`.
pub(crate) fn holds_within(time: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() > time {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// The bytes 0, 1, 2 and so on.
pub(crate) fn numbered(n: usize) -> Vec<u8> {
    (0..n).map(|n| n as u8).collect()
}

/// A random number generator with a fixed seed.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % n
    }
}
