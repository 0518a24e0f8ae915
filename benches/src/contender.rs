//! What is compared.

use std::fmt;
use std::future::Future;
use std::ops::DerefMut;
use std::sync::Mutex;

use crossbeam_queue::ArrayQueue;
use futures_lite::future::block_on;

use crate::contenders::{self, allocate::Owned, bounded::ebbtide::Limited, ebbtide::Ebbtide};
use crate::instructions;
use crate::item::{Buffer, Item};
use crate::sample::Sample;
use crate::workload::{self, Plan, Shape, Workload};

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

/// A contender whose type has been erased: one line of the list.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// Whether a newcomer may get the item that somebody waits for, where there is a limit.
    pub(crate) overtakes: bool,
    pub(crate) runs: fn(&Workload) -> bool,
    pub(crate) sample: fn(&Workload, Plan) -> Sample,
    /// Does so many pairs, and nothing else that is worth counting.
    pub(crate) work: fn(Shape, usize),
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn entry<C: Contender<Item = Buffer>>() -> Entry {
    Entry {
        name: C::NAME,
        overtakes: false,
        runs: runs::<C>,
        sample: workload::run::<C>,
        work: instructions::work::<C>,
    }
}

fn runs<C: Contender>(workload: &Workload) -> bool {
    !workload.is_bounded() && (C::SWEEPS || !workload.sweeps()) && (C::LOSES || !workload.loses()) && C::runs(workload)
}

const fn bounded<B: Bounded>() -> Entry {
    Entry {
        name: B::NAME,
        overtakes: B::OVERTAKES,
        runs: workload::runs_bounded::<B>,
        sample: workload::run_bounded::<B>,
        work: |_, _| unreachable!("without a limit it has no items"),
    }
}

/// Every contender that is written in Rust, in the order of the tables.
pub(crate) static ALL: [Entry; 19] = [
    Entry {
        runs: |workload| match workload.is_bounded() {
            true => workload::runs_bounded::<Limited>(workload),
            false => runs::<Ebbtide<Buffer>>(workload),
        },
        sample: |workload, plan| match workload.is_bounded() {
            true => workload::run_bounded::<Limited>(workload, plan),
            false => workload::run::<Ebbtide<Buffer>>(workload, plan),
        },
        ..entry::<Ebbtide<Buffer>>()
    },
    entry::<contenders::thread_local::LocalCell<Buffer>>(),
    entry::<contenders::thread_local::LocalVec<Buffer>>(),
    entry::<contenders::allocate::Allocate<Buffer>>(),
    entry::<contenders::object_pool::ObjectPool<Buffer>>(),
    entry::<contenders::lockfree_object_pool::Linear<Buffer>>(),
    entry::<contenders::opool::Opool<Buffer>>(),
    entry::<contenders::sharded_slab::Slab<Buffer>>(),
    entry::<contenders::concurrent_pool::Concurrent<Buffer>>(),
    entry::<contenders::regex_automata::Regex<Buffer>>(),
    entry::<contenders::array_queue::Queue<Buffer>>(),
    entry::<contenders::seg_queue::Queue<Buffer>>(),
    entry::<contenders::mutex_vec::Std<Buffer>>(),
    entry::<contenders::mutex_vec::ParkingLot<Buffer>>(),
    bounded::<contenders::bounded::deadpool::Unmanaged>(),
    bounded::<contenders::bounded::semaphore::Guarded<Mutex<Vec<Owned<Buffer>>>>>(),
    bounded::<contenders::bounded::semaphore::Guarded<ArrayQueue<Owned<Buffer>>>>(),
    bounded::<contenders::bounded::async_channel::Channel>(),
    bounded::<contenders::bounded::mutex_condvar::MutexCondvar>(),
];
