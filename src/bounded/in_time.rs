//! A task's wait for places or a turn, for as long as the settings say.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::error::Refused;
use super::events::{self, Event};
use super::tracking::Stopwatch;
use super::{BoundedPool, GetError, Manage, Phase};
use crate::janitor::timer::Alarm;

/// A future that enters a queue when it is first polled.
pub(super) trait Wait: Future + Unpin {
    /// Answers at once instead, without even a moment in the queue: there it would block the waiters behind it.
    fn look(&mut self) -> Self::Output;
}

/// One future, written by hand: each `async fn` around a wait would take part in each poll.
///
/// Nothing that is dropped with it panics while the thread unwinds.
#[must_use]
pub(super) struct InTime<'a, T, R, W, E> {
    pool: &'a BoundedPool<T, R>,
    waiting: W,
    /// There is no time left, so it only looks.
    looks: bool,
    /// Set if there is a limit.
    alarm: Option<(Duration, Alarm)>,
    _stopwatch: Option<Stopwatch<'a>>,
    error: PhantomData<fn() -> E>,
}

impl<T, R: Manage<T>> BoundedPool<T, R> {
    /// Waits for what is wanted, for what is left of the time. If none is left, only looks.
    pub(super) fn wait_or_look<W: Wait, E>(&self, left: Option<Duration>, waiting: W) -> InTime<'_, T, R, W, E> {
        let looks = left == Some(Duration::ZERO);
        InTime { looks, ..self.wait_at_most(left.filter(|_| !looks), waiting) }
    }

    /// Waits for that time.
    pub(super) fn wait_at_most<W: Wait, E>(&self, left: Option<Duration>, waiting: W) -> InTime<'_, T, R, W, E> {
        let alarm = left.map(|left| (left, Alarm::new(left)));
        let _stopwatch = self.places().time_wait();
        InTime { pool: self, waiting, looks: false, alarm, _stopwatch, error: PhantomData }
    }
}

impl<O, T, R: Manage<T>, W: Wait<Output = Result<O, Refused>>, E> Future for InTime<'_, T, R, W, E> {
    type Output = Result<O, GetError<E>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { pool, waiting, looks, alarm, .. } = &mut *self;
        if *looks {
            return Poll::Ready(waiting.look().map_err(|refused| pool.late(refused.into())));
        }
        if let Poll::Ready(answer) = Pin::new(waiting).poll(context) {
            return Poll::Ready(answer.map_err(GetError::from));
        }
        match alarm {
            Some((left, alarm)) => alarm.poll(context).map(|()| Err(pool.waited_too_long(*left))),
            None => Poll::Pending,
        }
    }
}

impl<T, R: Manage<T>> BoundedPool<T, R> {
    #[cold]
    fn waited_too_long<E>(&self, left: Duration) -> GetError<E> {
        let after = self.settings.timeouts.wait.unwrap_or(left);
        self.places().counts.wait_timeouts.add(1);
        events::emit_or_raise::<T>(self.settings.name, Event::WaitTimedOut);
        GetError::TimedOut { phase: Phase::Wait, after }
    }
}
