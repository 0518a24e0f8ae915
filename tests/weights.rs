//! Weights: what the recyclers of this crate tell, when a pool asks, and a recycler whose `weight` panics.

mod common;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::OsString;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use common::{Count, Counted, Ledger, MANUAL, panic_of};
use ebbtide::{Clear, DefaultRecycle, Pool, Recycle, WithCapacity};

/// Asserts the weight of a value, and that both recyclers that know the type agree.
#[track_caller]
fn weighs<C: Clear + Default>(value: &C, storage: usize)
where
    WithCapacity: Recycle<C>,
{
    let expected = size_of::<C>() + storage;
    assert_eq!(value.weight(), expected);
    assert_eq!(DefaultRecycle.weight(value), expected);
    assert_eq!(WithCapacity { min: 0, max: 0 }.weight(value), expected);
}

#[test]
fn a_collection_weighs_itself_and_its_capacity() {
    weighs(&Vec::<u64>::with_capacity(100), 800);
    weighs(&Vec::<()>::new(), 0);
    weighs(&BinaryHeap::<u32>::with_capacity(100), 400);
    weighs(&String::with_capacity(100), 100);
    let deque = VecDeque::<u16>::with_capacity(100);
    weighs(&deque, 2 * deque.capacity());
    let map = HashMap::<u64, u64>::with_capacity(100);
    weighs(&map, 17 * map.capacity());
    let set = HashSet::<u64>::with_capacity(100);
    weighs(&set, 9 * set.capacity());
    let text = OsString::with_capacity(100);
    weighs(&text, text.capacity());
    let path = PathBuf::with_capacity(100);
    weighs(&path, path.capacity());
}

/// Collections without a capacity weigh what they are themselves.
#[test]
fn lists_and_trees_weigh_themselves() {
    assert_eq!(LinkedList::from([1, 2, 3]).weight(), size_of::<LinkedList<i32>>());
    assert_eq!(BTreeMap::from([(1, 2)]).weight(), size_of::<BTreeMap<i32, i32>>());
}

#[test]
fn parts_add_up() {
    let part = || Vec::<u8>::with_capacity(100);
    let one = part().weight();
    assert_eq!((part(), part()).weight(), 2 * one);
    assert_eq!([part(), part(), part()].weight(), 3 * one);
    assert_eq!(Box::new(part()).weight(), size_of::<usize>() + one);
    let inside = one - size_of::<Vec<u8>>();
    assert_eq!(RefCell::new(part()).weight(), size_of::<RefCell<Vec<u8>>>() + inside);
    assert_eq!(Mutex::new(part()).weight(), size_of::<Mutex<Vec<u8>>>() + inside);
    assert_eq!(Cursor::new(part()).weight(), size_of::<Cursor<Vec<u8>>>() + inside);
    assert_eq!(Some(part()).weight(), size_of::<Option<Vec<u8>>>());
}

/// Without an implementation of its own, a recycler knows only the size of the type.
#[test]
fn a_closure_weighs_by_the_type() {
    assert_eq!((|| vec![0_u8; 100]).weight(&vec![0; 100]), size_of::<Vec<u8>>());
}

/// A recycler whose `weight` panics from a certain call on.
struct Scales {
    ledger: Arc<Ledger>,
    calls: Count,
    breaks_at: usize,
}

impl Scales {
    fn new(breaks_at: usize) -> (Pool<Counted, Self>, Arc<Ledger>) {
        let ledger = Ledger::new();
        let scales = Self { ledger: Arc::clone(&ledger), calls: Count::new(), breaks_at };
        (Pool::with_settings(scales, MANUAL.private_slots(4)), ledger)
    }
}

impl Recycle<Counted> for Scales {
    fn create(&self) -> Counted {
        self.ledger.bomb()
    }

    fn recycle(&self, _: &mut Counted) -> bool {
        true
    }

    fn weight(&self, _: &Counted) -> usize {
        assert!(self.calls.bump() < self.breaks_at, "too heavy");
        1
    }
}

/// The new item is lost, and its own panic is discarded.
#[test]
fn a_panic_in_weight_goes_to_the_caller_of_get() {
    let (pool, ledger) = Scales::new(0);
    assert!(panic_of(|| pool.get()).contains("too heavy"));
    assert!(panic_of(|| pool.prefill(3)).contains("too heavy"));
    assert_eq!((pool.idle(), ledger.drop_order()), (0, vec![0, 1]));
}

/// When a new pool weighs its first item: to recycle it, and when the private slots have no room.
const AT_RETURN: [usize; 2] = [1, 2];

/// The returned item is lost, the first panic is raised, and the pool goes on.
#[test]
fn a_panic_in_weight_loses_the_item_that_returns() {
    for call in AT_RETURN {
        let (pool, ledger) = Scales::new(call);
        let item = pool.get();
        assert!(panic_of(|| drop(item)).contains("too heavy"));
        assert_eq!((pool.idle(), ledger.drop_order(), pool.stats().refused), (0, vec![0], 1));
    }
}

/// While the thread unwinds, the panic goes no further. The process lives.
#[test]
fn a_panic_in_weight_while_unwinding_does_not_abort() {
    for call in AT_RETURN {
        let (pool, ledger) = Scales::new(call);
        let text = panic_of(|| {
            let _item = pool.get();
            panic!("the first");
        });
        assert_eq!((text.as_str(), pool.idle(), ledger.drop_order()), ("the first", 0, vec![0]));
    }
}

/// A recycler whose `weight` uses the pool that asks. It does so once for each item that returns.
struct Nested;

static POOL: Pool<u32, Nested> = Pool::with_settings(Nested, MANUAL.private_slots(2));

thread_local! {
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

impl Recycle<u32> for Nested {
    fn create(&self) -> u32 {
        0
    }

    fn recycle(&self, _: &mut u32) -> bool {
        true
    }

    fn weight(&self, _: &u32) -> usize {
        if !ASKED.replace(true) {
            drop((POOL.get(), POOL.get()));
            ASKED.set(false);
        }
        1
    }
}

/// It runs outside of all claims. In one, the inner calls would find the slots closed.
#[test]
fn weight_may_use_the_pool() {
    for _ in 0..10 {
        drop((0..10).map(|_| POOL.get()).collect::<Vec<_>>());
    }
    let stats = POOL.stats();
    assert_eq!((stats.idle, stats.rejected, stats.refused), (stats.created, 0, 0));
    assert!(stats.created <= 12, "{} items where at most 12 were in use", stats.created);
}
