//! `get` with a function that may fail, and `try_get` in its owned form.

use std::convert::Infallible;
use std::sync::Arc;

use super::{BoundedPool, GetError, OwnedPooled, Pooled, TryRecycle};
use crate::engine::item::Contained;

impl<T: Send, R: TryRecycle<T>> BoundedPool<T, R> {
    /// Like [`get_with`](Self::get_with), but `create` may fail. It waits for an item or its place as that does.
    ///
    /// ```
    /// use std::{fs, io};
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(2);
    /// let error = pool.try_get_with(|| fs::read("there is no such file")).unwrap_err();
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
    pub fn try_get_with<E>(&self, create: impl FnOnce() -> Result<T, E>) -> Result<Pooled<'_, T, R>, GetError<E>> {
        let mut create = Contained::new(Some(create));
        let item = self.one_in_time(|| create.take().expect("it is called once")())?;
        Ok(Pooled::new(item, self).outliving(create))
    }
}

impl<T: Send, R: TryRecycle<T, Error = Infallible>> BoundedPool<T, R> {
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
