//! Copying from a reader to a writer through a pooled buffer.

use std::io::{self, ErrorKind, Read, Write};

use crate::pool::{Pool, Pooled, Stats, WithCapacity};
use crate::sync::static_per_execution;

/// How many bytes a copy reads at most at a time.
const SIZE: usize = 32 << 10;

static_per_execution! {
    /// The buffers of all copies.
    static BUFFERS: Pool<Vec<u8>, WithCapacity> = Pool::with_recycle(WithCapacity { min: SIZE, max: SIZE });
}

pub(super) type Buffer = Pooled<'static, Vec<u8>, WithCapacity>;

/// An empty buffer with room for one read.
pub(super) fn buffer() -> Buffer {
    BUFFERS.get()
}

/// Returns what the pool did that lends the buffers of all copies in the process, those of `tokio_io` included.
///
/// ```
/// use ebbtide::buffers;
///
/// buffers::copy(&mut &b"hello"[..], &mut Vec::new())?;
/// buffers::copy(&mut &b"again"[..], &mut Vec::new())?;
/// assert_eq!(buffers::copy_stats().created, 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn copy_stats() -> Stats {
    BUFFERS.stats()
}

/// Copies everything from a reader to a writer, through a pooled buffer of 32 KiB. Returns the number of bytes copied.
///
/// It behaves like [`std::io::copy`]: it ends when a read returns 0, retries reads and writes that were
/// [interrupted](ErrorKind::Interrupted), and does not flush.
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
/// # Which pool
///
/// All copies share one pool of the crate, which keeps its idle buffers for one to two epochs of 30 seconds. [`copy_stats`]
/// returns its counts. [`advance_all`](crate::advance_all) sweeps it, too.
///
/// # What the reader sees
///
/// The reader sees zeros or what it wrote itself, but never data of an earlier copy. To avoid zeroing 32 KiB for a few
/// bytes, the first read gets 8 KiB. Each read that fills its part of the buffer doubles that part.
///
/// # When `std::io::copy` is better
///
/// On Linux, `std::io::copy` may let the kernel copy if one side is a file or a pipe. It then needs no buffer.
/// Otherwise it has a buffer of 8 KiB on the stack. So this function saves no allocation. It saves three of four system
/// calls for streams that fill their reads, and uses more memory while it waits.
///
/// # Errors
///
/// The first error of a read or write other than `Interrupted`, or [`ErrorKind::WriteZero`] if a write accepts nothing.
/// The number of bytes already copied is then unknown.
///
/// # Panics
///
/// Panics if a reader claims to have read more than it had room for.
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
