//! `Clear` and its implementations for types of the standard library.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::OsString;
use std::hash::{BuildHasher, Hash};
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

    /// Returns how many bytes of its storage the value uses, before it is cleared. It may be an estimate. The default
    /// is the weight: all is used, so the value never [shrinks](crate::Pool#how-items-shrink).
    ///
    /// For a type with several parts, it is the sum of theirs.
    ///
    /// ```
    /// use ebbtide::Clear;
    ///
    /// let mut numbers: Vec<u64> = Vec::with_capacity(100);
    /// numbers.extend([1, 2, 3]);
    /// assert_eq!(numbers.used(), 24);
    /// assert_eq!((numbers, String::from("abc")).used(), 27);
    /// ```
    ///
    /// # Panics
    ///
    /// May panic, as [`Recycle::recycle`](crate::Recycle::recycle) may.
    #[inline]
    fn used(&self) -> usize {
        self.weight()
    }

    /// Gives back storage of the cleared value until it has about `max` bytes of it. The default does nothing.
    ///
    /// For a type with several parts, it shrinks each of them to `max`.
    ///
    /// ```
    /// use ebbtide::{Clear, Pool, Settings};
    ///
    /// #[derive(Default)]
    /// struct Page {
    ///     text: String,
    ///     links: Vec<usize>,
    /// }
    ///
    /// impl Clear for Page {
    ///     fn clear(&mut self) {
    ///         self.text.clear();
    ///         self.links.clear();
    ///     }
    ///
    ///     fn weight(&self) -> usize {
    ///         self.text.weight() + self.links.weight()
    ///     }
    ///
    ///     fn used(&self) -> usize {
    ///         self.text.used() + self.links.used()
    ///     }
    ///
    ///     fn shrink(&mut self, max: usize) {
    ///         self.text.shrink(max);
    ///         self.links.shrink(max);
    ///     }
    /// }
    ///
    /// let pages = Pool::with_settings(ebbtide::DefaultRecycle, Settings::new().manual());
    /// pages.put(Page { text: "x".repeat(1 << 20), links: vec![] });
    /// for _ in 0..3 {
    ///     pages.get().text.push_str("short");
    ///     pages.advance();
    /// }
    /// assert!(pages.get().text.capacity() < 100);
    /// ```
    ///
    /// # Panics
    ///
    /// May panic, as [`Recycle::recycle`](crate::Recycle::recycle) may.
    #[inline]
    fn shrink(&mut self, max: usize) {
        let _ = max;
    }

    /// Returns how many bytes [`clear`](Self::clear) goes through, however little of them is used. It may be an
    /// estimate. The default is 0.
    ///
    /// If it is far more than what is [used](Self::used), use after use, a [`Pool`](crate::Pool#how-items-shrink)
    /// replaces the value. A hash table goes through its capacity unless it is empty. For a type with several parts, it
    /// is the sum of theirs.
    ///
    /// ```
    /// use ebbtide::Clear;
    /// use std::collections::HashSet;
    ///
    /// let mut words = HashSet::with_capacity(1000);
    /// assert_eq!(words.clear_cost(), 0);
    /// words.insert("a");
    /// assert!(words.clear_cost() >= 1000);
    /// assert_eq!((words.clone(), String::from("abc")).clear_cost(), words.clear_cost());
    /// ```
    ///
    /// # Panics
    ///
    /// May panic, as [`Recycle::recycle`](crate::Recycle::recycle) may.
    #[inline]
    fn clear_cost(&self) -> usize {
        0
    }
}

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
pub(super) const fn weight<C>(capacity: usize, element: usize) -> usize {
    // The capacity for zero-sized elements has no bound.
    size_of::<C>() + capacity.wrapping_mul(element)
}

/// Returns what an entry takes up in a hash table: the entry and a byte that tells whether it is there.
pub(super) const fn entry<E>() -> usize {
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
    ($([$($generics:tt)*] $collection:ty, $element:expr $(, $cost:expr)?;)*) => {$(
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

    #[inline]
    fn used(&self) -> usize {
        self.as_os_str().len()
    }

    #[inline]
    fn shrink(&mut self, max: usize) {
        self.shrink_to(max);
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

    #[inline]
    fn used(&self) -> usize {
        (**self).used()
    }

    #[inline]
    fn shrink(&mut self, max: usize) {
        (**self).shrink(max);
    }

    #[inline]
    fn clear_cost(&self) -> usize {
        (**self).clear_cost()
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

    #[inline]
    fn used(&self) -> usize {
        self.iter().map(T::used).sum()
    }

    #[inline]
    fn shrink(&mut self, max: usize) {
        self.iter_mut().for_each(|part| part.shrink(max));
    }

    #[inline]
    fn clear_cost(&self) -> usize {
        self.iter().map(T::clear_cost).sum()
    }
}

/// Implements `Clear` for a tuple of these types and for every shorter one.
macro_rules! clear_tuples {
    ($first:ident $($rest:ident)*) => {
        #[expect(non_snake_case, reason = "one name for a part's type and its value")]
        impl<$first: Clear, $($rest: Clear),*> Clear for ($first, $($rest,)*) {
            #[inline]
            fn clear(&mut self) {
                let ($first, $($rest,)*) = self;
                $first.clear();
                $($rest.clear();)*
            }

            #[inline]
            fn weight(&self) -> usize {
                let ($first, $($rest,)*) = self;
                $first.weight() $(+ $rest.weight())*
            }

            #[inline]
            fn used(&self) -> usize {
                let ($first, $($rest,)*) = self;
                $first.used() $(+ $rest.used())*
            }

            #[inline]
            fn shrink(&mut self, max: usize) {
                let ($first, $($rest,)*) = self;
                $first.shrink(max);
                $($rest.shrink(max);)*
            }

            #[inline]
            fn clear_cost(&self) -> usize {
                let ($first, $($rest,)*) = self;
                $first.clear_cost() $(+ $rest.clear_cost())*
            }
        }
        clear_tuples! { $($rest)* }
    };
    () => {};
}

clear_tuples! { A B C D E F G H I J K L }
