//! `buffers::copy` against `std::io::copy`, on difficult readers and writers, and what happens to its buffer.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

use crate::common::{numbered, panic_of};
use crate::counting::allocations;
use ebbtide::buffers;
use proptest::prelude::*;

/// One event of a stream.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// This many bytes are read or taken at once, or fewer if there is no room. The rest is for the next call.
    Bytes(usize),
    Interrupted,
    Error,
    /// The end of what is read, or a write that takes nothing.
    Zero,
}

/// Reads numbered bytes, and ends when its script does.
struct Reader {
    script: VecDeque<Event>,
    next: u8,
}

/// Takes bytes. After its script has ended, it takes everything.
struct Writer {
    script: VecDeque<Event>,
    taken: Vec<u8>,
}

/// Applies the next event of the script to at most `room` bytes.
fn step(script: &mut VecDeque<Event>, room: usize) -> Option<io::Result<usize>> {
    Some(match script.pop_front()? {
        Event::Bytes(n) => {
            let now = n.min(room);
            if now < n {
                script.push_front(Event::Bytes(n - now));
            }
            Ok(now)
        }
        Event::Interrupted => Err(ErrorKind::Interrupted.into()),
        Event::Error => Err(ErrorKind::ConnectionReset.into()),
        Event::Zero => Ok(0),
    })
}

impl Read for Reader {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = step(&mut self.script, room.len()).unwrap_or(Ok(0))?;
        for byte in &mut room[..read] {
            *byte = self.next;
            self.next = self.next.wrapping_add(1);
        }
        Ok(read)
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = step(&mut self.script, bytes.len()).unwrap_or(Ok(bytes.len()))?;
        self.taken.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        panic!("nobody asked for it");
    }
}

type CopyFn = fn(&mut Reader, &mut Writer) -> io::Result<u64>;

/// The outcome of a copy: its count or error, and what the writer got.
fn outcome(copy: CopyFn, reader: &[Event], writer: &[Event]) -> (Result<u64, ErrorKind>, Vec<u8>) {
    let mut reader = Reader { script: reader.iter().copied().collect(), next: 0 };
    let mut writer = Writer { script: writer.iter().copied().collect(), taken: Vec::new() };
    let result = copy(&mut reader, &mut writer).map_err(|error| error.kind());
    (result, writer.taken)
}

#[track_caller]
fn same_as_std(reader: &[Event], writer: &[Event]) -> (Result<u64, ErrorKind>, Vec<u8>) {
    let ours = outcome(buffers::copy, reader, writer);
    assert_eq!(ours, outcome(io::copy, reader, writer), "{reader:?} to {writer:?}");
    ours
}

use Event::{Bytes, Error, Interrupted, Zero};

#[test]
fn everything_is_copied() {
    for n in [0, 1, 8191, 8192, 8193, 16384, 32767, 32768, 32769, 1_000_000] {
        let (result, taken) = same_as_std(&[Bytes(n)], &[]);
        assert_eq!((result, taken), (Ok(n as u64), numbered(n)));
    }
}

#[test]
fn short_reads_are_continued() {
    let (result, taken) = same_as_std(&[Bytes(1), Bytes(1), Bytes(5000), Bytes(3), Bytes(40_000), Bytes(2)], &[]);
    assert_eq!((result, taken), (Ok(45_007), numbered(45_007)));
}

#[test]
fn short_writes_are_continued() {
    let (result, taken) = same_as_std(&[Bytes(100_000)], &[Bytes(1), Bytes(10), Bytes(30_000), Bytes(7)]);
    assert_eq!((result, taken), (Ok(100_000), numbered(100_000)));
}

#[test]
fn interrupted_calls_are_retried() {
    let (result, taken) = same_as_std(
        &[Interrupted, Bytes(10), Interrupted, Interrupted, Bytes(5)],
        &[Interrupted, Bytes(3), Interrupted],
    );
    assert_eq!((result, taken), (Ok(15), numbered(15)));
}

#[test]
fn an_error_ends_the_copy() {
    let (result, taken) = same_as_std(&[Bytes(10), Error, Bytes(10)], &[]);
    assert_eq!((result, taken), (Err(ErrorKind::ConnectionReset), numbered(10)));
    let (result, taken) = same_as_std(&[Bytes(10)], &[Bytes(4), Error]);
    assert_eq!((result, taken), (Err(ErrorKind::ConnectionReset), numbered(4)));
}

#[test]
fn a_write_of_zero_bytes_is_an_error() {
    let (result, taken) = same_as_std(&[Bytes(10)], &[Bytes(4), Zero]);
    assert_eq!((result, taken), (Err(ErrorKind::WriteZero), numbered(4)));
}

#[test]
fn the_first_end_of_file_ends_the_copy() {
    let (result, _) = same_as_std(&[Bytes(10), Zero, Bytes(10)], &[]);
    assert_eq!(result, Ok(10));
}

fn script() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (1..100_usize).prop_map(Bytes),
        6 => (1..70_000_usize).prop_map(Bytes),
        3 => Just(Interrupted),
        1 => Just(Error),
        1 => Just(Zero),
    ];
    prop::collection::vec(event, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever reader and writer do, the outcome equals that of `std::io::copy`.
    #[test]
    fn copy_matches_std(reader in script(), writer in script()) {
        let _ = same_as_std(&reader, &writer);
    }
}

/// Looks at its room before it writes to it.
struct Curious {
    reads: usize,
    seen: Vec<u8>,
    rooms: Vec<usize>,
}

impl Read for Curious {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.seen.extend(room.iter().copied().filter(|byte| *byte != 0));
        self.rooms.push(room.len());
        if self.reads == 0 {
            return Ok(0);
        }
        self.reads -= 1;
        room.fill(0xAA);
        Ok(room.len())
    }
}

/// A reader never sees what another copy left in the buffer, not even if that copy failed.
#[test]
fn a_reader_never_sees_bytes_of_another_copy() {
    let mut curious = Curious { reads: 5, seen: Vec::new(), rooms: Vec::new() };
    assert_eq!(buffers::copy(&mut curious, &mut io::sink()).unwrap(), (8 + 16 + 3 * 32) << 10);
    assert_eq!(curious.rooms, [8 << 10, 16 << 10, 32 << 10, 32 << 10, 32 << 10, 32 << 10], "the room grows");
    assert!(curious.seen.iter().all(|byte| *byte == 0xAA), "and has its own bytes");
    for script in [&[Bytes(50_000)][..], &[Bytes(50_000), Error]] {
        let _ = outcome(buffers::copy, script, &[]);
        let mut curious = Curious { reads: 0, seen: Vec::new(), rooms: Vec::new() };
        buffers::copy(&mut curious, &mut io::sink()).unwrap();
        assert_eq!(curious.seen, []);
    }
}

/// Claims to have read more than it had room for.
struct Liar;

impl Read for Liar {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        Ok(room.len() + 1)
    }
}

/// However a copy ends, its buffer returns. Only the first copy creates any.
#[test]
fn the_buffer_returns_however_a_copy_ends() {
    let endings = || {
        buffers::copy(&mut io::repeat(1).take(100_000), &mut io::sink()).unwrap();
        buffers::copy(&mut Reader { script: [Error].into(), next: 0 }, &mut io::sink()).unwrap_err();
        let mut full: &mut [u8] = &mut [0; 10];
        buffers::copy(&mut &[1; 11][..], &mut full).unwrap_err();
    };
    endings();
    panic_of(|| buffers::copy(&mut Liar, &mut io::sink()));
    let ((), counts) = allocations(|| (0..100).for_each(|_| endings()));
    assert_eq!(counts.large, 0);
}

/// One copy inside another, and readers and writers that are trait objects.
#[test]
fn copies_can_be_nested() {
    struct Nested;
    impl Read for Nested {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let mut inner = Vec::new();
            buffers::copy(&mut &b"inner"[..], &mut inner)?;
            inner.as_slice().read(room)
        }
    }
    let (mut reader, mut writer) = (Nested.take(12), Vec::new());
    let (reader, to): (&mut dyn Read, &mut dyn Write) = (&mut reader, &mut writer);
    assert_eq!(buffers::copy(reader, to).unwrap(), 12);
    assert_eq!(writer, b"innerinnerin");
}
