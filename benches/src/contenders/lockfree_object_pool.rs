//! `lockfree-object-pool`: a list of pages of 32 items with a bit for each. It clears an item on its way back.

use ::lockfree_object_pool::{LinearObjectPool, LinearReusable};

use crate::contender::{Buffer, Contender};

pub(crate) struct Linear(LinearObjectPool<Buffer>);

impl Contender for Linear {
    const NAME: &'static str = "lockfree-object-pool";
    type Item<'p> = LinearReusable<'p, Buffer>;

    fn new() -> Self {
        Self(LinearObjectPool::new(Buffer::new, Buffer::clear))
    }

    #[inline]
    fn get(&self) -> Self::Item<'_> {
        self.0.pull()
    }
}
