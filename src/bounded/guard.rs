//! The guards: an item in use, which goes back and gives its place free when its guard is dropped.

use std::fmt;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::{BoundedPool, TryRecycle};
use crate::engine::item::{Contained, Item};
use crate::pool::{guard, guard_of_a_vec};

/// An item in use; from [`BoundedPool::get`]. Derefs to `T`; when it is dropped the item goes back into the pool, and to
/// whoever has waited longest.
///
/// Two words; moving it doesn't move the item, whose address stays the same while it belongs to the pool. It is `Send`
/// for `T: Send` and `R: Sync`, as the recycler runs where it is dropped, and `Sync` for `T: Sync` and `R: Sync`.
/// Forgetting it leaks the item and its place: the pool has one less from then on.
///
/// It implements [`AsRef`], [`AsMut`], [`Extend`], [`IntoIterator`] by reference, [`io::Write`](std::io::Write),
/// [`fmt::Write`](std::fmt::Write), [`Debug`](std::fmt::Debug) and [`Display`](std::fmt::Display) where its item does. For any
/// other trait pass `&*guard` or `&mut *guard`. It is [`UnwindSafe`](std::panic::UnwindSafe) where a `Box<T>` is.
///
/// ```
/// use ebbtide::{BoundedPool, bounded::GetError};
///
/// static WORDS: BoundedPool<Vec<String>> = BoundedPool::new(2);
///
/// let mut words = WORDS.get()?;
/// words.push("ebb".to_owned());
/// assert_eq!(words.len(), 1);
/// # Ok::<(), GetError>(())
/// ```
///
/// # Panics
///
/// Dropping it panics if the recycler does, the `Drop` of an item that isn't kept, or the waker of one who waits, and the
/// thread isn't unwinding already. At most that item is lost, and its place is free.
pub struct Pooled<'pool, T, R: TryRecycle<T> = crate::DefaultRecycle> {
    item: ManuallyDrop<Item<T>>,
    pool: &'pool BoundedPool<T, R>,
}

/// As [`Pooled`], but holds the pool instead of borrowing it; from [`BoundedPool::get_owned`].
///
/// It is `Send` for `T: Send` and `R: Send + Sync`, as the last one also drops the pool, and `Sync` for `T: Sync` and
/// `R: Send + Sync`.
///
/// ```
/// use std::sync::Arc;
/// use ebbtide::BoundedPool;
/// use ebbtide::bounded::{GetError, OwnedPooled};
///
/// struct Session {
///     buffer: OwnedPooled<Vec<u8>>, // no lifetime
/// }
///
/// let pool = Arc::new(BoundedPool::new(2));
/// let session = Session { buffer: pool.get_owned()? };
/// drop(pool);
/// assert!(session.buffer.is_empty());
/// # Ok::<(), GetError>(())
/// ```
///
/// # Panics
///
/// Dropping it panics as with [`Pooled`].
pub struct OwnedPooled<T, R: TryRecycle<T> = crate::DefaultRecycle> {
    item: ManuallyDrop<Item<T>>,
    pool: Arc<BoundedPool<T, R>>,
}

impl<'pool, T, R: TryRecycle<T>> Pooled<'pool, T, R> {
    #[inline(always)]
    pub(super) fn new(item: Item<T>, pool: &'pool BoundedPool<T, R>) -> Self {
        Self { item: ManuallyDrop::new(item), pool }
    }

    /// Drops what wasn't needed to make the item. If that panics, the item goes back.
    #[inline(always)]
    pub(super) fn outliving(self, unneeded: impl Sized) -> Self {
        drop(unneeded);
        self
    }

    /// The item, on its place.
    pub(super) fn into_item(self) -> Item<T> {
        let mut guard = ManuallyDrop::new(self);
        // SAFETY: taken once, as `guard` is never dropped. The rest of it is a reference, which needs no drop.
        unsafe { ManuallyDrop::take(&mut guard.item) }
    }

    /// Takes the item out of the pool's hands, as it is; its place is free. Costs one deallocation, of its box.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    /// use ebbtide::bounded::{GetError, Pooled};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(1);
    /// let mine: Vec<u8> = Pooled::detach(pool.get()?);
    /// assert!(pool.try_get().is_some()); // a new one
    /// # drop(mine);
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the waker of one who waits does.
    #[must_use]
    pub fn detach(guard: Self) -> T {
        let pool = guard.pool;
        let item = Contained::new(guard.into_item().into_inner());
        pool.places().free_place();
        item.into_inner()
    }
}

impl<T, R: TryRecycle<T>> OwnedPooled<T, R> {
    #[inline(always)]
    pub(super) fn new(item: Item<T>, pool: Arc<BoundedPool<T, R>>) -> Self {
        Self { item: ManuallyDrop::new(item), pool }
    }

    /// Takes the item out of the pool's hands, as it is; its place is free. Costs one deallocation, of its box.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ebbtide::BoundedPool;
    /// use ebbtide::bounded::{GetError, OwnedPooled};
    ///
    /// let pool: Arc<BoundedPool<Vec<u8>>> = Arc::new(BoundedPool::new(1));
    /// let mine: Vec<u8> = OwnedPooled::detach(pool.get_owned()?);
    /// assert!(pool.try_get().is_some()); // a new one
    /// # drop(mine);
    /// # Ok::<(), GetError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the waker of one who waits does.
    #[must_use]
    pub fn detach(guard: Self) -> T {
        let mut guard = ManuallyDrop::new(guard);
        // SAFETY: each field is taken once, as `guard` is never dropped.
        let (item, pool) = unsafe { (ManuallyDrop::take(&mut guard.item), std::ptr::read(&guard.pool)) };
        let item = Contained::new(item.into_inner());
        pool.places().free_place();
        drop(pool);
        item.into_inner()
    }
}

guard! { ['pool, T, R: TryRecycle<T>] Pooled<'pool, T, R> }
guard! { [T, R: TryRecycle<T>] OwnedPooled<T, R> }

guard_of_a_vec! { ['pool, E, R: TryRecycle<Vec<E>>] Pooled<'pool, Vec<E>, R>, Vec<E> }
guard_of_a_vec! { [E, R: TryRecycle<Vec<E>>] OwnedPooled<Vec<E>, R>, Vec<E> }
