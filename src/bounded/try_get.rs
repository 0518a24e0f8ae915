//! `get` that does not wait.

use std::convert::Infallible;
use std::panic::Location;
use std::sync::Arc;
#[cfg(doc)]
use std::time::Duration;

use super::held::Held;
use super::{BoundedPool, OwnedPooled, Pooled, TryRecycle};

/// Where creation cannot fail, `None` is enough: there is no error to report.
impl<T: Send, R: TryRecycle<T, Error = Infallible>> BoundedPool<T, R> {
    /// Like [`get`](Self::get), but does not wait. Returns `None` if no place is free, if it may not
    /// [overtake](super::Settings::max_overtakes) those who wait, if
    /// [`max_creating`](super::Settings::max_creating) allows no creation now, or if the pool is closed.
    ///
    /// Where creation may fail, use [`get_timeout`](Self::get_timeout) with [`Duration::ZERO`], which returns the
    /// error. With a [`Manage`](super::Manage), whose futures take time, limit [`get_async`](Self::get_async) by a
    /// timeout of your runtime.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(1);
    /// let only = pool.get()?;
    /// assert!(pool.try_get().is_none());
    /// drop(only);
    /// assert!(pool.try_get().is_some());
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    #[doc(alias("try_acquire"))]
    #[inline]
    #[track_caller]
    pub fn try_get(&self) -> Option<Pooled<'_, T, R>> {
        let place = match self.take_one() {
            Ok(item) => return Some(Pooled::new(item, self)),
            Err(place) => place,
        };
        if let Some(background) = &self.background {
            return Some(Pooled::new(self.try_behind(background, place).ok()?, self));
        }
        let mut held = place?;
        let item = held.next(|item| self.is_fit(item), Held::try_turn, || self.recycler.try_create_item()).ok()?;
        self.lend(&item, Location::caller());
        Some(Pooled::new(item, self).outliving(held))
    }

    /// Like [`try_get`](Self::try_get), but the guard holds the pool instead of borrowing it. Costs one more reference
    /// count.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ebbtide::BoundedPool;
    ///
    /// let pool: Arc<BoundedPool<Vec<u8>>> = Arc::new(BoundedPool::new(1));
    /// let only = pool.try_get_owned();
    /// assert!(only.is_some() && pool.try_get_owned().is_none());
    /// ```
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    #[track_caller]
    pub fn try_get_owned(self: &Arc<Self>) -> Option<OwnedPooled<T, R>> {
        let item = self.try_get()?.into_item();
        Some(OwnedPooled::new(item, Arc::clone(self)))
    }
}
