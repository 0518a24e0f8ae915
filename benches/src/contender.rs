//! What is compared.

use std::fmt;
use std::ops::DerefMut;

use crate::contenders;
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

/// A contender whose type has been erased: one line of the list.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
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
        runs: |workload| (C::SWEEPS || !workload.sweeps()) && (C::LOSES || !workload.loses()) && C::runs(workload),
        sample: workload::run::<C>,
        work: instructions::work::<C>,
    }
}

/// Every contender that is written in Rust, in the order of the tables.
pub(crate) static ALL: [Entry; 14] = [
    entry::<contenders::ebbtide::Ebbtide<Buffer>>(),
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
];
