//! The compared pools. They hold zero-sized boxes, so an item needs no memory.

use std::sync::{Mutex, PoisonError};

use crossbeam_queue::{ArrayQueue, SegQueue};
use ebbtide::{Pool, Pooled, Settings};

pub(crate) trait Contender: Sync {
    type Item<'p>
    where
        Self: 'p;

    fn get(&self) -> Self::Item<'_>;

    fn put<'p>(&'p self, item: Self::Item<'p>);

    /// Ends an epoch, for pools with epochs.
    fn sweep(&self) {}
}

/// The default pool with manual epochs.
pub(crate) fn ebbtide(settings: Settings) -> Pool<(), fn()> {
    Pool::with_settings(|| (), settings.manual())
}

impl Contender for Pool<(), fn()> {
    type Item<'p> = Pooled<'p, (), fn()>;

    #[inline]
    fn get(&self) -> Self::Item<'_> {
        Pool::get(self)
    }

    #[inline]
    fn put<'p>(&'p self, item: Self::Item<'p>) {
        drop(item);
    }

    fn sweep(&self) {
        self.advance();
    }
}

impl Contender for Mutex<Vec<Box<()>>> {
    type Item<'p> = Box<()>;

    #[inline]
    fn get(&self) -> Box<()> {
        let idle = self.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_default()
    }

    #[inline]
    fn put(&self, item: Box<()>) {
        self.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }
}

impl Contender for SegQueue<Box<()>> {
    type Item<'p> = Box<()>;

    #[inline]
    fn get(&self) -> Box<()> {
        self.pop().unwrap_or_default()
    }

    #[inline]
    fn put(&self, item: Box<()>) {
        self.push(item);
    }
}

impl Contender for ArrayQueue<Box<()>> {
    type Item<'p> = Box<()>;

    #[inline]
    fn get(&self) -> Box<()> {
        self.pop().unwrap_or_default()
    }

    #[inline]
    fn put(&self, item: Box<()>) {
        // A full queue returns the item, which is dropped here.
        let _ = self.push(item);
    }
}
