//! Byte buffers by size: a pool whose `get` takes a minimum capacity, and copying through pooled buffers.
//!
//! Use it if your buffers differ in size. With one [`Pool<Vec<u8>>`](crate::Pool), a request for 64 KiB may get a
//! buffer of 100 bytes and grow it. And a request for 100 bytes may get one of 64 KiB. A [`BufferPool`] separates them
//! by size.
//!
//! ```
//! use std::io::{self, Read, Write};
//! use ebbtide::{BufferPool, buffers};
//!
//! static BUFFERS: BufferPool = BufferPool::new(); // const; 1 KiB to 1 MiB
//!
//! fn frame(body: &[u8], mut to: impl Write) -> io::Result<()> {
//!     let mut frame = BUFFERS.get(4 + body.len()); // empty, with room for all of it
//!     frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
//!     frame.extend_from_slice(body);
//!     to.write_all(&frame)
//! } // returns to the pool here
//!
//! let mut sent = Vec::new();
//! frame(b"hello", &mut sent)?;
//! assert_eq!(sent, b"\0\0\0\x05hello");
//!
//! let mut received = Vec::new();
//! buffers::copy(&mut sent.as_slice().take(9), &mut received)?; // with a buffer from a pool
//! assert_eq!(received, sent);
//! # Ok::<(), io::Error>(())
//! ```
//!
//! | you have | use |
//! | --- | --- |
//! | buffers of different sizes | [`BufferPool`] |
//! | buffers of about one size | [`Pool<Vec<u8>, WithCapacity>`](crate::WithCapacity), which does not look at sizes |
//! | a filled buffer to convert to [`bytes::Bytes`](https://docs.rs/bytes) without a copy | `Bytes::from(buffer)`, with the feature `bytes` |
//! | a reader and a writer | [`copy`](copy()) |
//! | the same in tokio, or two streams to connect | `buffers::tokio_io`, with the feature `tokio` |

#[cfg(feature = "bytes")]
mod bytes;
mod class;
mod copy;
mod exchange;
mod guard;
mod maintenance;
mod settings;
#[cfg(feature = "tokio")]
pub mod tokio_io;

pub use copy::{copy, copy_stats};
pub use guard::PooledBuffer;
pub use settings::Settings;

use std::fmt;
use std::sync::Arc;

use crate::engine::item::Item;
use crate::engine::room::Room;
use crate::pool::{Epochs, Home, Pool, SettingsError, Stats};
use crate::sync::{OnceArc, const_unless_loom};
use class::Class;

/// A pool of byte buffers of different sizes. It keeps them in *classes* by capacity, one for each power of two.
///
/// ```
/// use ebbtide::BufferPool;
/// use ebbtide::buffers::Settings;
///
/// static BUFFERS: BufferPool = BufferPool::with_settings(Settings::new().smallest(4 << 10).largest(4 << 20));
///
/// let mut buffer = BUFFERS.get(10_000);
/// assert!(buffer.is_empty() && buffer.capacity() >= 10_000);
/// buffer.extend_from_slice(&[1; 100_000]); // a buffer may grow
/// drop(buffer); // returns to the class of 64 KiB
/// assert!(BUFFERS.get(65_536).is_empty());
/// assert_eq!(BUFFERS.stats().map(|(_, stats)| stats.created).sum::<usize>(), 1);
/// ```
///
/// # Which buffer goes where
///
/// The size of a class is the smallest capacity of its buffers. A `get` rounds up: it first searches the first class
/// that is large enough. A return rounds down: it clears the buffer and puts it into the class that its capacity fits.
/// It frees the capacity that exceeds the class's size. So an idle buffer is as large as its class says. A user may
/// grow, shrink, swap or [take](std::mem::take) a buffer: later `get`s still get the capacity that they ask for.
///
/// A buffer smaller than the [smallest](Settings::smallest) class or larger than the [largest](Settings::largest) is
/// dropped when it returns. A `get` above the largest class creates a buffer of exactly that capacity.
///
/// If its class has no buffer, a `get` searches the next three classes, and hands out what it finds as it is. A user
/// that asks for 1000 bytes and then fills 5000 thus finds that buffer again. In this search it leaves victims alone,
/// so that a small request does not keep a large buffer alive for long.
///
/// If that fails too, it takes a victim of its own class or creates a buffer. It then also drops idle buffers of other
/// sizes that are not victims: as many bytes as it hands out, and at most 32 buffers. So a thread leaves at most as
/// many buffers idle as it had in use at once, in this epoch and in the last one. This holds for every sequence of
/// sizes, and however much the buffers grow.
///
/// A buffer that grows to 16 times the size of its class or more is not found again by requests for the original size.
/// So ask for the capacity that you will need.
///
/// # Costs
///
/// Each class is a [`Pool`] with its own private slots, shards and epochs. A `get` and the guard's drop together take
/// 1.4 times as long as those of a `Pool`. Those take 2 to 3 ns, and glibc's allocator takes 18 ns for 4000 bytes (a
/// 2-core AMD EPYC virtual machine, 2026-11-21).
///
/// Rounding up takes up to twice the requested memory. A buffer that grew to between two sizes costs a reallocation
/// when it returns. A `get` that misses in its class's private slots searches every other class that ever had a buffer.
///
/// A buffer pool itself takes 1.7 KiB. Classes that nobody has used have no heap. Dropping it [does not
/// wait](Pool#dropping-a-pool) for buffers that a sweep frees.
///
/// # How many bytes it keeps
///
/// Per thread and class, it keeps [`private_bytes`](Settings::private_bytes) and one travelling batch of half as many.
/// In the shared queues of all classes together, it keeps [`max_idle_bytes`](Settings::max_idle_bytes) if that is set:
/// one budget, which any size may use as a whole. If not, it keeps as many as were ever in use at once, until two
/// sweeps have passed. Both settings count capacities.
/// The other memory of a class is that of a [`Pool`](crate::Pool#how-many-items-it-keeps).
pub struct BufferPool {
    /// One for every possible class, from 64 bytes on. Only those from `smallest` to `largest` are used.
    classes: [Pool<Vec<u8>, Class>; class::COUNT],
    smallest: usize,
    largest: usize,
    /// Room for `max_idle_bytes`, which all classes share; created with the first class if that is a limit.
    room: OnceArc<Room>,
    max_idle_bytes: usize,
}

impl BufferPool {
    const_unless_loom! {
        /// Creates a pool with the default settings: buffers of 1 KiB to 1 MiB.
        ///
        /// ```
        /// use ebbtide::BufferPool;
        ///
        /// static BUFFERS: BufferPool = BufferPool::new();
        ///
        /// BUFFERS.get(100).push(1);
        /// assert!(BUFFERS.get(100).is_empty());
        /// ```
        #[must_use]
        pub const fn new() -> Self {
            Self::with_settings(Settings::new())
        }
    }

    const_unless_loom! {
        /// Creates a pool with settings.
        ///
        /// ```
        /// use ebbtide::BufferPool;
        /// use ebbtide::buffers::Settings;
        ///
        /// static PAGES: BufferPool = BufferPool::with_settings(Settings::new().smallest(4096).max_idle_bytes(64 << 20));
        ///
        /// assert_eq!(PAGES.get(1).capacity(), 4096);
        /// ```
        ///
        /// # Panics
        ///
        /// Panics if a setting is out of its limits. In a `static`, that is a compile error. For values known only at
        /// run time, use [`try_with_settings`](Self::try_with_settings).
        #[doc(alias("builder", "config"))]
        #[must_use]
        pub const fn with_settings<E: Epochs<Vec<u8>>>(settings: Settings<E>) -> Self {
            if let Err(error) = settings.check() {
                panic!("{}", error.rule());
            }
            macro_rules! classes {
                ($($index:literal)*) => { [$(Pool::with_settings(settings.class($index), settings.of_class($index))),*] };
            }
            Self {
                classes: classes!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24),
                smallest: class::index(settings.smallest),
                largest: class::index(settings.largest),
                room: OnceArc::new(),
                max_idle_bytes: settings.max_idle_bytes,
            }
        }
    }

    /// Like [`with_settings`](Self::with_settings), but returns a bad setting as an error.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    /// use ebbtide::buffers::Settings;
    ///
    /// let largest = "65536".parse().expect("a number");
    /// let pool = BufferPool::try_with_settings(Settings::new().largest(largest))?;
    /// # drop(pool);
    /// # Ok::<(), ebbtide::SettingsError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if a setting is out of its limits. The error names the setting, the value and the limits.
    pub fn try_with_settings<E: Epochs<Vec<u8>>>(settings: Settings<E>) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self::with_settings(settings))
    }

    /// Hands out an empty buffer with a capacity of at least `min_capacity` bytes. Creates one if none is idle in its
    /// class or the next three. Dropping the guard returns the buffer to the pool.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// let mut buffer = pool.get(5000);
    /// assert!(buffer.is_empty());
    /// assert_eq!(buffer.capacity(), 8192);
    /// buffer.extend_from_slice(b"hello");
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if `min_capacity` exceeds `isize::MAX`, as [`Vec::with_capacity`] does.
    #[doc(alias("acquire", "alloc", "pull", "take", "with_capacity"))]
    #[inline]
    pub fn get(&self, min_capacity: usize) -> PooledBuffer<&Self> {
        PooledBuffer::new(self.take(min_capacity), self)
    }

    /// Like [`get`](Self::get), but the guard holds the pool instead of borrowing it, and [keeps it
    /// alive](crate::OwnedPooled). Costs one more reference count.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ebbtide::BufferPool;
    ///
    /// let pool = Arc::new(BufferPool::new());
    /// let mut buffer = pool.get_owned(100);
    /// std::thread::spawn(move || buffer.push(1)).join().unwrap();
    /// assert_eq!(pool.idle_bytes(), 1024);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    #[inline]
    pub fn get_owned(self: &Arc<Self>, min_capacity: usize) -> PooledBuffer<Arc<Self>> {
        PooledBuffer::new(self.take(min_capacity), Arc::clone(self))
    }

    /// Hands out an empty buffer with a capacity of at least `min_capacity` bytes, if one is idle in its class or the next
    /// three. It never creates one. What it does not see is as for [`Pool::try_get`](crate::Pool::try_get).
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// assert!(pool.try_get(100).is_none());
    /// drop(pool.get(100));
    /// assert!(pool.try_get(100).is_some());
    /// ```
    #[inline]
    pub fn try_get(&self, min_capacity: usize) -> Option<PooledBuffer<&Self>> {
        Some(PooledBuffer::new(self.take_idle(min_capacity)?, self))
    }

    /// Like [`try_get`](Self::try_get), but the guard holds the pool instead of borrowing it.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ebbtide::BufferPool;
    ///
    /// let pool = Arc::new(BufferPool::new());
    /// assert!(pool.try_get_owned(100).is_none());
    /// ```
    #[inline]
    pub fn try_get_owned(self: &Arc<Self>, min_capacity: usize) -> Option<PooledBuffer<Arc<Self>>> {
        Some(PooledBuffer::new(self.take_idle(min_capacity)?, Arc::clone(self)))
    }

    /// Adds a buffer that was created elsewhere, as if a guard were dropped. Costs one allocation, for the box of the
    /// `Vec`.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// pool.put(Vec::with_capacity(5000));
    /// assert_eq!(pool.idle_bytes(), 4096);
    /// ```
    #[doc(alias("attach", "release"))]
    pub fn put(&self, buffer: Vec<u8>) {
        self.give_back(Item::new(buffer));
    }

    #[inline]
    fn take(&self, min_capacity: usize) -> Item<Vec<u8>> {
        match self.take_loaded(min_capacity) {
            Some(buffer) => buffer,
            None => self.find(min_capacity),
        }
    }

    #[inline]
    fn take_idle(&self, min_capacity: usize) -> Option<Item<Vec<u8>>> {
        self.take_loaded(min_capacity).or_else(|| self.find_idle(min_capacity))
    }

    /// Takes a buffer from the calling thread's private slots of the first class that is large enough.
    #[inline(always)]
    fn take_loaded(&self, min_capacity: usize) -> Option<Item<Vec<u8>>> {
        // Classes above the largest have none.
        self.classes.get(self.index_above(min_capacity))?.take_loaded()
    }

    /// The first class whose buffers are large enough, or an index past the largest.
    #[inline]
    fn index_above(&self, min_capacity: usize) -> usize {
        class::index_above(min_capacity).max(self.smallest)
    }

    /// The first class whose buffers are large enough, if there is one.
    fn class_for(&self, min_capacity: usize) -> Option<usize> {
        Some(self.index_above(min_capacity)).filter(|index| *index <= self.largest)
    }

    /// The last class that is not too large for a buffer. If its capacity is outside all classes, that class refuses it.
    fn class_of(&self, buffer: &Vec<u8>) -> usize {
        class::index(buffer.capacity()).max(self.smallest).min(self.largest)
    }
}

impl Home<Vec<u8>> for BufferPool {
    type Notes = ();

    #[inline(always)]
    fn give_back(&self, mut buffer: Item<Vec<u8>>) {
        buffer.clear();
        // Most buffers have the size of a class. That class is found in less time than the one for any capacity.
        let capacity = buffer.capacity();
        match self.classes.get(class::index_of(capacity)) {
            Some(class) if class.recycler.is_size(capacity) => {
                class.take_back_recycled(buffer, |buffer| self.give_back_slow(buffer));
            }
            _ => self.give_back_resized(buffer),
        }
    }

    #[inline(always)]
    fn part_with_one(&self, _: &Item<Vec<u8>>) {}
}

impl Default for BufferPool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used: Vec<_> = self.stats().filter(|(_, stats)| *stats != Stats::default()).collect();
        f.debug_struct("BufferPool").field("name", &self.name()).field("stats", &used).finish_non_exhaustive()
    }
}
