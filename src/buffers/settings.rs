//! The settings of a buffer pool and their limits.

use std::fmt;
use std::time::Duration;

use super::class::{self, Class, MAX_SIZE, MIN_SIZE};
use crate::pool::{self, Manual, OrNone, SettingsError, Timed};

/// The settings of a [`BufferPool`](super::BufferPool), for
/// [`BufferPool::with_settings`](super::BufferPool::with_settings), which checks them.
///
/// In a `static`, a bad value is a compile error. At run time,
/// [`BufferPool::try_with_settings`](super::BufferPool::try_with_settings) returns it as an error.
///
/// ```
/// use std::time::Duration;
/// use ebbtide::BufferPool;
/// use ebbtide::buffers::Settings;
///
/// static PAGES: BufferPool = BufferPool::with_settings(
///     Settings::new().smallest(4 << 10).largest(64 << 10).max_idle_bytes(16 << 20).every(Duration::from_secs(5)),
/// );
///
/// assert_eq!(PAGES.get(1).capacity(), 4 << 10);
/// ```
///
/// ```compile_fail
/// use ebbtide::BufferPool;
/// use ebbtide::buffers::Settings;
///
/// // must be a power of two
/// static PAGES: BufferPool = BufferPool::with_settings(Settings::new().smallest(5000));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Settings<E = Timed> {
    pub(super) smallest: usize,
    pub(super) largest: usize,
    pub(super) max_idle_bytes: usize,
    private_bytes: usize,
    /// The settings that are the same for all classes.
    every_class: pool::Settings<E>,
}

impl<E> fmt::Debug for Settings<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &OrNone(self.every_class.name))
            .field("every", &self.every_class.epoch)
            .field("smallest", &self.smallest)
            .field("largest", &self.largest)
            .field("max_idle_bytes", &OrNone((self.max_idle_bytes != usize::MAX).then_some(self.max_idle_bytes)))
            .field("private_bytes", &self.private_bytes)
            .finish()
    }
}

impl Settings {
    /// Returns the defaults: buffers of 1 KiB to 1 MiB, and 2 MiB of each class for each thread. Sweeps are every 30
    /// seconds, and idle bytes have no limit.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    /// use ebbtide::buffers::Settings;
    ///
    /// let pool = BufferPool::with_settings(Settings::new());
    /// assert_eq!(pool.get(1).capacity(), 1 << 10);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self {
            // Below `smallest`, an allocator's own cache is as good. Above `largest`, filling a buffer takes so long
            // that the cost of creating it does not matter.
            smallest: 1 << 10,
            largest: 1 << 20,
            max_idle_bytes: usize::MAX,
            // Enough for private slots in each of these classes.
            private_bytes: 2 << 20,
            every_class: pool::Settings::new(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Copy> Settings<E> {
    /// Names the pool, for [metrics](crate::Stats), `tracing` events and `Debug`. The default is the type of the items.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    /// use ebbtide::buffers::Settings;
    ///
    /// static PAGES: BufferPool = BufferPool::with_settings(Settings::new().name("pages"));
    ///
    /// assert_eq!(PAGES.name(), "pages");
    /// ```
    #[must_use]
    pub const fn name(mut self, name: &'static str) -> Self {
        self.every_class = self.every_class.name(name);
        self
    }

    /// Sets the size of the smallest class in bytes: a power of two from 64 to [`largest`](Self::largest). No smaller
    /// buffer is created, and a smaller one is dropped when it returns. The default is 1 KiB.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    /// use ebbtide::buffers::Settings;
    ///
    /// let pool = BufferPool::with_settings(Settings::new().smallest(64));
    /// assert_eq!(pool.get(65).capacity(), 128);
    /// ```
    #[must_use]
    pub const fn smallest(mut self, bytes: usize) -> Self {
        self.smallest = bytes;
        self
    }

    /// Sets the size of the largest class in bytes: a power of two from [`smallest`](Self::smallest) to 1 GiB. A larger
    /// buffer is dropped when it returns. The default is 1 MiB.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    /// use ebbtide::buffers::Settings;
    ///
    /// let pool = BufferPool::with_settings(Settings::new().largest(64 << 10));
    /// assert_eq!(pool.get(65_537).capacity(), 65_537); // created, but not kept
    /// assert_eq!(pool.idle_bytes(), 0);
    /// ```
    #[must_use]
    pub const fn largest(mut self, bytes: usize) -> Self {
        self.largest = bytes;
        self
    }

    /// Sets how many bytes may lie in the shared queues, counted in capacity. All sizes share this budget, and each may
    /// use all of it. The default is no limit.
    ///
    /// It does not count private slots. So each thread keeps up to [`private_bytes`](Self::private_bytes) of each size
    /// in addition, and for a moment a batch of half as many. With the default settings, a thread that uses all sizes
    /// keeps up to 12 MiB. With `private_bytes(0)`, the budget bounds all idle buffers.
    ///
    /// If a buffer returns and there is no room for it, others make way in the shared queues: larger ones, or smaller
    /// ones that are victims, but no more than 32 and only as many as it needs. If it still does not fit, it is
    /// dropped.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    /// use ebbtide::buffers::Settings;
    ///
    /// let pool = BufferPool::with_settings(Settings::new().max_idle_bytes(64 << 10));
    /// assert_eq!(pool.prefill(100, 1 << 10), 64);
    /// assert_eq!(pool.prefill(100, 2 << 10), 0);
    /// pool.clear();
    /// assert_eq!(pool.prefill(100, 2 << 10), 32);
    /// ```
    #[must_use]
    pub const fn max_idle_bytes(mut self, bytes: usize) -> Self {
        self.max_idle_bytes = bytes;
        self
    }

    /// Sets how many bytes of each class a thread keeps for itself, counted in capacity. The class gets as many
    /// [private slots](crate::Settings::private_slots) as fit, an even number up to 32. The default is 2 MiB, which is
    /// 32 buffers of up to 64 KiB, or 2 of 1 MiB.
    ///
    /// Buffers of more than half of it are never private. Each goes through the shared queues on its own, where an idle
    /// thread cannot keep it from others. That takes 0.1 to 0.2 µs, which is little compared with filling so large a
    /// buffer. But it [may wait](crate#what-may-wait) for a thread that was stopped there.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    /// use ebbtide::buffers::Settings;
    ///
    /// let pool = BufferPool::with_settings(Settings::new().private_bytes(0).max_idle_bytes(0));
    /// drop(pool.get(1));
    /// assert_eq!(pool.idle_bytes(), 0);
    /// ```
    #[must_use]
    pub const fn private_bytes(mut self, bytes: usize) -> Self {
        self.private_bytes = bytes;
        self
    }

    /// Sets the length of an epoch, which is the time between two sweeps by the janitor. An idle buffer lives for one
    /// to two epochs. The minimum is 1 ms, and the default is 30 seconds.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::BufferPool;
    /// use ebbtide::buffers::Settings;
    ///
    /// static PAGES: BufferPool = BufferPool::with_settings(Settings::new().every(Duration::from_secs(1)));
    ///
    /// PAGES.get(4096).push(1); // dropped after 1 to 2 seconds
    /// ```
    #[must_use]
    pub const fn every(self, time: Duration) -> Settings<Timed> {
        self.with(self.every_class.every(time))
    }

    /// Selects manual epochs, without the janitor: they end only when
    /// [`BufferPool::advance`](super::BufferPool::advance) is called.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    /// use ebbtide::buffers::Settings;
    ///
    /// let pool = BufferPool::with_settings(Settings::new().manual());
    /// drop(pool.get(4096));
    /// pool.advance();
    /// pool.advance();
    /// assert_eq!(pool.idle_bytes(), 0);
    /// ```
    #[must_use]
    pub const fn manual(self) -> Settings<Manual> {
        self.with(self.every_class.manual())
    }

    const fn with<F>(self, every_class: pool::Settings<F>) -> Settings<F> {
        let Self { smallest, largest, max_idle_bytes, private_bytes, every_class: _ } = self;
        Settings { smallest, largest, max_idle_bytes, private_bytes, every_class }
    }

    /// The recycler of one class.
    pub(super) const fn class(&self, index: usize) -> Class {
        let size = class::size(index);
        if size < self.smallest || size > self.largest {
            Class::unused()
        } else {
            Class::new(index, size == self.largest)
        }
    }

    /// The settings of one class, which has as many private slots as `private_bytes` are buffers.
    pub(super) const fn of_class(&self, index: usize) -> pool::Settings<E> {
        let slots = self.private_bytes / class::size(index);
        self.every_class.private_slots(if slots < 32 { slots & !1 } else { 32 })
    }

    /// Checks every setting against its limits.
    pub(super) const fn check(&self) -> Result<(), SettingsError> {
        let Self { smallest, largest, .. } = *self;
        if !is_size(smallest) {
            return Err(SettingsError::number("smallest must be a power of two from 64 to 1073741824", smallest));
        }
        if !is_size(largest) {
            return Err(SettingsError::number("largest must be a power of two from 64 to 1073741824", largest));
        }
        if smallest > largest {
            return Err(SettingsError::number("smallest must be at most largest", smallest).above(largest));
        }
        self.every_class.check()
    }
}

/// Whether a class may have this size.
const fn is_size(bytes: usize) -> bool {
    bytes.is_power_of_two() && bytes >= MIN_SIZE && bytes <= MAX_SIZE
}
