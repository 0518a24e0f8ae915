//! Copying from a reader to a writer through a pooled buffer.

use std::io::{self, ErrorKind, Read, Write};

use crate::pool::Pool;
use crate::pool::Pooled;
use crate::pool::WithCapacity;
use crate::sync::static_per_execution;

/// How much a copy reads at most at a time.
const SIZE: usize = 32 << 10;

static_per_execution! {
    /// The buffers of all copies.
    static BUFFERS: Pool<Vec<u8>, WithCapacity> = Pool::with_recycle(WithCapacity { min: SIZE, max: SIZE });
}

pub(super) type Buffer = Pooled<'static, Vec<u8>, WithCapacity>;

/// An empty buffer with room for as much as one read takes.
pub(super) fn buffer() -> Buffer {
    BUFFERS.get()
}

/// Copies everything from a reader to a writer, through a pooled buffer of 32 KiB. Returns how many bytes that was.
///
/// It behaves as [`std::io::copy`] does: it ends when a read returns 0, reads and writes that were
/// [interrupted](ErrorKind::Interrupted) are tried again, and it doesn't flush.
///
/// ```
/// use ebbtide::buffers;
///
/// let mut from: &[u8] = b"hello";
/// let mut to = Vec::new();
/// assert_eq!(buffers::copy(&mut from, &mut to)?, 5);
/// assert_eq!(to, b"hello");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # What the reader sees
///
/// Zeros, or what it wrote itself: never what an earlier copy left. So that not all 32 KiB are zeroed for a few bytes, the
/// first read has 8 KiB, and each one that fills its part of the buffer makes it twice as large.
///
/// # When `std::io::copy` is better
///
/// On Linux it may have the kernel copy, if one side is a file or a pipe, and then needs no buffer at all. Otherwise it has
/// one of 8 KiB on the stack. So there is no allocation to be saved: what this saves is three system calls in four, for
/// streams that fill their reads, and for that it takes more memory while it waits.
///
/// # Errors
///
/// The first error of a read or write that isn't `Interrupted`; [`ErrorKind::WriteZero`] if a write takes nothing. How much
/// was copied before is not known then.
///
/// # Panics
///
/// If a reader says that it read more than it was given room for.
pub fn copy<R: Read + ?Sized, W: Write + ?Sized>(reader: &mut R, writer: &mut W) -> io::Result<u64> {
    let mut buffer = buffer();
    buffer.resize(SIZE / 4, 0);
    let mut copied = 0;
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        writer.write_all(&buffer[..read])?;
        copied += read as u64;
        if read == buffer.len() && read < SIZE {
            buffer.resize(2 * read, 0);
        }
    }
}
