//! ebbtide as it comes: `Pool::new()`, guards, the janitor on, private slots by default.

use ::ebbtide::{Clear, DefaultRecycle, Pool, Pooled};

use crate::contender::{Buffer, Contender};

impl Default for Buffer {
    fn default() -> Self {
        Buffer::new()
    }
}

impl Clear for Buffer {
    #[inline]
    fn clear(&mut self) {
        Buffer::clear(self);
    }
}

pub(crate) struct Ebbtide(Pool<Buffer>);

impl Contender for Ebbtide {
    const NAME: &'static str = "ebbtide";
    type Item<'p> = Pooled<'p, Buffer, DefaultRecycle>;

    fn new() -> Self {
        Self(Pool::new())
    }

    #[inline]
    fn get(&self) -> Self::Item<'_> {
        self.0.get()
    }
}
