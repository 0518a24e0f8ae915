//! Shared by the scenarios: pools with a ledger of their items, and the loop that runs a scenario's schedules.
//!
//! A scenario is a concurrent program of 3 to 8 threads, which is too much for loom. Shuttle runs one thread at a time,
//! and chooses the next after each step. It chooses at random, or by priorities that change at a few random moments
//! (PCT), which finds errors that need few but unlikely switches. This is a sample of all schedules. Orderings weaker
//! than sequential consistency are not covered (see `as-loom`). As under loom, there are two shards, at most seven
//! threads have slot sets at once, and a sweep looks at a busy owner once.
//!
//! # More schedules, and replays
//!
//! A failure prints the schedule, the seed, and the command that replays the schedule:
//!
//! ```text
//! SHUTTLE_REPLAY='<the failing schedule>' cargo test -p ebbtide-shuttle-tests --test sweeps -- --exact two_sweepers
//! ```
//!
//! A replay needs a scenario that does the same for the same schedule. Some schedules run twice to check this.
//!
//! By default each scenario runs the same 500 schedules with each of two schedulers. For more and other schedules:
//!
//! ```text
//! SHUTTLE_SCHEDULES=100000 SHUTTLE_RANDOM_SEED=$RANDOM cargo test --release -p ebbtide-shuttle-tests
//! ```
//!
//! # Checks
//!
//! - *One owner:* an item that is handed out was idle, and one that is put was in use.
//! - *Dropped once:* a dropped item was not dropped before. When the pool is closed, every item was dropped.
//! - *Lower bound:* shuttle has no stale loads. So a put that begins after `n` sweeps returned reads epoch `n` or
//!   later, and sweep number `n + 1` must not drop its item. A sweep's number is uncertain if others began meanwhile.
//!   With two sweepers the check may miss an early drop.
//! - *Upper bound:* after all other threads have ended, two sweeps leave no item.
//! - *A claim is exclusive:* the cell under the private slots panics on overlapping accesses.

#![allow(dead_code, reason = "each test file uses a part of it")]

mod schedules;

use std::ops::Deref;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ebbtide::{Epochs, OwnedPooled, Pool, Pooled, Recycle, Settings, Swept};
use shuttle::thread::{JoinHandle, ThreadId};

use schedules::FAILED;
pub(crate) use schedules::explore;

/// Waits for all these threads to end, including their thread-local destructors.
pub(crate) fn join<O>(threads: impl IntoIterator<Item = JoinHandle<O>>) -> Vec<O> {
    threads.into_iter().map(|thread| thread.join().expect("a panic ends the execution")).collect()
}

/// The number of the item whose [`Fault`] made `act` panic.
pub(crate) fn caught<O>(act: impl FnOnce() -> O) -> Result<O, usize> {
    panic::catch_unwind(AssertUnwindSafe(act)).map_err(|panic| match panic.downcast() {
        Ok(id) => *id,
        Err(failure) => panic::resume_unwind(failure),
    })
}

/// A pool and the ledger of its items. A clone is the same pool.
#[derive(Clone)]
pub(crate) struct Watched {
    pool: Arc<Pool<Tracked, Ledger>>,
    ledger: Ledger,
}

impl Deref for Watched {
    type Target = Arc<Pool<Tracked, Ledger>>;

    fn deref(&self) -> &Self::Target {
        &self.pool
    }
}

impl Watched {
    /// A pool whose items are dropped by sweeps when they are old, and otherwise only when it is closed.
    pub(crate) fn new<E: Epochs<Tracked>>(settings: Settings<E>) -> Self {
        Self::with_ledger(settings, Ledger::default())
    }

    /// The same for settings that drop items early: `max_idle` and `chaos`.
    pub(crate) fn limited<E: Epochs<Tracked>>(settings: Settings<E>) -> Self {
        let ledger = Ledger::default();
        ledger.book().limited = true;
        Self::with_ledger(settings, ledger)
    }

    fn with_ledger<E: Epochs<Tracked>>(settings: Settings<E>, ledger: Ledger) -> Self {
        Self { pool: Arc::new(Pool::with_settings(ledger.clone(), settings)), ledger }
    }

    /// Starts a thread with a handle to the pool.
    pub(crate) fn spawn<O: Send + 'static>(&self, body: impl FnOnce(Self) -> O + Send + 'static) -> JoinHandle<O> {
        let pool = self.clone();
        shuttle::thread::spawn(move || body(pool))
    }

    pub(crate) fn get(&self) -> Pooled<'_, Tracked, Ledger> {
        self.get_with(|| self.ledger.create())
    }

    pub(crate) fn get_with(&self, create: impl FnOnce() -> Tracked) -> Pooled<'_, Tracked, Ledger> {
        let item = self.pool.get_with(create);
        item.taken_out();
        item
    }

    pub(crate) fn try_get(&self) -> Option<Pooled<'_, Tracked, Ledger>> {
        let item = self.pool.try_get()?;
        item.taken_out();
        Some(item)
    }

    pub(crate) fn get_owned(&self) -> OwnedPooled<Tracked, Ledger> {
        let item = self.pool.get_owned();
        item.taken_out();
        item
    }

    /// Puts a new item.
    pub(crate) fn put_new(&self) {
        let item = self.ledger.create();
        item.taken_out();
        self.pool.put(item);
    }

    /// Takes `n` items at once and puts them back.
    pub(crate) fn burst(&self, n: usize) {
        let items: Vec<_> = (0..n).map(|_| self.get()).collect();
        drop(items);
    }

    pub(crate) fn advance(&self) -> Option<Swept> {
        self.try_advance().map(|swept| swept.expect("no item panics"))
    }

    /// Sweeps this many times. No other thread sweeps meanwhile.
    pub(crate) fn sweep(&self, times: usize) {
        for _ in 0..times {
            self.advance().expect("no other sweep runs");
        }
    }

    /// The same for items that may panic in `Drop`. An error is the number of one of them.
    pub(crate) fn try_advance(&self) -> Option<Result<Swept, usize>> {
        self.ledger.sweep(|| caught(|| self.pool.advance()).transpose())
    }

    pub(crate) fn clear(&self) -> Option<Swept> {
        self.ledger.with_sweep(Sweep::Clear, || self.pool.clear())
    }

    /// Items in use or idle.
    pub(crate) fn alive(&self) -> usize {
        let book = self.ledger.book();
        book.items.iter().filter(|item| **item != Whereabouts::Dropped).count()
    }

    /// Items ever made.
    pub(crate) fn made(&self) -> usize {
        self.ledger.book().items.len()
    }

    /// Items that have been idle since before the first sweep returned.
    pub(crate) fn untouched(&self) -> usize {
        self.ledger.book().items.iter().filter(|item| **item == Whereabouts::Idle { earliest: 2 }).count()
    }

    /// All other threads have ended, and no item is in private slots. `get` finds every item. All are idle again when
    /// this returns.
    pub(crate) fn find_all(&self) {
        let found: Vec<_> = std::iter::from_fn(|| self.try_get()).collect();
        assert_eq!(found.len(), self.alive(), "an idle item can't be found");
    }

    /// All other threads have ended, and all items are idle. Two sweeps leave none, wherever it was.
    pub(crate) fn age_out(&self) {
        assert_eq!(self.idle(), self.alive(), "the idle count, and the idle items");
        for _ in 0..2 {
            let swept = self.advance().expect("no other sweep runs");
            assert_eq!(swept.left_busy, 0, "no owner is left, yet one looks busy");
        }
        assert_eq!(self.alive(), 0, "idle items outlived two sweeps that no call overlapped");
        assert_eq!(self.idle(), 0, "dropped items are counted as idle");
    }

    /// Nobody else has the pool. Drops it with every item.
    pub(crate) fn close(self) {
        assert_eq!(Arc::strong_count(&self.pool), 1, "the other threads have ended, and their handles are gone");
        self.give_up().assert_closed();
    }

    /// Drops the pool, if nobody else has it. A round of the janitor may still hold items, and drops them.
    pub(crate) fn give_up(self) -> Ledger {
        self.ledger.book().closing = true;
        self.ledger
    }
}

/// A thread that does the janitor's work: this many rounds over all pools that exist.
///
/// Nobody else may sweep these pools meanwhile. The thread doesn't keep them alive.
pub(crate) fn janitor<'a>(rounds: usize, pools: impl IntoIterator<Item = &'a Watched>) -> JoinHandle<()> {
    let pools: Vec<_> = pools.into_iter().map(|pool| (Arc::downgrade(&pool.pool), pool.ledger.clone())).collect();
    shuttle::thread::spawn(move || {
        let me = shuttle::thread::current().id();
        let swept = |pool: &Weak<Pool<_, _>>| pool.upgrade().map_or(0, |pool| pool.stats().sweeps);
        for _ in 0..rounds {
            for (pool, ledger) in &pools {
                // An unused pool is left out.
                ledger.book().begun = swept(pool) + 1;
                ledger.book().sweeping.push((me, Sweep::Advance));
            }
            ebbtide::advance_all();
            for (pool, ledger) in &pools {
                ledger.book().sweeping.clear();
                ledger.book().advanced = swept(pool);
            }
        }
    })
}

/// Where each item of a pool is, and the sweeps so far. Also the pool's recycler.
///
/// Shuttle doesn't see its lock, so a lookup is no step of a schedule.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    items: Vec<Whereabouts>,
    /// The number of sweeps that began and were not refused, and of those that returned.
    begun: usize,
    advanced: usize,
    /// Threads that are inside a sweep.
    sweeping: Vec<(ThreadId, Sweep)>,
    limited: bool,
    closing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whereabouts {
    InUse,
    /// The first sweep that may drop it.
    Idle {
        earliest: usize,
    },
    Dropped,
}

/// What a sweep may drop: old items, or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sweep {
    Advance,
    Clear,
}

impl Ledger {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sweep that reports whether it ran.
    fn sweep<O>(&self, sweep: impl FnOnce() -> Option<O>) -> Option<O> {
        self.book().begun += 1;
        let swept = self.with_sweep(Sweep::Advance, sweep);
        match swept {
            Some(_) => self.book().advanced += 1,
            None => self.book().begun -= 1,
        }
        swept
    }

    /// While `act` runs, the calling thread may drop what this kind of sweep may.
    fn with_sweep<O>(&self, sweep: Sweep, act: impl FnOnce() -> O) -> O {
        let me = shuttle::thread::current().id();
        self.book().sweeping.push((me, sweep));
        let outcome = act();
        self.book().sweeping.retain(|(thread, _)| *thread != me);
        outcome
    }

    /// Records that an item is now at `to`, after checking where it was.
    fn note(&self, id: usize, to: Whereabouts, check: impl FnOnce(&Book, Whereabouts) -> Result<(), String>) {
        let mut book = self.book();
        let before = std::mem::replace(&mut book.items[id], to);
        if let Err(what) = check(&book, before) {
            drop(book);
            FAILED.set(true);
            // Otherwise a second failure would hide the first.
            if !std::thread::panicking() {
                panic!("item {id}, {before:?} before: {what}");
            }
        }
    }

    /// Every item was dropped.
    pub(crate) fn assert_closed(&self) {
        let book = self.book();
        let left: Vec<_> = book.items.iter().filter(|item| **item != Whereabouts::Dropped).collect();
        assert!(left.is_empty(), "never dropped: {left:?}");
    }
}

impl Recycle<Tracked> for Ledger {
    fn create(&self) -> Tracked {
        let mut book = self.book();
        // `prefill` makes items idle without calling `recycle`.
        let earliest = book.advanced + 2;
        book.items.push(Whereabouts::Idle { earliest });
        Tracked { id: book.items.len() - 1, ledger: self.clone(), fault: Fault::None, holds: None }
    }

    /// The first step of a put.
    fn recycle(&self, item: &mut Tracked) -> bool {
        match item.fault {
            Fault::Refused => return false,
            Fault::PanicInRecycle => panic::resume_unwind(Box::new(item.id)),
            Fault::None | Fault::PanicInDrop => {}
        }
        let earliest = self.book().advanced + 2;
        self.note(item.id, Whereabouts::Idle { earliest }, |_, before| match before {
            Whereabouts::InUse => Ok(()),
            _ => Err("put, but not in use".to_owned()),
        });
        true
    }
}

/// An item that reports to its ledger.
pub(crate) struct Tracked {
    id: usize,
    ledger: Ledger,
    pub(crate) fault: Fault,
    /// Returns to its own pool when this item is dropped.
    pub(crate) holds: Option<OwnedPooled<Tracked, Ledger>>,
}

/// A fault of an item. Its panics bypass the panic hook, where shuttle would report a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    Refused,
    PanicInRecycle,
    PanicInDrop,
}

impl Tracked {
    /// Call this after getting it from the pool.
    fn taken_out(&self) {
        self.ledger.note(self.id, Whereabouts::InUse, |_, before| match before {
            Whereabouts::Idle { .. } => Ok(()),
            _ => Err("handed out, but not idle".to_owned()),
        });
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let me = shuttle::thread::current().id();
        self.ledger.note(self.id, Whereabouts::Dropped, |book, before| {
            let sweep = book.sweeping.iter().find(|(thread, _)| *thread == me).map(|(_, sweep)| *sweep);
            match (before, sweep) {
                (Whereabouts::Dropped, _) => Err("dropped again".to_owned()),
                (Whereabouts::InUse, _) | (_, Some(Sweep::Clear)) => Ok(()),
                (Whereabouts::Idle { .. }, _) if book.limited || book.closing => Ok(()),
                (Whereabouts::Idle { .. }, None) => Err("dropped by no sweep".to_owned()),
                (Whereabouts::Idle { earliest }, Some(Sweep::Advance)) if book.begun >= earliest => Ok(()),
                (_, Some(Sweep::Advance)) => Err(format!("dropped by sweep {}", book.begun)),
            }
        });
        if self.fault == Fault::PanicInDrop {
            panic::resume_unwind(Box::new(self.id));
        }
    }
}
