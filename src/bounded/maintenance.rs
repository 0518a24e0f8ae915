//! Operations on the pool as a whole, and its counts.

use std::any::type_name;

use super::info::Item;
use super::places::Places;
use super::{BoundedPool, Info, Manage, Status};
use crate::engine::item::{Contained, raise};
use crate::engine::tally::Swept;
use crate::engine::top::Purpose;
use crate::pool::{SettingsError, Stats};

impl<T, R: Manage<T>> BoundedPool<T, R> {
    /// Sets the capacity. A larger one serves waiters. A smaller one drops idle items, the oldest first. If that is not
    /// enough, it drops items in use when they return. Waiters for more items than the new capacity get
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
    /// Fails if the capacity is out of its limits or less than [`min_idle`](super::Settings::min_idle). It is then
    /// unchanged.
    ///
    /// # Panics
    ///
    /// As [`advance`](Self::advance).
    pub fn resize(&self, capacity: usize) -> Result<(), SettingsError> {
        self.settings.with_capacity(capacity).check()?;
        self.places().resize(capacity);
        Ok(())
    }
}

impl<T, R> BoundedPool<T, R> {
    /// Ends the epoch: drops the items that were returned before this epoch and not used since, but leaves at least
    /// [`min_idle`](super::Settings::min_idle). So an idle item survives one call, but not two.
    ///
    /// Returns what it did. It is always `Some`, since sweeps of a bounded pool do not exclude each other. The type is that of
    /// [`Pool::advance`](crate::Pool::advance).
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
    /// If the `Drop` of an item panics, the other items are still dropped. If a waker panics, the others are still
    /// woken. Then the first such panic continues here, unless the thread is already unwinding.
    pub fn advance(&self) -> Option<Swept> {
        Some(self.sweep(Purpose::Advance, Places::dispose))
    }

    /// Like [`advance`](Self::advance), but hands the items to `receive` instead of dropping them. For items that must be
    /// dropped on a certain thread. For connections that a task closes, see [`Disposer`](super::Disposer), which gets
    /// those of all sweeps.
    ///
    /// `receive` is called on this thread, without the lock. An item is [in use](Self::in_use) until `receive` returns
    /// for it. Then its place is free, as after [`detach`](super::Pooled::detach), even if the item lives on. So more
    /// than `capacity` items may exist. A `get` in `receive` may wait for places that only this call frees.
    ///
    /// On a pool with timed epochs, the janitor sweeps too, and drops what it finds. So choose
    /// [manual](super::Settings::manual) ones.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    /// use ebbtide::bounded::{GetError, Settings};
    ///
    /// let pool = BoundedPool::with_settings(String::new, Settings::new(16).manual());
    /// drop(pool.get_many(3)?);
    /// pool.advance();
    /// let mut expired = Vec::new();
    /// pool.advance_with(|item| expired.push(item));
    /// assert_eq!((expired.len(), pool.in_use()), (3, 0));
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If `receive` or a waker panics, `receive` still gets the other items, and the other waiters are still woken. Then
    /// the first such panic continues here, unless the thread is already unwinding.
    pub fn advance_with(&self, receive: impl FnMut(T)) -> Option<Swept> {
        let mut receive = Contained::new(receive);
        Some(self.sweep(Purpose::Advance, |_, item| receive(item.into_inner())))
    }

    /// Drops every idle item, regardless of [`min_idle`](super::Settings::min_idle), and does not end the epoch.
    ///
    /// Returns what it did, as [`advance`](Self::advance) does.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// drop(pool.get()?);
    /// assert_eq!(pool.clear().map(|swept| swept.dropped), Some(1));
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// As [`advance`](Self::advance).
    pub fn clear(&self) -> Option<Swept> {
        Some(self.sweep(Purpose::Clear, Places::dispose))
    }

    /// Drops the idle items for which `keep` returns `false`, and does not end the epoch. The others keep their age.
    ///
    /// `keep` is called on this thread, without the lock, for the oldest item first. Meanwhile all of them count as [in
    /// use](Self::in_use), and a `get` waits or creates an item. A `get` in `keep` may wait for places that only this
    /// call frees.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// drop(pool.get_many(2)?);
    /// drop(pool.get()?); // used twice
    /// assert_eq!(pool.retain(|_, info| info.uses() > 1).dropped, 1);
    /// assert_eq!(pool.idle(), 1);
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If `keep` panics, the item is dropped, and `keep` still gets the others. Otherwise as [`advance`](Self::advance).
    #[doc(alias("reap"))]
    pub fn retain(&self, keep: impl FnMut(&mut T, &Info) -> bool) -> Swept {
        let mut keep = Contained::new(keep);
        let Some(places) = self.places.get() else { return Swept::default() };
        let (swept, panic) = places.retain(|item| {
            let info = *item.notes();
            keep(item, &info)
        });
        panic.into_iter().for_each(raise);
        swept
    }

    /// Returns the name from the [settings](super::Settings::name), or the type of the items.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    ///
    /// let pool: BoundedPool<String> = BoundedPool::new(4);
    /// assert_eq!(pool.name(), "alloc::string::String");
    /// ```
    pub fn name(&self) -> &'static str {
        self.settings.name.unwrap_or_else(type_name::<T>)
    }

    /// Returns whether the pool was closed.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// assert!(!pool.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.status().closed
    }

    /// Returns how many items may exist.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// assert_eq!(pool.capacity(), 4);
    /// ```
    #[doc(alias("max_size"))]
    pub fn capacity(&self) -> usize {
        self.status().capacity
    }

    /// Returns how many items are idle.
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

    /// Returns how many items are in use. This includes items that are being created or dropped, or that are on their
    /// way to a waiter. When nothing is in use and nothing is [idle](Self::idle), no item exists.
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
        self.status().in_use
    }

    /// Returns how many threads and tasks wait.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// assert_eq!(pool.waiting(), 0);
    /// ```
    pub fn waiting(&self) -> usize {
        self.status().waiting
    }

    /// Returns all counts of one moment.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// drop(pool.get_many(2)?);
    /// let item = pool.get()?;
    /// let status = pool.status();
    /// assert_eq!((status.capacity, status.in_use, status.idle, status.waiting), (4, 1, 1, 0));
    /// # drop(item);
    /// # Ok::<(), GetError>(())
    /// ```
    #[doc(alias("size", "state"))]
    pub fn status(&self) -> Status {
        self.snapshot().0
    }

    /// Returns what the pool did since it was created. It has neither private slots nor shards, so their counts stay 0.
    /// `rejected` counts items for which a closed pool or a smaller capacity had no room, and `refused` also those that
    /// returned too old.
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
        self.snapshot().1
    }

    fn sweep(&self, purpose: Purpose, mut end: impl FnMut(&Places<T>, Item<T>)) -> Swept {
        let Some(places) = self.places.get() else { return Swept::default() };
        let (swept, panic) = places.sweep(purpose, |item| end(places, item));
        self.places.to_arc().iter().for_each(Places::fill);
        panic.into_iter().for_each(raise);
        swept
    }
}
