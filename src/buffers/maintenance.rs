//! What is done to a buffer pool as a whole: filling, sweeping and counting.

#[cfg(doc)]
use super::Settings;
use super::{BufferPool, class};
use crate::engine::item::{Contained, Item, keep_first, raise};
use crate::engine::tally::Swept;
use crate::engine::top::Purpose;
#[cfg(doc)]
use crate::pool::Pool;
use crate::pool::Stats;

impl BufferPool {
    /// Creates `n` buffers with a capacity of at least `min_capacity`, and puts them where every thread finds them.
    /// Like other idle buffers, they may be dropped for buffers of another size.
    ///
    /// Returns how many the pool kept. That is fewer than `n` if [`max_idle_bytes`](Settings::max_idle_bytes) left no
    /// room, and none if they exceed the largest class.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// assert_eq!(pool.prefill(10, 4096), 10);
    /// assert_eq!(pool.idle_bytes(), 10 * 4096);
    /// ```
    pub fn prefill(&self, n: usize, min_capacity: usize) -> usize {
        self.class_for(min_capacity).map_or(0, |index| self.class(index).prefill(n))
    }

    /// Ends the epoch of every class, as [`Pool::advance`] does. So an idle buffer survives one call, but not two.
    ///
    /// Returns what it did, in buffers of all classes. A class that another sweep is sweeping is left alone. If all are,
    /// it returns `None`.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// drop((pool.get(1000), pool.get(100_000)));
    /// assert_eq!(pool.advance().map(|swept| swept.kept), Some(2));
    /// assert_eq!(pool.advance().map(|swept| swept.dropped), Some(2));
    /// ```
    pub fn advance(&self) -> Option<Swept> {
        self.sweep(Purpose::Advance, drop)
    }

    /// Like [`advance`](Self::advance), but hands the buffers to `receive` instead of dropping them, as
    /// [`Pool::advance_with`] does.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    /// use ebbtide::buffers::Settings;
    ///
    /// let pool = BufferPool::with_settings(Settings::new().manual());
    /// drop((pool.get(1000), pool.get(100_000)));
    /// pool.advance();
    /// let mut bytes = 0;
    /// pool.advance_with(|buffer| bytes += buffer.capacity());
    /// assert_eq!(bytes, 1024 + (128 << 10));
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Pool::advance_with`].
    pub fn advance_with(&self, receive: impl FnMut(Vec<u8>)) -> Option<Swept> {
        let mut receive = Contained::new(receive);
        self.sweep(Purpose::Advance, |buffer| receive(buffer.into_inner()))
    }

    /// Drops every idle buffer in every class, as [`Pool::clear`] does.
    ///
    /// Returns what it did, as [`advance`](Self::advance) does.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// drop((pool.get(1000), pool.get(100_000)));
    /// assert_eq!(pool.clear().map(|swept| swept.dropped), Some(2));
    /// ```
    pub fn clear(&self) -> Option<Swept> {
        self.sweep(Purpose::Clear, drop)
    }

    /// Returns the total capacity of the idle buffers, in bytes. This is exact while no other call runs, and otherwise
    /// an estimate.
    ///
    /// For each class, it reads the slot set of every thread that used the class.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// drop((pool.get(1000), pool.get(3000)));
    /// assert_eq!(pool.idle_bytes(), 1024 + 4096);
    /// ```
    pub fn idle_bytes(&self) -> usize {
        // Estimates may add up to more than a word holds.
        self.stats().fold(0, |sum: usize, (size, stats)| sum.saturating_add(size.saturating_mul(stats.idle)))
    }

    /// Returns how many buffers are idle, as [`Pool::idle`] does.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// drop((pool.get(1000), pool.get(3000)));
    /// assert_eq!(pool.idle(), 2);
    /// ```
    pub fn idle(&self) -> usize {
        self.stats().fold(0, |sum: usize, (_, stats)| sum.saturating_add(stats.idle))
    }

    /// Returns the name from the [settings](Settings::name), or the type of the buffers.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// assert_eq!(pool.name(), "alloc::vec::Vec<u8>");
    /// ```
    pub fn name(&self) -> &'static str {
        self.classes[self.smallest].name()
    }

    /// Returns what each class did since the pool was created, with the size of the class in bytes. The smallest class
    /// comes first.
    ///
    /// Buffers above the largest class count there as created and refused. Those below the smallest class count there
    /// as refused. A buffer handed out for a smaller request counts in its own class. One dropped for a buffer of
    /// another size counts as refused in its own class.
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

    fn sweep(&self, purpose: Purpose, mut drop_item: impl FnMut(Item<Vec<u8>>)) -> Option<Swept> {
        let (mut sum, mut first) = (None, None);
        let classes = &self.classes[self.smallest..=self.largest];
        for (swept, panic) in classes.iter().filter_map(|class| class.sweep(purpose, &mut drop_item)) {
            *sum.get_or_insert_with(Swept::default) += swept;
            panic.into_iter().for_each(|panic| keep_first(&mut first, panic));
        }
        first.into_iter().for_each(raise);
        sum
    }
}
