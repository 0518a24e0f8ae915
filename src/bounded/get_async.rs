//! `get` for tasks, in all its forms.

use std::future::Future;
use std::sync::Arc;

use super::error::Refused;
use super::places::Held;
use super::{BoundedPool, GetError, OwnedPooled, Pooled, TryRecycle};
use crate::engine::item::{Contained, Item};

impl<T: Send, R: TryRecycle<T>> BoundedPool<T, R> {
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
        self.fill_all(self.places().wait(n).await?, |item| Pooled::new(item, self))
    }

    /// Like [`get_many_async`](Self::get_many_async), but the future and the guards hold the pool instead of borrowing
    /// it.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: Arc<BoundedPool<Vec<u8>>> = Arc::new(BoundedPool::new(4));
    /// let getting = pool.get_many_owned_async(4);
    /// # let task = smol::spawn(async move {
    /// assert_eq!(getting.await?.len(), 4);
    /// # Ok::<(), GetError>(())
    /// # });
    /// # smol::block_on(task)?;
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
    pub fn get_many_owned_async(
        self: &Arc<Self>,
        n: usize,
    ) -> impl Future<Output = Result<Vec<OwnedPooled<T, R>>, GetError<R::Error>>> + use<T, R> {
        let pool = Arc::clone(self);
        async move {
            let held = pool.places().wait(n).await?;
            pool.fill_all(held, |item| OwnedPooled::new(item, Arc::clone(&pool)))
        }
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
}
