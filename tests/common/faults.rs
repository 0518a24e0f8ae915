//! Recyclers that fail in every way they can, at random: one for threads and tasks, and one whose futures hang as well.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::future::pending;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex};
use std::thread;

use ebbtide::bounded::{Info, Manage, TryRecycle};
use futures_lite::future;

use crate::common::{Count, Counted, Dice, Ledger, lock};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An error, or `false`.
    Fails,
    Panics,
    Slow,
    /// A future that is never ready.
    Hangs,
    /// The item dies while it is idle.
    Dies,
    /// The item's `Drop` panics.
    Explodes,
}

/// What is injected, and what exists.
pub(crate) struct World {
    pub(crate) ledger: Arc<Ledger>,
    dice: Mutex<Dice>,
    faults: [Count; 6],
    /// Unless 0, nothing fails any more.
    pub(crate) calm: Count,
    /// Without those that have left the pool.
    pub(crate) pooled: Count,
    pub(crate) peak: Count,
    pub(crate) rounds: Count,
}

/// The payload of injected panics, which print nothing.
struct Injected;

pub(crate) fn explode() -> ! {
    panic::resume_unwind(Box::new(Injected))
}

/// Returns `None` after an injected panic.
pub(crate) fn caught<O>(f: impl FnOnce() -> O) -> Option<O> {
    match panic::catch_unwind(AssertUnwindSafe(f)) {
        Ok(output) => Some(output),
        Err(payload) if payload.is::<Injected>() => None,
        Err(payload) => panic::resume_unwind(payload),
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            ledger: Ledger::new(),
            dice: Mutex::new(Dice::new(seed)),
            faults: Default::default(),
            calm: Count::new(),
            pooled: Count::new(),
            peak: Count::new(),
            rounds: Count::new(),
        })
    }

    /// In most cases none. Panics itself.
    fn fault(&self, possible: &[Fault]) -> Option<Fault> {
        if self.calm.get() != 0 {
            return None;
        }
        let rolled = lock(&self.dice).below(20);
        let fault = *possible.get(rolled)?;
        self.faults[fault as usize].bump();
        match fault {
            Fault::Panics => explode(),
            Fault::Slow => (0..4).for_each(|_| thread::yield_now()),
            _ => {}
        }
        Some(fault)
    }

    /// Each of these came.
    #[track_caller]
    pub(crate) fn assert_faults(&self, faults: &[Fault]) {
        faults.iter().for_each(|&fault| assert!(self.faults[fault as usize].get() > 0, "none {fault:?}"));
    }

    /// A new item in the pool.
    pub(crate) fn create(self: &Arc<Self>) -> io::Result<Item> {
        let mut item = self.make()?;
        item.join();
        Ok(item)
    }

    /// A new item that is not yet in the pool.
    pub(crate) fn make(self: &Arc<Self>) -> io::Result<Item> {
        let fault = self.fault(&[Fault::Fails, Fault::Panics, Fault::Slow, Fault::Explodes]);
        if fault == Some(Fault::Fails) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let explodes = fault == Some(Fault::Explodes);
        Ok(Item { counted: self.ledger.item(), world: Arc::clone(self), pooled: false, dead: false, explodes })
    }

    /// The same as a future.
    pub(crate) async fn connect(self: &Arc<Self>) -> io::Result<Item> {
        let item = self.create();
        self.stall().await;
        item
    }

    async fn stall(&self) {
        match self.fault(&[Fault::Slow, Fault::Hangs]) {
            Some(Fault::Hangs) => pending().await,
            Some(_) => future::yield_now().await,
            None => {}
        }
    }

    fn check(&self, item: &Item) -> bool {
        item.counted.own_for_a_moment();
        let fault = self.fault(&[Fault::Fails, Fault::Panics, Fault::Slow]);
        fault != Some(Fault::Fails) && !item.dead
    }

    fn recycle(&self, item: &mut Item) -> bool {
        item.counted.own_for_a_moment();
        let fault = self.fault(&[Fault::Fails, Fault::Panics, Fault::Slow, Fault::Dies]);
        item.dead = fault == Some(Fault::Dies);
        fault != Some(Fault::Fails)
    }

    /// What `retain` asks.
    pub(crate) fn keeps(&self) -> bool {
        self.fault(&[Fault::Fails, Fault::Panics]).is_none()
    }
}

pub(crate) struct Item {
    pub(crate) counted: Counted,
    world: Arc<World>,
    pooled: bool,
    dead: bool,
    explodes: bool,
}

impl Item {
    /// It is about to leave the pool.
    pub(crate) fn leave(&mut self) {
        self.pooled = false;
        self.world.pooled.drop_by_one();
    }

    /// It is about to enter the pool.
    pub(crate) fn join(&mut self) {
        self.pooled = true;
        self.world.peak.raise_to(self.world.pooled.bump() + 1);
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        // Others may run while it still exists.
        thread::yield_now();
        self.counted.own();
        if self.pooled {
            self.world.pooled.drop_by_one();
        }
        if self.explodes {
            explode();
        }
    }
}

/// For threads and tasks.
#[derive(Clone)]
pub(crate) struct Faulty(pub(crate) Arc<World>);

impl TryRecycle<Item> for Faulty {
    type Error = io::Error;

    fn try_create(&self) -> io::Result<Item> {
        self.0.create()
    }

    fn check(&self, item: &mut Item, _: &Info) -> bool {
        self.0.check(item)
    }

    fn recycle(&self, item: &mut Item, _: &Info) -> bool {
        self.0.recycle(item)
    }
}

/// For tasks.
pub(crate) struct Hanging(pub(crate) Arc<World>);

impl Manage<Item> for Hanging {
    type Error = io::Error;

    async fn create(&self) -> io::Result<Item> {
        self.0.connect().await
    }

    async fn check(&self, item: &mut Item, _: &Info) -> bool {
        self.0.stall().await;
        self.0.check(item)
    }

    fn recycle(&self, item: &mut Item, _: &Info) -> bool {
        self.0.recycle(item)
    }
}
