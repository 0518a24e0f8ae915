//! `buffers::tokio` beside tokio's own functions, on readers and writers that make trouble, and what becomes of the buffers
//! when a future is dropped. Most of it is polled by hand, so that no timing decides.
#![cfg(feature = "tokio")]

mod common;
#[path = "common/counting.rs"]
mod counting;

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use common::{Count, Dice};
use counting::allocations;
use ebbtide::buffers;
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, ReadBuf, duplex};

/// What happens at one point of a stream.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// This many bytes are read or taken in one go, or fewer if there is no room for them; the rest is for the next call.
    Bytes(usize),
    /// Not ready, but ready when it is polled again.
    Wait,
    /// Not ready, now or ever.
    Stall,
    Error,
    /// The end of what is read, or a write that takes nothing.
    Zero,
}

use Event::{Bytes, Error, Stall, Wait, Zero};

/// One side of a connection: reads numbered bytes, and takes what is written. Both do as their scripts say; then reading
/// ends and everything is taken.
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

/// Does what comes next in the script to at most `room` bytes.
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

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(Count);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.bump();
    }
}

/// Polls a future for as long as it was woken; `None` if it waits for something that doesn't come.
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

fn numbered(n: usize) -> Vec<u8> {
    (0..n).map(|n| n as u8).collect()
}

#[test]
fn all_of_it_is_copied() {
    for n in [0, 1, 8191, 32_767, 32_768, 32_769, 3_000_000] {
        let (mut reader, mut writer) = (Side::new(&[Bytes(n)], &[]), Side::new(&[], &[Bytes(1), Wait, Bytes(10)]));
        assert_eq!(run(buffers::tokio::copy(&mut reader, &mut writer)).unwrap().unwrap(), n as u64);
        assert_eq!((writer.taken, writer.flushed, writer.shut_down), (numbered(n), 1, 0));
    }
}

#[test]
fn short_reads_and_writes_are_gone_on_with() {
    let mut reader = Side::new(&[Bytes(1), Wait, Bytes(50_000), Wait, Bytes(3)], &[]);
    let mut writer = Side::new(&[], &[Bytes(1), Bytes(100), Wait, Bytes(40_000), Wait, Wait, Bytes(1)]);
    assert_eq!(run(buffers::tokio::copy(&mut reader, &mut writer)).unwrap().unwrap(), 50_004);
    assert_eq!(writer.taken, numbered(50_004));
}

/// What a buffered writer holds back goes out as soon as there is nothing to read.
#[test]
fn it_flushes_when_there_is_nothing_to_read() {
    let (mut reader, mut writer) = (Side::new(&[Bytes(10), Stall], &[]), BufWriter::new(Side::new(&[], &[])));
    assert!(run(buffers::tokio::copy(&mut reader, &mut writer)).is_none());
    assert_eq!(writer.get_ref().taken, numbered(10));
}

/// An endless stream doesn't keep others from running.
#[test]
fn it_lets_others_run() {
    const ALL: usize = 64 << 20;
    let (mut reader, mut writer) = (Side::new(&[Bytes(ALL)], &[]), tokio::io::sink());
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    {
        let mut copy = pin!(buffers::tokio::copy(&mut reader, &mut writer));
        assert!(copy.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(woken.0.get(), 1, "it is to be polled again");
    let Some(Bytes(left)) = reader.read.front() else { panic!("something is left") };
    assert_eq!(ALL - left, 1 << 20);
}

/// Which functions are called.
#[derive(Clone, Copy, Debug)]
enum By {
    Ours,
    Tokio,
}

/// What came of a copy: how many bytes or which error, and what the writer has.
fn one_way(by: By, reader: &[Event], writer: &[Event]) -> (Option<Result<u64, ErrorKind>>, Vec<u8>) {
    let (mut reader, mut writer) = (Side::new(reader, &[]), Side::new(&[], writer));
    let result = match by {
        By::Ours => run(buffers::tokio::copy(&mut reader, &mut writer)),
        By::Tokio => run(tokio::io::copy(&mut reader, &mut writer)),
    };
    (result.map(|result| result.map_err(|error| error.kind())), writer.taken)
}

/// The same for both ways at once: each side is given as what it reads and what it takes.
type Script<'a> = (&'a [Event], &'a [Event]);
type BothWays = (Option<Result<(u64, u64), ErrorKind>>, [(Vec<u8>, usize); 2]);

fn both_ways(by: By, a: Script<'_>, b: Script<'_>) -> BothWays {
    let (mut a, mut b) = (Side::new(a.0, a.1), Side::new(b.0, b.1));
    let result = match by {
        By::Ours => run(buffers::tokio::copy_bidirectional(&mut a, &mut b)),
        By::Tokio => run(tokio::io::copy_bidirectional(&mut a, &mut b)),
    };
    let seen = [a, b].map(|side| (side.taken, side.shut_down));
    (result.map(|result| result.map_err(|error| error.kind())), seen)
}

#[test]
fn errors_end_it() {
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

/// When one side ends, the other is shut down, and that one's bytes are copied until it ends, too.
#[test]
fn one_sides_end_shuts_down_the_other() {
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

    /// Whatever reader and writer do, the outcome is that of `tokio::io::copy`. (But for a reader that fails while the
    /// writer keeps tokio's waiting: that reads on then, and gives up what it has.)
    #[test]
    fn it_behaves_as_tokio_does(reader in script(&[Zero]), writer in script(&[Zero, Error])) {
        prop_assert_eq!(one_way(By::Ours, &reader, &writer), one_way(By::Tokio, &reader, &writer));
    }

    /// The same for both ways, without errors: with one, it depends on whose turn it was how far the other way has come.
    #[test]
    fn both_ways_behave_as_tokios_do(
        reads in [script(&[Zero]), script(&[Zero])],
        writes in [script(&[Wait]), script(&[Wait])],
    ) {
        let (a, b) = ((&reads[0][..], &writes[0][..]), (&reads[1][..], &writes[1][..]));
        let ours = both_ways(By::Ours, a, b);
        prop_assert!(matches!(ours.0, Some(Ok(_))));
        prop_assert_eq!(ours, both_ways(By::Tokio, a, b));
    }
}

/// Whoever waits for its reader holds no buffer: a thousand connections that have passed something on and then wait
/// have shared one.
#[test]
fn who_waits_holds_no_buffer() {
    let sides = || (Side::new(&[Bytes(4000), Stall], &[]), Side::new(&[Bytes(5), Stall], &[]));
    let mut connections: Vec<_> = (0..1000).map(|_| sides()).collect();
    let (waiting, [_, large]) = allocations(|| {
        let copies = connections.iter_mut().map(|(a, b)| Box::pin(buffers::tokio::copy_bidirectional(a, b)));
        copies.map(|mut copy| (poll_once(copy.as_mut()).is_pending(), copy)).collect::<Vec<_>>()
    });
    assert!(waiting.iter().all(|(pending, _)| *pending));
    assert!(large <= 1, "{large} buffers");
    drop(waiting);
    assert!(connections.iter().all(|(a, b)| (a.taken.len(), b.taken.len()) == (5, 4000)));
}

/// A future that is dropped in the middle of a write gives its buffers back, and so does one that fails.
#[test]
fn a_dropped_future_loses_no_buffer() {
    let once = || {
        let (mut a, mut b) = (Side::new(&[Bytes(50_000)], &[Bytes(1), Stall]), Side::new(&[Bytes(50_000)], &[Stall]));
        {
            let mut copy = pin!(buffers::tokio::copy_bidirectional(&mut a, &mut b));
            assert!(poll_once(copy.as_mut()).is_pending());
            let mut other = Side::new(&[Bytes(50_000)], &[]);
            let mut taker = Side::new(&[], &[Bytes(7), Stall]);
            let mut third = pin!(buffers::tokio::copy(&mut other, &mut taker));
            assert!(poll_once(third.as_mut()).is_pending(), "three buffers are in use");
        }
        let mut failing = Side::new(&[], &[Bytes(7), Error]);
        run(buffers::tokio::copy(&mut Side::new(&[Bytes(50_000)], &[]), &mut failing)).unwrap().unwrap_err();
        assert_eq!((a.taken.len(), b.taken.len(), failing.taken.len()), (1, 0, 7));
    };
    once();
    let ((), [_, large]) = allocations(|| (0..100).for_each(|_| once()));
    assert_eq!(large, 0, "those of the first time are enough");
}

/// Under tokio: connections that come and go, many of them cut off at some point. What gets through is right, and the buffers
/// of those that were cut off serve the others. (Nothing else here is as large as a buffer.)
#[test]
fn connections_cut_off_under_tokio() {
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
                        tokio::spawn(async move { buffers::tokio::copy_bidirectional(&mut near, &mut far).await });
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
    let (cut_off, [_, large]) = allocations(|| (0..ROUNDS).map(|_| round()).sum::<usize>());
    assert!(cut_off > ROUNDS, "{cut_off} were cut off");
    assert!(large <= 2 * AT_ONCE, "{large} buffers were made for {AT_ONCE} connections at a time");
}

/// The futures can be sent to other threads, for readers and writers that can.
#[test]
fn futures_are_send() {
    fn send<T: Send>(_: T) {}
    let (mut a, mut b) = (Side::new(&[], &[]), Side::new(&[], &[]));
    send(buffers::tokio::copy(&mut a, &mut b));
    send(buffers::tokio::copy_bidirectional(&mut a, &mut b));
    let (mut a, mut b) = (tokio::io::empty(), tokio::io::sink());
    let (reader, writer): (&mut (dyn AsyncRead + Unpin), &mut (dyn AsyncWrite + Unpin)) = (&mut a, &mut b);
    assert_eq!(run(buffers::tokio::copy(reader, writer)).unwrap().unwrap(), 0);
}
