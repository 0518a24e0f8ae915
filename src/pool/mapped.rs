//! A part of an item in use.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

use super::forward::forward;
use super::guard::{Guard, Home};

/// A part of an item in use. [`Guard::map`] returns it. It derefs to the part, a `U`, and dropping it returns the whole
/// item to its pool.
///
/// `G` is the guard that it was made of.
///
/// ```
/// use ebbtide::{MappedGuard, Pool, Pooled};
///
/// struct Row {
///     cells: MappedGuard<Pooled<'static, Vec<String>>, [String]>,
/// }
///
/// static CELLS: Pool<Vec<String>> = Pool::new();
///
/// let mut cells = CELLS.get();
/// cells.extend(["ebb".to_owned(), "tide".to_owned()]);
/// let row = Row { cells: Pooled::map(cells, |cells| &mut cells[1..]) };
/// assert_eq!(row.cells[0], "tide");
/// ```
///
/// # Traits
///
/// It is `Send` and `UnwindSafe` if `G` and `U` are, and `Sync` if `U` is. It has those of a [`Guard`] that print,
/// compare and write if `U` has them.
#[must_use = "a guard that is not used returns its item at once"]
pub struct MappedGuard<G, U: ?Sized> {
    /// Points into the item, which stays where it is until the guard is dropped, or to what lives longer.
    part: NonNull<U>,
    _guard: G,
    /// Invariant in `U`, because the part may be written as one.
    _part: PhantomData<*mut U>,
}

// SAFETY: of the guard only a drop is possible, which its `Send` allows on any thread. All else goes through a `U`.
unsafe impl<G: Send, U: Send + ?Sized> Send for MappedGuard<G, U> {}
// SAFETY: a shared reference to it gives only a shared reference to a `U`.
unsafe impl<G, U: Sync + ?Sized> Sync for MappedGuard<G, U> {}

impl<T, P: Deref<Target: Home<T>>> Guard<T, P> {
    /// Narrows the guard to a part of the item, such as a field or a slice. Costs nothing but the size of the pointer.
    ///
    /// ```
    /// use ebbtide::{Pool, Pooled};
    ///
    /// static HEADERS: Pool<(String, Vec<u8>)> = Pool::new();
    ///
    /// let mut body = Pooled::map(HEADERS.get(), |(_, body)| body);
    /// body.push(1);
    /// drop(body);
    /// assert_eq!(HEADERS.idle(), 1);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if `part` panics. The item then returns to its pool.
    pub fn map<U: ?Sized>(mut guard: Self, part: impl for<'a> FnOnce(&'a mut T) -> &'a mut U) -> MappedGuard<Self, U> {
        let part = NonNull::from(part(&mut guard));
        MappedGuard { part, _guard: guard, _part: PhantomData }
    }

    /// Like [`map`](Self::map), for a part that may be missing. Then it returns the guard as the error.
    ///
    /// ```
    /// use ebbtide::{Pool, Pooled};
    ///
    /// static WORDS: Pool<Vec<String>> = Pool::new();
    ///
    /// let Err(mut words) = Pooled::filter_map(WORDS.get(), |words| words.first_mut()) else { unreachable!() };
    /// words.push("ebb".to_owned());
    /// let first = Pooled::filter_map(words, |words| words.first_mut()).expect("there is one");
    /// assert_eq!(*first, "ebb");
    /// ```
    ///
    /// # Panics
    ///
    /// As `map`.
    pub fn filter_map<U: ?Sized>(
        mut guard: Self,
        part: impl for<'a> FnOnce(&'a mut T) -> Option<&'a mut U>,
    ) -> Result<MappedGuard<Self, U>, Self> {
        match part(&mut guard).map(NonNull::from) {
            Some(part) => Ok(MappedGuard { part, _guard: guard, _part: PhantomData }),
            None => Err(guard),
        }
    }
}

impl<G, U: ?Sized> MappedGuard<G, U> {
    /// Narrows it further, as [`Guard::map`] does. Each step adds the size of a pointer.
    ///
    /// ```
    /// use ebbtide::{MappedGuard, Pool, Pooled};
    ///
    /// static HEADERS: Pool<(String, Vec<u8>)> = Pool::new();
    ///
    /// let body = Pooled::map(HEADERS.get(), |(_, body)| body);
    /// let start = MappedGuard::map(body, |body| &mut body[..]);
    /// assert!(start.is_empty());
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Guard::map`].
    pub fn map<V: ?Sized>(mut mapped: Self, part: impl for<'a> FnOnce(&'a mut U) -> &'a mut V) -> MappedGuard<Self, V> {
        // `U` stays in the type, because the part may borrow what a `U` borrows.
        let part = NonNull::from(part(&mut mapped));
        MappedGuard { part, _guard: mapped, _part: PhantomData }
    }

    /// Narrows it further, as [`Guard::filter_map`] does.
    ///
    /// ```
    /// use ebbtide::{MappedGuard, Pool, Pooled};
    ///
    /// static HEADERS: Pool<(String, Vec<u8>)> = Pool::new();
    ///
    /// let body = Pooled::map(HEADERS.get(), |(_, body)| body);
    /// assert!(MappedGuard::filter_map(body, |body| body.get_mut(..4)).is_err());
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Guard::map`].
    pub fn filter_map<V: ?Sized>(
        mut mapped: Self,
        part: impl for<'a> FnOnce(&'a mut U) -> Option<&'a mut V>,
    ) -> Result<MappedGuard<Self, V>, Self> {
        match part(&mut mapped).map(NonNull::from) {
            Some(part) => Ok(MappedGuard { part, _guard: mapped, _part: PhantomData }),
            None => Err(mapped),
        }
    }
}

impl<G, U: ?Sized> Deref for MappedGuard<G, U> {
    type Target = U;

    #[inline(always)]
    fn deref(&self) -> &U {
        // SAFETY: it points into the item, which only this guard reaches. Moving the guard does not move or touch it.
        unsafe { self.part.as_ref() }
    }
}

impl<G, U: ?Sized> DerefMut for MappedGuard<G, U> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: as in `deref`. The pointer is from an exclusive reference.
        unsafe { self.part.as_mut() }
    }
}

impl<G: UnwindSafe, U: UnwindSafe + ?Sized> UnwindSafe for MappedGuard<G, U> {}
impl<G, U: RefUnwindSafe + ?Sized> RefUnwindSafe for MappedGuard<G, U> {}

forward!([G, U: ?Sized] MappedGuard<G, U> => U);
