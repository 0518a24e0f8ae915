//! `BoundedPool`: which idle item is handed out, and which are dropped, with both orders.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::common::polled::Polled;
use crate::common::{Counted, Dice, Maker};
use crate::pools::{CountedPool, counted_with};
use ebbtide::BoundedPool;
use ebbtide::bounded::{Order, OwnedPooled, Pooled, Settings};
use futures_lite::future::block_on;

const ORDERS: [Order; 2] = [Order::Lifo, Order::Fifo];

/// Whatever the way, the next item is the one that was returned last, or the one that has been idle longest.
#[test]
fn every_way_to_get_follows_the_order() {
    let ways: [fn(&Arc<CountedPool>) -> usize; 6] = [
        |pool| pool.get().unwrap().id,
        |pool| pool.try_get().unwrap().id,
        |pool| pool.get_owned().unwrap().id,
        |pool| pool.get_many(1).unwrap()[0].id,
        |pool| block_on(pool.get_async()).unwrap().id,
        |pool| block_on(pool.get_many_async(1)).unwrap()[0].id,
    ];
    for order in ORDERS {
        let (pool, _ledger) = counted_with(Settings::new(3).manual().order(order));
        assert_eq!(pool.prefill(3), Ok(3));
        for (n, way) in ways.into_iter().enumerate() {
            assert_eq!(way(&pool), if order == Order::Lifo { 2 } else { n % 3 });
        }
        let ids = |items: Vec<Pooled<'_, Counted, _>>| Vec::from_iter(items.iter().map(|item| item.id));
        assert_eq!(ids(pool.get_many(2).unwrap()), if order == Order::Lifo { [2, 1] } else { [0, 1] });
    }
}

/// Waiters are served in order of arrival, in both orders.
#[test]
fn a_waiter_gets_the_next_item() {
    for order in ORDERS {
        let (pool, _ledger) = counted_with(Settings::new(2).manual().order(order));
        let mut items = pool.get_many(2).unwrap();
        items.sort_by_key(|item| item.id);
        let waiting = Polled::waiting(pool.get_many_async(2));
        let other = Polled::waiting(pool.get_async());
        items.drain(..).for_each(drop);
        let both = waiting.ready().unwrap();
        assert_eq!(both.len(), 2);
        drop(both);
        assert!(other.ready().is_ok());
    }
}

/// Items that a cancelled wait was served come back in the order in which they were idle.
#[test]
fn a_cancelled_wait_keeps_the_order() {
    for order in ORDERS {
        let (pool, _ledger) = counted_with(Settings::new(2).manual().order(order));
        let mut items = pool.get_many(2).unwrap();
        items.sort_by_key(|item| item.id);
        let waiting = Polled::waiting(pool.get_many_async(2));
        items.drain(..).for_each(drop);
        assert_eq!(pool.idle(), 0, "they are on their way");
        drop(waiting);
        assert_eq!(pool.get().unwrap().id, if order == Order::Lifo { 1 } else { 0 });
    }
}

/// An item that is too old is replaced, whichever end it is at.
#[test]
fn an_expired_item_is_not_handed_out() {
    for order in ORDERS {
        const SHORT: Duration = Duration::from_millis(5);
        let (pool, ledger) = counted_with(Settings::new(2).manual().min_idle(2).max_lifetime(SHORT).order(order));
        assert_eq!(pool.prefill(2), Ok(2));
        thread::sleep(SHORT);
        let id = pool.get().unwrap().id;
        assert_eq!((id, ledger.drop_order()[0]), (2, if order == Order::Lifo { 1 } else { 0 }));
    }
}

/// The order is a constant.
#[test]
fn a_static_pool_has_an_order() {
    static POOL: BoundedPool<Vec<u8>, fn() -> Vec<u8>> =
        BoundedPool::with_settings(Vec::new, Settings::new(2).order(Order::Fifo).manual());
    let (mut first, second) = (POOL.get().unwrap(), POOL.get().unwrap());
    first.push(1);
    drop(first);
    drop(second);
    assert_eq!(*POOL.get().unwrap(), [1]);
}

/// What must happen: the idle items with the epochs of their returns, the oldest first.
struct Model {
    order: Order,
    capacity: usize,
    min_idle: usize,
    epoch: usize,
    idle: Vec<(usize, usize)>,
    in_use: Vec<OwnedPooled<Counted, Maker>>,
    made: usize,
    dropped: Vec<usize>,
}

impl Model {
    fn get(&mut self, pool: &Arc<CountedPool>) {
        if self.in_use.len() >= self.capacity {
            return;
        }
        let item = pool.get_owned().unwrap();
        let next = match self.order {
            _ if self.idle.is_empty() => {
                self.made += 1;
                self.made - 1
            }
            Order::Fifo => self.idle.remove(0).0,
            _ => self.idle.pop().expect("some are idle").0,
        };
        assert_eq!(item.id, next);
        self.in_use.push(item);
    }

    fn put(&mut self, n: usize) {
        if self.in_use.is_empty() {
            return;
        }
        let item = self.in_use.swap_remove(n % self.in_use.len());
        let id = item.id;
        drop(item);
        if self.in_use.len() + self.idle.len() < self.capacity {
            self.idle.push((id, self.epoch));
        } else {
            self.dropped.push(id);
        }
    }

    fn prefill(&mut self, pool: &CountedPool) {
        let Ok(made) = pool.prefill(1);
        assert_eq!(made, usize::from(self.in_use.len() + self.idle.len() < self.capacity));
        if made == 1 {
            self.idle.push((self.made, self.epoch));
            self.made += 1;
        }
    }

    fn drop_oldest(&mut self, n: usize) {
        self.dropped.extend(self.idle.drain(..n).map(|(id, _)| id));
    }

    fn advance(&mut self, pool: &CountedPool) {
        let old = self.idle.iter().filter(|(_, epoch)| *epoch < self.epoch).count();
        let n = old.min(self.idle.len().saturating_sub(self.min_idle));
        assert_eq!(pool.advance().unwrap().dropped, n);
        self.drop_oldest(n);
        self.epoch += 1;
    }

    fn retain(&mut self, pool: &CountedPool, multiple: usize) {
        let keeps = |id: usize| id % multiple != 0;
        pool.retain(|item, _| keeps(item.id));
        self.dropped.extend(self.idle.iter().map(|(id, _)| *id).filter(|id| !keeps(*id)));
        self.idle.retain(|(id, _)| keeps(*id));
    }

    fn resize(&mut self, pool: &CountedPool, capacity: usize) {
        pool.resize(capacity).unwrap();
        self.capacity = capacity;
        self.drop_oldest((self.in_use.len() + self.idle.len()).saturating_sub(capacity).min(self.idle.len()));
    }
}

/// Calls at random, with both orders: each hands out and drops the items of the model, in its order.
#[test]
fn any_calls_hand_out_and_drop_the_right_items() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let (order, min_idle) = (ORDERS[dice.below(2)], dice.below(4));
        let (pool, ledger) = counted_with(Settings::new(6).manual().order(order).min_idle(min_idle));
        let (idle, in_use, dropped) = (Vec::new(), Vec::new(), Vec::new());
        let mut model = Model { order, capacity: 6, min_idle, epoch: 0, idle, in_use, made: 0, dropped };
        for _ in 0..100 {
            match dice.below(12) {
                0..4 => model.get(&pool),
                4..8 => model.put(dice.below(6)),
                8 => model.prefill(&pool),
                9 => model.advance(&pool),
                10 => model.retain(&pool, 2 + dice.below(3)),
                _ => model.resize(&pool, min_idle.max(1) + dice.below(5)),
            }
            assert_eq!(ledger.drop_order(), model.dropped, "{order:?}, seed {seed}");
            assert_eq!((pool.idle(), pool.in_use()), (model.idle.len(), model.in_use.len()));
        }
    }
}
