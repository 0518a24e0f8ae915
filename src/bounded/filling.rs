//! Creating idle items.

use std::future::Future;
use std::num::Wrapping;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::error::Refused;
use super::events;
use super::held::{Held, fail};
use super::places::{Places, wake_each};
use super::waiters::{Ticket, Want};
use super::{BoundedPool, GetError, Manage, TryRecycle};
use crate::engine::item::{Payload, drop_each, raise};

impl<T: Send, R: TryRecycle<T>> BoundedPool<T, R> {
    /// Creates up to `n` idle items, while there is room, nobody waits, and
    /// [`max_creating`](super::Settings::max_creating) allows it. Returns how many it created.
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
    /// The recycler's error, if creating an item fails. The pool keeps the items created before.
    ///
    /// # Panics
    ///
    /// Panics if [`try_create`](TryRecycle::try_create) panics. The pool keeps the items created before.
    pub fn prefill(&self, n: usize) -> Result<usize, R::Error> {
        for made in 0..n {
            let Some(place) = self.places().reserve() else { return Ok(made) };
            match events::creation(self.settings.name, || self.recycler.try_create_item()) {
                Ok(item) => place.fill(item),
                Err(error) => return Err(fail(place, error)),
            }
        }
        Ok(n)
    }
}

impl<T: Send, R: Manage<T, Error: Send>> BoundedPool<T, R> {
    /// Like [`prefill`](Self::prefill), for a task of any async runtime. Dropping the future while it creates an item
    /// frees that item's place.
    ///
    /// [`keep_idle`](Self::keep_idle) does that again and again.
    ///
    /// ```
    /// use ebbtide::{BoundedPool, bounded::GetError};
    ///
    /// # async fn example() -> Result<(), GetError> {
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
    /// assert_eq!(pool.prefill_async(2).await?, 2);
    /// # Ok(())
    /// # }
    /// # futures_lite::future::block_on(example())?;
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`GetError::Create`] if creating an item fails, and [`GetError::TimedOut`] if it takes too long. The pool keeps the
    /// items created before.
    ///
    /// # Panics
    ///
    /// Panics if [`create`](Manage::create) or its future panics. The pool keeps the items created before.
    pub async fn prefill_async(&self, n: usize) -> Result<usize, GetError<R::Error>> {
        for made in 0..n {
            let Some(place) = self.places().reserve() else { return Ok(made) };
            match self.create_in_time(|| self.recycler.create_item()).await {
                Ok(item) => place.fill(item),
                Err(error) => return Err(fail(place, error)),
            }
        }
        Ok(n)
    }

    /// Keeps [`min_idle`](super::Settings::min_idle) items idle, in place of those that broke or grew too old. For a task
    /// of any async runtime.
    ///
    /// It creates what is missing now, and after each sweep or [`clear`](Self::clear), while
    /// [`prefill_async`](Self::prefill_async) would. If that fails, it tries again after the next sweep. It ends when the
    /// pool is closed. Dropping the future loses nothing.
    ///
    /// A pool whose items threads can create needs no task for that: see
    /// [`create_in_background`](Self::create_in_background).
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::BoundedPool;
    /// use ebbtide::bounded::{Manage, Settings};
    ///
    /// # struct Connection;
    /// struct Connections;
    ///
    /// impl Manage<Connection> for Connections {
    ///     type Error = std::io::Error;
    ///
    ///     async fn create(&self) -> std::io::Result<Connection> {
    ///         # Ok(Connection)
    ///         # /*
    ///         Connection::open("db.internal").await
    ///         # */
    ///     }
    /// }
    ///
    /// static CONNECTIONS: BoundedPool<Connection, Connections> = BoundedPool::with_settings(
    ///     Connections,
    ///     Settings::new(16).min_idle(2).max_lifetime(Duration::from_secs(1800)),
    /// );
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// tokio::spawn(CONNECTIONS.keep_idle());
    /// # while CONNECTIONS.idle() < 2 { tokio::task::yield_now().await; }
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// As [`prefill_async`](Self::prefill_async), and if the `Drop` of an error panics.
    pub async fn keep_idle(&self) {
        let places = self.places();
        loop {
            let swept = places.lock().swept;
            while let Some(place) = places.reserve_if_short() {
                match self.create_in_time(|| self.recycler.create_item()).await {
                    Ok(item) => place.fill(item),
                    Err(error) => {
                        drop(fail(place, error));
                        break;
                    }
                }
            }
            if (NextSweep { places, swept, ticket: None }).await.is_err() {
                return;
            }
        }
    }
}

/// Waits for the end of a sweep after the first `swept`, from its first poll on. Dropping it ends the wait.
#[must_use]
struct NextSweep<'a, T> {
    places: &'a Places<T>,
    swept: Wrapping<usize>,
    ticket: Option<Ticket>,
}

impl<T> Places<T> {
    /// Does what `reserve` does, if fewer than `min_idle` items are idle.
    fn reserve_if_short(&self) -> Option<Held<'_, T>> {
        let mut state = self.lock();
        let lot = if state.is_short() { state.reserve() } else { None };
        drop(state);
        lot.map(|lot| Held::new(self, lot))
    }

    /// Wakes those who wait for the end of a sweep. Returns the first panic.
    pub(super) fn end_sweep(&self) -> Option<Payload> {
        let mut state = self.lock();
        state.swept += 1;
        let wakers = state.sweepers.refuse(|_| Some(Refused::Busy));
        drop(state);
        wake_each(wakers)
    }
}

impl<T> Future for NextSweep<'_, T> {
    type Output = Result<(), Refused>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Cloning and dropping a waker runs user code, so it happens outside the lock.
        let waker = context.waker().clone();
        let mut state = self.places.lock();
        let answer = match state.swept != self.swept {
            _ if state.closed => Some(Err(Refused::Closed)),
            over => over.then_some(Ok(())),
        };
        let unused = match self.ticket {
            _ if answer.is_some() => Some(waker),
            Some(ticket) => state.sweepers.replace_waker(ticket, waker),
            None => {
                self.ticket = Some(state.sweepers.enqueue(Want::Places(0), waker));
                // The janitor may have parked the pool, as nobody waited.
                state.alert = true;
                None
            }
        };
        self.places.release(state);
        drop(unused);
        answer.map_or(Poll::Pending, Poll::Ready)
    }
}

impl<T> Drop for NextSweep<'_, T> {
    fn drop(&mut self) {
        let waker = self.ticket.and_then(|ticket| self.places.lock().sweepers.leave(ticket).1);
        drop_each(waker).into_iter().for_each(raise);
    }
}
