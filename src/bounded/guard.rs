//! The guards of a bounded pool.

use std::ops::Deref;
use std::sync::Arc;

use super::info::Item;
use super::{BoundedPool, Info, Manage};
use crate::pool::{DefaultRecycle, Guard};

/// An item of a [`BoundedPool`] in use. [`BoundedPool::get`] returns it. Dropping it hands the item to the first
/// waiter, or returns it to the pool.
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
/// Forgetting it leaks the item and its place: from then on the pool can hand out one item less.
/// [`detach`](Guard::detach) frees the place:
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
pub type Pooled<'pool, T, R = DefaultRecycle> = Guard<T, &'pool BoundedPool<T, R>>;

/// A [`Pooled`] that holds the pool instead of borrowing it, and [keeps it alive](crate::OwnedPooled).
/// [`BoundedPool::get_owned`] returns it.
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
pub type OwnedPooled<T, R = DefaultRecycle> = Guard<T, Arc<BoundedPool<T, R>>>;

/// For the guards of a `BoundedPool`.
impl<T, R: Manage<T>, P: Deref<Target = BoundedPool<T, R>>> Guard<T, P> {
    /// Returns since when the item exists and how it was used before.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    /// use ebbtide::bounded::{GetError, Pooled};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(1);
    /// drop(pool.get()?);
    /// assert_eq!(Pooled::info(&pool.get()?).uses(), 1);
    /// # Ok::<(), GetError>(())
    /// ```
    pub fn info(guard: &Self) -> Info {
        *guard.notes()
    }

    /// Puts a new item into the place of one that broke in use, and returns the old one. The [`Info`] begins anew.
    ///
    /// An assignment to `*guard` keeps the info, and with it the time at which the item expires. Costs an allocation and
    /// a deallocation.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    /// use ebbtide::bounded::{GetError, Pooled};
    ///
    /// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(1);
    /// drop(pool.get()?);
    /// let mut buffer = pool.get()?;
    /// let broken = Pooled::replace(&mut buffer, vec![1]);
    /// assert_eq!((broken, &*buffer), (vec![], &vec![1]));
    /// assert_eq!(Pooled::info(&buffer).uses(), 0);
    /// # Ok::<(), GetError>(())
    /// ```
    pub fn replace(guard: &mut Self, item: T) -> T {
        Self::replace_item(guard, Item::create(item)).into_inner()
    }

    /// Like [`replace`](Self::replace), for items that lie in boxes. A large one does not pass through the stack.
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    /// use ebbtide::bounded::{GetError, Pooled};
    ///
    /// let pool: BoundedPool<[u8; 4096], _> = BoundedPool::with(|| [0; 4096], 1);
    /// let mut page = pool.get()?;
    /// let old: Box<[u8; 4096]> = Pooled::replace_boxed(&mut page, Box::new([1; 4096]));
    /// assert_eq!((old[0], page[0]), (0, 1));
    /// # Ok::<(), GetError>(())
    /// ```
    pub fn replace_boxed(guard: &mut Self, item: Box<T>) -> Box<T> {
        Self::replace_item(guard, Item::adopt(item)).into_box()
    }

    fn replace_item(guard: &mut Self, item: Item<T>) -> Item<T> {
        let old = guard.swap(guard.pool().places().admit(item));
        guard.pool().pass_use(old.notes(), guard.notes());
        old
    }
}
