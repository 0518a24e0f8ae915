//! The end of a pool: it is closed, and then its last item goes.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::places::Places;
use super::wait::block_on;
use super::waiters::{Ticket, Want};
use super::{BoundedPool, Manage};
use crate::engine::item::{drop_each, raise};

impl<T, R: Manage<T>> BoundedPool<T, R> {
    /// Closes the pool for good. Waiters and later calls get [`GetError::Closed`](super::GetError::Closed). Idle items
    /// are dropped now, and items in use when they return. An item that is being created is still handed out, except by
    /// a [`get_many`](Self::get_many) that would have to create more.
    ///
    /// It does not wait for items in use, nor for those that a sweep is dropping. [`closed`](Self::closed) does.
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
    /// As [`advance`](Self::advance).
    #[doc(alias("shutdown"))]
    pub fn close(&self) {
        self.places().close();
    }

    /// Blocks until the pool is closed and no item exists: the `Drop` of the last one has returned, or its
    /// [`Disposer`](super::Disposer). So what the items use can end then, unless a disposer has left some to tasks.
    ///
    /// Somebody must [`close`](Self::close) the pool, now or later. Then it waits for items in use, and for those that
    /// are being created or dropped. It blocks the thread, so it never returns if this thread holds a guard, or a task that
    /// only this thread can run. In tasks, use [`closed_async`](Self::closed_async). A forgotten guard counts for ever.
    ///
    /// ```
    /// use std::thread;
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// static CONNECTIONS: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    ///
    /// let connection = CONNECTIONS.get()?;
    /// let user = thread::spawn(move || drop(connection));
    /// CONNECTIONS.close();
    /// CONNECTIONS.closed();
    /// assert_eq!(CONNECTIONS.in_use(), 0);
    /// # user.join().unwrap();
    /// # Ok::<(), GetError>(())
    /// ```
    pub fn closed(&self) {
        self.closed_by(None);
    }

    /// Like [`closed`](Self::closed), but waits at most for `timeout`. Returns whether no item exists. A timeout past
    /// the range of [`Instant`] is no limit.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// let forgotten = pool.get()?;
    /// pool.close();
    /// if !pool.closed_timeout(Duration::from_millis(5)) {
    ///     eprintln!("{} items are still in use", pool.in_use());
    /// }
    /// # drop(forgotten);
    /// # assert!(pool.closed_timeout(Duration::MAX));
    /// # Ok::<(), GetError>(())
    /// ```
    #[must_use]
    pub fn closed_timeout(&self, timeout: Duration) -> bool {
        self.closed_by(Instant::now().checked_add(timeout))
    }

    /// Like [`closed`](Self::closed), but waits at most until `deadline`. Returns whether no item exists.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use ebbtide::BoundedPool;
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// pool.close();
    /// assert!(pool.closed_deadline(Instant::now() + Duration::from_secs(1)));
    /// ```
    #[must_use]
    pub fn closed_deadline(&self, deadline: Instant) -> bool {
        self.closed_by(Some(deadline))
    }

    /// Like [`closed`](Self::closed), for a task of any async runtime. Dropping the future ends the wait.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// # async fn example() -> Result<(), GetError> {
    /// static CONNECTIONS: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    ///
    /// let connection = CONNECTIONS.get_async().await?;
    /// let user = tokio::spawn(async move { drop(connection) });
    /// CONNECTIONS.close();
    /// CONNECTIONS.closed_async().await;
    /// assert_eq!(CONNECTIONS.in_use(), 0);
    /// # user.await.unwrap();
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example())?;
    /// # Ok::<(), GetError>(())
    /// ```
    pub async fn closed_async(&self) {
        self.places().ending().await;
    }

    fn closed_by(&self, deadline: Option<Instant>) -> bool {
        block_on(pin!(self.places().ending()), deadline).is_some()
    }
}

/// Waits for the end of the pool, from its first poll on. Dropping it ends the wait.
#[must_use]
struct Ending<'a, T> {
    places: &'a Places<T>,
    ticket: Option<Ticket>,
}

impl<T> Places<T> {
    fn ending(&self) -> Ending<'_, T> {
        Ending { places: self, ticket: None }
    }
}

impl<T> Future for Ending<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Cloning and dropping a waker runs user code, so it happens outside the lock.
        let waker = context.waker().clone();
        let mut state = self.places.lock();
        let ended = state.has_ended();
        let unused = match self.ticket {
            _ if ended => Some(waker),
            Some(ticket) => state.enders.replace_waker(ticket, waker),
            None => {
                self.ticket = Some(state.enders.enqueue(Want::Places(0), waker));
                None
            }
        };
        drop(state);
        drop(unused);
        if ended { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<T> Drop for Ending<'_, T> {
    fn drop(&mut self) {
        let waker = self.ticket.and_then(|ticket| self.places.lock().enders.leave(ticket).1);
        drop_each(waker).into_iter().for_each(raise);
    }
}
