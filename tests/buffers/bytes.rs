//! The feature `bytes`: buffers become `Bytes`, and return from wherever those are dropped.
#![cfg(feature = "bytes")]

use std::sync::Arc;
use std::thread;

use crate::common::Worker;
#[cfg(feature = "bounded")]
use crate::common::polled::Polled;
use crate::counting::allocations;
use bytes::{Buf, BufMut, Bytes};
#[cfg(feature = "bounded")]
use ebbtide::BoundedPool;
use ebbtide::buffers::Settings;
use ebbtide::{BufferPool, Pool};

fn pool() -> Arc<BufferPool> {
    Arc::new(BufferPool::with_settings(Settings::new().manual()))
}

fn created(pool: &BufferPool) -> usize {
    pool.stats().map(|(_, stats)| stats.created).sum()
}

/// The bytes stay in place. Making `Bytes` of them costs one header.
#[test]
fn bytes_are_made_without_a_copy() {
    let pool = pool();
    drop(pool.get(4096)); // the first one to come back makes its thread's slots
    let mut buffer = pool.get_owned(4096);
    buffer.extend_from_slice(&[7; 4000]);
    let address = buffer.as_ptr();
    let (bytes, counts) = allocations(|| Bytes::from(buffer));
    assert_eq!((bytes.as_ptr(), bytes.len(), counts.blocks), (address, 4000, 1));
    let (_, counts) = allocations(|| drop(bytes));
    assert_eq!(counts.blocks, 0);
}

/// The buffer returns when the last clone or part is dropped, on the thread that drops it.
#[test]
fn a_buffer_returns_with_its_last_clone() {
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

/// Many clones of many buffers are dropped on many threads. Each buffer returns once.
#[test]
fn each_buffer_returns_once() {
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

/// Works with a pool in a `static`, and if the buffer outlives the last other handle of its pool.
#[test]
fn bytes_of_static_and_shared_pools_return() {
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

/// A buffer implements `BufMut`, and grows as a `Vec` does.
#[test]
fn guards_implement_buf_mut() {
    // Not `impl BufMut`: not all of these implement it through a `&mut`.
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

/// Guards of other pools become `Bytes` too, and return when those are dropped.
#[test]
fn bytes_of_a_pool_return_to_it() {
    let pool: Arc<Pool<Vec<u8>>> = Arc::new(Pool::new());
    let mut buffer = pool.get_owned();
    buffer.put_slice(b"hello");
    let bytes = Bytes::from(buffer);
    let part = bytes.slice(1..);
    drop(bytes);
    assert_eq!((pool.idle(), &*part), (0, &b"ello"[..]));
    drop(part);
    assert_eq!((pool.idle(), pool.get().len()), (1, 0));
}

/// `freeze` is alike for the borrowed and owned guards of each pool.
#[test]
fn all_guards_of_bytes_freeze() {
    static POOL: Pool<Vec<u8>> = Pool::new();
    static BUFFERS: BufferPool = BufferPool::with_settings(Settings::new().manual());
    let (owned, buffers) = (Arc::new(Pool::<Vec<u8>>::new()), pool());
    let mut hello = POOL.get();
    hello.put_slice(b"hello");
    let all = [hello.freeze(), owned.get_owned().freeze(), BUFFERS.get(1).freeze(), buffers.get_owned(1).freeze()];
    let idle = || (POOL.idle(), owned.idle(), BUFFERS.idle_bytes(), buffers.idle_bytes());
    assert_eq!((&all[0][..], idle()), (&b"hello"[..], (0, 0, 0, 0)));
    drop(all);
    assert_eq!(idle(), (1, 1, 1024, 1024));
}

/// The place of a bounded pool's item is taken until the last of its `Bytes` is dropped, and then goes to the next waiter.
#[cfg(feature = "bounded")]
#[test]
fn bytes_of_a_bounded_pool_keep_its_place() {
    let pool: Arc<BoundedPool<Vec<u8>>> = Arc::new(BoundedPool::new(1));
    let bytes = Bytes::from(pool.get_owned().unwrap());
    let other = bytes.clone();
    let mut waiter = Polled::waiting(pool.get_async());
    drop(bytes);
    assert!(waiter.poll().is_none());
    drop(other);
    let item = waiter.poll().expect("it was served").unwrap();
    assert_eq!((pool.in_use(), pool.stats().created), (1, 1));
    drop(item);
}
