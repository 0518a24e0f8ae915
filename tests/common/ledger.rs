//! Counted items, the ledger that counts them, and pools of them.

use std::sync::{Arc, Mutex};
use std::thread;

use ebbtide::{Fetch, Manual, Pool, Recycle, Settings};

use super::{Count, lock};

/// Records how often each of its items was dropped, and in which order.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// For every item made, how often it was dropped.
    drops: Mutex<Vec<usize>>,
    order: Mutex<Vec<usize>>,
    live: Count,
    peak: Count,
}

impl Ledger {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A new item, numbered from 0.
    pub(crate) fn item(self: &Arc<Self>) -> Counted {
        let mut drops = lock(&self.drops);
        drops.push(0);
        let id = drops.len() - 1;
        drop(drops);
        self.peak.raise_to(self.live.bump() + 1);
        Counted { id, ledger: Arc::clone(self), in_use: Count::new(), panics: false }
    }

    /// A new item whose `Drop` panics with its number.
    pub(crate) fn bomb(self: &Arc<Self>) -> Counted {
        let mut item = self.item();
        item.panics = true;
        item
    }

    pub(crate) fn made(&self) -> usize {
        lock(&self.drops).len()
    }

    pub(crate) fn dropped(&self) -> usize {
        lock(&self.drops).iter().sum()
    }

    /// The dropped items, in order.
    pub(crate) fn drop_order(&self) -> Vec<usize> {
        lock(&self.order).clone()
    }

    /// The items dropped after the first `n` drops, in order.
    pub(crate) fn dropped_after(&self, n: usize) -> Vec<usize> {
        lock(&self.order)[n..].to_vec()
    }

    pub(crate) fn live(&self) -> usize {
        self.live.get()
    }

    /// The most items that ever lived at once.
    pub(crate) fn peak(&self) -> usize {
        self.peak.get()
    }

    /// Asserts that every item was dropped exactly once.
    #[track_caller]
    pub(crate) fn assert_all_dropped_once(&self) {
        let drops = lock(&self.drops);
        for (id, times) in drops.iter().enumerate() {
            assert_eq!(*times, 1, "item {id} of {} was dropped {times} times", drops.len());
        }
    }
}

/// An item that reports its drop to its ledger.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) id: usize,
    ledger: Arc<Ledger>,
    in_use: Count,
    panics: bool,
}

impl Counted {
    /// Marks the item as owned. Fails if it has an owner.
    #[track_caller]
    pub(crate) fn own(&self) {
        assert_eq!(self.in_use.swap(1), 0, "item {} has two owners", self.id);
    }

    #[track_caller]
    pub(crate) fn disown(&self) {
        assert_eq!(self.in_use.swap(0), 1, "item {} lost its owner", self.id);
    }

    #[track_caller]
    pub(crate) fn own_for_a_moment(&self) {
        self.own();
        self.disown();
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        lock(&self.ledger.drops)[self.id] += 1;
        lock(&self.ledger.order).push(self.id);
        self.ledger.live.drop_by_one();
        if self.panics {
            panic!("bomb {}", self.id);
        }
    }
}

/// A recycler that makes counted items and never clears them.
#[derive(Debug, Clone)]
pub(crate) struct Maker(pub(crate) Arc<Ledger>);

impl Recycle<Counted> for Maker {
    fn create(&self) -> Counted {
        self.0.item()
    }

    fn recycle(&self, _: &mut Counted) -> bool {
        true
    }
}

/// A pool of counted items.
pub(crate) type CountedPool = Pool<Counted, Maker>;

/// A pool of counted items with manual epochs, which never fetches.
pub(crate) fn counted(settings: Settings) -> (Arc<CountedPool>, Arc<Ledger>) {
    let ledger = Ledger::new();
    (Arc::new(Pool::with_settings(Maker(Arc::clone(&ledger)), settings.manual().fetch(Fetch::Never))), ledger)
}

/// Settings for pools that only the test sweeps. They never fetch, because whether they did would depend on how long it
/// took to create an item.
pub(crate) const MANUAL: Settings<Manual> = Settings::new().manual().fetch(Fetch::Never);

/// Takes `n` items at once and puts them all back. Returns their numbers.
pub(crate) fn burst<R: Recycle<Counted>>(pool: &Pool<Counted, R>, n: usize) -> Vec<usize> {
    let guards: Vec<_> = (0..n).map(|_| pool.get()).collect();
    guards.iter().map(|item| item.id).collect()
}

/// Takes every idle item that this thread finds.
pub(crate) fn take_all(pool: &CountedPool) -> Vec<Counted> {
    std::iter::from_fn(|| pool.try_get().map(ebbtide::Pooled::detach)).collect()
}

/// Runs `body` in this many threads, which share a pool, while this one sweeps it until they have ended. Every item is
/// idle then, and dropped once.
#[track_caller]
pub(crate) fn sweep_during(threads: usize, body: impl Fn(&CountedPool) + Sync) {
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| body(&pool))).collect();
        while !threads.iter().all(|thread| thread.is_finished()) {
            pool.advance();
        }
    });
    assert_eq!(pool.idle(), ledger.live());
    drop(pool);
    ledger.assert_all_dropped_once();
}
