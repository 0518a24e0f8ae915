//! What a contender can do: the traits that the adapters implement.

use std::future::Future;
use std::ops::DerefMut;

use futures_lite::future::block_on;

use crate::item::{Buffer, Item};
use crate::workload::Workload;

/// One way to come by an item and to be rid of it again.
///
/// `get` hands out an empty item; somewhere between `put` and the next `get` it is cleared. The workloads are generic
/// over this trait, so each contender has its own copy of each loop and is inlined as far as it allows.
pub(crate) trait Contender: Sync + Sized + 'static {
    /// Its name on the command line and in the tables.
    const NAME: &'static str;

    /// What it pools.
    type Item: Item;

    /// The same contender with other items.
    type With<I: Item>: Contender<Item = I>;

    /// An item in use: a guard, or a box.
    type Guard<'p>: DerefMut<Target = Self::Item> + Send;

    /// An empty pool. What needs a bound keeps up to `room` idle items: no fewer than the workload can have out at once.
    fn new(room: usize) -> Self;

    /// Takes an item, or makes one.
    fn get(&self) -> Self::Guard<'_>;

    /// Gives an item back. A guard only has to be dropped.
    #[inline]
    fn put<'p>(&'p self, item: Self::Guard<'p>) {
        drop(item);
    }

    /// Drops an item that is in use, so that its pool never sees it again. Not called if `LOSES` is false.
    fn lose<'p>(&'p self, item: Self::Guard<'p>);

    /// Whether an item can be kept from going back.
    const LOSES: bool = true;

    /// Ends an epoch: drops what nobody has used for long. Not called unless `SWEEPS`.
    fn sweep(&self) {}

    /// Whether it has epochs.
    const SWEEPS: bool = false;

    /// Whether `workload` makes sense for it, beyond what the constants say.
    fn runs(_workload: &Workload) -> bool {
        true
    }
}

/// One way to share a number of items of which there are no more: who finds none waits for one.
///
/// Items are handed out empty, as by a [`Contender`].
pub(crate) trait Bounded: Send + Sync + Sized + 'static {
    /// Its name on the command line and in the tables.
    const NAME: &'static str;

    /// Whether a newcomer may get the item that somebody waits for.
    const OVERTAKES: bool;

    /// An item in use: a guard, or the item alone.
    type Guard<'p>: DerefMut<Target = Buffer> + Send;

    /// A pool of so many items.
    fn new(items: usize) -> Self;

    /// Takes an item if it needn't wait for it.
    fn try_get(&self) -> Option<Self::Guard<'_>>;

    /// Takes an item; the thread sleeps until there is one.
    #[inline]
    fn get(&self) -> Self::Guard<'_> {
        self.try_get().unwrap_or_else(|| block_on(self.get_async()))
    }

    /// Takes an item; the task sleeps until there is one. Not called unless `ASYNC`.
    fn get_async(&self) -> impl Future<Output = Self::Guard<'_>> + Send;

    /// Whether tasks can use it.
    const ASYNC: bool = true;

    /// Gives an item back.
    fn put<'p>(&'p self, item: Self::Guard<'p>);
}
