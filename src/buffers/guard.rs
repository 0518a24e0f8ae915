//! The guard of a buffer pool: a buffer in use, which goes back when its guard is dropped.

use super::BufferPool;
use crate::pool::Guard;

/// A buffer of a [`BufferPool`] in use; from [`BufferPool::get`]. Derefs to `Vec<u8>`.
///
/// `P` is how it holds its pool: `&BufferPool` from [`get`](BufferPool::get), or `Arc<BufferPool>` from
/// [`get_owned`](BufferPool::get_owned). Without it, it is the guard of a pool in a `static`.
///
/// The `Vec` may be grown, shrunk or swapped for another: it goes to where its capacity fits when it comes back.
///
/// ```
/// use std::io::Write;
/// use ebbtide::BufferPool;
/// use ebbtide::buffers::PooledBuffer;
///
/// static BUFFERS: BufferPool = BufferPool::new();
///
/// fn greeting(name: &str) -> PooledBuffer {
///     let mut buffer = BUFFERS.get(100);
///     write!(buffer, "hello, {name}").expect("a buffer takes all");
///     buffer
/// }
///
/// assert_eq!(**greeting("Ada"), *b"hello, Ada");
/// ```
pub type PooledBuffer<P = &'static BufferPool> = Guard<Vec<u8>, P>;
