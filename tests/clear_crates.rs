//! `Clear` for types of other crates: emptied, with their storage kept, weighed and shrunk.
#![cfg(all(feature = "hashbrown", feature = "http", feature = "indexmap", feature = "smallvec", feature = "bytes"))]

use std::collections::hash_map::RandomState;

use bytes::Bytes;
use ebbtide::Clear;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

/// How a type is filled, and what it then has.
struct Kind<C> {
    fill: fn(&mut C, u16),
    len: fn(&C) -> usize,
    capacity: fn(&C) -> usize,
    /// The least that an element takes up.
    element: usize,
}

#[track_caller]
fn check<C: Clear + Default>(kind: &Kind<C>) {
    let mut value = C::default();
    (0..1000).for_each(|n| (kind.fill)(&mut value, n));
    let capacity = (kind.capacity)(&value);
    assert!(value.used() >= 1000 * kind.element && value.weight() >= capacity * kind.element);
    assert!(value.weight() >= value.used());
    value.clear();
    assert_eq!(((kind.len)(&value), value.used(), (kind.capacity)(&value)), (0, 0, capacity));
    let before = value.weight();
    value.shrink(20 * kind.element);
    assert!((kind.capacity)(&value) < 100 && value.weight() < before, "{}", (kind.capacity)(&value));
}

type Map = hashbrown::HashMap<u16, u64, RandomState>;
type Set = hashbrown::HashSet<u16, RandomState>;
type IndexMap = indexmap::IndexMap<u16, u64>;
type IndexSet = indexmap::IndexSet<u16>;
type Small = SmallVec<[u64; 4]>;

fn add_header(headers: &mut HeaderMap, n: u16) {
    let name = HeaderName::from_bytes(format!("x-{n}").as_bytes()).expect("a name");
    headers.insert(name, HeaderValue::from(n));
}

#[test]
fn collections_are_emptied_and_keep_their_storage() {
    check(&Kind {
        fill: |c: &mut Map, n| assert!(c.insert(n, 1).is_none()),
        len: Map::len,
        capacity: Map::capacity,
        element: size_of::<(u16, u64)>(),
    });
    check(&Kind {
        fill: |c: &mut Set, n| assert!(c.insert(n)),
        len: Set::len,
        capacity: Set::capacity,
        element: size_of::<u16>(),
    });
    check(&Kind {
        fill: |c: &mut IndexMap, n| assert!(c.insert(n, 1).is_none()),
        len: IndexMap::len,
        capacity: IndexMap::capacity,
        element: size_of::<(usize, u16, u64)>(),
    });
    check(&Kind {
        fill: |c: &mut IndexSet, n| assert!(c.insert(n)),
        len: IndexSet::len,
        capacity: IndexSet::capacity,
        element: size_of::<(usize, u16)>(),
    });
    check(&Kind {
        fill: |c: &mut Small, n| c.push(n.into()),
        len: Small::len,
        capacity: Small::capacity,
        element: size_of::<u64>(),
    });
    check(&Kind {
        fill: add_header,
        len: HeaderMap::len,
        capacity: HeaderMap::capacity,
        element: size_of::<(HeaderName, HeaderValue)>(),
    });
}

#[test]
fn a_small_vec_on_the_stack_weighs_itself() {
    assert_eq!(Small::from_slice(&[1, 2]).weight(), size_of::<Small>());
}

#[test]
fn clearing_a_hash_table_costs_its_capacity() {
    let mut map = Map::default();
    map.reserve(1000);
    assert_eq!(map.clear_cost(), 0);
    map.insert(1, 1);
    assert!(map.clear_cost() >= 1000);
    assert!(HeaderMap::<HeaderValue>::with_capacity(1000).clear_cost() >= 4000, "even if it is empty");
}

/// Nobody can write to the storage of `Bytes`, so it is given up.
#[test]
fn cleared_bytes_hold_nothing() {
    let mut storage = Vec::with_capacity(2000);
    storage.resize(1000, 1);
    let mut bytes = Bytes::from(storage);
    let other = bytes.clone();
    Clear::clear(&mut bytes);
    assert!(bytes.is_empty() && other.is_unique());
}
