//! `Clear` for collections, of std and of other crates.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::OsString;
use std::hash::{BuildHasher, Hash};
use std::path::PathBuf;

use super::Clear;

/// Implements `Clear` for collections that have no storage to keep.
macro_rules! clear_without_storage {
    ($([$($generics:tt)*] $collection:ty;)*) => {$(
        impl<$($generics)*> Clear for $collection {
            #[inline]
            fn clear(&mut self) {
                self.clear();
            }
        }
    )*};
}

clear_without_storage! {
    [T] LinkedList<T>;
    [K, V] BTreeMap<K, V>;
    [T] BTreeSet<T>;
}

/// Returns the weight of a collection with room for this many elements of this size.
#[inline]
pub(in crate::pool) const fn weight<C>(capacity: usize, element: usize) -> usize {
    // The capacity for zero-sized elements has no bound.
    size_of::<C>() + capacity.wrapping_mul(element)
}

/// Returns what an entry takes up in a hash table: the entry and a byte that tells whether it is there.
pub(in crate::pool) const fn entry<E>() -> usize {
    size_of::<E>() + 1
}

/// Clearing a hash table marks each of its places as empty, unless all are.
#[inline]
const fn table_cost(len: usize, capacity: usize) -> usize {
    if len == 0 { 0 } else { capacity }
}

/// Implements `Clear` for collections that have `clear`, `capacity`, `len` and `shrink_to`, with the size of an element,
/// and what clearing costs unless that is 0.
macro_rules! clear_with_storage {
    ($($(#[$if:meta])? [$($generics:tt)*] $collection:ty, $element:expr $(, $cost:expr)?;)*) => {$(
        $(#[$if])?
        impl<$($generics)*> Clear for $collection {
            #[inline]
            fn clear(&mut self) {
                self.clear();
            }

            #[inline]
            fn weight(&self) -> usize {
                weight::<Self>(self.capacity(), $element)
            }

            #[inline]
            fn used(&self) -> usize {
                self.len() * $element
            }

            #[inline]
            fn shrink(&mut self, max: usize) {
                if let Some(elements) = max.checked_div($element) {
                    self.shrink_to(elements);
                }
            }

            $(#[inline]
            fn clear_cost(&self) -> usize {
                $cost(self.len(), self.capacity())
            })?
        }
    )*};
}

clear_with_storage! {
    [T] Vec<T>, size_of::<T>();
    [T] VecDeque<T>, size_of::<T>();
    [T] BinaryHeap<T>, size_of::<T>();
    [K: Eq + Hash, V, S: BuildHasher] HashMap<K, V, S>, entry::<(K, V)>(), table_cost;
    [T: Eq + Hash, S: BuildHasher] HashSet<T, S>, entry::<T>(), table_cost;
    [] String, 1;
    [] OsString, 1;
    // A condition for each, since rustdoc shows none that stands around the macro.
    #[cfg(feature = "hashbrown")]
    [K: Eq + Hash, V, S: BuildHasher] hashbrown::HashMap<K, V, S>, entry::<(K, V)>(), table_cost;
    #[cfg(feature = "hashbrown")]
    [T: Eq + Hash, S: BuildHasher] hashbrown::HashSet<T, S>, entry::<T>(), table_cost;
    #[cfg(feature = "indexmap")]
    [K: Eq + Hash, V, S: BuildHasher] indexmap::IndexMap<K, V, S>, indexed_entry::<(K, V)>(), table_cost;
    #[cfg(feature = "indexmap")]
    [T: Eq + Hash, S: BuildHasher] indexmap::IndexSet<T, S>, indexed_entry::<T>(), table_cost;
}

/// Returns what an entry takes up in an indexed hash table: the entry, its hash, and its index in a hash table.
#[cfg(feature = "indexmap")]
const fn indexed_entry<E>() -> usize {
    size_of::<(usize, E)>() + entry::<usize>()
}

#[cfg(feature = "smallvec")]
impl<A: smallvec::Array> Clear for smallvec::SmallVec<A> {
    #[inline]
    fn clear(&mut self) {
        self.clear();
    }

    #[inline]
    fn weight(&self) -> usize {
        let outside = if self.spilled() { self.capacity() } else { 0 };
        weight::<Self>(outside, size_of::<A::Item>())
    }

    #[inline]
    fn used(&self) -> usize {
        self.len() * size_of::<A::Item>()
    }

    fn shrink(&mut self, max: usize) {
        let elements = max.checked_div(size_of::<A::Item>());
        if let Some(elements) = elements.filter(|&elements| self.spilled() && elements < self.capacity()) {
            *self = Self::with_capacity(elements);
        }
    }
}

#[cfg(feature = "http")]
impl<T> Clear for http::HeaderMap<T> {
    #[inline]
    fn clear(&mut self) {
        self.clear();
    }

    #[inline]
    fn weight(&self) -> usize {
        weight::<Self>(self.capacity(), header::<T>())
    }

    #[inline]
    fn used(&self) -> usize {
        self.len() * header::<T>()
    }

    fn shrink(&mut self, max: usize) {
        let headers = max / header::<T>();
        if headers < self.capacity() {
            *self = Self::with_capacity(headers);
        }
    }

    /// Each place of the table is marked as empty, even if all are.
    #[inline]
    fn clear_cost(&self) -> usize {
        self.capacity() * size_of::<u32>()
    }
}

/// Returns what a header takes up in a map: name and value, hash and links, and its place in a hash table.
#[cfg(feature = "http")]
const fn header<T>() -> usize {
    size_of::<(http::HeaderName, T, [usize; 3])>() + size_of::<u32>()
}

#[cfg(feature = "bytes")]
impl Clear for bytes::Bytes {
    /// Gives up the storage, which nobody can write to.
    #[inline]
    fn clear(&mut self) {
        *self = Self::new();
    }

    #[inline]
    fn weight(&self) -> usize {
        weight::<Self>(self.len(), 1)
    }
}

#[cfg(feature = "bytes")]
impl Clear for bytes::BytesMut {
    /// Gets back the parts that the user split off, if nobody has them any more.
    #[inline]
    fn clear(&mut self) {
        self.clear();
        // Gets no more than is asked for if parts were split off behind the buffer, and does not tell how much is there.
        let mut more = 1;
        while self.try_reclaim(self.capacity() + more) {
            more *= 2;
        }
    }

    #[inline]
    fn weight(&self) -> usize {
        weight::<Self>(self.capacity(), 1)
    }

    #[inline]
    fn used(&self) -> usize {
        self.len()
    }

    fn shrink(&mut self, max: usize) {
        if self.capacity() > max {
            *self = Self::with_capacity(max);
        }
    }
}

impl Clear for PathBuf {
    fn clear(&mut self) {
        self.as_mut_os_string().clear();
    }

    #[inline]
    fn weight(&self) -> usize {
        weight::<Self>(self.capacity(), 1)
    }

    #[inline]
    fn used(&self) -> usize {
        self.as_os_str().len()
    }

    #[inline]
    fn shrink(&mut self, max: usize) {
        self.shrink_to(max);
    }
}
