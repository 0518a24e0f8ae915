//! The guard of a buffer pool.

use super::BufferPool;
use crate::pool::Guard;

/// A buffer of a [`BufferPool`] in use, which derefs to `Vec<u8>`. [`BufferPool::get`] returns it.
///
/// `P` is how the guard holds the pool: `&BufferPool` from [`get`](BufferPool::get), or `Arc<BufferPool>` from
/// [`get_owned`](BufferPool::get_owned). The default is a reference to a pool in a `static`.
///
/// The `Vec` may be grown, shrunk or swapped for another. It returns to the class that its capacity then fits.
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
