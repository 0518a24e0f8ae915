//! `r2d2`, for threads only. A woken waiter looks again, and a newcomer may have been faster.

use std::convert::Infallible;

use ::r2d2::{ManageConnection, Pool, PooledConnection};
use ebbtide::Clear;

use crate::contender::Bounded;
use crate::item::Buffer;

pub(crate) struct R2d2(Pool<Buffers>);

/// Checks nothing.
#[derive(Debug)]
pub(crate) struct Buffers;

impl ManageConnection for Buffers {
    type Connection = Buffer;
    type Error = Infallible;

    fn connect(&self) -> Result<Buffer, Infallible> {
        Ok(Buffer::default())
    }

    fn is_valid(&self, _: &mut Buffer) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, _: &mut Buffer) -> bool {
        false
    }
}

impl Bounded for R2d2 {
    const NAME: &'static str = "r2d2";
    const OVERTAKES: bool = true;
    type Guard<'p> = PooledConnection<Buffers>;

    fn new(items: usize) -> Self {
        let size = items.try_into().expect("a small pool");
        Self(Pool::builder().max_size(size).test_on_check_out(false).build(Buffers).expect("buffers can be created"))
    }

    #[inline]
    fn try_get(&self) -> Option<Self::Guard<'_>> {
        self.0.try_get()
    }

    #[inline]
    fn get(&self) -> Self::Guard<'_> {
        self.0.get().expect("an item returns in time")
    }

    async fn get_async(&self) -> Self::Guard<'_> {
        unreachable!("only threads can sleep here")
    }

    const ASYNC: bool = false;

    #[inline]
    fn put<'p>(&'p self, mut item: Self::Guard<'p>) {
        item.clear();
    }
}
