//! ebbtide's `BoundedPool` in strict order, with the janitor.

use ::ebbtide::bounded::{Pooled, Settings};
use ::ebbtide::{BoundedPool, DefaultRecycle};

use crate::contender::Bounded;
use crate::item::Buffer;

pub(crate) struct Limited(BoundedPool<Buffer>);

impl Bounded for Limited {
    const NAME: &'static str = "ebbtide";
    const OVERTAKES: bool = false;
    type Guard<'p> = Pooled<'p, Buffer, DefaultRecycle>;

    fn new(items: usize) -> Self {
        Self(BoundedPool::with_settings(DefaultRecycle, Settings::new(items).max_overtakes(0)))
    }

    fn try_get(&self) -> Option<Self::Guard<'_>> {
        self.0.try_get()
    }

    #[inline]
    fn get(&self) -> Self::Guard<'_> {
        self.0.get().expect("nobody closes it")
    }

    #[inline]
    async fn get_async(&self) -> Self::Guard<'_> {
        self.0.get_async().await.expect("nobody closes it")
    }

    #[inline]
    fn put<'p>(&'p self, item: Self::Guard<'p>) {
        drop(item);
    }
}
