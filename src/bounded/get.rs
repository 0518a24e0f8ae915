//! All forms of `get`: one item or several, with or without a wait, on a thread or in a task.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::Refused;
use super::places::Held;
use super::{BoundedPool, GetError, OwnedPooled, Pooled, TryRecycle};
use crate::engine::item::{Contained, Item};

impl<T: Send, R: TryRecycle<T>> BoundedPool<T, R> {
    /// Hands out an idle item, or creates one if there is room. If there is neither, it waits. Dropping the guard
    /// returns the item to the pool.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(2);
    /// let mut buffer = pool.get()?;
    /// buffer.extend_from_slice(b"hello");
    /// assert_eq!(buffer.len(), 5);
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`GetError::Closed`] if the pool is closed, and [`GetError::Create`] if creating an item fails.
    ///
    /// # Panics
    ///
    /// Panics if [`try_create`](TryRecycle::try_create) panics. The item's place is then free again.
    #[inline]
    pub fn get(&self) -> Result<Pooled<'_, T, R>, GetError<R::Error>> {
        Ok(Pooled::new(self.one(|| None, || self.recycler.try_create())?, self))
    }

    /// Like [`get`](Self::get), but waits at most for `timeout`. With zero it does not wait. A timeout past the range
    /// of [`Instant`] is no limit.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(1);
    /// let only = pool.get_timeout(Duration::ZERO)?;
    /// assert_eq!(pool.get_timeout(Duration::from_millis(5)).unwrap_err(), GetError::Timeout);
    /// # drop(only);
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`GetError::Timeout`] if the timeout passes, and the errors of [`get`](Self::get).
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    pub fn get_timeout(&self, timeout: Duration) -> Result<Pooled<'_, T, R>, GetError<R::Error>> {
        let deadline = || Instant::now().checked_add(timeout);
        Ok(Pooled::new(self.one(deadline, || self.recycler.try_create())?, self))
    }

    /// Like [`get`](Self::get), but waits at most until `deadline`.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(1);
    /// let deadline = Instant::now() + Duration::from_millis(5);
    /// let only = pool.get_deadline(deadline)?;
    /// assert_eq!(pool.get_deadline(deadline).unwrap_err(), GetError::Timeout);
    /// # drop(only);
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get_timeout`](Self::get_timeout).
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    pub fn get_deadline(&self, deadline: Instant) -> Result<Pooled<'_, T, R>, GetError<R::Error>> {
        Ok(Pooled::new(self.one(|| Some(deadline), || self.recycler.try_create())?, self))
    }

    /// Like [`get`](Self::get), for a task of any async runtime.
    ///
    /// The first poll enters the queue of waiters. Dropping the future leaves it. No item is lost then, and no other
    /// waiter loses its turn.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// static PAGES: BoundedPool<Vec<u8>> = BoundedPool::new(64);
    ///
    /// async fn handle(request: &[u8]) -> Result<usize, GetError> {
    ///     let mut page = PAGES.get_async().await?;
    ///     page.extend_from_slice(request);
    ///     Ok(page.len())
    /// }
    /// # assert_eq!(smol::block_on(handle(b"hello")), Ok(5));
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    pub async fn get_async(&self) -> Result<Pooled<'_, T, R>, GetError<R::Error>> {
        Ok(Pooled::new(self.one_async().await?, self))
    }

    /// Like [`get`](Self::get), but creates a new item with `create`, which can use what is known only here.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(2);
    /// let expected = 1500;
    /// let packet = pool.get_with(|| Vec::with_capacity(expected))?;
    /// assert!(packet.capacity() >= 1500);
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`GetError::Closed`] if the pool is closed.
    ///
    /// # Panics
    ///
    /// Panics if `create` panics. The item's place is then free again.
    pub fn get_with(&self, create: impl FnOnce() -> T) -> Result<Pooled<'_, T, R>, GetError> {
        let mut create = Some(create);
        let item = self.one(|| None, || Ok::<_, Infallible>(create.take().expect("it is called once")()))?;
        Ok(Pooled::new(item, self).outliving(create))
    }

    /// Like [`get_async`](Self::get_async), but creates a new item with a future that may fail, such as one that
    /// connects. Dropping it while it creates the item frees the item's place.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// # struct Connection;
    /// # async fn connect(host: &str) -> std::io::Result<Connection> { Ok(Connection) }
    /// # async fn example(pool: &BoundedPool<Connection, fn() -> Connection>) -> Result<(), GetError<std::io::Error>> {
    /// let connection = pool.get_async_with(|| connect("db.internal")).await?;
    /// # drop(connection);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`GetError::Closed`] if the pool is closed, and [`GetError::Create`] if the future fails. The item's place is
    /// then free again.
    ///
    /// # Panics
    ///
    /// Panics if `create` or its future panics. The item's place is then free again.
    pub async fn get_async_with<F, E>(&self, create: impl FnOnce() -> F) -> Result<Pooled<'_, T, R>, GetError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        Ok(Pooled::new(self.one_async_with(create).await?, self))
    }

    /// Like [`get`](Self::get), but the guard holds the pool instead of borrowing it. Costs one more reference count.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: Arc<BoundedPool<Vec<u8>>> = Arc::new(BoundedPool::new(2));
    /// let mut buffer = pool.get_owned()?;
    /// std::thread::spawn(move || buffer.push(1)).join().unwrap();
    /// assert_eq!(pool.idle(), 1);
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    pub fn get_owned(self: &Arc<Self>) -> Result<OwnedPooled<T, R>, GetError<R::Error>> {
        let item = self.one(|| None, || self.recycler.try_create())?;
        Ok(OwnedPooled::new(item, Arc::clone(self)))
    }

    /// Like [`get_async`](Self::get_async), but the future and the guard hold the pool instead of borrowing it.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: Arc<BoundedPool<Vec<u8>>> = Arc::new(BoundedPool::new(2));
    /// let getting = pool.get_owned_async();
    /// # let task = smol::spawn(async move {
    /// let buffer = getting.await?;
    /// # drop(buffer);
    /// # Ok::<(), GetError>(())
    /// # });
    /// # smol::block_on(task)?;
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    pub fn get_owned_async(
        self: &Arc<Self>,
    ) -> impl Future<Output = Result<OwnedPooled<T, R>, GetError<R::Error>>> + use<T, R> {
        let pool = Arc::clone(self);
        async move {
            let item = pool.one_async().await?;
            Ok(OwnedPooled::new(item, pool))
        }
    }

    /// Like [`get_async_with`](Self::get_async_with), but the future and the guard hold the pool instead of borrowing
    /// it.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ebbtide::BoundedPool;
    ///
    /// # struct Connection;
    /// # async fn connect(host: &str) -> std::io::Result<Connection> { Ok(Connection) }
    /// # fn example(pool: Arc<BoundedPool<Connection, fn() -> Connection>>) {
    /// let getting = pool.get_owned_async_with(|| connect("db.internal"));
    /// # drop(getting);
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get_async_with`](Self::get_async_with).
    ///
    /// # Panics
    ///
    /// As [`get_async_with`](Self::get_async_with).
    pub fn get_owned_async_with<C, F, E>(
        self: &Arc<Self>,
        create: C,
    ) -> impl Future<Output = Result<OwnedPooled<T, R>, GetError<E>>> + use<T, R, C, F, E>
    where
        C: FnOnce() -> F,
        F: Future<Output = Result<T, E>>,
    {
        let pool = Arc::clone(self);
        async move {
            let item = pool.one_async_with(create).await?;
            Ok(OwnedPooled::new(item, pool))
        }
    }

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
    pub fn get_many(&self, n: usize) -> Result<Vec<Pooled<'_, T, R>>, GetError<R::Error>> {
        self.fill_all(self.places().take_by(n, || None)?)
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
    pub fn get_many_timeout(&self, n: usize, timeout: Duration) -> Result<Vec<Pooled<'_, T, R>>, GetError<R::Error>> {
        self.fill_all(self.places().take_by(n, || Instant::now().checked_add(timeout))?)
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
    pub fn get_many_deadline(&self, n: usize, deadline: Instant) -> Result<Vec<Pooled<'_, T, R>>, GetError<R::Error>> {
        self.fill_all(self.places().take_by(n, || Some(deadline))?)
    }

    /// Like [`get_many`](Self::get_many), for a task of any async runtime, as [`get_async`](Self::get_async) is.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// # async fn example() -> Result<(), GetError> {
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// assert_eq!(pool.get_many_async(4).await?.len(), 4);
    /// # Ok(())
    /// # }
    /// # smol::block_on(example())?;
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
    pub async fn get_many_async(&self, n: usize) -> Result<Vec<Pooled<'_, T, R>>, GetError<R::Error>> {
        self.fill_all(self.places().wait(n).await?)
    }

    /// Gets one item. If it only gets a place, `create` creates the item.
    #[inline(always)]
    fn one<E>(
        &self,
        deadline: impl FnOnce() -> Option<Instant>,
        create: impl FnOnce() -> Result<T, E>,
    ) -> Result<Item<T>, GetError<E>> {
        match self.places().take_one() {
            Ok(item) => Ok(item),
            Err(place) => self.one_slow(place, deadline, create),
        }
    }

    #[cold]
    #[inline(never)]
    fn one_slow<'a, E>(
        &'a self,
        place: Option<Held<'a, T>>,
        deadline: impl FnOnce() -> Option<Instant>,
        create: impl FnOnce() -> Result<T, E>,
    ) -> Result<Item<T>, GetError<E>> {
        let mut held = match place {
            Some(held) => held,
            None => self.places().take_by(1, deadline)?,
        };
        held.next(create).map_err(|error| GetError::Create(held.fail(error)))
    }

    /// Like `one`, for a task.
    async fn one_async(&self) -> Result<Item<T>, GetError<R::Error>> {
        match self.item_or_place().await? {
            Ok(item) => Ok(item),
            Err(mut place) => {
                let made = place.next(|| self.recycler.try_create());
                made.map_err(|error| GetError::Create(place.fail(error)))
            }
        }
    }

    /// Like `one_async`, with a future that creates the item.
    async fn one_async_with<F, E>(&self, create: impl FnOnce() -> F) -> Result<Item<T>, GetError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let create = Contained::new(create);
        match self.item_or_place().await? {
            Ok(item) => Ok(Pooled::new(item, self).outliving(create).into_item()),
            Err(mut place) => match create.into_inner()().await {
                Ok(made) => Ok(place.occupy(Item::new(made))),
                Err(error) => Err(GetError::Create(place.fail(error))),
            },
        }
    }

    /// Gets an idle item, or a place on which to create one.
    #[inline]
    async fn item_or_place(&self) -> Result<Result<Item<T>, Held<'_, T>>, Refused> {
        let mut held = match self.places().take_one() {
            Ok(item) => return Ok(Ok(item)),
            Err(Some(place)) => return Ok(Err(place)),
            Err(None) => self.places().wait(1).await?,
        };
        Ok(held.idle().ok_or(held))
    }

    /// Gets an item for each place.
    fn fill_all(&self, mut held: Held<'_, T>) -> Result<Vec<Pooled<'_, T, R>>, GetError<R::Error>> {
        let mut items = Vec::with_capacity(held.len());
        while held.len() > 0 {
            match held.next(|| self.recycler.try_create()) {
                Ok(item) => items.push(Pooled::new(item, self)),
                Err(error) => {
                    let error = Contained::new(error);
                    drop((items, held));
                    return Err(GetError::Create(error.into_inner()));
                }
            }
        }
        Ok(items)
    }
}

/// Where creation cannot fail, `None` is enough: there is no error to report.
impl<T: Send, R: TryRecycle<T, Error = Infallible>> BoundedPool<T, R> {
    /// Like [`get`](Self::get), but does not wait. Returns `None` if no place is free, if others are waiting, or if the
    /// pool is closed.
    ///
    /// Where creation may fail, use [`get_timeout`](Self::get_timeout) with [`Duration::ZERO`], which returns the
    /// error.
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
    #[inline]
    pub fn try_get(&self) -> Option<Pooled<'_, T, R>> {
        let item = match self.places().take_one() {
            Ok(item) => item,
            Err(place) => {
                let Ok(item) = place?.next(|| self.recycler.try_create());
                item
            }
        };
        Some(Pooled::new(item, self))
    }
}
