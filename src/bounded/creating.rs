//! Creations that other threads do for a `get`, which waits meanwhile.
//!
//! The thread has a clone of the recycler, the place, the turn, and no share of the pool: if the pool is gone when the
//! item is there, the thread ends it. The call is in the queue before the creation begins. What ends the creation looks,
//! under the pool's lock, whether the call still waits. If so, it gets the item, or nothing, which says that the creation
//! has failed. Why lies in a slot of both.

use std::cell::LazyCell;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe, Location};
use std::pin::{Pin, pin};
use std::sync::Arc as StdArc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::background::Background;
use super::error::Refused;
use super::events::{self, Event};
use super::held::Held;
use super::info::Item;
use super::lot::Lot;
use super::places::Places;
use super::timeout::within;
use super::wait::{Waiting, block_on};
use super::waiters::{Ticket, Want};
use super::{BoundedPool, GetError, Manage, Phase, Pooled, TryRecycle};
use crate::engine::item::{Contained, Payload, discard, drop_each, for_each_caught, keep_first};
use crate::janitor;
use crate::sync::thread::{Mutex, MutexGuard, PoisonError, Weak, downgrade};
use crate::sync::{Arc, clock};

/// Who waits for a creation, as the queue knows it.
pub(super) type Call = (Ticket, Want);

/// Why a creation has failed.
enum Failure<E> {
    Error(E),
    Panic(Payload),
}

/// Where that is from just before the call is told until somebody takes it.
pub(super) struct Why<E>(Mutex<Option<Contained<Failure<E>>>>);

impl<E> Default for Why<E> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<E> Why<E> {
    fn lock(&self) -> MutexGuard<'_, Option<Contained<Failure<E>>>> {
        // Never poisoned: nothing panics while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, failure: Failure<E>) {
        *self.lock() = Some(Contained::new(failure));
    }

    fn take(&self) -> Option<Failure<E>> {
        let taken = self.lock().take();
        taken.map(Contained::into_inner)
    }

    /// Ends what nobody was told. Returns the panic, or that of the error's `Drop`.
    fn dismiss(&self) -> Option<Payload> {
        match self.take()? {
            Failure::Error(error) => drop_each([error]),
            Failure::Panic(panic) => Some(panic),
        }
    }
}

/// Creates an item on the place of `lot`, for the call that waits, if any, or else for the first waiter, or to be idle. If
/// that fails, puts into `why` what the call is told. Returns whether it succeeded, and a panic that nobody else sees.
pub(super) fn create_on<T, E>(
    lot: Lot<T>,
    weak: &Weak<Places<T>>,
    call: Option<Call>,
    create: impl FnOnce() -> Result<Item<T>, E>,
    why: &Why<E>,
) -> (bool, Option<Payload>) {
    let Some(places) = weak.upgrade() else { return (false, None) };
    let (disposer, name, closed) = (places.disposer.clone(), places.name, places.lock().closed);
    if closed {
        return (false, places.end_creation(lot, call, None).1);
    }
    drop(places);
    let item = match panic::catch_unwind(AssertUnwindSafe(|| events::creation(name, create))) {
        Ok(Ok(item)) => Some(item),
        Ok(Err(error)) => {
            why.set(Failure::Error(error));
            None
        }
        Err(panic) => {
            why.set(Failure::Panic(panic));
            None
        }
    };
    let created = item.is_some();
    let (told, mut first) = match weak.upgrade() {
        Some(places) => places.end_creation(lot, call, item.map(|item| places.admit(item))),
        None => (false, for_each_caught(item, |item| disposer.dispose(item))),
    };
    if !told {
        why.dismiss().into_iter().for_each(|panic| keep_first(&mut first, panic));
    }
    (created, first)
}

impl<T> Places<T> {
    /// Ends a creation. Returns whether the call still waited, and the first panic of what that sets off.
    fn end_creation(&self, mut lot: Lot<T>, call: Option<Call>, item: Option<Item<T>>) -> (bool, Option<Payload>) {
        let mut state = self.lock();
        let waiting = call.filter(|&(ticket, want)| state.waiters.waits(ticket, want));
        self.counts.created.add(usize::from(call.is_some() && item.is_some()));
        let waker = match (waiting, item) {
            (Some((ticket, _)), Some(item)) => {
                lot.places = 0;
                state.waiters.answer(ticket, Ok(Lot::new(item)))
            }
            (Some((ticket, _)), None) => state.waiters.answer(ticket, Ok(Lot::nothing())),
            (None, item) => {
                lot.next = item;
                None
            }
        };
        // The turn, and what the call did not get.
        let mut after = state.put(lot);
        drop(state);
        after.wakers.extend(waker);
        janitor::attend(&self.registration);
        (waiting.is_some(), self.settle(after))
    }
}

/// A creation as the call knows it that began it.
pub(super) trait Attempt<T, R> {
    /// Has a thread create the item.
    fn start(&mut self, places: &Arc<Places<T>>, lot: Lot<T>, call: Call);

    /// Returns why it has failed.
    fn error(&self) -> R::Error
    where
        R: Manage<T>;

    /// Ends what the call was not told, because it has given up. Returns a panic.
    fn dismiss(&self) -> Option<Payload>;
}

/// What the call and the thread share, and until the creation starts, the thread's clone of the recycler.
pub(super) struct Shared<R, E> {
    recycler: Option<Contained<R>>,
    why: StdArc<Why<E>>,
}

impl<R, E> Shared<R, E> {
    pub(super) fn new(recycler: R) -> Self {
        Self { recycler: Some(Contained::new(recycler)), why: StdArc::default() }
    }
}

impl<T, R, E> Attempt<T, R> for Shared<R, E>
where
    T: Send + 'static,
    R: TryRecycle<T, Error = E> + Manage<T, Error = E> + Send + 'static,
    E: Send + 'static,
{
    fn start(&mut self, places: &Arc<Places<T>>, lot: Lot<T>, call: Call) {
        let Some(recycler) = self.recycler.take() else { return };
        let (weak, why) = (downgrade(places), StdArc::clone(&self.why));
        janitor::run_soon(weak.clone(), move || {
            let (_, mut first) = create_on(lot, &weak, Some(call), || recycler.try_create_item(), &why);
            drop_each([recycler]).into_iter().for_each(|panic| keep_first(&mut first, panic));
            first
        });
    }

    fn error(&self) -> E {
        match self.why.take() {
            Some(Failure::Error(error)) => error,
            Some(Failure::Panic(panic)) => panic::resume_unwind(panic),
            None => unreachable!("it is set before the call is told, which is once"),
        }
    }

    fn dismiss(&self) -> Option<Payload> {
        self.why.dismiss()
    }
}

/// A creation that a call has begun.
pub(super) struct Creation<'a, T, R> {
    places: &'a Places<T>,
    attempt: Box<dyn Attempt<T, R> + Send>,
}

impl<'a, T, R: Manage<T>> Creation<'a, T, R> {
    /// Begins to create an item on the place of `held`. The wait for it ends the place's.
    fn begin(
        pool: &'a BoundedPool<T, R>,
        background: &Background<T, R>,
        held: Held<'a, T>,
    ) -> Result<(Self, Waiting<'a, T>), Refused> {
        let (places, heap) = (pool.places(), pool.places.to_arc().ok_or(Refused::Closed)?);
        let mut attempt = (background.attempt)(&pool.recycler);
        let mut state = places.lock();
        if state.closed {
            // Before `held` is dropped.
            drop(state);
            return Err(Refused::Closed);
        }
        let (ticket, want) = state.enqueue_creator(held.left());
        places.release(state);
        attempt.start(&heap, held.into_lot(), (ticket, want));
        Ok((Self { places, attempt }, places.wait_on(ticket, want)))
    }

    /// Returns what the wait has returned, or why the creation has failed.
    fn end(self, answer: Result<Held<'a, T>, Refused>) -> Result<Held<'a, T>, GetError<R::Error>> {
        match answer {
            Ok(held) if held.len() == 0 => Err(GetError::Create(self.attempt.error())),
            answer => Ok(answer?),
        }
    }
}

impl<T, R> Drop for Creation<'_, T, R> {
    fn drop(&mut self) {
        if let Some(panic) = self.attempt.dismiss() {
            self.places.counts.panics.add(1);
            discard(panic);
        }
    }
}

/// Returns the answer if there is one.
fn look<'a, T>(waiting: &mut Waiting<'a, T>) -> Option<Result<Held<'a, T>, Refused>> {
    match Pin::new(waiting).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

/// What ends the waits of a `get`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// The timeouts of the settings.
    Settings,
    /// A time of the call's own. A creation has no more than that, and no more than the settings' timeout for it.
    Call,
}

impl<T: Send, R: TryRecycle<T>> BoundedPool<T, R> {
    /// Gets one item. If it only gets a place, another thread creates the item. Calls `deadline` when it must wait.
    #[cold]
    #[inline(never)]
    #[track_caller]
    pub(super) fn one_behind<'a>(
        &'a self,
        background: &Background<T, R>,
        place: Option<Held<'a, T>>,
        deadline: impl FnOnce() -> Option<Instant>,
        limit: Limit,
    ) -> Result<Item<T>, GetError<R::Error>> {
        let deadline = LazyCell::new(deadline);
        let take = || self.places().take_by(Want::Places(1), || *deadline);
        let turn = |held: &mut Held<'_, T>| held.turn_by(|| *deadline);
        self.behind(background, place, take, turn, |waiting| self.created_by(waiting, || *deadline, limit))
    }

    /// The same without a wait: the item is for others then.
    #[track_caller]
    pub(super) fn try_behind<'a>(
        &'a self,
        background: &Background<T, R>,
        place: Option<Held<'a, T>>,
    ) -> Result<Item<T>, GetError<R::Error>> {
        let take = || self.places().take(Want::Places(1));
        self.behind(background, place, take, Held::try_turn, |_| Err(GetError::Timeout))
    }

    /// Gets one item. `take` waits for a place, `turn` for a turn, and `wait` for an item that is being created.
    #[track_caller]
    fn behind<'a>(
        &'a self,
        background: &Background<T, R>,
        place: Option<Held<'a, T>>,
        take: impl FnOnce() -> Result<Held<'a, T>, Refused>,
        turn: impl Fn(&mut Held<'a, T>) -> Result<(), Refused>,
        wait: impl Fn(Waiting<'a, T>) -> Result<Result<Held<'a, T>, Refused>, GetError<R::Error>>,
    ) -> Result<Item<T>, GetError<R::Error>> {
        let mut held = match place {
            Some(held) => held,
            None => take()?,
        };
        loop {
            if let Some(item) = held.take_fit(|item| self.is_fit(item)) {
                self.lend(&item, Location::caller());
                return Ok(Pooled::new(item, self).outliving(held).into_item());
            }
            if held.may_create() {
                let (creation, mut waiting) = Creation::begin(self, background, held)?;
                // Without another thread it has ended.
                let answer = match look(&mut waiting) {
                    Some(answer) => answer,
                    None => wait(waiting)?,
                };
                held = creation.end(answer)?;
            } else {
                turn(&mut held)?;
            }
        }
    }

    /// Waits for a creation.
    fn created_by<'a>(
        &'a self,
        waiting: Waiting<'a, T>,
        deadline: impl FnOnce() -> Option<Instant>,
        limit: Limit,
    ) -> Result<Result<Held<'a, T>, Refused>, GetError<R::Error>> {
        let (places, create) = (self.places(), self.settings.timeouts.create);
        let latest = create.and_then(|after| Some((after, Instant::now().checked_add(after)?)));
        let deadline = if latest.is_some() && limit == Limit::Settings { None } else { deadline() };
        let Some((after, latest)) = latest.filter(|(_, latest)| deadline.is_none_or(|deadline| *latest < deadline))
        else {
            return Ok(places.wait_by(|| deadline, waiting));
        };
        let answer = {
            let _stopwatch = places.time_wait();
            block_on(pin!(waiting), Some(latest))
        };
        answer.ok_or_else(|| self.created_too_late(after))
    }
}

impl<T: Send, R: Manage<T>> BoundedPool<T, R> {
    /// Gets one item as `one_behind` does, for a task.
    pub(super) async fn one_behind_async<'a>(
        &'a self,
        background: &Background<T, R>,
        place: Option<Held<'a, T>>,
        caller: &'static Location<'static>,
    ) -> Result<Item<T>, GetError<R::Error>> {
        let since = clock();
        let mut held = match place {
            Some(held) => held,
            None => self.wait_or_look(self.left(since), self.places().wait(Want::Places(1))).await?,
        };
        loop {
            if let Some(item) = self.take_fit_async(&mut held).await {
                self.lend(&item, caller);
                return Ok(Pooled::new(item, self).outliving(held).into_item());
            }
            if held.may_create() {
                let (creation, mut waiting) = Creation::begin(self, background, held)?;
                let answer = match look(&mut waiting) {
                    Some(answer) => answer,
                    None => self.created_in_time(waiting, since).await?,
                };
                held = creation.end(answer)?;
            } else {
                self.wait_or_look(self.left(since), held.turn()).await?;
            }
        }
    }

    /// What is left of the time for all waits of a `get` that began at `since`.
    fn left(&self, since: Option<Instant>) -> Option<Duration> {
        let waited = since.map(|since| since.elapsed()).unwrap_or_default();
        self.settings.timeouts.wait.map(|wait| wait.saturating_sub(waited))
    }

    /// Waits for a creation of a `get` that began at `since`.
    async fn created_in_time<'a>(
        &'a self,
        waiting: Waiting<'a, T>,
        since: Option<Instant>,
    ) -> Result<Result<Held<'a, T>, Refused>, GetError<R::Error>> {
        let Some(after) = self.settings.timeouts.create else {
            return self.wait_at_most(self.left(since), waiting).await.map(Ok);
        };
        let _stopwatch = self.places().time_wait();
        within(Some(after), waiting).await.map_err(|after| self.created_too_late(after))
    }
}

impl<T, R: Manage<T>> BoundedPool<T, R> {
    fn created_too_late<E>(&self, after: Duration) -> GetError<E> {
        self.places().counts.create_timeouts.add(1);
        events::emit_or_raise::<T>(self.settings.name, Event::CreateTimedOut);
        GetError::TimedOut { phase: Phase::Create, after }
    }
}
