//! How items are created and recycled.

use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::hash::{BuildHasher, Hash};
use std::path::PathBuf;

use super::clear::{Clear, entry, weight};

/// Creates a pool's items and prepares them for reuse.
///
/// Every `Fn() -> T` is a recycler that does not clear items. Write your own to reset items in another way, or to
/// refuse those that are not worth keeping:
///
/// ```
/// use ebbtide::{Pool, Recycle};
///
/// struct Scratch {
///     page: Vec<u8>,
/// }
///
/// struct Pages;
///
/// impl Recycle<Scratch> for Pages {
///     fn create(&self) -> Scratch {
///         Scratch { page: Vec::with_capacity(4096) }
///     }
///
///     fn recycle(&self, scratch: &mut Scratch) -> bool {
///         scratch.page.clear();
///         scratch.page.capacity() <= 1 << 20
///     }
/// }
///
/// static SCRATCH: Pool<Scratch, Pages> = Pool::with_recycle(Pages);
///
/// SCRATCH.get().page.extend([1, 2, 3]);
/// assert!(SCRATCH.get().page.is_empty());
/// ```
///
/// All functions may use any pool, including the one they serve.
pub trait Recycle<T> {
    /// Creates an item.
    ///
    /// ```
    /// use ebbtide::Recycle;
    ///
    /// assert_eq!(Recycle::create(&String::new), "");
    /// ```
    ///
    /// # Panics
    ///
    /// May panic. The panic goes to the caller of `get`, and nothing is lost. If the new item was to
    /// [replace](Self::recycle_cost) one that returns, that one is dropped, and the panic goes to the caller who
    /// returned it.
    fn create(&self) -> T;

    /// Creates an item in a box. A pool calls it instead of [`create`](Self::create) if `T` takes 16 KiB or more. The
    /// default boxes what `create` returns, which lies on the stack before.
    ///
    /// For items that are too large for the stack:
    ///
    /// ```
    /// use ebbtide::{Pool, Recycle};
    ///
    /// const SIZE: usize = 4 << 20;
    ///
    /// struct Frames;
    ///
    /// impl Recycle<[u8; SIZE]> for Frames {
    ///     fn create_boxed(&self) -> Box<[u8; SIZE]> {
    ///         vec![0; SIZE].try_into().expect("it has this length")
    ///     }
    ///
    ///     fn create(&self) -> [u8; SIZE] {
    ///         *self.create_boxed() // not called
    ///     }
    ///
    ///     fn recycle(&self, _: &mut [u8; SIZE]) -> bool {
    ///         true // the next user sees what the last one left
    ///     }
    /// }
    ///
    /// static FRAMES: Pool<[u8; SIZE], Frames> = Pool::with_recycle(Frames);
    ///
    /// FRAMES.get()[0] = 1;
    /// ```
    ///
    /// # Panics
    ///
    /// As [`create`](Self::create).
    fn create_boxed(&self) -> Box<T> {
        Box::new(self.create())
    }

    /// Prepares an item for its next user. Runs on the thread that returns the item to the pool. With `false`, the item
    /// is dropped instead of kept.
    ///
    /// ```
    /// use ebbtide::{Recycle, WithCapacity};
    ///
    /// let mut text = "x".repeat(1000);
    /// assert!(WithCapacity { min: 0, max: 100 }.recycle(&mut text));
    /// assert!(text.is_empty() && text.capacity() <= 100);
    /// ```
    ///
    /// # Panics
    ///
    /// May panic. The item is then dropped. The panic goes to the caller who returned the item, unless that thread is
    /// already unwinding.
    fn recycle(&self, item: &mut T) -> bool;

    /// Returns how many bytes an item holds: its own size and its storage. It may be an estimate. The default is
    /// `size_of::<T>()`.
    ///
    /// [`DefaultRecycle`] returns the item's [`Clear::weight`]. [`WithCapacity`] counts the capacity.
    ///
    /// A pool weighs items when they are new and when they return. It [fetches](crate::Fetch) heavy items.
    ///
    /// ```
    /// use ebbtide::{DefaultRecycle, Recycle};
    ///
    /// let text = String::with_capacity(1000);
    /// assert_eq!(DefaultRecycle.weight(&text), 1000 + size_of::<String>());
    /// assert_eq!(String::new.weight(&text), size_of::<String>());
    /// ```
    ///
    /// # Panics
    ///
    /// May panic. The item is then dropped. The panic goes on as one of [`create`](Self::create) or of
    /// [`recycle`](Self::recycle) does.
    #[inline]
    fn weight(&self, item: &T) -> usize {
        size_of_val(item)
    }

    /// Returns how many bytes of its storage the last user of an item needed. It may be an estimate. The default is the
    /// weight: all is needed, so the item never [shrinks](crate::Pool#how-items-shrink).
    ///
    /// Runs before [`recycle`](Self::recycle), if the item's weight is 4 KiB or more.
    ///
    /// ```
    /// use ebbtide::{DefaultRecycle, Recycle};
    ///
    /// let mut text = String::with_capacity(1000);
    /// text.push_str("short");
    /// assert_eq!(DefaultRecycle.used(&text), 5);
    /// ```
    ///
    /// # Panics
    ///
    /// May panic, as [`recycle`](Self::recycle) may.
    #[inline]
    fn used(&self, item: &T) -> usize {
        self.weight(item)
    }

    /// Gives back storage of a recycled item until it has about `max` bytes of it. The default does nothing.
    ///
    /// Runs after [`recycle`](Self::recycle), if `max` is enough for what was [used](Self::used) in the whole of an
    /// epoch and since, and the item holds more than twice as much.
    ///
    /// ```
    /// use ebbtide::{Clear, Pool, Recycle};
    ///
    /// /// Lines with a capacity of at least 80 bytes.
    /// struct Lines;
    ///
    /// impl Recycle<String> for Lines {
    ///     fn create(&self) -> String {
    ///         String::with_capacity(80)
    ///     }
    ///
    ///     fn recycle(&self, line: &mut String) -> bool {
    ///         line.clear();
    ///         true
    ///     }
    ///
    ///     fn weight(&self, line: &String) -> usize {
    ///         line.weight()
    ///     }
    ///
    ///     fn used(&self, line: &String) -> usize {
    ///         line.used()
    ///     }
    ///
    ///     fn shrink(&self, line: &mut String, max: usize) {
    ///         line.shrink(max.max(80));
    ///     }
    /// }
    ///
    /// static LINES: Pool<String, Lines> = Pool::with_recycle(Lines);
    ///
    /// assert_eq!(LINES.get().capacity(), 80);
    /// ```
    ///
    /// # Panics
    ///
    /// May panic, as [`recycle`](Self::recycle) may.
    #[inline]
    fn shrink(&self, item: &mut T, max: usize) {
        let _ = (item, max);
    }

    /// Returns how many bytes [`recycle`](Self::recycle) goes through, however little of them the last user needed. It
    /// may be an estimate. The default is 0.
    ///
    /// Runs before `recycle`, if [`used`](Self::used) tells that less than the weight was used. If it is far more than
    /// that, use after use, a [`Pool`](crate::Pool#how-items-shrink) replaces the item. A `BoundedPool` does not ask.
    ///
    /// ```
    /// use ebbtide::{DefaultRecycle, Recycle};
    /// use std::collections::HashMap;
    ///
    /// let mut ages = HashMap::with_capacity(1000);
    /// ages.insert("Ada", 36);
    /// assert!(DefaultRecycle.recycle_cost(&ages) >= 1000);
    /// ```
    ///
    /// # Panics
    ///
    /// May panic, as [`recycle`](Self::recycle) may.
    #[inline]
    fn recycle_cost(&self, item: &T) -> usize {
        let _ = item;
        0
    }
}

impl<T, F: Fn() -> T> Recycle<T> for F {
    fn create(&self) -> T {
        self()
    }

    #[inline]
    fn recycle(&self, _: &mut T) -> bool {
        true
    }
}

/// The recycler of [`Pool::new`](crate::Pool::new). It creates items with `T::default()` and clears them when they
/// return.
///
/// ```
/// use ebbtide::{DefaultRecycle, Recycle};
///
/// let mut text: String = DefaultRecycle.create();
/// text.push_str("for this user only");
/// assert!(DefaultRecycle.recycle(&mut text));
/// assert_eq!(text, "");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DefaultRecycle;

impl<T: Default + Clear> Recycle<T> for DefaultRecycle {
    fn create(&self) -> T {
        T::default()
    }

    #[inline]
    fn recycle(&self, item: &mut T) -> bool {
        item.clear();
        true
    }

    #[inline]
    fn weight(&self, item: &T) -> usize {
        item.weight()
    }

    #[inline]
    fn used(&self, item: &T) -> usize {
        item.used()
    }

    #[inline]
    fn shrink(&self, item: &mut T, max: usize) {
        item.shrink(max);
    }

    #[inline]
    fn recycle_cost(&self, item: &T) -> usize {
        item.clear_cost()
    }
}

/// A recycler for collections. New ones have a minimum capacity, and those that grew too large are shrunk.
///
/// Implemented for `Vec`, `VecDeque`, `String`, `HashMap`, `HashSet`, `BinaryHeap`, `OsString` and `PathBuf`.
///
/// ```
/// use ebbtide::{Pool, WithCapacity};
///
/// static BODIES: Pool<Vec<u8>, WithCapacity> = Pool::with_recycle(WithCapacity { min: 4 << 10, max: 1 << 20 });
///
/// let mut body = BODIES.get();
/// assert!(body.capacity() >= 4 << 10);
/// body.reserve(100 << 20); // a body is sometimes huge
/// drop(body); // shrunk to 1 MiB
/// assert!(BODIES.get().capacity() <= 1 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WithCapacity {
    /// The capacity of a new item, in elements (bytes for `String`, `OsString` and `PathBuf`).
    pub min: usize,
    /// The largest capacity that is kept. An item with more is shrunk to `max` when it returns, which costs a
    /// reallocation.
    ///
    /// A hash table shrinks to the smallest table with room for `max`, which may have more capacity. Zero-sized
    /// elements have no limit. If `max` is less than `min`, every new item is shrunk when it first returns.
    pub max: usize,
}

/// Implements `Recycle` for collections that have `with_capacity`, `clear`, `capacity` and `shrink_to`.
macro_rules! with_capacity {
    ($([$($generics:tt)*] $collection:ty, $make:expr, $element:expr;)*) => {$(
        impl<$($generics)*> Recycle<$collection> for WithCapacity {
            fn create(&self) -> $collection {
                $make(self.min)
            }

            #[inline]
            fn recycle(&self, item: &mut $collection) -> bool {
                item.clear();
                if $element != 0 && item.capacity() > self.max {
                    item.shrink_to(self.max);
                }
                true
            }

            #[inline]
            fn weight(&self, item: &$collection) -> usize {
                weight::<$collection>(item.capacity(), $element)
            }
        }
    )*};
}

with_capacity! {
    [T] Vec<T>, Vec::with_capacity, size_of::<T>();
    [T] VecDeque<T>, VecDeque::with_capacity, size_of::<T>();
    [T: Ord] BinaryHeap<T>, BinaryHeap::with_capacity, size_of::<T>();
    [K: Eq + Hash, V, S: BuildHasher + Default] HashMap<K, V, S>, |min| HashMap::with_capacity_and_hasher(min, S::default()), entry::<(K, V)>();
    [K: Eq + Hash, S: BuildHasher + Default] HashSet<K, S>, |min| HashSet::with_capacity_and_hasher(min, S::default()), entry::<K>();
    [] String, String::with_capacity, 1;
    [] OsString, OsString::with_capacity, 1;
    [] PathBuf, PathBuf::with_capacity, 1;
}
