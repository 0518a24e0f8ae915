//! What happens to an item when its guard is dropped.

use std::panic::{self, AssertUnwindSafe};

use super::events::{self, Event};
use super::info::{Info, Item};
use super::{BoundedPool, Manage};
use crate::engine::item::{Payload, raise};
use crate::pool::Home;
use crate::pool::shrink::{self, Recycling};

impl<T, R: Manage<T>> BoundedPool<T, R> {
    /// Drops an item that the recycler refused, or in which it panicked.
    #[cold]
    #[inline(never)]
    fn refuse(&self, item: Item<T>, panic: Option<Payload>) {
        if let Some(panic) = self.places().refuse(item, panic) {
            raise(panic);
        }
    }

    /// The look at an item that returns. Says whether it is too old.
    #[inline(never)]
    fn has_expired(&self, item: &Item<T>) -> bool {
        self.end_use(item);
        let expired = item.notes().is_expired();
        self.places().counts.expired.add(usize::from(expired));
        expired
    }
}

impl<T, R: Manage<T>> Home<T> for BoundedPool<T, R> {
    type Notes = Info;

    /// Recycles an item and makes it idle, or drops it if the recycler refuses it. Then frees its place.
    #[inline]
    fn give_back(&self, mut item: Item<T>) {
        item.notes_mut().note_return(R::CHECKED);
        if self.watched && self.has_expired(&item) {
            return self.refuse(item, events::emit::<T>(self.settings.name, Event::Expired));
        }
        match panic::catch_unwind(AssertUnwindSafe(|| shrink::recycle(self, &mut item))) {
            Ok(true) => self.places().give_back(item),
            Ok(false) => self.refuse(item, None),
            Err(panic) => self.refuse(item, Some(panic)),
        }
    }

    fn part_with_one(&self, item: &Item<T>) {
        self.end_use(item);
        self.places().free_place();
    }
}

// Nothing is set aside, because that would take another place.
impl<T, R: Manage<T>> Recycling<T, Info> for BoundedPool<T, R> {
    #[inline(always)]
    fn weight(&self, item: &T) -> usize {
        self.recycler.weight(item)
    }

    #[inline(always)]
    fn used(&self, item: &T) -> usize {
        self.recycler.used(item)
    }

    #[inline(always)]
    fn recycle(&self, item: &mut Item<T>) -> bool {
        let info = *item.notes();
        self.recycler.recycle(item, &info)
    }

    fn shrink(&self, item: &mut T, max: usize) {
        self.recycler.shrink(item, max);
    }

    fn epoch(&self) -> usize {
        self.places().epoch()
    }
}
