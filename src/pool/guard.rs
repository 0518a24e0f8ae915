//! The guards: an item in use, which goes back when its guard is dropped.

use std::fmt;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::Pool;
use super::Recycle;
use crate::engine::item::{Contained, Item};

/// An item in use; from [`Pool::get`]. Derefs to `T`, and goes back into the pool when it is dropped.
///
/// Two words; moving it doesn't move the item, whose address stays the same while it belongs to the pool. It is `Send`
/// for `T: Send` and `R: Sync`, as the recycler runs where it is dropped, and `Sync` for `T: Sync`. Forgetting it leaks
/// the item and does no other harm.
///
/// It implements [`AsRef`], [`AsMut`], [`Extend`], [`IntoIterator`] by reference, [`io::Write`](std::io::Write),
/// [`fmt::Write`](std::fmt::Write), [`Debug`](std::fmt::Debug) and [`Display`](std::fmt::Display) where its item does. For any
/// other trait pass `&*guard` or `&mut *guard`. It is [`UnwindSafe`](std::panic::UnwindSafe) where a `Box<T>` is.
///
/// ```
/// use ebbtide::Pool;
///
/// static WORDS: Pool<Vec<String>> = Pool::new();
///
/// let mut words = WORDS.get();
/// words.push("ebb".to_owned());
/// assert_eq!(words.len(), 1);
/// ```
///
/// # Panics
///
/// Dropping it panics if the recycler does, or the `Drop` of an item that isn't kept, and the thread isn't unwinding
/// already. At most that item is lost.
pub struct Pooled<'pool, T, R: Recycle<T> = crate::DefaultRecycle> {
    item: ManuallyDrop<Item<T>>,
    pool: &'pool Pool<T, R>,
}

/// As [`Pooled`], but holds the pool instead of borrowing it; from [`Pool::get_owned`].
///
/// It is `Send` for `T: Send` and `R: Send + Sync`, as the last one also drops the pool, and `Sync` for `T: Sync`.
///
/// ```
/// use std::sync::Arc;
/// use ebbtide::{OwnedPooled, Pool};
///
/// struct Session {
///     buffer: OwnedPooled<Vec<u8>>, // no lifetime
/// }
///
/// let pool = Arc::new(Pool::new());
/// let session = Session { buffer: pool.get_owned() };
/// drop(pool);
/// assert!(session.buffer.is_empty());
/// ```
///
/// # Panics
///
/// Dropping it panics as with [`Pooled`].
pub struct OwnedPooled<T, R: Recycle<T> = crate::DefaultRecycle> {
    item: ManuallyDrop<Item<T>>,
    pool: Arc<Pool<T, R>>,
}

// SAFETY: a shared reference to a guard gives a shared reference to the item, for which T: Sync, and nothing else: the
// pool and its recycler are used only in `drop` and `detach`, which take the guard itself.
unsafe impl<T: Send + Sync, R: Recycle<T>> Sync for Pooled<'_, T, R> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync, R: Recycle<T>> Sync for OwnedPooled<T, R> {}

impl<'pool, T, R: Recycle<T>> Pooled<'pool, T, R> {
    #[inline(always)]
    pub(crate) fn new(item: Item<T>, pool: &'pool Pool<T, R>) -> Self {
        Self { item: ManuallyDrop::new(item), pool }
    }

    /// Takes the item out of the pool's hands, as it is. Costs one deallocation, of its box.
    ///
    /// ```
    /// use ebbtide::{Pool, Pooled};
    ///
    /// static BUFFERS: Pool<Vec<u8>> = Pool::new();
    ///
    /// let mut buffer = BUFFERS.get();
    /// buffer.push(1);
    /// let mine: Vec<u8> = Pooled::detach(buffer);
    /// assert_eq!(mine, [1]);
    /// ```
    #[must_use]
    pub fn detach(guard: Self) -> T {
        let mut guard = ManuallyDrop::new(guard);
        // SAFETY: taken once, as `guard` is never dropped. The rest of it is a reference, which needs no drop.
        unsafe { ManuallyDrop::take(&mut guard.item) }.into_inner()
    }
}

impl<T, R: Recycle<T>> OwnedPooled<T, R> {
    #[inline(always)]
    pub(crate) fn new(item: Item<T>, pool: Arc<Pool<T, R>>) -> Self {
        Self { item: ManuallyDrop::new(item), pool }
    }

    /// Takes the item out of the pool's hands, as it is. Costs one deallocation, of its box.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ebbtide::{OwnedPooled, Pool};
    ///
    /// let pool: Arc<Pool<Vec<u8>>> = Arc::new(Pool::new());
    /// let mine: Vec<u8> = OwnedPooled::detach(pool.get_owned());
    /// assert!(mine.is_empty());
    /// ```
    #[must_use]
    pub fn detach(guard: Self) -> T {
        let mut guard = ManuallyDrop::new(guard);
        // SAFETY: each field is taken once, as `guard` is never dropped.
        let (item, pool) = unsafe { (ManuallyDrop::take(&mut guard.item), std::ptr::read(&guard.pool)) };
        let item = Contained::new(item.into_inner());
        drop(pool);
        item.into_inner()
    }
}

/// What a guard can do of what its item can.
macro_rules! guard {
    ([$($generics:tt)*] $guard:ty) => {
        impl<$($generics)*> Deref for $guard {
            type Target = T;

            #[inline(always)]
            fn deref(&self) -> &T {
                &self.item
            }
        }

        impl<$($generics)*> DerefMut for $guard {
            #[inline(always)]
            fn deref_mut(&mut self) -> &mut T {
                &mut self.item
            }
        }

        impl<$($generics)*, U: ?Sized> AsRef<U> for $guard
        where
            T: AsRef<U>,
        {
            fn as_ref(&self) -> &U {
                (**self).as_ref()
            }
        }

        impl<$($generics)*, U: ?Sized> AsMut<U> for $guard
        where
            T: AsMut<U>,
        {
            fn as_mut(&mut self) -> &mut U {
                (**self).as_mut()
            }
        }

        impl<$($generics)*> Drop for $guard {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: taken once, here; nothing reads `self.item` after its guard's drop.
                let item = unsafe { ManuallyDrop::take(&mut self.item) };
                self.pool.give_back(item);
            }
        }

        impl<'a, $($generics)*> IntoIterator for &'a $guard
        where
            &'a T: IntoIterator,
        {
            type Item = <&'a T as IntoIterator>::Item;
            type IntoIter = <&'a T as IntoIterator>::IntoIter;

            fn into_iter(self) -> Self::IntoIter {
                (**self).into_iter()
            }
        }

        impl<'a, $($generics)*> IntoIterator for &'a mut $guard
        where
            &'a mut T: IntoIterator,
        {
            type Item = <&'a mut T as IntoIterator>::Item;
            type IntoIter = <&'a mut T as IntoIterator>::IntoIter;

            fn into_iter(self) -> Self::IntoIter {
                (**self).into_iter()
            }
        }

        impl<$($generics)*, A> Extend<A> for $guard
        where
            T: Extend<A>,
        {
            fn extend<I: IntoIterator<Item = A>>(&mut self, items: I) {
                (**self).extend(items);
            }
        }

        impl<$($generics)*> io::Write for $guard
        where
            T: io::Write,
        {
            #[inline]
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                (**self).write(bytes)
            }

            #[inline]
            fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
                (**self).write_vectored(slices)
            }

            #[inline]
            fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
                (**self).write_all(bytes)
            }

            #[inline]
            fn flush(&mut self) -> io::Result<()> {
                (**self).flush()
            }
        }

        impl<$($generics)*> fmt::Write for $guard
        where
            T: fmt::Write,
        {
            #[inline]
            fn write_str(&mut self, text: &str) -> fmt::Result {
                (**self).write_str(text)
            }

            #[inline]
            fn write_char(&mut self, character: char) -> fmt::Result {
                (**self).write_char(character)
            }
        }

        // As a `Box<T>`: a guard gives access to its item and to nothing else.
        impl<$($generics)*> UnwindSafe for $guard where T: UnwindSafe {}
        impl<$($generics)*> RefUnwindSafe for $guard where T: RefUnwindSafe {}

        impl<$($generics)*> fmt::Debug for $guard
        where
            T: fmt::Debug,
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                T::fmt(self, f)
            }
        }

        impl<$($generics)*> fmt::Display for $guard
        where
            T: fmt::Display,
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                T::fmt(self, f)
            }
        }
    };
}
#[cfg(feature = "bounded")]
pub(crate) use guard;

/// What a guard of a `Vec` can do besides: say which of a `Vec`'s two `AsRef`s and two `AsMut`s is meant, when nothing else
/// does. That is why these are no trait methods, and they come before those.
macro_rules! guard_of_a_vec {
    ([$($generics:tt)*] $guard:ty, $vec:ty) => {
        #[expect(clippy::should_implement_trait, reason = "the traits are implemented, and more than once")]
        impl<$($generics)*> $guard {
            /// The `Vec`, which coerces to a slice. For other types, in generic code, the guard is [`AsRef`] as a `Vec` is.
            ///
            /// ```
            /// use ebbtide::Pool;
            ///
            /// let pool: Pool<Vec<u8>> = Pool::new();
            /// let buffer = pool.get();
            /// let bytes: &[u8] = buffer.as_ref();
            /// assert!(bytes.is_empty() && buffer.as_ref().capacity() == 0);
            /// ```
            #[inline(always)]
            pub fn as_ref(&self) -> &$vec {
                self
            }

            /// The `Vec`, which coerces to a slice. For other types, in generic code, the guard is [`AsMut`] as a `Vec` is.
            ///
            /// ```
            /// use ebbtide::Pool;
            ///
            /// let pool: Pool<Vec<u8>> = Pool::new();
            /// let mut buffer = pool.get();
            /// buffer.as_mut().push(1);
            /// let bytes: &mut [u8] = buffer.as_mut();
            /// assert_eq!(bytes, [1]);
            /// ```
            #[inline(always)]
            pub fn as_mut(&mut self) -> &mut $vec {
                self
            }
        }
    };
}
pub(crate) use guard_of_a_vec;

guard! { ['pool, T, R: Recycle<T>] Pooled<'pool, T, R> }
guard! { [T, R: Recycle<T>] OwnedPooled<T, R> }

guard_of_a_vec! { ['pool, E, R: Recycle<Vec<E>>] Pooled<'pool, Vec<E>, R>, Vec<E> }
guard_of_a_vec! { [E, R: Recycle<Vec<E>>] OwnedPooled<Vec<E>, R>, Vec<E> }
