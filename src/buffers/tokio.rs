//! [`tokio::io::copy`] and [`tokio::io::copy_bidirectional`] through pooled buffers.
//!
//! For proxies and tunnels: a connection over which nothing comes just now has no buffer, where tokio's own functions keep
//! 8 KiB for each direction for as long as they run. So buffers take up what is on its way at the moment, not
//! what connections there are.
//!
//! ```
//! use ebbtide::buffers;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let mut reader: &[u8] = b"hello";
//! let mut writer = Vec::new();
//! assert_eq!(buffers::tokio::copy(&mut reader, &mut writer).await?, 5);
//! assert_eq!(writer, b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! Buffers are 32 KiB. One is taken for each read and goes back when all of it is written, or at once when there is
//! nothing to read: a few nanoseconds each time. The reader is handed memory that isn't initialized, so it can't see what an
//! earlier copy left, and nothing is zeroed for those of tokio; one that asks for initialized memory has it zeroed each time,
//! 0.3 µs.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use ::tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::copy::{Buffer, buffer};

/// Copies everything from a reader to a writer and flushes it. Returns how many bytes that was.
///
/// As [`tokio::io::copy`]: it also flushes whenever there is nothing to read for the moment.
///
/// ```
/// use ebbtide::buffers;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut writer = Vec::new();
/// buffers::tokio::copy(&mut &b"hello"[..], &mut writer).await?;
/// assert_eq!(writer, b"hello");
/// # Ok(())
/// # }
/// ```
///
/// # Cancellation
///
/// If the future is dropped, its buffer goes back to the pool, and what was read but not yet written is lost.
///
/// # Errors
///
/// The first error of a read, write or flush; [`ErrorKind::WriteZero`] if a write takes nothing.
pub async fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut direction = Direction::new();
    poll_fn(|cx| direction.poll_copy(cx, reader, writer)).await
}

/// Copies from `a` to `b` and from `b` to `a` at the same time, until both have come to their end. Returns how many bytes
/// that was in each direction, from `a` to `b` first.
///
/// As [`tokio::io::copy_bidirectional`]: when one side's end is reached, the other one is shut down for writing, and the
/// other direction goes on.
///
/// ```
/// use ebbtide::buffers;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (mut client, mut near) = duplex(64);
/// let (mut far, mut server) = duplex(64);
/// let proxy = tokio::spawn(async move { buffers::tokio::copy_bidirectional(&mut near, &mut far).await });
///
/// client.write_all(b"ping").await?;
/// client.shutdown().await?;
/// let mut request = String::new();
/// server.read_to_string(&mut request).await?; // ends, as the proxy has shut down its side
/// server.write_all(b"pong!").await?;
/// drop(server);
/// assert_eq!(request, "ping");
/// assert_eq!(proxy.await??, (4, 5));
/// # Ok(())
/// # }
/// ```
///
/// # Cancellation
///
/// If the future is dropped, its buffers go back to the pool, and what was read but not yet written is lost.
///
/// # Errors
///
/// The first error of either side; the other direction is not gone on with then.
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    let (mut to_b, mut to_a) = (Direction::new(), Direction::new());
    poll_fn(|cx| {
        let (to_b, to_a) = (to_b.poll_to_end(cx, a, b)?, to_a.poll_to_end(cx, b, a)?);
        Poll::Ready(Ok((ready!(to_b), ready!(to_a))))
    })
    .await
}

/// How often a copy reads and writes before it lets others run, if neither makes it wait.
const ROUNDS: usize = 32;

/// A copy from a reader to a writer under way.
struct Direction {
    /// What was read and is not yet written; none if there is nothing.
    buffer: Option<Buffer>,
    /// How much of it is written.
    written: usize,
    copied: u64,
    /// Whether the reader has come to its end.
    ended: bool,
    /// Whether the writer may hold anything back, as it may from before.
    unflushed: bool,
    shut_down: bool,
}

impl Direction {
    fn new() -> Self {
        Self { buffer: None, written: 0, copied: 0, ended: false, unflushed: true, shut_down: false }
    }

    /// Copies to the reader's end and flushes.
    fn poll_copy<R, W>(&mut self, cx: &mut Context<'_>, reader: &mut R, writer: &mut W) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        for _ in 0..ROUNDS {
            ready!(self.poll_write(cx, writer))?;
            if !self.ended {
                let mut buffer = buffer();
                match pin!(reader.read_buf(&mut *buffer)).poll(cx)? {
                    Poll::Ready(0) => self.ended = true,
                    Poll::Ready(_) => {
                        self.buffer = Some(buffer);
                        continue;
                    }
                    Poll::Pending => {}
                }
            }
            if self.unflushed {
                ready!(Pin::new(&mut *writer).poll_flush(cx))?;
                self.unflushed = false;
            }
            return if self.ended { Poll::Ready(Ok(self.copied)) } else { Poll::Pending };
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes all that was read.
    fn poll_write<W: AsyncWrite + Unpin + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut W,
    ) -> Poll<io::Result<()>> {
        while let Some(buffer) = &self.buffer {
            let written = ready!(Pin::new(&mut *writer).poll_write(cx, &buffer[self.written..]))?;
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.written += written;
            self.copied += written as u64;
            self.unflushed = true;
            if self.written == buffer.len() {
                self.buffer = None;
                self.written = 0;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Copies to the reader's end, flushes, and shuts the writer down.
    fn poll_to_end<R, W>(&mut self, cx: &mut Context<'_>, reader: &mut R, writer: &mut W) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        let copied = ready!(self.poll_copy(cx, reader, writer))?;
        if !self.shut_down {
            ready!(Pin::new(writer).poll_shutdown(cx))?;
            self.shut_down = true;
        }
        Poll::Ready(Ok(copied))
    }
}
