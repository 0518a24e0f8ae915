//! What passes from hand to hand: places, with the items on them.

use super::info::Item;
use super::waiters::Portion;

/// Places that were taken together, with their idle items. A place without an item has room for a new one.
pub(super) struct Lot<T> {
    pub(super) places: usize,
    /// The item that comes next. It has its own field so that a lot of one item allocates nothing.
    pub(super) next: Option<Item<T>>,
    /// The item that comes after it is at the end.
    pub(super) others: Vec<Item<T>>,
    /// Whether a turn comes with the places.
    pub(super) creates: bool,
    /// Whether the item was created for the waiter that was served.
    pub(super) is_new: bool,
    /// How many items were still idle when these were taken.
    pub(super) left: usize,
}

impl<T> Lot<T> {
    /// One place, with its item if it has one.
    pub(super) fn one(item: Option<Item<T>>) -> Self {
        Self { places: 1, next: item, ..Self::nothing() }
    }

    /// One place, and a turn to create an item on it.
    pub(super) fn unfilled() -> Self {
        Self { places: 1, creates: true, ..Self::nothing() }
    }

    /// A new item for the call that began its creation.
    pub(super) fn new(item: Item<T>) -> Self {
        Self { is_new: true, ..Self::one(Some(item)) }
    }

    pub(super) fn nothing() -> Self {
        Self { places: 0, next: None, others: Vec::new(), creates: false, is_new: false, left: 0 }
    }

    /// The items, the one that comes next at the end.
    pub(super) fn into_items(self) -> impl DoubleEndedIterator<Item = Item<T>> {
        self.others.into_iter().chain(self.next)
    }
}

/// The usual one is a place and its item, and nothing else.
impl<T> Portion for Lot<T> {
    type One = Item<T>;

    fn of(item: Item<T>) -> Self {
        Self::one(Some(item))
    }

    fn into_one(self) -> Result<Item<T>, Self> {
        match self {
            Self { places: 1, next: Some(item), creates: false, is_new: false, left: 0, .. } => Ok(item),
            lot => Err(lot),
        }
    }
}
