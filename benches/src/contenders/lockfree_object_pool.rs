//! `lockfree-object-pool`: a list of pages of 32 items with a bit for each. It clears an item when it returns.

use ::lockfree_object_pool::{LinearObjectPool, LinearReusable};

use crate::contender::Contender;
use crate::item::Item;

pub(crate) struct Linear<I>(LinearObjectPool<I>);

impl<I: Item> Contender for Linear<I> {
    const NAME: &'static str = "lockfree-object-pool";
    type Item = I;
    type With<J: Item> = Linear<J>;
    type Guard<'p> = LinearReusable<'p, I>;

    fn new(_room: usize) -> Self {
        Self(LinearObjectPool::new(I::default, I::clear))
    }

    #[inline]
    fn get(&self) -> Self::Guard<'_> {
        self.0.pull()
    }

    fn lose(&self, _item: Self::Guard<'_>) {
        unreachable!("an item can't leave its page");
    }

    const LOSES: bool = false;
}
