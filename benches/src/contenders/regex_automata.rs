//! `regex-automata`'s pool: one item for the first thread, and boxes in 8 vectors under mutexes for the others.

use ::regex_automata::util::pool::{Pool, PoolGuard};

use crate::contender::Contender;
use crate::item::Item;

pub(crate) struct Regex<I: Item>(Pool<I, fn() -> I>);

impl<I: Item> Contender for Regex<I> {
    const NAME: &'static str = "regex-automata";
    type Item = I;
    type With<J: Item> = Regex<J>;
    type Guard<'p> = PoolGuard<'p, I, fn() -> I>;

    fn new(_room: usize) -> Self {
        Self(Pool::new(I::default))
    }

    /// A guard that is dropped doesn't clear its item.
    #[inline]
    fn get(&self) -> Self::Guard<'_> {
        let mut item = self.0.get();
        item.clear();
        item
    }

    fn lose(&self, _item: Self::Guard<'_>) {
        unreachable!("an item can't leave its guard");
    }

    const LOSES: bool = false;
}
