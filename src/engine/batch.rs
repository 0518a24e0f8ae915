//! A batch: several items that travel as one, and the epoch that tells their age.

use crate::engine::array::Array;
use crate::engine::item::Item;

/// The epoch in which every pool begins. Two sweeps later the epoch is 0. So epochs wrap around in most tests and
/// models, as they do on 32-bit CPUs after fifty days of epochs of 1 ms.
pub(crate) const FIRST_EPOCH: usize = usize::MAX - 1;

/// Items on their way between private slots and shared queues. A batch in a queue is never empty.
pub(crate) struct Batch<T> {
    items: Items<T>,
    /// The epoch that tells the age of the batch. It is no older than any item's put.
    pub(crate) stamp: usize,
}

/// What travels in a batch.
enum Items<T> {
    /// A single item, which needs no array. `None` once it is popped.
    One(Option<Item<T>>),
    Many(Array<T>),
}

impl<T> Batch<T> {
    pub(crate) fn one(item: Item<T>, stamp: usize) -> Self {
        Self { items: Items::One(Some(item)), stamp }
    }

    pub(crate) fn many(items: Array<T>, stamp: usize) -> Self {
        Self { items: Items::Many(items), stamp }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.items {
            Items::One(item) => usize::from(item.is_some()),
            Items::Many(items) => items.len(),
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Item<T>> {
        match &mut self.items {
            Items::One(item) => item.take(),
            Items::Many(items) => items.pop(),
        }
    }

    /// Splits off all but `keep` items. Returns `None` if there are no more than that.
    ///
    /// The other array is as large as this one. So all arrays of a pool are, and each has room for what another holds.
    pub(crate) fn split_off(&mut self, keep: usize) -> Option<Self> {
        let rest = self.len().checked_sub(keep).filter(|rest| *rest > 0)?;
        let items = match &mut self.items {
            Items::One(item) => Items::One(item.take()),
            Items::Many(items) => {
                let mut split = Array::new(items.capacity());
                for item in items.take(rest) {
                    let pushed = split.push(item);
                    debug_assert!(pushed.is_ok(), "there is room for the rest");
                }
                Items::Many(split)
            }
        };
        Some(Self { items, stamp: self.stamp })
    }

    /// Returns the array in which the batch travels, with the items left in it. A single item has no array and comes
    /// back.
    pub(crate) fn into_array(self) -> Result<Array<T>, Self> {
        match self.items {
            Items::One(_) => Err(self),
            Items::Many(items) => Ok(items),
        }
    }
}

impl<T> Iterator for Batch<T> {
    type Item = Item<T>;

    fn next(&mut self) -> Option<Item<T>> {
        self.pop()
    }
}
