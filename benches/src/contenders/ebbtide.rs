//! ebbtide by default: `Pool::new()`, guards, the janitor, and the default private slots.

use ::ebbtide::{DefaultRecycle, Pool, Pooled};

use crate::contender::Contender;
use crate::item::Item;

pub(crate) struct Ebbtide<I: Item>(Pool<I>);

impl<I: Item> Contender for Ebbtide<I> {
    const NAME: &'static str = "ebbtide";
    type Item = I;
    type With<J: Item> = Ebbtide<J>;
    type Guard<'p> = Pooled<'p, I, DefaultRecycle>;

    fn new(_room: usize) -> Self {
        Self(Pool::new())
    }

    #[inline]
    fn get(&self) -> Self::Guard<'_> {
        self.0.get()
    }

    #[inline]
    fn lose(&self, item: Self::Guard<'_>) {
        drop(Pooled::detach(item));
    }

    const SWEEPS: bool = true;

    fn sweep(&self) {
        self.0.advance();
    }
}
