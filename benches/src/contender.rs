//! What is compared, and the item that all of them pool.

use std::cell::Cell;
use std::fmt;
use std::hint::black_box;
use std::ops::DerefMut;

use crate::contenders;
use crate::sample::Sample;
use crate::workload::{self, Plan, Workload};

/// One way to come by an item and to be rid of it again.
///
/// `get` hands out an empty [`Buffer`]; somewhere between `put` and the next `get` it is cleared. The workloads are
/// generic over this trait, so each contender has its own copy of each loop and is inlined as far as it allows.
pub(crate) trait Contender: Sync + Sized + 'static {
    /// Its name on the command line and in the tables.
    const NAME: &'static str;

    /// An item in use: a guard, or a box.
    type Item<'p>: DerefMut<Target = Buffer> + Send;

    /// An empty pool.
    fn new() -> Self;

    /// Takes an item, or makes one.
    fn get(&self) -> Self::Item<'_>;

    /// Gives an item back. A guard only has to be dropped.
    #[inline]
    fn put<'p>(&'p self, item: Self::Item<'p>) {
        drop(item);
    }

    /// Whether `workload` makes sense for it.
    fn runs(_workload: &Workload) -> bool {
        true
    }
}

/// A contender whose type has been erased: one line of the list.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) runs: fn(&Workload) -> bool,
    pub(crate) sample: fn(&Workload, Plan) -> Sample,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn entry<C: Contender>() -> Entry {
    Entry { name: C::NAME, runs: C::runs, sample: workload::run::<C> }
}

/// Every contender that is written in Rust, in the order of the tables.
pub(crate) static ALL: [Entry; 9] = [
    entry::<contenders::ebbtide::Ebbtide>(),
    entry::<contenders::thread_local::LocalCell>(),
    entry::<contenders::thread_local::LocalVec>(),
    entry::<contenders::allocate::Allocate>(),
    entry::<contenders::object_pool::ObjectPool>(),
    entry::<contenders::lockfree_object_pool::Linear>(),
    entry::<contenders::opool::Opool>(),
    entry::<contenders::array_queue::Queue>(),
    entry::<contenders::mutex_vec::MutexVec>(),
];

/// The room in a new buffer, in bytes.
const CAPACITY: usize = 64;

thread_local! {
    /// How many items this thread has made.
    static MADE: Cell<u64> = const { Cell::new(0) };
}

/// The item: a byte buffer that counts how many of its kind are made.
///
/// The count is per thread, so that it costs next to nothing even for a contender that makes an item every time.
#[derive(Debug)]
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    /// A new, empty buffer with room for a few bytes.
    #[inline]
    pub(crate) fn new() -> Self {
        MADE.set(MADE.get() + 1);
        Buffer(Vec::with_capacity(CAPACITY))
    }

    /// Uses the buffer: reads its header, appends one byte. The optimiser must take it that somebody looks at both.
    #[inline]
    pub(crate) fn write(&mut self) {
        self.0.push(1);
        black_box(&mut self.0);
    }

    /// Reads what was written, as the receiver of a message does.
    #[inline]
    pub(crate) fn read(&self) {
        black_box(self.0.first().copied());
    }

    /// Empties the buffer and keeps its room.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// How many items this thread has made since it last asked.
pub(crate) fn take_made() -> u64 {
    MADE.replace(0)
}
