//! A batch: several items that travel as one, and the epoch that says how old they are.

use crate::engine::array::Array;
use crate::engine::item::Item;

/// The epoch in which every pool begins. Two later the epoch is 0: so they wrap around in most tests and models, as they do
/// on 32-bit CPUs in fifty days of epochs of 1 ms.
pub(crate) const FIRST_EPOCH: usize = usize::MAX - 1;

/// Items on their way between private slots and shared queues; never empty while it lies in a queue.
pub(crate) struct Batch<T> {
    items: Items<T>,
    /// The epoch that the youngest item's put read, or in which a sweep found it in private slots.
    pub(crate) stamp: usize,
}

enum Items<T> {
    /// Needs no array, hence no allocation.
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

    /// Splits off all but `keep` items; `None` if there are no more than that.
    pub(crate) fn split_off(&mut self, keep: usize) -> Option<Self> {
        let rest = self.len().checked_sub(keep).filter(|rest| *rest > 0)?;
        let items = match &mut self.items {
            Items::One(item) => Items::One(item.take()),
            Items::Many(items) => {
                let mut split = Array::new(rest);
                for item in items.take(rest) {
                    let pushed = split.push(item);
                    debug_assert!(pushed.is_ok(), "there is room for the rest");
                }
                Items::Many(split)
            }
        };
        Some(Self { items, stamp: self.stamp })
    }

    /// The array that it travels in, with whatever items are left; a single item has none and comes back as it is.
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
