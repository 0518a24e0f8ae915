//! A buffer in use, which goes back when its guard is dropped.

use std::fmt;
use std::io::{self, IoSlice, Write};
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::slice;

use super::BufferPool;
use crate::engine::item::Item;
use crate::pool::guard_of_a_vec;

/// A buffer in use; from [`BufferPool::get`]. Derefs to `Vec<u8>`, and goes back into the pool when it is dropped.
///
/// `P` is how it holds its pool: `&BufferPool` from [`get`](BufferPool::get), or `Arc<BufferPool>` from
/// [`get_owned`](BufferPool::get_owned). Without it, it is the guard of a pool in a `static`.
///
/// Two words. The `Vec` may be grown, shrunk or swapped for another: it goes to where its capacity fits when it comes back.
/// Forgetting the guard leaks the buffer and does no other harm.
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
pub struct PooledBuffer<P: Deref<Target = BufferPool> = &'static BufferPool> {
    buffer: ManuallyDrop<Item<Vec<u8>>>,
    pool: P,
}

impl<P: Deref<Target = BufferPool>> PooledBuffer<P> {
    #[inline]
    pub(super) fn new(buffer: Item<Vec<u8>>, pool: P) -> Self {
        Self { buffer: ManuallyDrop::new(buffer), pool }
    }

    /// Takes the buffer out of the pool's hands, as it is. Costs one deallocation, of its box.
    ///
    /// ```
    /// use ebbtide::BufferPool;
    /// use ebbtide::buffers::PooledBuffer;
    ///
    /// let pool = BufferPool::new();
    /// let mut buffer = pool.get(100);
    /// buffer.push(1);
    /// let mine: Vec<u8> = PooledBuffer::detach(buffer);
    /// assert_eq!(mine, [1]);
    /// ```
    #[must_use]
    pub fn detach(guard: Self) -> Vec<u8> {
        let mut guard = ManuallyDrop::new(guard);
        // SAFETY: each field is taken once, as `guard` is never dropped.
        let (buffer, pool) = unsafe { (ManuallyDrop::take(&mut guard.buffer), ptr::read(&guard.pool)) };
        drop(pool);
        buffer.into_inner()
    }
}

impl<P: Deref<Target = BufferPool>> Drop for PooledBuffer<P> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: taken once, here; nothing reads `self.buffer` after its guard's drop.
        let buffer = unsafe { ManuallyDrop::take(&mut self.buffer) };
        self.pool.give_back(buffer);
    }
}

impl<P: Deref<Target = BufferPool>> Deref for PooledBuffer<P> {
    type Target = Vec<u8>;

    #[inline]
    fn deref(&self) -> &Vec<u8> {
        &self.buffer
    }
}

impl<P: Deref<Target = BufferPool>> DerefMut for PooledBuffer<P> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }
}

guard_of_a_vec! { [P: Deref<Target = BufferPool>] PooledBuffer<P>, Vec<u8> }

impl<P: Deref<Target = BufferPool>, U: ?Sized> AsRef<U> for PooledBuffer<P>
where
    Vec<u8>: AsRef<U>,
{
    fn as_ref(&self) -> &U {
        (**self).as_ref()
    }
}

impl<P: Deref<Target = BufferPool>, U: ?Sized> AsMut<U> for PooledBuffer<P>
where
    Vec<u8>: AsMut<U>,
{
    fn as_mut(&mut self) -> &mut U {
        (**self).as_mut()
    }
}

impl<'a, P: Deref<Target = BufferPool>> IntoIterator for &'a PooledBuffer<P> {
    type Item = &'a u8;
    type IntoIter = slice::Iter<'a, u8>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, P: Deref<Target = BufferPool>> IntoIterator for &'a mut PooledBuffer<P> {
    type Item = &'a mut u8;
    type IntoIter = slice::IterMut<'a, u8>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

// As a `Box<Vec<u8>>`: a guard gives access to its buffer and to nothing else.
impl<P: Deref<Target = BufferPool>> UnwindSafe for PooledBuffer<P> {}
impl<P: Deref<Target = BufferPool>> RefUnwindSafe for PooledBuffer<P> {}

/// Appends, as `Vec<u8>` does; never fails.
impl<P: Deref<Target = BufferPool>> Write for PooledBuffer<P> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (**self).write(bytes)
    }

    #[inline]
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        (**self).write_vectored(slices)
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        (**self).write_all(bytes)
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<P: Deref<Target = BufferPool>> Extend<u8> for PooledBuffer<P> {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        (**self).extend(bytes);
    }
}

impl<'a, P: Deref<Target = BufferPool>> Extend<&'a u8> for PooledBuffer<P> {
    fn extend<I: IntoIterator<Item = &'a u8>>(&mut self, bytes: I) {
        (**self).extend(bytes);
    }
}

impl<P: Deref<Target = BufferPool>> fmt::Debug for PooledBuffer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
