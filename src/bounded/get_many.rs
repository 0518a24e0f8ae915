//! `get` of several items at once, for threads.

use std::cell::LazyCell;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::held::fail;
use super::info::Item;
use super::waiters::Want;
use super::{BoundedPool, GetError, OwnedPooled, Pooled, TryRecycle};

impl<T: Send, R: TryRecycle<T>> BoundedPool<T, R> {
    /// Takes `n` items at once, or waits until it can. It never holds only some of them.
    ///
    /// If creating one of them fails, the others return to the pool.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// let [mut left, right] = <[_; 2]>::try_from(pool.get_many(2)?).expect("two");
    /// left.extend_from_slice(&right);
    /// # drop((left, right));
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`GetError::OverCapacity`] if `n` exceeds the capacity, from the start or after a [`resize`](Self::resize), and
    /// the errors of [`get`](Self::get).
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    #[track_caller]
    pub fn get_many(&self, n: usize) -> Result<Vec<Pooled<'_, T, R>>, GetError<R::Error>> {
        self.many_in_time(n, |item| Pooled::new(item, self))
    }

    /// Like [`get_many`](Self::get_many), with a timeout as in [`get_timeout`](Self::get_timeout).
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// let one = pool.get()?;
    /// assert_eq!(pool.get_many_timeout(4, Duration::from_millis(5)).unwrap_err(), GetError::Timeout);
    /// # drop(one);
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`GetError::Timeout`] if the timeout passes, and the errors of [`get_many`](Self::get_many).
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    #[track_caller]
    pub fn get_many_timeout(&self, n: usize, timeout: Duration) -> Result<Vec<Pooled<'_, T, R>>, GetError<R::Error>> {
        let deadline = LazyCell::new(|| Instant::now().checked_add(timeout));
        self.many(n, || *deadline, |item| Pooled::new(item, self))
    }

    /// Like [`get_many`](Self::get_many), but waits at most until `deadline`.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// let deadline = Instant::now() + Duration::from_secs(1);
    /// assert_eq!(pool.get_many_deadline(4, deadline)?.len(), 4);
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get_many_timeout`](Self::get_many_timeout).
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    #[track_caller]
    pub fn get_many_deadline(&self, n: usize, deadline: Instant) -> Result<Vec<Pooled<'_, T, R>>, GetError<R::Error>> {
        self.many(n, || Some(deadline), |item| Pooled::new(item, self))
    }

    /// Like [`get_many`](Self::get_many), but the guards hold the pool instead of borrowing it. Each costs one more
    /// reference count.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: Arc<BoundedPool<Vec<u8>>> = Arc::new(BoundedPool::new(4));
    /// let pages = pool.get_many_owned(2)?;
    /// std::thread::spawn(move || drop(pages)).join().unwrap();
    /// assert_eq!(pool.idle(), 2);
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get_many`](Self::get_many).
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    #[track_caller]
    pub fn get_many_owned(self: &Arc<Self>, n: usize) -> Result<Vec<OwnedPooled<T, R>>, GetError<R::Error>> {
        self.many_in_time(n, |item| OwnedPooled::new(item, Arc::clone(self)))
    }

    /// Gets `n` items in guards, and waits at most as long as the settings say.
    #[track_caller]
    fn many_in_time<G>(&self, n: usize, guard: impl Fn(Item<T>) -> G) -> Result<Vec<G>, GetError<R::Error>> {
        self.many(n, || self.latest(), guard).map_err(|error| self.late(error))
    }

    /// Gets `n` items in guards.
    #[track_caller]
    fn many<G>(
        &self,
        n: usize,
        deadline: impl Fn() -> Option<Instant>,
        guard: impl Fn(Item<T>) -> G,
    ) -> Result<Vec<G>, GetError<R::Error>> {
        let mut held = self.places().take_by(Want::Places(n), &deadline)?;
        let mut items = Vec::with_capacity(n);
        while held.len() > 0 {
            let create = || self.recycler.try_create_item();
            match held.next(|item| self.is_fit(item), |held| held.turn_by(&deadline), create) {
                Ok(item) => {
                    self.lend(&item, Location::caller());
                    items.push(guard(item));
                }
                Err(error) => return Err(fail((items, held), error)),
            }
        }
        // Returning the turn may panic. A value that is already returned would be lost then.
        drop(held);
        Ok(items)
    }
}
