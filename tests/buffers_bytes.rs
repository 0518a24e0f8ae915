//! The feature `bytes`: buffers that become `Bytes`, and come back from wherever those are dropped.
#![cfg(feature = "bytes")]

mod common;
#[path = "common/counting.rs"]
mod counting;

use std::sync::Arc;
use std::thread;

use bytes::{Buf, BufMut, Bytes};
use common::Worker;
use counting::allocations;
use ebbtide::BufferPool;
use ebbtide::buffers::Settings;

fn pool() -> Arc<BufferPool> {
    Arc::new(BufferPool::with_settings(Settings::new().manual()))
}

fn created(pool: &BufferPool) -> usize {
    pool.stats().map(|(_, stats)| stats.created).sum()
}

/// The bytes stay where they are, and making `Bytes` of them costs its one header.
#[test]
fn nothing_is_copied() {
    let pool = pool();
    drop(pool.get(4096)); // the first one to come back makes its thread's slots
    let mut buffer = pool.get_owned(4096);
    buffer.extend_from_slice(&[7; 4000]);
    let address = buffer.as_ptr();
    let (bytes, [all, _]) = allocations(|| Bytes::from(buffer));
    assert_eq!((bytes.as_ptr(), bytes.len(), all), (address, 4000, 1));
    let (_, [all, _]) = allocations(|| drop(bytes));
    assert_eq!(all, 0);
}

/// The buffer comes back when the last clone or part is dropped, not before, and on the thread that drops it.
#[test]
fn the_last_one_brings_it_back() {
    let pool = pool();
    let mut buffer = pool.get_owned(4096);
    buffer.extend_from_slice(b"hello, world");
    let all = Bytes::from(buffer);
    let mut world = all.slice(7..);
    let clone = all.clone();
    drop(all);
    assert_eq!((pool.idle_bytes(), &clone[..5]), (0, &b"hello"[..]));
    drop(clone);
    world.advance(4);
    assert_eq!((pool.idle_bytes(), &world[..]), (0, &b"d"[..]), "a single byte keeps it in use");

    let worker = Worker::new();
    worker.run(move || drop(world));
    assert_eq!((pool.idle_bytes(), created(&pool)), (4096, 1));
    let theirs = Arc::clone(&pool);
    worker.run(move || assert_eq!(**theirs.get(4096), *b"", "cleared, and private to the thread that brought it back"));
    assert_eq!(created(&pool), 1);
}

/// Many clones of many buffers, dropped on many threads: each buffer comes back once.
#[test]
fn each_buffer_comes_back_once() {
    const BUFFERS: usize = 200;
    const THREADS: usize = 4;
    let pool = pool();
    let all: Vec<Bytes> = (0..BUFFERS)
        .map(|n| {
            let mut buffer = pool.get_owned(1024);
            buffer.put_u32(n as u32);
            Bytes::from(buffer)
        })
        .collect();
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let mut mine = all.clone();
            thread::spawn(move || mine.drain(..).map(|mut bytes| bytes.get_u32() as usize).sum::<usize>())
        })
        .collect();
    drop(all);
    for thread in threads {
        assert_eq!(thread.join().unwrap(), (0..BUFFERS).sum());
    }
    assert_eq!((created(&pool), pool.idle_bytes()), (BUFFERS, BUFFERS * 1024));
}

/// A buffer of a pool in a `static`, and one that outlives its pool's last other handle.
#[test]
fn whatever_holds_the_pool() {
    static POOL: BufferPool = BufferPool::with_settings(Settings::new().manual());
    let mut buffer = POOL.get(100);
    buffer.put_slice(b"static");
    let bytes = Bytes::from(buffer);
    assert_eq!((&bytes[..], POOL.idle_bytes()), (&b"static"[..], 0));
    drop(bytes);
    assert_eq!(POOL.idle_bytes(), 1024);

    let pool = pool();
    let left = Arc::downgrade(&pool);
    let mut buffer = pool.get_owned(100);
    buffer.put_slice(b"owned");
    drop(pool);
    let bytes = Bytes::from(buffer);
    assert_eq!(&bytes[..], b"owned");
    drop(bytes);
    assert!(left.upgrade().is_none());
}

/// A buffer can be written to wherever a `BufMut` is asked for, and grows as a `Vec` does.
#[test]
fn guards_are_buf_muts() {
    // Not `impl BufMut`: what that gets as a `&mut` doesn't come here for all of these.
    fn encode(to: &mut impl BufMut) {
        to.put_u8(1);
        to.put_u16(2);
        to.put_slice(b"three");
        to.put_bytes(4, 4);
        to.put(&b"fives"[..]);
        let mut rest = to.limit(2000);
        while rest.has_remaining_mut() {
            rest.put_u8(6);
        }
    }
    let pool = pool();
    let mut plain = Vec::new();
    encode(&mut plain);
    for mut buffer in [pool.get(1), pool.get(100_000)] {
        encode(&mut buffer);
        assert_eq!(*buffer, plain);
        assert_eq!(buffer.remaining_mut(), isize::MAX as usize - plain.len());
    }
    assert_eq!(pool.idle_bytes(), 2048 + (128 << 10), "one of them grew");
}
