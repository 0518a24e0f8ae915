//! Recyclers whose items fail their checks on demand: one for threads, and one whose futures wait on demand.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use ebbtide::bounded::{Info, Manage, Settings, TryRecycle};
use ebbtide::{BoundedPool, Manual};
use futures_lite::future::block_on;

use crate::common::{Count, Counted, Ledger, lock};

/// Decides which items are fit.
#[derive(Default)]
pub(crate) struct Judge {
    pub(crate) ledger: Arc<Ledger>,
    unfit: Mutex<Vec<usize>>,
    /// The items that were checked, and how often each had been used.
    pub(crate) checked: Mutex<Vec<(usize, usize)>>,
    /// Unless 0, each check panics.
    pub(crate) trips: Count,
    /// Unless 0, no item can be created: with 1 that is an error, with 2 a panic.
    pub(crate) fails: Count,
    /// Unless 0, new items panic when they are dropped.
    pub(crate) arms: Count,
    /// Unless 0, the futures of `create` or `check` are pending.
    pub(crate) creates_slowly: Count,
    pub(crate) checks_slowly: Count,
}

impl Judge {
    /// From now on this item fails its checks.
    pub(crate) fn condemn(&self, id: usize) {
        lock(&self.unfit).push(id);
    }

    fn create(&self) -> io::Result<Counted> {
        match (self.fails.get(), self.arms.get()) {
            (0, 0) => Ok(self.ledger.item()),
            (0, _) => Ok(self.ledger.bomb()),
            (1, _) => Err(io::ErrorKind::ConnectionRefused.into()),
            _ => panic!("tripped"),
        }
    }

    fn check(&self, item: &Counted, info: &Info) -> bool {
        lock(&self.checked).push((item.id, info.uses()));
        assert_eq!(self.trips.get(), 0, "tripped");
        !lock(&self.unfit).contains(&item.id)
    }
}

pub(crate) struct Blocking(pub(crate) Arc<Judge>);

impl TryRecycle<Counted> for Blocking {
    type Error = io::Error;

    fn try_create(&self) -> io::Result<Counted> {
        self.0.create()
    }

    fn check(&self, item: &mut Counted, info: &Info) -> bool {
        self.0.check(item, info)
    }
}

pub(crate) struct Tasks(pub(crate) Arc<Judge>);

/// Is ready once the count is 0. Nobody is woken then.
async fn zero(count: &Count) {
    poll_fn(|_| if count.get() == 0 { Poll::Ready(()) } else { Poll::Pending }).await;
}

impl Manage<Counted> for Tasks {
    type Error = io::Error;

    async fn create(&self) -> io::Result<Counted> {
        zero(&self.0.creates_slowly).await;
        self.0.create()
    }

    async fn check(&self, item: &mut Counted, info: &Info) -> bool {
        zero(&self.0.checks_slowly).await;
        self.0.check(item, info)
    }
}

/// A pool named "counted" with `n` idle items, numbered from 0. The last is handed out first.
pub(crate) fn judged(n: usize) -> (Arc<BoundedPool<Counted, Blocking>>, Arc<Judge>) {
    let judge = Arc::new(Judge::default());
    let pool = BoundedPool::with_settings(Blocking(Arc::clone(&judge)), Settings::new(n).manual().name("counted"));
    assert_eq!(pool.prefill(n).unwrap(), n);
    (Arc::new(pool), judge)
}

/// The same for tasks.
pub(crate) fn judged_async(n: usize) -> (Arc<BoundedPool<Counted, Tasks>>, Arc<Judge>) {
    judged_async_with(Settings::new(n).manual(), n)
}

pub(crate) fn judged_async_with(
    settings: Settings<Manual>,
    n: usize,
) -> (Arc<BoundedPool<Counted, Tasks>>, Arc<Judge>) {
    let judge = Arc::new(Judge::default());
    let pool = BoundedPool::with_settings(Tasks(Arc::clone(&judge)), settings.name("counted"));
    drop(block_on(pool.get_many_async(n)).unwrap());
    (Arc::new(pool), judge)
}
