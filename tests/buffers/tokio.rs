//! `buffers::tokio_io` against tokio's own functions, on difficult readers and writers, and what happens to the buffers
//! when a future is dropped. Most futures are polled by hand, so no result depends on timing.
#![cfg(feature = "tokio")]

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::common::{Count, Dice, alone, numbered};
use crate::counting::allocations;
use ebbtide::buffers;
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, ReadBuf, duplex};

/// One event of a stream.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// This many bytes are read or taken at once, or fewer if there is no room. The rest is for the next call.
    Bytes(usize),
    /// Pending, and ready at the next poll.
    Wait,
    /// Pending forever.
    Stall,
    Error,
    /// The end of what is read, or a write that takes nothing.
    Zero,
}

use Event::{Bytes, Error, Stall, Wait, Zero};

/// One side of a connection. It reads numbered bytes and takes what is written, both by script. After the scripts,
/// reading ends and everything is taken.
struct Side {
    read: VecDeque<Event>,
    write: VecDeque<Event>,
    next: u8,
    taken: Vec<u8>,
    flushed: usize,
    shut_down: usize,
}

impl Side {
    fn new(read: &[Event], write: &[Event]) -> Self {
        let [read, write] = [read, write].map(|script| script.iter().copied().collect());
        Self { read, write, next: 0, taken: Vec::new(), flushed: 0, shut_down: 0 }
    }
}

/// Applies the next event of the script to at most `room` bytes.
fn step(script: &mut VecDeque<Event>, cx: &mut Context<'_>, room: usize) -> Option<Poll<io::Result<usize>>> {
    Some(match script.pop_front()? {
        Bytes(n) => {
            let now = n.min(room);
            if now < n {
                script.push_front(Bytes(n - now));
            }
            Poll::Ready(Ok(now))
        }
        Wait => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Stall => {
            script.push_front(Stall);
            Poll::Pending
        }
        Error => Poll::Ready(Err(ErrorKind::ConnectionReset.into())),
        Zero => {
            script.clear(); // the end is for good
            Poll::Ready(Ok(0))
        }
    })
}

impl AsyncRead for Side {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = step(&mut self.read, cx, room.remaining()).unwrap_or(Poll::Ready(Ok(0)))?;
        read.map(|read| {
            for _ in 0..read {
                room.put_slice(&[self.next]);
                self.next = self.next.wrapping_add(1);
            }
            Ok(())
        })
    }
}

impl AsyncWrite for Side {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        assert_eq!(self.shut_down, 0, "nothing is written to what was shut down");
        let taken = step(&mut self.write, cx, bytes.len()).unwrap_or(Poll::Ready(Ok(bytes.len())))?;
        taken.map(|taken| {
            self.taken.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        })
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushed += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut_down += 1;
        Poll::Ready(Ok(()))
    }
}

/// Counts its wake-ups.
#[derive(Default)]
struct Woken(Count);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.bump();
    }
}

/// Polls a future as long as it is woken. `None` if it stays pending.
fn run<O>(future: impl Future<Output = O>) -> Option<O> {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut future = pin!(future);
    loop {
        let before = woken.0.get();
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(value);
        }
        if woken.0.get() == before {
            return None;
        }
    }
}

fn poll_once<O>(future: Pin<&mut impl Future<Output = O>>) -> Poll<O> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn everything_is_copied() {
    for n in [0, 1, 8191, 32_767, 32_768, 32_769, 3_000_000] {
        let (mut reader, mut writer) = (Side::new(&[Bytes(n)], &[]), Side::new(&[], &[Bytes(1), Wait, Bytes(10)]));
        assert_eq!(run(buffers::tokio_io::copy(&mut reader, &mut writer)).unwrap().unwrap(), n as u64);
        assert_eq!((writer.taken, writer.flushed, writer.shut_down), (numbered(n), 1, 0));
    }
}

#[test]
fn short_reads_and_writes_are_continued() {
    let mut reader = Side::new(&[Bytes(1), Wait, Bytes(50_000), Wait, Bytes(3)], &[]);
    let mut writer = Side::new(&[], &[Bytes(1), Bytes(100), Wait, Bytes(40_000), Wait, Wait, Bytes(1)]);
    assert_eq!(run(buffers::tokio_io::copy(&mut reader, &mut writer)).unwrap().unwrap(), 50_004);
    assert_eq!(writer.taken, numbered(50_004));
}

/// Bytes in a buffered writer are flushed as soon as nothing is readable.
#[test]
fn a_copy_flushes_when_nothing_is_readable() {
    let (mut reader, mut writer) = (Side::new(&[Bytes(10), Stall], &[]), BufWriter::new(Side::new(&[], &[])));
    assert!(run(buffers::tokio_io::copy(&mut reader, &mut writer)).is_none());
    assert_eq!(writer.get_ref().taken, numbered(10));
}

/// An endless stream yields to other tasks.
#[test]
fn an_endless_copy_yields_to_other_tasks() {
    const ALL: usize = 64 << 20;
    let (mut reader, mut writer) = (Side::new(&[Bytes(ALL)], &[]), tokio::io::sink());
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    {
        let mut copy = pin!(buffers::tokio_io::copy(&mut reader, &mut writer));
        assert!(copy.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(woken.0.get(), 1, "it is to be polled again");
    let Some(Bytes(left)) = reader.read.front() else { panic!("something is left") };
    assert_eq!(ALL - left, 1 << 20);
}

/// Which implementation runs.
#[derive(Clone, Copy, Debug)]
enum By {
    Ours,
    Tokio,
}

/// The outcome of a copy: its count or error, and what the writer got.
fn one_way(by: By, reader: &[Event], writer: &[Event]) -> (Option<Result<u64, ErrorKind>>, Vec<u8>) {
    let (mut reader, mut writer) = (Side::new(reader, &[]), Side::new(&[], writer));
    let result = match by {
        By::Ours => run(buffers::tokio_io::copy(&mut reader, &mut writer)),
        By::Tokio => run(tokio::io::copy(&mut reader, &mut writer)),
    };
    (result.map(|result| result.map_err(|error| error.kind())), writer.taken)
}

/// The same in both directions. Each side has what it reads and what it takes.
type Script<'a> = (&'a [Event], &'a [Event]);
type BothWays = (Option<Result<(u64, u64), ErrorKind>>, [(Vec<u8>, usize); 2]);

fn both_ways(by: By, a: Script<'_>, b: Script<'_>) -> BothWays {
    let (mut a, mut b) = (Side::new(a.0, a.1), Side::new(b.0, b.1));
    let result = match by {
        By::Ours => run(buffers::tokio_io::copy_bidirectional(&mut a, &mut b)),
        By::Tokio => run(tokio::io::copy_bidirectional(&mut a, &mut b)),
    };
    let seen = [a, b].map(|side| (side.taken, side.shut_down));
    (result.map(|result| result.map_err(|error| error.kind())), seen)
}

#[test]
fn an_error_ends_the_copy() {
    let reset = Some(Err(ErrorKind::ConnectionReset));
    for by in [By::Ours, By::Tokio] {
        assert_eq!(one_way(by, &[Bytes(10), Error], &[]), (reset, numbered(10)), "{by:?}: the reader's");
        assert_eq!(one_way(by, &[Bytes(10)], &[Bytes(4), Error]), (reset, numbered(4)), "{by:?}: the writer's");
        let nothing = one_way(by, &[Bytes(10)], &[Bytes(4), Zero]);
        assert_eq!(nothing, (Some(Err(ErrorKind::WriteZero)), numbered(4)), "{by:?}: a write that takes nothing");
        for (a, b) in [((&[Error][..], &[][..]), (&[Stall][..], &[][..])), ((&[Stall], &[Error]), (&[Bytes(1)], &[]))] {
            assert_eq!(both_ways(by, a, b).0, Some(Err(ErrorKind::ConnectionReset)), "{by:?}: {a:?}, {b:?}");
            assert_eq!(both_ways(by, b, a).0, Some(Err(ErrorKind::ConnectionReset)), "{by:?}: {b:?}, {a:?}");
        }
    }
}

/// When one side ends, the other is shut down. Bytes from the other side are copied until it ends too.
#[test]
fn the_end_of_one_side_shuts_down_the_other() {
    for by in [By::Ours, By::Tokio] {
        let (result, [a, b]) = both_ways(by, (&[Bytes(10)], &[]), (&[Bytes(20), Stall], &[]));
        assert_eq!((result, a, b), (None, (numbered(20), 0), (numbered(10), 1)), "{by:?}: b goes on");
        let (result, [a, b]) = both_ways(by, (&[Stall], &[]), (&[Bytes(20)], &[]));
        assert_eq!((result, a, b), (None, (numbered(20), 1), (vec![], 0)), "{by:?}: a goes on");
        let (result, [a, b]) = both_ways(by, (&[Bytes(10)], &[]), (&[Wait, Bytes(20)], &[]));
        assert_eq!((result, a, b), (Some(Ok((10, 20))), (numbered(20), 1), (numbered(10), 1)), "{by:?}: both end");
    }
}

fn script(trouble: &'static [Event]) -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (1..100_usize).prop_map(Bytes),
        6 => (1..70_000_usize).prop_map(Bytes),
        3 => Just(Wait),
        2 => prop::sample::select(trouble),
    ];
    prop::collection::vec(event, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever reader and writer do, the outcome equals that of `tokio::io::copy`. The exception is a reader that
    /// fails while tokio's writer is pending: tokio reads on then and discards what it has.
    #[test]
    fn copy_matches_tokio(reader in script(&[Zero]), writer in script(&[Zero, Error])) {
        prop_assert_eq!(one_way(By::Ours, &reader, &writer), one_way(By::Tokio, &reader, &writer));
    }

    /// The same in both directions, without errors. After an error, the progress of the other direction depends on the
    /// order of polls.
    #[test]
    fn copy_bidirectional_matches_tokio(
        reads in [script(&[Zero]), script(&[Zero])],
        writes in [script(&[Wait]), script(&[Wait])],
    ) {
        let (a, b) = ((&reads[0][..], &writes[0][..]), (&reads[1][..], &writes[1][..]));
        let ours = both_ways(By::Ours, a, b);
        prop_assert!(matches!(ours.0, Some(Ok(_))));
        prop_assert_eq!(ours, both_ways(By::Tokio, a, b));
    }
}

/// A copy that waits for its reader holds no buffer. A thousand connections that wait after some bytes have shared one.
#[test]
fn a_pending_read_holds_no_buffer() {
    let sides = || (Side::new(&[Bytes(4000), Stall], &[]), Side::new(&[Bytes(5), Stall], &[]));
    let mut connections: Vec<_> = (0..1000).map(|_| sides()).collect();
    let (waiting, counts) = allocations(|| {
        let copies = connections.iter_mut().map(|(a, b)| Box::pin(buffers::tokio_io::copy_bidirectional(a, b)));
        copies.map(|mut copy| (poll_once(copy.as_mut()).is_pending(), copy)).collect::<Vec<_>>()
    });
    assert!(waiting.iter().all(|(pending, _)| *pending));
    assert!(counts.large <= 1, "{} buffers", counts.large);
    drop(waiting);
    assert!(connections.iter().all(|(a, b)| (a.taken.len(), b.taken.len()) == (5, 4000)));
}

/// A future that is dropped during a write returns its buffers, and so does one that fails.
#[test]
fn a_dropped_future_loses_no_buffer() {
    // In one process with other tests, their threads may fetch the buffers.
    if !alone("tokio::a_dropped_future_loses_no_buffer") {
        return;
    }
    let once = || {
        let (mut a, mut b) = (Side::new(&[Bytes(50_000)], &[Bytes(1), Stall]), Side::new(&[Bytes(50_000)], &[Stall]));
        {
            let mut copy = pin!(buffers::tokio_io::copy_bidirectional(&mut a, &mut b));
            assert!(poll_once(copy.as_mut()).is_pending());
            let mut other = Side::new(&[Bytes(50_000)], &[]);
            let mut taker = Side::new(&[], &[Bytes(7), Stall]);
            let mut third = pin!(buffers::tokio_io::copy(&mut other, &mut taker));
            assert!(poll_once(third.as_mut()).is_pending(), "three buffers are in use");
        }
        let mut failing = Side::new(&[], &[Bytes(7), Error]);
        run(buffers::tokio_io::copy(&mut Side::new(&[Bytes(50_000)], &[]), &mut failing)).unwrap().unwrap_err();
        assert_eq!((a.taken.len(), b.taken.len(), failing.taken.len()), (1, 0, 7));
    };
    once();
    let ((), counts) = allocations(|| (0..100).for_each(|_| once()));
    assert_eq!(counts.large, 0, "the first buffers are reused");
}

/// Connections under tokio, many of which are cut off. The bytes that arrive are correct. Buffers of cut-off
/// connections serve the others. Nothing else here is as large as a buffer.
#[test]
fn connections_that_are_cut_off_return_their_buffers() {
    const AT_ONCE: usize = 8;
    const ROUNDS: usize = 50;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut dice = Dice::new(1);
    let mut round = || {
        let lengths = [(); AT_ONCE].map(|()| (dice.below(10_000), dice.below(3) == 0, dice.below(20)));
        runtime.block_on(async {
            let connections = lengths.map(|(length, cut_off, turns)| {
                tokio::spawn(async move {
                    let ((mut client, mut near), (mut far, mut server)) = (duplex(100), duplex(5000));
                    let proxy =
                        tokio::spawn(async move { buffers::tokio_io::copy_bidirectional(&mut near, &mut far).await });
                    let (request, answer) = (numbered(length), numbered(length / 3));
                    let served = async {
                        let mut asked = Vec::new();
                        server.read_to_end(&mut asked).await?;
                        server.write_all(&answer).await?;
                        server.shutdown().await?;
                        Ok::<_, io::Error>(asked)
                    };
                    let asked = async {
                        client.write_all(&request).await?;
                        client.shutdown().await?;
                        let mut answered = Vec::new();
                        client.read_to_end(&mut answered).await?;
                        Ok::<_, io::Error>(answered)
                    };
                    let cutter = async {
                        for _ in 0..turns {
                            tokio::task::yield_now().await;
                        }
                        if cut_off {
                            proxy.abort();
                        }
                    };
                    let (served, asked, ()) = tokio::join!(served, asked, cutter);
                    match proxy.await {
                        Ok(copied) => {
                            assert_eq!(copied.unwrap(), (length as u64, length as u64 / 3));
                            assert_eq!((served.unwrap(), asked.unwrap()), (request, answer));
                        }
                        Err(error) => assert!(cut_off && error.is_cancelled()),
                    }
                    cut_off
                })
            });
            let mut cut_off = 0;
            for connection in connections {
                cut_off += usize::from(connection.await.unwrap());
            }
            cut_off
        })
    };
    let (cut_off, counts) = allocations(|| (0..ROUNDS).map(|_| round()).sum::<usize>());
    assert!(cut_off > ROUNDS, "{cut_off} were cut off");
    assert!(counts.large <= 2 * AT_ONCE, "{} buffers were made for {AT_ONCE} connections at a time", counts.large);
}

/// The futures are `Send` if their readers and writers are.
#[test]
fn futures_are_send() {
    fn send<T: Send>(_: T) {}
    let (mut a, mut b) = (Side::new(&[], &[]), Side::new(&[], &[]));
    send(buffers::tokio_io::copy(&mut a, &mut b));
    send(buffers::tokio_io::copy_bidirectional(&mut a, &mut b));
    let (mut a, mut b) = (tokio::io::empty(), tokio::io::sink());
    let (reader, writer): (&mut (dyn AsyncRead + Unpin), &mut (dyn AsyncWrite + Unpin)) = (&mut a, &mut b);
    assert_eq!(run(buffers::tokio_io::copy(reader, writer)).unwrap().unwrap(), 0);
}
