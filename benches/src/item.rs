//! The pooled items: a byte buffer and, for comparison, a zero-sized item, a page and a large buffer.

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::thread::{self, LocalKey};
use std::time::Duration;

use ebbtide::Clear;

/// A kind of item. `default` makes an empty one and counts it. `clear` empties it and keeps its capacity.
///
/// The optimiser must assume that every written byte is read. Debug builds check in `write` that the item was handed
/// out empty.
pub(crate) trait Item: Default + Clear + Send + Sync + 'static {
    /// Uses the item as its user does.
    fn write(&mut self);

    /// Reads what was written, as a message's receiver does.
    fn read(&self);

    /// The calling thread's items of this kind, for the thread-local contenders. Statics can't be generic.
    fn local() -> &'static LocalKey<Local<Self>>;
}

/// The items that one thread keeps for itself.
pub(crate) struct Local<I> {
    pub(crate) one: Cell<Option<Box<I>>>,
    pub(crate) many: RefCell<Vec<Box<I>>>,
}

/// `Item::local` for one type.
macro_rules! local {
    ($item:ty) => {
        #[inline]
        fn local() -> &'static LocalKey<Local<$item>> {
            thread_local! {
                static LOCAL: Local<$item> = const { Local { one: Cell::new(None), many: RefCell::new(Vec::new()) } };
            }
            &LOCAL
        }
    };
}

/// The capacity of a new [`Buffer`], in bytes.
pub(crate) const ROOM: usize = 64;

/// The item of most workloads: a byte buffer of 24 bytes and its heap memory.
#[derive(Debug)]
pub(crate) struct Buffer(Vec<u8>);

impl Default for Buffer {
    #[inline]
    fn default() -> Self {
        count_made();
        Self(Vec::with_capacity(ROOM))
    }
}

impl Clear for Buffer {
    #[inline]
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Item for Buffer {
    local!(Buffer);

    /// Reads its header and appends one byte.
    #[inline]
    fn write(&mut self) {
        debug_assert!(self.0.is_empty(), "handed out as it was left");
        self.0.push(1);
        black_box(&mut self.0);
    }

    #[inline]
    fn read(&self) {
        black_box(self.0.first().copied());
    }
}

/// A zero-sized item. Only the pool's own work remains.
#[derive(Debug)]
pub(crate) struct Nothing(());

impl Default for Nothing {
    #[inline]
    fn default() -> Self {
        count_made();
        Self(())
    }
}

impl Clear for Nothing {
    #[inline]
    fn clear(&mut self) {}
}

impl Item for Nothing {
    local!(Nothing);

    #[inline]
    fn write(&mut self) {
        black_box(self);
    }

    #[inline]
    fn read(&self) {
        black_box(self);
    }
}

/// An item of 4096 bytes without heap memory. A pool that moves its items copies all of it.
#[derive(Debug)]
pub(crate) struct Page([u8; 4096]);

impl Default for Page {
    #[inline]
    fn default() -> Self {
        count_made();
        Self([0; 4096])
    }
}

impl Clear for Page {
    #[inline]
    fn clear(&mut self) {
        self.0[0] = 0;
    }
}

impl Item for Page {
    local!(Page);

    /// Writes its first byte.
    #[inline]
    fn write(&mut self) {
        debug_assert!(self.0[0] == 0, "handed out as it was left");
        self.0[0] = 1;
        black_box(&mut self.0);
    }

    #[inline]
    fn read(&self) {
        black_box(self.0[0]);
    }
}

/// The capacity of a [`Large`] buffer, in bytes.
pub(crate) const LARGE: usize = 32 << 10;

/// A buffer of 32 KiB that every user fills.
#[derive(Debug)]
pub(crate) struct Large(Vec<u8>);

impl Default for Large {
    #[inline]
    fn default() -> Self {
        count_made();
        Self(Vec::with_capacity(LARGE))
    }
}

impl Clear for Large {
    #[inline]
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Item for Large {
    local!(Large);

    #[inline]
    fn write(&mut self) {
        debug_assert!(self.0.is_empty(), "handed out as it was left");
        self.0.resize(LARGE, 1);
        black_box(&mut self.0);
    }

    #[inline]
    fn read(&self) {
        black_box(self.0.first().copied());
    }
}

/// An item that takes a millisecond to create.
#[derive(Debug)]
pub(crate) struct Costly(());

impl Default for Costly {
    fn default() -> Self {
        count_made();
        thread::sleep(Duration::from_millis(1));
        Self(())
    }
}

impl Clear for Costly {
    fn clear(&mut self) {}
}

impl Item for Costly {
    local!(Costly);

    fn write(&mut self) {
        black_box(self);
    }

    fn read(&self) {
        black_box(self);
    }
}

thread_local! {
    /// The number of items that this thread has made.
    static MADE: Cell<u64> = const { Cell::new(0) };
}

/// Counts an item. The count is per thread, so that it costs almost nothing even if every item is new.
#[inline]
fn count_made() {
    add_made(1);
}

/// Adds the count of another thread.
#[inline]
pub(crate) fn add_made(items: u64) {
    MADE.set(MADE.get() + items);
}

/// Returns how many items this thread has made since the last call.
pub(crate) fn take_made() -> u64 {
    MADE.replace(0)
}
