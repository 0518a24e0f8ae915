//! `bb8`, for tokio's tasks only. A woken waiter looks again, and a newcomer may have been faster.

use std::convert::Infallible;

use ::bb8::{ManageConnection, Pool, PooledConnection};
use ebbtide::Clear;
use futures_lite::future::{block_on, poll_once};
use tokio::runtime::{Builder, Runtime};

use crate::contender::Bounded;
use crate::item::Buffer;

pub(crate) struct Bb8 {
    pool: Pool<Buffers>,
    /// For what is called outside of one.
    runtime: Runtime,
}

/// Checks nothing.
#[derive(Debug)]
pub(crate) struct Buffers;

impl ManageConnection for Buffers {
    type Connection = Buffer;
    type Error = Infallible;

    async fn connect(&self) -> Result<Buffer, Infallible> {
        Ok(Buffer::default())
    }

    async fn is_valid(&self, _: &mut Buffer) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, _: &mut Buffer) -> bool {
        false
    }
}

impl Bounded for Bb8 {
    const NAME: &'static str = "bb8";
    const OVERTAKES: bool = true;
    type Guard<'p> = PooledConnection<'p, Buffers>;

    fn new(items: usize) -> Self {
        let size = items.try_into().expect("a small pool");
        let runtime = Builder::new_current_thread().enable_time().build().expect("there can be a runtime");
        let settings = Pool::builder().max_size(size).min_idle(size).test_on_check_out(false);
        let pool = runtime.block_on(settings.max_lifetime(None).idle_timeout(None).build(Buffers));
        Self { pool: pool.expect("buffers can be created"), runtime }
    }

    fn try_get(&self) -> Option<Self::Guard<'_>> {
        let _context = self.runtime.enter();
        block_on(poll_once(self.get_async()))
    }

    const BLOCKING: bool = false;

    #[inline]
    async fn get_async(&self) -> Self::Guard<'_> {
        self.pool.get().await.expect("an item returns in time")
    }

    #[inline]
    fn put<'p>(&'p self, mut item: Self::Guard<'p>) {
        item.clear();
    }
}
