//! `Clear` and its implementations for types of the standard library.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;

/// Empties a value and keeps its storage, so that the next user sees nothing of the last one.
///
/// Implemented for the standard collections, `String`, `OsString` and `PathBuf`, and with the feature `bytes` for
/// `bytes::BytesMut`. Also for boxes, arrays and tuples of types that implement it. Tree maps and linked lists have no
/// storage to keep, so they are only emptied. An `Option` becomes `None`.
///
/// ```
/// use ebbtide::{Clear, Pool};
///
/// #[derive(Default)]
/// struct Request {
///     path: String,
///     headers: Vec<(String, String)>,
/// }
///
/// impl Clear for Request {
///     fn clear(&mut self) {
///         self.path.clear();
///         self.headers.clear();
///     }
/// }
///
/// static REQUESTS: Pool<Request> = Pool::new();
///
/// REQUESTS.get().path.push_str("/secret");
/// assert_eq!(REQUESTS.get().path, "");
/// ```
#[diagnostic::on_unimplemented(
    note = "`Pool::new` clears its items; `Pool::with` does not clear them, and `Pool::with_recycle` takes a `Recycle` \
            of your own"
)]
pub trait Clear {
    /// Empties the value.
    ///
    /// ```
    /// use ebbtide::Clear;
    ///
    /// let mut pair = (vec![1, 2, 3], String::from("abc"));
    /// Clear::clear(&mut pair);
    /// assert_eq!(pair, (vec![], String::new()));
    /// assert!(pair.0.capacity() >= 3);
    /// ```
    fn clear(&mut self);

    /// Returns how many bytes the value holds: its own size and its storage. It may be an estimate. The default is the
    /// value's own size.
    ///
    /// For a type with several parts, it is the sum of theirs. What the elements of a collection hold does not count.
    ///
    /// ```
    /// use ebbtide::Clear;
    ///
    /// assert_eq!(Vec::<u64>::with_capacity(100).weight(), 800 + size_of::<Vec<u64>>());
    /// assert_eq!(Vec::<u64>::with_capacity(100).weight(), (Vec::<u64>::with_capacity(100),).weight());
    /// ```
    #[inline]
    fn weight(&self) -> usize {
        size_of_val(self)
    }
}

/// Implements `Clear` for a collection with its own `clear`, and its weight with `capacity` and the size of an element.
macro_rules! clear_by_own_method {
    ($([$($generics:tt)*] $collection:ty $(, $element:expr)?;)*) => {$(
        impl<$($generics)*> Clear for $collection {
            #[inline]
            fn clear(&mut self) {
                self.clear();
            }

            $(#[inline]
            fn weight(&self) -> usize {
                weight::<Self>(self.capacity(), $element)
            })?
        }
    )*};
}

/// Returns the weight of a collection with room for this many elements of this size.
#[inline]
pub(super) const fn weight<C>(capacity: usize, element: usize) -> usize {
    // The capacity for zero-sized elements has no bound.
    size_of::<C>() + capacity.wrapping_mul(element)
}

/// Returns what an entry takes up in a hash table: the entry and a byte that tells whether it is there.
pub(super) const fn entry<E>() -> usize {
    size_of::<E>() + 1
}

clear_by_own_method! {
    [T] Vec<T>, size_of::<T>();
    [T] VecDeque<T>, size_of::<T>();
    [T] LinkedList<T>;
    [T] BinaryHeap<T>, size_of::<T>();
    [K, V] BTreeMap<K, V>;
    [T] BTreeSet<T>;
    [K, V, S] HashMap<K, V, S>, entry::<(K, V)>();
    [T, S] HashSet<T, S>, entry::<T>();
    [] String, 1;
    [] OsString, 1;
}

#[cfg(feature = "bytes")]
clear_by_own_method! { [] bytes::BytesMut, 1; }

impl<T> Clear for Option<T> {
    #[inline]
    fn clear(&mut self) {
        *self = None;
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
}

impl<T: Clear + ?Sized> Clear for Box<T> {
    #[inline]
    fn clear(&mut self) {
        (**self).clear();
    }

    #[inline]
    fn weight(&self) -> usize {
        size_of::<Self>() + (**self).weight()
    }
}

impl<T: Clear, const N: usize> Clear for [T; N] {
    #[inline]
    fn clear(&mut self) {
        self.iter_mut().for_each(T::clear);
    }

    #[inline]
    fn weight(&self) -> usize {
        self.iter().map(T::weight).sum()
    }
}

/// Implements `Clear` for a tuple of these types and for every shorter one.
macro_rules! clear_tuples {
    ($first:ident $($rest:ident)*) => {
        impl<$first: Clear, $($rest: Clear),*> Clear for ($first, $($rest,)*) {
            #[inline]
            #[expect(non_snake_case, reason = "one name for a part's type and its value")]
            fn clear(&mut self) {
                let ($first, $($rest,)*) = self;
                $first.clear();
                $($rest.clear();)*
            }

            #[inline]
            #[expect(non_snake_case, reason = "one name for a part's type and its value")]
            fn weight(&self) -> usize {
                let ($first, $($rest,)*) = self;
                $first.weight() $(+ $rest.weight())*
            }
        }
        clear_tuples! { $($rest)* }
    };
    () => {};
}

clear_tuples! { A B C D E F G H I J K L }
