//! `get` for tasks, in all its forms.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use super::events::{self, Begun, Event};
use super::held::{Held, fail};
use super::in_time::{InTime, Wait};
use super::info::Item;
use super::manage::Making;
use super::timeout::within;
use super::waiters::Want;
use super::{BoundedPool, GetError, Manage, OwnedPooled, Phase, Pooled};
use crate::engine::item::Contained;

impl<T: Send, R: Manage<T, Error: Send>> BoundedPool<T, R> {
    /// Like [`get`](Self::get), for a task of any async runtime.
    ///
    /// The first poll enters the queue of waiters. Dropping the future leaves it. No item is lost then, and no other
    /// waiter loses its turn.
    ///
    /// The error of [`create`](Manage::create) must be `Send`, so that the future is.
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
    /// # assert_eq!(futures_lite::future::block_on(handle(b"hello")), Ok(5));
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    #[doc(alias("acquire_async", "get"))]
    #[track_caller]
    pub fn get_async(&self) -> impl Future<Output = Result<Pooled<'_, T, R>, GetError<R::Error>>> {
        let caller = Location::caller();
        async move { Ok(Pooled::new(self.one_async(caller).await?, self)) }
    }

    /// Like [`get_async`](Self::get_async), but the future and the guard hold the pool instead of borrowing it.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: Arc<BoundedPool<Vec<u8>>> = Arc::new(BoundedPool::new(2));
    /// let getting = pool.get_owned_async();
    /// # let task = std::thread::spawn(|| futures_lite::future::block_on(async move {
    /// let buffer = getting.await?;
    /// # drop(buffer);
    /// # Ok::<(), GetError>(())
    /// # }));
    /// # task.join().unwrap()?;
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
    #[doc(alias("acquire_owned"))]
    #[track_caller]
    pub fn get_owned_async(
        self: &Arc<Self>,
    ) -> impl Future<Output = Result<OwnedPooled<T, R>, GetError<R::Error>>> + use<T, R> {
        let (pool, caller) = (Arc::clone(self), Location::caller());
        async move {
            let item = pool.one_async(caller).await?;
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
    /// # futures_lite::future::block_on(example())?;
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
    pub fn get_many_async(&self, n: usize) -> impl Future<Output = Result<Vec<Pooled<'_, T, R>>, GetError<R::Error>>> {
        let caller = Location::caller();
        async move {
            let held = self.wait(self.places().wait(Want::Places(n))).await?;
            self.fill_all_async(held, |item| Pooled::new(item, self), caller).await
        }
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
    /// # let task = std::thread::spawn(|| futures_lite::future::block_on(async move {
    /// assert_eq!(getting.await?.len(), 4);
    /// # Ok::<(), GetError>(())
    /// # }));
    /// # task.join().unwrap()?;
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
    pub fn get_many_owned_async(
        self: &Arc<Self>,
        n: usize,
    ) -> impl Future<Output = Result<Vec<OwnedPooled<T, R>>, GetError<R::Error>>> + use<T, R> {
        let (pool, caller) = (Arc::clone(self), Location::caller());
        async move {
            let held = pool.wait(pool.places().wait(Want::Places(n))).await?;
            pool.fill_all_async(held, |item| OwnedPooled::new(item, Arc::clone(&pool)), caller).await
        }
    }

    /// Gets one item.
    async fn one_async(&self, caller: &'static Location<'static>) -> Result<Item<T>, GetError<R::Error>> {
        let place = match self.take_or_wait().await? {
            Ok(item) => return Ok(item),
            Err(place) => place,
        };
        match &self.background {
            None => self.one_slow_async(place, Contained::new(|| self.recycler.create_item()), caller).await,
            Some(background) => self.one_behind_async(background, place, caller).await,
        }
    }

    /// Gets an item for each place, in a guard.
    async fn fill_all_async<G>(
        &self,
        mut held: Held<'_, T>,
        guard: impl Fn(Item<T>) -> G,
        caller: &'static Location<'static>,
    ) -> Result<Vec<G>, GetError<R::Error>> {
        let mut items = Vec::with_capacity(held.len());
        while held.len() > 0 {
            match self.next_async(&mut held, Contained::new(|| self.recycler.create_item())).await {
                Ok(item) => {
                    self.lend(&item, caller);
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

impl<T: Send, R: Manage<T>> BoundedPool<T, R> {
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
    #[track_caller]
    pub fn get_async_with<F, E>(
        &self,
        create: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<Pooled<'_, T, R>, GetError<E>>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let caller = Location::caller();
        async move { Ok(Pooled::new(self.one_async_with(create, caller).await?, self)) }
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
    #[track_caller]
    pub fn get_owned_async_with<C, F, E>(
        self: &Arc<Self>,
        create: C,
    ) -> impl Future<Output = Result<OwnedPooled<T, R>, GetError<E>>> + use<T, R, C, F, E>
    where
        C: FnOnce() -> F,
        F: Future<Output = Result<T, E>>,
    {
        let (pool, caller) = (Arc::clone(self), Location::caller());
        async move {
            let item = pool.one_async_with(create, caller).await?;
            Ok(OwnedPooled::new(item, pool))
        }
    }

    /// Gets one item. If it only gets a place, a future of `create` creates the item.
    async fn one_async_with<F, E>(
        &self,
        create: impl FnOnce() -> F,
        caller: &'static Location<'static>,
    ) -> Result<Item<T>, GetError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let create = Contained::new(|| Making(create()));
        match self.take_one() {
            Ok(item) => Ok(Pooled::new(item, self).outliving(create).into_item()),
            Err(place) => self.one_slow_async(place, create, caller).await,
        }
    }

    async fn one_slow_async<F, E>(
        &self,
        place: Option<Held<'_, T>>,
        create: Contained<impl FnOnce() -> F>,
        caller: &'static Location<'static>,
    ) -> Result<Item<T>, GetError<E>>
    where
        F: Future<Output = Result<Item<T>, E>>,
    {
        let mut held = match place {
            Some(held) => held,
            None => self.wait(self.places().wait(Want::Places(1))).await?,
        };
        match self.next_async(&mut held, create).await {
            Ok(item) => {
                self.lend(&item, caller);
                Ok(Pooled::new(item, self).outliving(held).into_item())
            }
            Err(error) => Err(fail(held, error)),
        }
    }

    /// Does what `Held::next` does, for a task. If the future is dropped meanwhile, the place stays in `held`. An item
    /// that was being checked is dropped first.
    async fn next_async<F, E>(
        &self,
        held: &mut Held<'_, T>,
        create: Contained<impl FnOnce() -> F>,
    ) -> Result<Item<T>, GetError<E>>
    where
        F: Future<Output = Result<Item<T>, E>>,
    {
        loop {
            if let Some(item) = self.take_fit_async(held).await {
                return Ok(Pooled::new(item, self).outliving(create).into_item());
            }
            if held.may_create() {
                held.may_go_on()?;
                break;
            }
            self.wait(held.turn()).await?;
        }
        let item = self.create_in_time(create.into_inner()).await?;
        Ok(held.occupy(item))
    }

    /// Does what `Held::take_fit` does.
    pub(super) async fn take_fit_async(&self, held: &mut Held<'_, T>) -> Option<Item<T>> {
        if let Some(item) = held.take_new() {
            return Some(item);
        }
        while let Some(mut item) = held.pop() {
            if self.is_fit_async(item.get()).await {
                return Some(held.hand_out(item));
            }
        }
        None
    }

    /// Creates an item, at most as long as the settings say.
    pub(super) async fn create_in_time<F, E>(&self, create: impl FnOnce() -> F) -> Result<Item<T>, GetError<E>>
    where
        F: Future<Output = Result<Item<T>, E>>,
    {
        let begun = Begun::now();
        match within(self.settings.timeouts.create, create()).await {
            Ok(made) => begun.end(self.settings.name, made).map_err(GetError::Create),
            Err(after) => {
                self.places().counts.create_timeouts.add(1);
                events::emit_or_raise::<T>(self.settings.name, Event::CreateTimedOut);
                Err(GetError::TimedOut { phase: Phase::Create, after })
            }
        }
    }

    /// Whether an idle item may be handed out.
    async fn is_fit_async(&self, item: &mut Item<T>) -> bool {
        let (info, counts) = (*item.notes(), &self.places().counts);
        if info.is_expired() {
            counts.expired.add(1);
            events::emit_or_raise::<T>(self.settings.name, Event::Expired);
            return false;
        }
        if !R::CHECKED {
            return true;
        }
        let checked = within(self.settings.timeouts.check, self.recycler.check(item, &info)).await;
        if checked == Ok(true) {
            return true;
        }
        if checked.is_err() {
            counts.check_timeouts.add(1);
        }
        counts.failed_checks.add(1);
        let event = if checked.is_err() { Event::CheckTimedOut } else { Event::CheckFailed };
        events::emit_or_raise::<T>(self.settings.name, event);
        false
    }

    /// Waits for what is wanted, at most as long as the settings say.
    fn wait<W: Wait, E>(&self, waiting: W) -> InTime<'_, T, R, W, E> {
        self.wait_or_look(self.settings.timeouts.wait, waiting)
    }
}
