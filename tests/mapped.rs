//! Guards of a part of their item.

mod common;

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use common::{MANUAL, panic_of};
use ebbtide::buffers::PooledBuffer;
use ebbtide::{BufferPool, MappedGuard, OwnedPooled, Pool, Pooled};

#[derive(Debug, Default)]
struct Packet {
    header: [u8; 4],
    body: Vec<u8>,
}

type Packets = Pool<Packet, fn() -> Packet>;

fn packets() -> Packets {
    Pool::with_settings(Packet::default, MANUAL)
}

/// A part is read and written in place, and the whole item returns with it.
#[test]
fn the_whole_item_returns_when_its_part_is_dropped() {
    let pool = packets();
    let packet = pool.get();
    let address = &raw const packet.body;
    let mut body = Pooled::map(packet, |packet| &mut packet.body);
    assert_eq!(&raw const *body, address);
    body.push(1);
    assert_eq!((pool.idle(), pool.stats().created), (0, 1));
    let body = Box::new(body); // moving the guard does not move the part
    assert_eq!((&raw const **body, &***body), (address, &[1][..]));
    drop(body);
    assert_eq!(pool.idle(), 1);
    let packet = pool.get();
    assert_eq!((packet.header, &packet.body), ([0; 4], &vec![1]));
}

/// A part may be mapped again, and may be unsized.
#[test]
fn a_part_of_a_part_keeps_the_item() {
    let pool = packets();
    let header = Pooled::map(pool.get(), |packet| &mut packet.header);
    let mut end: MappedGuard<_, [u8]> = MappedGuard::map(header, |header| &mut header[2..]);
    end.copy_from_slice(&[7, 8]);
    assert_eq!((pool.idle(), end.len()), (0, 2));
    drop(end);
    assert_eq!(pool.get().header, [0, 0, 7, 8]);
}

/// What is not there leaves the guard as it was, and what is there keeps the whole item.
#[test]
fn a_part_that_is_missing_leaves_the_guard() {
    let pool = packets();
    let packet = Pooled::filter_map(pool.get(), |packet| packet.body.first_mut()).expect_err("the body is empty");
    assert_eq!(pool.idle(), 0);
    let mut packet = packet;
    packet.body.extend([1, 2]);
    let body = Pooled::filter_map(packet, |packet| packet.body.get_mut(..2)).expect("there are two");
    let body = MappedGuard::filter_map(body, |body| body.get_mut(2)).expect_err("there is no third");
    let mut last = MappedGuard::filter_map(body, |body| body.last_mut()).expect("there is one");
    *last = 7;
    assert_eq!(pool.idle(), 0);
    drop(last);
    assert_eq!((&pool.get().body, pool.stats().created), (&vec![1, 7], 1));
}

/// If the closure panics, the item returns to its pool.
#[test]
fn a_panic_of_the_closure_returns_the_item() {
    let pool = packets();
    let text = panic_of(|| drop(Pooled::map(pool.get(), |packet| &mut packet.header[packet.body.len() + 9])));
    assert!(text.contains("out of bounds"), "{text}");
    assert_eq!(pool.idle(), 1);
    let header = Pooled::map(pool.get(), |packet| &mut packet.header[..]);
    panic_of(|| drop(MappedGuard::map(header, |header| &mut header[9..])));
    panic_of(|| drop(Pooled::filter_map(pool.get(), |_| -> Option<&mut u8> { panic!("no part") })));
    assert_eq!((pool.idle(), pool.stats().created), (1, 1));
}

/// It goes to other threads, and the item returns there.
#[test]
fn a_part_goes_to_other_threads() {
    let pool = Arc::new(packets());
    let body = OwnedPooled::map(pool.get_owned(), |packet| &mut packet.body);
    thread::scope(|scope| scope.spawn(|| assert!(body.is_empty())).join().expect("no panic"));
    thread::spawn(move || drop(body)).join().expect("no panic");
    assert_eq!(pool.idle(), 1);

    let buffers = Arc::new(BufferPool::new());
    let rest = PooledBuffer::map(buffers.get_owned(100), Vec::as_mut_slice);
    thread::spawn(move || assert!(rest.is_empty())).join().expect("no panic");
    assert_eq!(buffers.idle_bytes(), 1024);
}

/// It has the traits of its part.
#[test]
fn a_mapped_guard_is_what_its_part_is() {
    fn is_sync<T: Sync>() {}
    fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
    // Nothing but the part is shared.
    is_sync::<MappedGuard<Rc<Cell<u8>>, u8>>();
    is_unwind_safe::<MappedGuard<Pooled<'static, u8>, [u8]>>();

    let pool = packets();
    let [one, other] = [(); 2].map(|()| Pooled::map(pool.get(), |packet| &mut packet.body));
    assert!(one == other && format!("{one:?}") == "[]");
}
