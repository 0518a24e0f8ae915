//! The traits that the adapters of contenders implement.

use std::future::Future;
use std::ops::DerefMut;

use futures_lite::future::block_on;

use crate::item::{Buffer, Item};
use crate::workload::Workload;

/// One way to get an item and to give it back.
///
/// `get` hands out an empty item. It is cleared somewhere between `put` and the next `get`. The workloads are generic
/// over this trait, so each contender is inlined into its own copy of each loop.
pub(crate) trait Contender: Sync + Sized + 'static {
    /// Its name on the command line and in the tables.
    const NAME: &'static str;

    /// The pooled type.
    type Item: Item;

    /// The same contender with other items.
    type With<I: Item>: Contender<Item = I>;

    /// An item in use: a guard, or a box.
    type Guard<'p>: DerefMut<Target = Self::Item> + Send;

    /// An empty pool. A pool with a bound keeps up to `room` idle items, at least as many as the workload has out at
    /// once.
    fn new(room: usize) -> Self;

    /// Takes an item or makes one.
    fn get(&self) -> Self::Guard<'_>;

    /// Gives an item back. For a guard, this drops it.
    #[inline]
    fn put<'p>(&'p self, item: Self::Guard<'p>) {
        drop(item);
    }

    /// Drops an item in use so that its pool never gets it back. Not called if `LOSES` is false.
    fn lose<'p>(&'p self, item: Self::Guard<'p>);

    /// Whether an item can be kept from returning.
    const LOSES: bool = true;

    /// Ends an epoch, which drops items that were idle for long. Not called unless `SWEEPS`.
    fn sweep(&self) {}

    /// Whether it has epochs.
    const SWEEPS: bool = false;

    /// Whether `workload` makes sense for it, beyond what the constants say.
    fn runs(_workload: &Workload) -> bool {
        true
    }
}

/// One way to share a fixed number of items. A user who finds none waits.
///
/// Items are handed out empty, as by a [`Contender`].
pub(crate) trait Bounded: Send + Sync + Sized + 'static {
    /// Its name on the command line and in the tables.
    const NAME: &'static str;

    /// Whether a newcomer may get the item that another user waits for.
    const OVERTAKES: bool;

    /// An item in use: a guard, or the item alone.
    type Guard<'p>: DerefMut<Target = Buffer> + Send;

    /// A pool with this many items.
    fn new(items: usize) -> Self;

    /// Takes an item if there is one.
    fn try_get(&self) -> Option<Self::Guard<'_>>;

    /// Takes an item. The thread sleeps until there is one. Not called unless `BLOCKING`.
    #[inline]
    fn get(&self) -> Self::Guard<'_> {
        self.try_get().unwrap_or_else(|| block_on(self.get_async()))
    }

    /// Whether threads can use it.
    const BLOCKING: bool = true;

    /// Takes an item. The task sleeps until there is one. Not called unless `ASYNC`.
    fn get_async(&self) -> impl Future<Output = Self::Guard<'_>> + Send;

    /// Whether tasks can use it.
    const ASYNC: bool = true;

    /// Gives an item back.
    fn put<'p>(&'p self, item: Self::Guard<'p>);
}
