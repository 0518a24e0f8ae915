//! `get` of one item, for threads.

use std::cell::LazyCell;
use std::convert::Infallible;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::creating::Limit;
use super::events::{self, Event};
use super::held::{Held, fail};
use super::info::Item;
use super::waiters::Want;
use super::{BoundedPool, GetError, OwnedPooled, Phase, Pooled, TryRecycle};
use crate::engine::item::Contained;

impl<T: Send, R: TryRecycle<T>> BoundedPool<T, R> {
    /// Hands out an idle item, or creates one if there is room. If there is neither, it waits. If the idle item does not
    /// pass its [check](TryRecycle::check), it creates one in the same place. Dropping the guard returns the item to the
    /// pool.
    ///
    /// A pool with a [`Manage`](super::Manage) that is no [`TryRecycle`] has no `get`, only
    /// [`get_async`](Self::get_async).
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
    /// # Deadlocks
    ///
    /// It blocks the thread. So it never returns if the item it waits for is held by this thread, or by a task that only
    /// this thread can run, as on a current-thread runtime. Nothing can tell that from a long wait, but a
    /// [`wait_timeout`](super::Settings::wait_timeout) ends it. In tasks, use [`get_async`](Self::get_async).
    ///
    /// # Errors
    ///
    /// [`GetError::Closed`] if the pool is closed, [`GetError::Create`] if creating an item fails, and
    /// [`GetError::TimedOut`] if a timeout of the settings passes.
    ///
    /// # Panics
    ///
    /// Panics if [`try_create`](TryRecycle::try_create), the check, or the `Drop` of an item that did not pass it panics.
    /// The item's place is then free again.
    #[doc(alias("acquire", "borrow", "checkout", "pop", "pull", "take"))]
    #[inline]
    #[track_caller]
    pub fn get(&self) -> Result<Pooled<'_, T, R>, GetError<R::Error>> {
        Ok(Pooled::new(self.own_in_time()?, self))
    }

    /// Like [`get`](Self::get), but waits at most for `timeout`. With [`Duration::ZERO`] it does not wait, and so is a
    /// `try_get` that returns the error of a creation. A timeout past the range of [`Instant`] is no limit.
    ///
    /// It limits the waits only. Checking and creating an item run on this thread, and take as long as they take. If the
    /// pool [creates in the background](Self::create_in_background), it limits the creation, too.
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
    #[doc(alias("acquire_timeout", "try_get", "try_get_for"))]
    #[track_caller]
    pub fn get_timeout(&self, timeout: Duration) -> Result<Pooled<'_, T, R>, GetError<R::Error>> {
        let deadline = LazyCell::new(|| Instant::now().checked_add(timeout));
        Ok(Pooled::new(self.own(|| *deadline, Limit::Call)?, self))
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
    #[track_caller]
    pub fn get_deadline(&self, deadline: Instant) -> Result<Pooled<'_, T, R>, GetError<R::Error>> {
        Ok(Pooled::new(self.own(|| Some(deadline), Limit::Call)?, self))
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
    /// [`GetError::Closed`] if the pool is closed, and [`GetError::TimedOut`] if the timeout of the settings passes.
    ///
    /// # Panics
    ///
    /// Panics if `create` panics, and as [`get`](Self::get). The item's place is then free again.
    #[track_caller]
    pub fn get_with(&self, create: impl FnOnce() -> T) -> Result<Pooled<'_, T, R>, GetError> {
        let mut create = Contained::new(Some(create));
        let item =
            self.one_in_time(|| Ok::<_, Infallible>(Item::create(create.take().expect("it is called once")())))?;
        Ok(Pooled::new(item, self).outliving(create))
    }

    /// Like [`get_with`](Self::get_with), but `create` may fail. It waits for an item or its place as that does.
    ///
    /// ```
    /// use std::{fs, io};
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(2);
    /// let error = pool.get_or_try_with(|| fs::read("there is no such file")).unwrap_err();
    /// assert!(matches!(error, GetError::Create(error) if error.kind() == io::ErrorKind::NotFound));
    /// assert_eq!(pool.in_use(), 0);
    /// ```
    ///
    /// # Errors
    ///
    /// [`GetError::Create`] with the error of `create`, and the errors of [`get_with`](Self::get_with).
    ///
    /// # Panics
    ///
    /// As [`get_with`](Self::get_with).
    #[track_caller]
    pub fn get_or_try_with<E>(&self, create: impl FnOnce() -> Result<T, E>) -> Result<Pooled<'_, T, R>, GetError<E>> {
        let mut create = Contained::new(Some(create));
        let item = self.one_in_time(|| create.take().expect("it is called once")().map(Item::create))?;
        Ok(Pooled::new(item, self).outliving(create))
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
    #[track_caller]
    pub fn get_owned(self: &Arc<Self>) -> Result<OwnedPooled<T, R>, GetError<R::Error>> {
        let item = self.own_in_time()?;
        Ok(OwnedPooled::new(item, Arc::clone(self)))
    }

    /// Like [`get_owned`](Self::get_owned), with a timeout as in [`get_timeout`](Self::get_timeout).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: Arc<BoundedPool<Vec<u8>>> = Arc::new(BoundedPool::new(1));
    /// let only = pool.get_owned_timeout(Duration::from_secs(1))?;
    /// assert_eq!(pool.get_owned_timeout(Duration::ZERO).unwrap_err(), GetError::Timeout);
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
    #[track_caller]
    pub fn get_owned_timeout(self: &Arc<Self>, timeout: Duration) -> Result<OwnedPooled<T, R>, GetError<R::Error>> {
        let deadline = LazyCell::new(|| Instant::now().checked_add(timeout));
        let item = self.own(|| *deadline, Limit::Call)?;
        Ok(OwnedPooled::new(item, Arc::clone(self)))
    }

    /// Like [`get_owned`](Self::get_owned), but waits at most until `deadline`.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Instant;
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: Arc<BoundedPool<Vec<u8>>> = Arc::new(BoundedPool::new(1));
    /// let only = pool.get_owned()?;
    /// assert_eq!(pool.get_owned_deadline(Instant::now()).unwrap_err(), GetError::Timeout);
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
    #[track_caller]
    pub fn get_owned_deadline(self: &Arc<Self>, deadline: Instant) -> Result<OwnedPooled<T, R>, GetError<R::Error>> {
        let item = self.own(|| Some(deadline), Limit::Call)?;
        Ok(OwnedPooled::new(item, Arc::clone(self)))
    }

    /// When a wait that begins now must end by the settings.
    pub(super) fn latest(&self) -> Option<Instant> {
        let limit = self.settings.timeouts.wait?;
        Instant::now().checked_add(limit)
    }

    /// Gets one item that the recycler creates, and waits at most as long as the settings say.
    #[inline(always)]
    #[track_caller]
    fn own_in_time(&self) -> Result<Item<T>, GetError<R::Error>> {
        self.own(|| self.latest(), Limit::Settings).map_err(|error| self.late(error))
    }

    /// Gets one item that the recycler creates, on this thread or another.
    #[inline(always)]
    #[track_caller]
    fn own(&self, deadline: impl Fn() -> Option<Instant>, limit: Limit) -> Result<Item<T>, GetError<R::Error>> {
        let place = match self.take_one() {
            Ok(item) => return Ok(item),
            Err(place) => place,
        };
        match &self.background {
            None => self.one_slow(place, deadline, || self.recycler.try_create_item()),
            Some(background) => self.one_behind(background, place, deadline, limit),
        }
    }

    /// Gets one item, and waits at most as long as the settings say.
    #[inline(always)]
    #[track_caller]
    fn one_in_time<E>(&self, create: impl FnOnce() -> Result<Item<T>, E>) -> Result<Item<T>, GetError<E>> {
        self.one(|| self.latest(), create).map_err(|error| self.late(error))
    }

    /// Gets one item. If it only gets a place, `create` creates the item.
    #[inline(always)]
    #[track_caller]
    fn one<E>(
        &self,
        deadline: impl Fn() -> Option<Instant>,
        create: impl FnOnce() -> Result<Item<T>, E>,
    ) -> Result<Item<T>, GetError<E>> {
        match self.take_one() {
            Ok(item) => Ok(item),
            Err(place) => self.one_slow(place, deadline, create),
        }
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn one_slow<'a, E>(
        &'a self,
        place: Option<Held<'a, T>>,
        deadline: impl Fn() -> Option<Instant>,
        create: impl FnOnce() -> Result<Item<T>, E>,
    ) -> Result<Item<T>, GetError<E>> {
        let mut held = match place {
            Some(held) => held,
            None => self.places().take_by(Want::Places(1), &deadline)?,
        };
        match held.next(|item| self.is_fit(item), |held| held.turn_by(&deadline), create) {
            Ok(item) => {
                self.lend(&item, Location::caller());
                Ok(Pooled::new(item, self).outliving(held).into_item())
            }
            Err(error) => Err(fail(held, error)),
        }
    }

    /// Whether an idle item may be handed out.
    pub(super) fn is_fit(&self, item: &mut Item<T>) -> bool {
        let (info, counts) = (*item.notes(), &self.places().counts);
        if info.is_expired() {
            counts.expired.add(1);
            events::emit_or_raise::<T>(self.settings.name, Event::Expired);
            return false;
        }
        if R::CHECKED && !self.recycler.check(item, &info) {
            counts.failed_checks.add(1);
            events::emit_or_raise::<T>(self.settings.name, Event::CheckFailed);
            return false;
        }
        true
    }
}

impl<T, R> BoundedPool<T, R> {
    /// Says which timeout has passed, if it is one of the settings.
    pub(super) fn late<E>(&self, error: GetError<E>) -> GetError<E> {
        match (error, self.settings.timeouts.wait) {
            (GetError::Timeout, Some(after)) => GetError::TimedOut { phase: Phase::Wait, after },
            (error, _) => error,
        }
    }
}
