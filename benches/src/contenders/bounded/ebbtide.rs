//! ebbtide's `BoundedPool` with the janitor: in strict order, and as it is by default.

use ::ebbtide::bounded::{Pooled, Settings};
use ::ebbtide::{BoundedPool, DefaultRecycle};

use crate::contender::Bounded;
use crate::item::Buffer;

/// With `OVERTAKES`, it has the default settings.
pub(crate) struct Limited<const OVERTAKES: bool>(BoundedPool<Buffer>);

impl<const OVERTAKES: bool> Bounded for Limited<OVERTAKES> {
    const NAME: &'static str = if OVERTAKES { "ebbtide-default" } else { "ebbtide" };
    const OVERTAKES: bool = OVERTAKES;
    type Guard<'p> = Pooled<'p, Buffer, DefaultRecycle>;

    fn new(items: usize) -> Self {
        let settings = Settings::new(items);
        let settings = if OVERTAKES { settings } else { settings.max_overtakes(0) };
        Self(BoundedPool::with_settings(DefaultRecycle, settings))
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
