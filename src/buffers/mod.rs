//! Byte buffers by size: a pool that has one of at least the capacity that is asked for, and copying through pooled
//! buffers.
//!
//! For programs whose buffers differ in size: with one [`Pool<Vec<u8>>`](crate::Pool) who needs 64 KiB may get a buffer
//! of 100 bytes and grow it, and who needs 100 bytes one of 64 KiB. A [`BufferPool`] keeps them apart.
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
//! } // back into the pool here
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
//! | buffers of about one size | [`Pool<Vec<u8>, WithCapacity>`](crate::WithCapacity), which doesn't look at sizes |
//! | a filled buffer that becomes [`bytes::Bytes`](https://docs.rs/bytes) without a copy | `Bytes::from(buffer)`, with the feature `bytes` |
//! | a reader and a writer | [`copy`](copy()) |
//! | the same in tokio, or two streams to join | `buffers::tokio`, with the feature `tokio` |

#[cfg(feature = "bytes")]
mod bytes;
mod class;
mod copy;
mod guard;
mod settings;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use copy::copy;
pub use guard::PooledBuffer;
pub use settings::Settings;

use std::fmt;
use std::sync::Arc;

use crate::engine::item::Item;
use crate::engine::tally::Swept;
use crate::pool::{Epochs, Home, Pool, SettingsError, Stats};
use crate::sync::const_unless_loom;
use class::Class;

/// In how many classes a `get` looks for a buffer to hand out. The last one's buffers are eight times as large as the first
/// one's; with more classes, who keeps many small buffers might keep large ones instead.
const NEAR: usize = 4;

/// A pool of byte buffers of different sizes: each goes to the *class* that its capacity fits, one for each power of two.
///
/// ```
/// use ebbtide::BufferPool;
/// use ebbtide::buffers::Settings;
///
/// static BUFFERS: BufferPool = BufferPool::with_settings(Settings::new().smallest(4 << 10).largest(4 << 20));
///
/// let mut buffer = BUFFERS.get(10_000);
/// assert!(buffer.is_empty() && buffer.capacity() >= 10_000);
/// buffer.extend_from_slice(&[1; 100_000]); // it may grow
/// drop(buffer); // to the buffers of 64 KiB
/// assert!(BUFFERS.get(65_536).is_empty());
/// assert_eq!(BUFFERS.stats().map(|(_, stats)| stats.created).sum::<usize>(), 1);
/// ```
///
/// # Which buffer goes where
///
/// A class's size is the least capacity of its buffers, so a `get` looks in the first class that is large enough first: it
/// rounds up. On its way back a buffer is cleared, and its class is found anew from its capacity: it rounds down. What is
/// over the class's size is given back to the allocator then, so an idle buffer is as large as its class says. Hence what
/// was done to a buffer can't make a later `get` come short: grown, shrunk, swapped for another or
/// [taken](std::mem::take).
///
/// A buffer under the [smallest](Settings::smallest) class or over the [largest](Settings::largest) is dropped when it
/// comes back; a `get` over the largest makes one of just that capacity.
///
/// If that class has none, a `get` looks in the next three, and hands out what it finds as it is: who asks for 1000 bytes and
/// then fills 5000 finds that buffer again. It takes none there that the next sweep would drop, so that a small need keeps
/// no large buffer for long. Otherwise it takes such a one of its own class, or makes one, and drops an idle buffer of another
/// size, if there is one that the next sweep would not drop. So a thread leaves no more buffers idle than it had in use at
/// once, in this epoch and in the last one, whatever it asks for and whatever they grow to.
///
/// A buffer that grows to more than eight times its class is not found again by who asks for as little, so ask for what will
/// be needed.
///
/// # Costs
///
/// Each class is a [`Pool`], with private slots, shards and epochs of its own, so what nobody has used for two epochs is
/// dropped. A `get` and the guard's drop take 6 ns together, where those of a `Pool` take 2 to 3, and glibc's allocator 18
/// for 4000 bytes (a 2-core AMD EPYC virtual machine, 2026-11-21). Rounding up takes up to twice the memory that was asked
/// for. A buffer that grew to something between two sizes costs a reallocation on its way back. A `get` that finds none in
/// its class's private slots looks into every other class of which a buffer was made.
///
/// A buffer pool is 1.7 KiB itself, and has no heap for classes that nobody has used.
///
/// # How many bytes it keeps
///
/// Per thread and class: [`private_bytes`](Settings::private_bytes), and one batch of half of them on its way. In the
/// shared queues of all classes together: [`max_idle_bytes`](Settings::max_idle_bytes), if that is set; without it, as many
/// as were ever in use at once, until two sweeps have passed. Both count capacities. What else a class has on the heap is
/// as with [`Pool`].
pub struct BufferPool {
    /// For every size that a class can have, from 64 bytes on; those from `smallest` to `largest` are used.
    classes: [Pool<Vec<u8>, Class>; class::COUNT],
    smallest: usize,
    largest: usize,
}

impl BufferPool {
    const_unless_loom! {
        /// A pool with the default settings: buffers of 1 KiB to 1 MiB.
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
        /// A pool with settings of its own.
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
        /// If a setting is out of its limits; in a `static` that does not compile. Use
        /// [`try_with_settings`](Self::try_with_settings) where the values come at run time.
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
            }
        }
    }

    /// As [`with_settings`](Self::with_settings), with a bad setting as an error.
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
    /// If a setting is out of its limits; the error names the setting, the value and the limits.
    pub fn try_with_settings<E: Epochs<Vec<u8>>>(settings: Settings<E>) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self::with_settings(settings))
    }

    /// An empty buffer with a capacity of at least `min_capacity` bytes; a new one if none is idle in its class or the next
    /// three. It goes back when the guard is dropped.
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
    /// If `min_capacity` is more than `isize::MAX`, as [`Vec::with_capacity`] does.
    #[inline]
    pub fn get(&self, min_capacity: usize) -> PooledBuffer<&Self> {
        PooledBuffer::new(self.take(min_capacity), self)
    }

    /// As [`get`](Self::get), with a guard that holds the pool instead of borrowing it. Costs a reference count more.
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

    /// Puts in a buffer that was made elsewhere, as a guard's drop would. Costs one allocation, for the box that the `Vec`
    /// is moved into.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// pool.put(Vec::with_capacity(5000));
    /// assert_eq!(pool.idle_bytes(), 4096);
    /// ```
    pub fn put(&self, buffer: Vec<u8>) {
        self.give_back(Item::new(buffer));
    }

    /// Makes `n` buffers with a capacity of at least `min_capacity` and puts them where every thread finds them. Returns
    /// how many of them were kept: fewer than `n` if [`max_idle_bytes`](Settings::max_idle_bytes) left no room, none if
    /// they would be over the largest class. They make way for others as any that are idle.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// assert_eq!(pool.prefill(10, 4096), 10);
    /// assert_eq!(pool.idle_bytes(), 10 * 4096);
    /// ```
    pub fn prefill(&self, n: usize, min_capacity: usize) -> usize {
        self.class_for(min_capacity).map_or(0, |index| self.classes[index].prefill(n))
    }

    /// Ends the epoch of every class: drops the buffers put in an earlier one and not used since, and makes the rest a
    /// step older. So an idle buffer survives one call and not two.
    ///
    /// Returns what it did, in buffers of all classes. A class of which another sweep is running is left to that.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// drop((pool.get(1000), pool.get(100_000)));
    /// assert_eq!(pool.advance().kept, 2);
    /// assert_eq!(pool.advance().dropped, 2);
    /// ```
    pub fn advance(&self) -> Swept {
        self.sum_up(Pool::advance)
    }

    /// Drops every idle buffer, but for those of threads that are inside an operation. The epochs stay.
    ///
    /// Returns what it did, in buffers of all classes. A class of which a sweep is running is left to that.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// drop((pool.get(1000), pool.get(100_000)));
    /// assert_eq!(pool.clear().dropped, 2);
    /// ```
    pub fn clear(&self) -> Swept {
        self.sum_up(Pool::clear)
    }

    /// How many bytes lie idle, in capacity: exact when no other call is under way, else an estimate.
    ///
    /// Costs a look at the slot set of every thread in every class that it used.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// drop((pool.get(1000), pool.get(3000)));
    /// assert_eq!(pool.idle_bytes(), 1024 + 4096);
    /// ```
    pub fn idle_bytes(&self) -> usize {
        // Estimates may come to more than there is of a word.
        self.stats().fold(0, |sum: usize, (size, stats)| sum.saturating_add(size.saturating_mul(stats.idle)))
    }

    /// What each class did since the pool was made, with the class's size in bytes; the smallest class first.
    ///
    /// Buffers over the largest class count as created and refused there, those under the smallest as refused there. One that
    /// is handed out for a smaller need counts in its own class, and one that makes way for another as refused in its own.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// drop((pool.get(3000), pool.get(4000)));
    /// for (size, stats) in pool.stats() {
    ///     assert_eq!(stats.created, if size == 4096 { 2 } else { 0 });
    /// }
    /// ```
    pub fn stats(&self) -> impl Iterator<Item = (usize, Stats)> {
        (self.smallest..=self.largest).map(|index| (class::size(index), self.classes[index].stats()))
    }

    #[inline]
    fn take(&self, min_capacity: usize) -> Item<Vec<u8>> {
        match self.class_for(min_capacity) {
            Some(index) => self.classes[index].take_at_hand().unwrap_or_else(|| self.find(index)),
            None => self.classes[self.largest].make(|| Vec::with_capacity(min_capacity)),
        }
    }

    /// A buffer for a class of which the thread has none at hand.
    #[cold]
    #[inline(never)]
    fn find(&self, index: usize) -> Item<Vec<u8>> {
        let far = (index + NEAR).min(self.largest + 1);
        if let Some(buffer) = self.classes[index..far].iter().find_map(Pool::take_young) {
            return buffer;
        }
        // All that are young and of a fitting size are in use, so another one makes way. Else whoever lets buffers grow, or asks
        // for one size after the other, would have more of them with each of these.
        let smaller = self.classes[self.smallest..index].iter().rev();
        let larger = self.classes[far..=self.largest].iter();
        if let Some((class, buffer)) = smaller.chain(larger).find_map(|class| Some((class, class.take_young()?))) {
            class.refuse(buffer, None);
        }
        self.classes[index].take_or(|| Vec::with_capacity(class::size(index)))
    }

    /// The first class whose buffers are large enough, if any is.
    #[inline]
    fn class_for(&self, min_capacity: usize) -> Option<usize> {
        (min_capacity <= class::size(self.largest))
            .then(|| class::index(min_capacity.next_power_of_two()).max(self.smallest))
    }

    fn sum_up(&self, sweep: impl Fn(&Pool<Vec<u8>, Class>) -> Option<Swept>) -> Swept {
        let mut sum = Swept::default();
        self.classes[self.smallest..=self.largest].iter().filter_map(sweep).for_each(|swept| sum += swept);
        sum
    }
}

impl Home<Vec<u8>> for BufferPool {
    /// Puts a buffer into the last class that is not too large for it, which refuses it if it is out of all classes.
    #[inline]
    fn give_back(&self, buffer: Item<Vec<u8>>) {
        let index = class::index(buffer.capacity()).clamp(self.smallest, self.largest);
        self.classes[index].give_back(buffer);
    }

    #[inline(always)]
    fn part_with_one(&self) {}
}

impl Default for BufferPool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = self.stats().filter(|(_, stats)| *stats != Stats::default());
        f.debug_map().entries(used).finish()
    }
}
