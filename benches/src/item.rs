//! What is pooled: a byte buffer, and for comparison an item of nothing, a page and a large buffer.

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::thread::{self, LocalKey};
use std::time::Duration;

use ebbtide::Clear;

/// One kind of item. `default` makes an empty one and counts it, `clear` empties it and keeps its room.
///
/// The optimiser must take it that somebody looks at every byte that is written. Not optimised, `write` checks that the
/// item was handed out empty.
pub(crate) trait Item: Default + Clear + Send + Sync + 'static {
    /// Uses the item as whoever got it does.
    fn write(&mut self);

    /// Reads what was written, as the receiver of a message does.
    fn read(&self);

    /// What the calling thread keeps of this kind of item, for the contenders that are bare thread-locals: no static is
    /// generic.
    fn local() -> &'static LocalKey<Local<Self>>;
}

/// Items that one thread keeps for itself.
pub(crate) struct Local<I> {
    pub(crate) one: Cell<Option<Box<I>>>,
    pub(crate) many: RefCell<Vec<Box<I>>>,
}

/// `Item::local` for the type of that name.
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

/// The room in a new [`Buffer`], in bytes.
pub(crate) const ROOM: usize = 64;

/// The item of most workloads: a byte buffer, so 24 bytes and what they point to.
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

    /// Reads its header, appends one byte.
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

/// An item of no size: what is left is what the pool does.
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

/// An item of 4096 bytes that points to nothing. A pool that moves its items copies all of them.
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

/// The room in a [`Large`] buffer, in bytes.
pub(crate) const LARGE: usize = 32 << 10;

/// A buffer of 32 KiB that is filled by every user.
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

/// An item that takes a millisecond to make.
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
    /// How many items this thread has made.
    static MADE: Cell<u64> = const { Cell::new(0) };
}

/// Counts an item. The count is per thread, so that it costs next to nothing even for a contender that makes an item
/// every time.
#[inline]
fn count_made() {
    add_made(1);
}

/// Takes over what another thread has counted.
#[inline]
pub(crate) fn add_made(items: u64) {
    MADE.set(MADE.get() + items);
}

/// How many items this thread has made since it last asked.
pub(crate) fn take_made() -> u64 {
    MADE.replace(0)
}
