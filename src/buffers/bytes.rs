//! Integration with the `bytes` crate: `Bytes` from a guard of a `Vec<u8>`, and `BufMut` for one that is being filled.

use std::ops::Deref;

use bytes::buf::UninitSlice;
use bytes::{Buf, BufMut, Bytes};

use crate::pool::{Guard, Home};

/// Converts the buffer of any pool without a copy. Dropping the last `Bytes` that has a part of it returns the buffer to the pool,
/// on any thread. Until then the whole buffer is in use, however small that part is.
///
/// Costs one allocation, of the header in which `Bytes` counts its clones. If the pool is not in a `static`, take the
/// buffer with [`get_owned`](crate::BufferPool::get_owned).
///
/// ```
/// use bytes::Bytes;
/// use ebbtide::BufferPool;
///
/// static BUFFERS: BufferPool = BufferPool::new();
///
/// let mut buffer = BUFFERS.get(100);
/// buffer.extend_from_slice(b"hello, Ada");
/// let text = Bytes::from(buffer);
/// let name = text.slice(7..);
/// drop(text);
/// assert_eq!(BUFFERS.idle_bytes(), 0);
/// std::thread::spawn(move || assert_eq!(name, "Ada")).join().unwrap();
/// assert_eq!(BUFFERS.idle_bytes(), 1024);
/// ```
///
/// # Panics
///
/// Dropping the last `Bytes` panics where dropping the guard would.
impl<P: Deref<Target: Home<Vec<u8>>> + Send + 'static> From<Guard<Vec<u8>, P>> for Bytes {
    fn from(buffer: Guard<Vec<u8>, P>) -> Self {
        Bytes::from_owner(buffer)
    }
}

/// For the guards of byte buffers that may be sent to any thread.
impl<P: Deref<Target: Home<Vec<u8>>> + Send + 'static> Guard<Vec<u8>, P> {
    /// Converts the buffer without a copy, as `Bytes::from` does. Needs the feature `bytes`.
    ///
    /// ```
    /// use ebbtide::{BufferPool, Pool};
    ///
    /// static BUFFERS: BufferPool = BufferPool::new();
    /// static LINES: Pool<Vec<u8>> = Pool::new();
    ///
    /// let mut line = LINES.get();
    /// line.extend_from_slice(b"hello");
    /// assert_eq!(line.freeze(), "hello");
    /// assert_eq!(BUFFERS.get(100).freeze(), "");
    /// ```
    #[must_use]
    pub fn freeze(self) -> Bytes {
        Bytes::from(self)
    }
}

/// Appends and grows as `Vec<u8>` does.
///
/// ```
/// use bytes::BufMut;
/// use ebbtide::BufferPool;
///
/// let pool = BufferPool::new();
/// let mut packet = pool.get(100);
/// packet.put_u16(443);
/// packet.put_slice(b"hello");
/// assert_eq!(**packet, *b"\x01\xbbhello");
/// ```
// SAFETY: every method forwards to the `BufMut` of the guard's `Vec`. `chunk_mut` and `advance_mut` reach the same
// `Vec`, since only the guard's owner can swap it.
unsafe impl<P: Deref<Target: Home<Vec<u8>>>> BufMut for Guard<Vec<u8>, P> {
    #[inline]
    fn remaining_mut(&self) -> usize {
        (**self).remaining_mut()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, count: usize) {
        // SAFETY: the caller keeps the same contract.
        unsafe { (**self).advance_mut(count) };
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        (**self).chunk_mut()
    }

    #[inline]
    fn put<B: Buf>(&mut self, bytes: B) {
        (**self).put(bytes);
    }

    #[inline]
    fn put_slice(&mut self, bytes: &[u8]) {
        (**self).put_slice(bytes);
    }

    #[inline]
    fn put_bytes(&mut self, byte: u8, count: usize) {
        (**self).put_bytes(byte, count);
    }
}
