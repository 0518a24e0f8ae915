//! Places that were taken and are not yet in guards.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use super::GetError;
use super::error::Refused;
use super::events;
use super::in_time::Wait;
use super::info::Item;
use super::lot::Lot;
use super::places::Places;
use super::waiters::{Ticket, Want};
use crate::engine::item::{Contained, for_each_caught, raise};

/// A lot whose unused places, and turn, are returned when it is dropped.
pub(super) struct Held<'a, T> {
    places: &'a Places<T>,
    lot: Lot<T>,
    /// Whether it has created an item.
    has_created: bool,
}

impl<'a, T> Held<'a, T> {
    /// These places must be taken, and nobody else may return them.
    pub(super) fn new(places: &'a Places<T>, lot: Lot<T>) -> Self {
        Self { places, lot, has_created: false }
    }

    pub(super) fn len(&self) -> usize {
        self.lot.places
    }

    /// Splits off one place, with an idle item that is `fit`. Drops those that are not, and if none is left, creates an
    /// item in the place. If it has no turn for that, `turn` gets one, or an idle item instead. If that or creating the
    /// item fails, or anything panics, the place stays here.
    pub(super) fn next<E>(
        &mut self,
        mut fit: impl FnMut(&mut Item<T>) -> bool,
        turn: impl Fn(&mut Self) -> Result<(), Refused>,
        create: impl FnOnce() -> Result<Item<T>, E>,
    ) -> Result<Item<T>, GetError<E>> {
        let pool = self.places.name;
        let create = || events::creation(pool, create);
        loop {
            if let Some(item) = self.take_fit(&mut fit) {
                return Ok(item);
            }
            if self.may_create() {
                self.may_go_on()?;
                return Ok(self.occupy(create().map_err(GetError::Create)?));
            }
            turn(self)?;
        }
    }

    /// How many items were still idle when the places were taken, or the item that came instead of a turn.
    pub(super) fn left(&self) -> usize {
        self.lot.left
    }

    /// Whether it has a turn.
    pub(super) fn may_create(&self) -> bool {
        self.lot.creates
    }

    /// Whether it may create one more item. Not if the pool was closed since it created the first.
    pub(super) fn may_go_on(&self) -> Result<(), Refused> {
        if self.has_created && self.places.lock().closed { Err(Refused::Closed) } else { Ok(()) }
    }

    /// Takes a turn to create, or an idle item instead, for a place that has none, if nobody waits for the same.
    pub(super) fn try_turn(&mut self) -> Result<(), Refused> {
        let turn = self.places.take(Want::Turn)?;
        self.join(turn);
        Ok(())
    }

    /// The same, and waits until `deadline` if others come first.
    pub(super) fn turn_by(&mut self, deadline: impl FnOnce() -> Option<Instant>) -> Result<(), Refused> {
        match self.try_turn() {
            Err(Refused::Busy) => self.places.wait_by(deadline, self.turn()),
            answer => answer,
        }
    }

    /// Waits for a turn.
    pub(super) fn turn(&mut self) -> Turn<'_, 'a, T> {
        Turn { held: self, ticket: None }
    }

    fn join(&mut self, mut turn: Held<'_, T>) {
        let Lot { next, creates, left, .. } = std::mem::replace(&mut turn.lot, Lot::nothing());
        if next.is_some() {
            self.lot.left = left;
        }
        (self.lot.next, self.lot.creates) = (next, creates);
    }

    /// Takes an idle item off its place, if any is left. The place stays here.
    pub(super) fn pop(&mut self) -> Option<Popped<'a, T>> {
        let item = self.lot.next.take().or_else(|| self.lot.others.pop())?;
        Some(Popped { places: self.places, item: Some(item) })
    }

    /// Splits off one place with the item that was created for this call, if it was.
    pub(super) fn take_new(&mut self) -> Option<Item<T>> {
        let item = self.lot.next.take_if(|_| self.lot.is_new)?;
        self.lot.places -= 1;
        Some(item)
    }

    /// Splits off one place with that, or with an idle item that is `fit`. Drops those that are not.
    pub(super) fn take_fit(&mut self, mut fit: impl FnMut(&mut Item<T>) -> bool) -> Option<Item<T>> {
        if let Some(item) = self.take_new() {
            return Some(item);
        }
        while let Some(mut item) = self.pop() {
            if fit(item.get()) {
                return Some(self.hand_out(item));
            }
        }
        None
    }

    /// Takes all of it, for a thread that creates the item.
    pub(super) fn into_lot(mut self) -> Lot<T> {
        std::mem::replace(&mut self.lot, Lot::nothing())
    }

    /// Splits off one place with an item that was popped.
    pub(super) fn hand_out(&mut self, mut popped: Popped<'_, T>) -> Item<T> {
        let item = popped.item.take().expect("it is taken once");
        self.lot.places -= 1;
        item
    }

    /// Makes a new item idle, on one place.
    pub(super) fn fill(mut self, item: Item<T>) {
        self.lot.places -= 1;
        self.places.give_back(self.places.admit(item));
    }

    /// Splits off one place for an item that was created because none was idle.
    pub(super) fn occupy(&mut self, item: Item<T>) -> Item<T> {
        self.places.counts.created.add(1);
        self.lot.places -= 1;
        self.has_created = true;
        self.places.admit(item)
    }
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        let lot = std::mem::replace(&mut self.lot, Lot::nothing());
        // One without a place has a turn, or an item for a place of another.
        if lot.places > 0 || lot.creates || lot.next.is_some() {
            self.places.put(self.places.lock(), lot);
        }
    }
}

/// Returns what was held, because creating an item failed with this error.
pub(super) fn fail<E>(held: impl Sized, error: E) -> E {
    let error = Contained::new(error);
    drop(held);
    error.into_inner()
}

/// The wait for a turn. If it is cancelled, what it was served stays with the place.
#[must_use]
pub(super) struct Turn<'h, 'a, T> {
    held: &'h mut Held<'a, T>,
    ticket: Option<Ticket>,
}

impl<T> Wait for Turn<'_, '_, T> {
    fn look(&mut self) -> Self::Output {
        self.held.try_turn()
    }
}

impl<T> Future for Turn<'_, '_, T> {
    type Output = Result<(), Refused>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { held, ticket } = &mut *self;
        let answer = held.places.poll(ticket, Want::Turn, context.waker());
        answer.map(|turn| turn.map(|turn| held.join(turn)))
    }
}

impl<T> Drop for Turn<'_, '_, T> {
    fn drop(&mut self) {
        if let Some(turn) = self.ticket.and_then(|ticket| self.held.places.leave(ticket)) {
            self.held.join(turn);
        }
    }
}

/// An idle item that was taken off its place for a look. Unless it is handed out, it ends here.
pub(super) struct Popped<'a, T> {
    places: &'a Places<T>,
    item: Option<Item<T>>,
}

impl<T> Popped<'_, T> {
    pub(super) fn get(&mut self) -> &mut Item<T> {
        self.item.as_mut().expect("it is taken once, at the end")
    }
}

impl<T> Drop for Popped<'_, T> {
    fn drop(&mut self) {
        let panic = for_each_caught(self.item.take(), |item| self.places.dispose(item));
        panic.into_iter().for_each(raise);
    }
}
