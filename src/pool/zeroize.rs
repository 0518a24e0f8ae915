//! A recycler for secrets.

use zeroize::Zeroize;

use super::Recycle;

/// A recycler for secrets: an item's memory is zeroed when it returns.
///
/// It creates items with `T::default()` and calls [`Zeroize::zeroize`], which for a `Vec` or `String` also zeroes the
/// spare capacity. So neither the next user nor the allocator finds anything of the last user in it.
///
/// ```
/// use ebbtide::{Pool, ZeroizeRecycle};
///
/// static KEYS: Pool<Vec<u8>, ZeroizeRecycle> = Pool::with_recycle(ZeroizeRecycle);
///
/// KEYS.get().extend_from_slice(b"secret");
///
/// let mut key = KEYS.get();
/// assert!(key.is_empty());
/// key.spare_capacity_mut()[..6].fill(std::mem::MaybeUninit::new(1)); // were zeros
/// ```
///
/// A collection that grows moves its elements, and leaves the old memory as it was. So give it enough capacity before
/// it holds a secret. The same holds for what a user takes out, and for an item that is
/// [detached](crate::Guard::detach) or forgotten.
///
/// # Costs
///
/// A return writes all the memory that the item holds. Items do not [shrink](crate::Pool#how-items-shrink).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ZeroizeRecycle;

impl<T: Zeroize + Default> Recycle<T> for ZeroizeRecycle {
    fn create(&self) -> T {
        T::default()
    }

    #[inline]
    fn recycle(&self, item: &mut T) -> bool {
        item.zeroize();
        true
    }
}
