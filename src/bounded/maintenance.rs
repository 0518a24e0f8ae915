//! What is done about a pool as a whole, and what can be known about it.

use super::{BoundedPool, TryRecycle};
use crate::engine::item::{Item, raise};
use crate::engine::tally::Swept;
use crate::engine::top::Purpose;
use crate::pool::{SettingsError, Stats};

impl<T: Send, R: TryRecycle<T>> BoundedPool<T, R> {
    /// Makes up to `n` idle items, as far as there is room and nobody waits. Returns how many it made.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// assert_eq!(pool.prefill(100), Ok(4));
    /// assert_eq!(pool.idle(), 4);
    /// ```
    ///
    /// # Errors
    ///
    /// The recycler's own, if an item can't be made; what was made before is kept.
    ///
    /// # Panics
    ///
    /// If [`try_create`](TryRecycle::try_create) does; what was made before is kept.
    pub fn prefill(&self, n: usize) -> Result<usize, R::Error> {
        for made in 0..n {
            let Some(place) = self.places().reserve() else { return Ok(made) };
            match self.recycler.try_create() {
                Ok(item) => place.fill(Item::new(item)),
                Err(error) => return Err(place.fail(error)),
            }
        }
        Ok(n)
    }
}

impl<T, R> BoundedPool<T, R> {
    /// Ends the epoch: drops what was put back in an earlier one and not used since, down to
    /// [`min_idle`](super::Settings::min_idle). So an idle item survives one call and not two.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// drop(pool.get()?);
    /// pool.advance();
    /// assert_eq!(pool.idle(), 1);
    /// pool.advance();
    /// assert_eq!(pool.idle(), 0);
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the `Drop` of items panics, the first such panic is raised again here, after all were dropped, unless the thread
    /// is unwinding already.
    pub fn advance(&self) -> Swept {
        self.sweep(Purpose::Advance)
    }

    /// Drops every idle item, [`min_idle`](super::Settings::min_idle) or not. The epoch stays.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// drop(pool.get()?);
    /// assert_eq!(pool.clear().dropped, 1);
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the `Drop` of items panics, the first such panic is raised again here, after all were dropped, unless the thread
    /// is unwinding already.
    pub fn clear(&self) -> Swept {
        self.sweep(Purpose::Clear)
    }

    /// Closes the pool for good. Whoever waits or comes later gets [`GetError::Closed`](super::GetError::Closed); idle items
    /// are dropped, and those in use are when they come back. One that is being made just now is still handed out.
    ///
    /// It doesn't wait for items in use, nor for those that a sweep drops. From then on nothing is idle, and
    /// [`in_use`](Self::in_use) is 0 once the pool's last item is gone. A forgotten guard counts for ever.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// let buffer = pool.get()?;
    /// pool.close();
    /// assert_eq!(pool.get().unwrap_err(), GetError::Closed);
    /// drop(buffer);
    /// assert_eq!(pool.idle(), 0);
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the `Drop` of items or the waker of one who waits panics, the first such panic is raised again here, after all
    /// else was done, unless the thread is unwinding already.
    pub fn close(&self) {
        self.places().close();
    }

    /// Whether the pool was closed.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// assert!(!pool.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.snapshot().closed
    }

    /// Sets the capacity. A larger one serves those who wait. With a smaller one idle items are dropped, the oldest
    /// first, and if that isn't enough, items in use when they come back; and everybody who waits for more than it gets
    /// [`GetError::OverCapacity`](super::GetError::OverCapacity).
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// let items = pool.get_many(4).unwrap();
    /// pool.resize(1)?;
    /// drop(items);
    /// assert_eq!(pool.idle(), 1);
    /// assert_eq!(pool.resize(0).unwrap_err().to_string(), "capacity is 0, but must be from 1 to 2147483647");
    /// # Ok::<(), ebbtide::SettingsError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the capacity is out of its limits or less than [`min_idle`](super::Settings::min_idle); it stays what it was.
    ///
    /// # Panics
    ///
    /// As [`close`](Self::close).
    pub fn resize(&self, capacity: usize) -> Result<(), SettingsError> {
        self.settings.with_capacity(capacity).check()?;
        self.places().resize(capacity);
        Ok(())
    }

    /// How many items may exist.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// assert_eq!(pool.capacity(), 4);
    /// ```
    pub fn capacity(&self) -> usize {
        self.snapshot().capacity
    }

    /// How many items are idle.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// drop(pool.get_many(2)?);
    /// assert_eq!(pool.idle(), 2);
    /// # Ok::<(), GetError>(())
    /// ```
    pub fn idle(&self) -> usize {
        self.stats().idle
    }

    /// How many items are in use, those included that are being made, on their way to one who waited for them, or being
    /// dropped: when nothing is in use and nothing [idle](Self::idle), no item exists.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// let items = pool.get_many(2)?;
    /// assert_eq!(pool.in_use(), 2);
    /// # drop(items);
    /// # Ok::<(), GetError>(())
    /// ```
    pub fn in_use(&self) -> usize {
        self.snapshot().in_use
    }

    /// How many threads and tasks wait.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// assert_eq!(pool.waiting(), 0);
    /// ```
    pub fn waiting(&self) -> usize {
        self.snapshot().waiting
    }

    /// What the pool did since it was made. As there are neither private slots nor shards, those counts stay 0; rejected
    /// are items that came back when the pool was closed or its capacity had become smaller.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// drop(pool.get_many(2)?);
    /// assert_eq!(pool.stats().created, 2);
    /// # Ok::<(), GetError>(())
    /// ```
    pub fn stats(&self) -> Stats {
        self.snapshot().stats
    }

    fn sweep(&self, purpose: Purpose) -> Swept {
        let Some(places) = self.places.get() else { return Swept::default() };
        let (swept, panic) = places.sweep(purpose);
        if let Some(panic) = panic {
            raise(panic);
        }
        swept
    }
}
