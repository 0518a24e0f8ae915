//! A value in recycled memory, and what it shares with a `Box`.

use std::error::Error;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{self, AssertUnwindSafe, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;

use super::forward::forward_box;
use super::{BoxPool, ErasedBox, Storage};
use crate::engine::item::raise;
use crate::pool::{Guard, forward};

/// A value in memory of a [`BoxPool`]. [`BoxPool::insert`] returns it.
///
/// It is like a `Box<T>`: it derefs to the value and drops it. `P` is how it holds the pool: by reference or in an
/// `Arc`. The default is a reference to a pool in a `static`.
///
/// The value does not move when the box does. Forgetting a box leaks the value and its memory.
///
/// ```
/// use ebbtide::{BoxPool, PooledBox};
///
/// struct Node {
///     value: u64,
///     left: Option<PooledBox<Node>>,
///     right: Option<PooledBox<Node>>,
/// }
///
/// static NODES: BoxPool<Node> = BoxPool::new();
///
/// fn leaf(value: u64) -> Option<PooledBox<Node>> {
///     Some(NODES.insert(Node { value, left: None, right: None }))
/// }
///
/// let root = NODES.insert(Node { value: 2, left: leaf(1), right: leaf(3) });
/// assert_eq!(root.left.as_ref().unwrap().value, 1);
/// ```
///
/// # Traits
///
/// It has these of a `Box`: it is `Send`, `Sync` and `UnwindSafe` if the value is, always `Unpin`, and it compares,
/// hashes, prints, is written to, iterates and is polled as the value. To get a box of a trait object, see
/// [`erase`](Self::erase).
///
/// # Panics
///
/// Dropping it panics if the value's `Drop` does, unless the thread is already unwinding. The memory still returns to
/// the pool.
#[must_use = "a box that is not used drops its value at once"]
pub struct PooledBox<T, P: Deref<Target = BoxPool<T>> = &'static BoxPool<T>> {
    /// Holds the value from `new` until it is dropped or taken out.
    memory: ManuallyDrop<Guard<Storage<T>, P>>,
    /// It owns a value, also for auto traits: memory alone is `Send`.
    _value: PhantomData<T>,
}

/// A [`PooledBox`] that holds the pool instead of borrowing it. [`BoxPool::insert_owned`] returns it.
pub type OwnedPooledBox<T> = PooledBox<T, Arc<BoxPool<T>>>;

impl<T, P: Deref<Target = BoxPool<T>>> PooledBox<T, P> {
    /// # Safety
    ///
    /// The memory holds a value.
    #[inline(always)]
    pub(super) unsafe fn new(memory: Guard<Storage<T>, P>) -> Self {
        Self { memory: ManuallyDrop::new(memory), _value: PhantomData }
    }

    /// Moves the value out, and returns the memory to the pool.
    ///
    /// ```
    /// use ebbtide::{BoxPool, PooledBox};
    ///
    /// static NAMES: BoxPool<String> = BoxPool::new();
    ///
    /// let name: String = PooledBox::into_inner(NAMES.insert("Ada".to_owned()));
    /// assert_eq!((&*name, NAMES.idle()), ("Ada", 1));
    /// ```
    #[inline]
    #[must_use]
    pub fn into_inner(boxed: Self) -> T {
        let memory = Self::into_memory(boxed);
        // SAFETY: the value is there, and is not dropped with the memory.
        unsafe { memory.0.assume_init_read() }
    }

    /// Pins the value, which costs nothing.
    ///
    /// ```
    /// use std::pin::Pin;
    /// use ebbtide::{BoxPool, PooledBox};
    ///
    /// static NUMBERS: BoxPool<u64> = BoxPool::new();
    ///
    /// let pinned: Pin<PooledBox<u64>> = PooledBox::into_pin(NUMBERS.insert(1));
    /// assert_eq!(*pinned, 1);
    /// ```
    #[inline]
    #[must_use]
    pub fn into_pin(boxed: Self) -> Pin<Self> {
        // SAFETY: the value stays where it is until it is dropped: moving the box does not move it, `into_inner` takes a
        // box that is not pinned, and a box that is forgotten never gives its memory to another.
        unsafe { Pin::new_unchecked(boxed) }
    }

    /// Takes the memory with its value, which nobody drops any more.
    #[inline(always)]
    pub(super) fn into_memory(boxed: Self) -> Guard<Storage<T>, P> {
        let mut boxed = ManuallyDrop::new(boxed);
        // SAFETY: the box is never dropped, so the guard is taken once.
        unsafe { ManuallyDrop::take(&mut boxed.memory) }
    }
}

impl<'pool, T: Send> PooledBox<T, &'pool BoxPool<T>> {
    /// Forgets the type of the value: `view` says as what it is seen, such as a trait object or a slice. If the box's
    /// type is known, `as _` suffices.
    ///
    /// ```
    /// use std::fmt::Display;
    /// use ebbtide::{BoxPool, PooledBox, boxes::ErasedBox};
    ///
    /// static NUMBERS: BoxPool<u64> = BoxPool::new();
    /// static NAMES: BoxPool<&str> = BoxPool::new();
    ///
    /// let shown: [ErasedBox<dyn Display + Send>; 2] = [
    ///     PooledBox::erase(NUMBERS.insert(7), |number| number as _),
    ///     PooledBox::erase(NAMES.insert("Ada"), |name| name as _),
    /// ];
    /// assert_eq!(format!("{} {}", shown[0], shown[1]), "7 Ada");
    /// ```
    ///
    /// Also a part of the value can be seen: all of it is dropped with the box. Only a box that borrows its pool can be
    /// erased, not an [`OwnedPooledBox`](super::OwnedPooledBox).
    ///
    /// The box becomes three words and what a reference takes, and its drop an indirect call.
    ///
    /// # Panics
    ///
    /// Panics if `view` panics. The value is then dropped.
    pub fn erase<U: ?Sized>(boxed: Self, view: impl for<'a> FnOnce(&'a mut T) -> &'a mut U) -> ErasedBox<'pool, U> {
        ErasedBox::new(boxed, view)
    }
}

impl<'pool, F: Future + Send> PooledBox<F, &'pool BoxPool<F>> {
    /// Pins a future and forgets its type.
    ///
    /// ```
    /// use std::pin::Pin;
    /// use ebbtide::{BoxPool, PooledBox, Settings, boxes::ErasedBox};
    ///
    /// let pool = BoxPool::with_settings(Settings::new().manual());
    /// let task: Pin<ErasedBox<dyn Future<Output = i32> + Send>> = PooledBox::into_future(pool.insert(async { 42 }));
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// assert_eq!(task.await, 42);
    /// # });
    /// ```
    #[must_use]
    pub fn into_future(boxed: Self) -> Pin<ErasedBox<'pool, dyn Future<Output = F::Output> + Send + 'pool>>
    where
        F: 'pool,
    {
        let erased = ErasedBox::new(boxed, |future: &mut F| future as &mut (dyn Future<Output = F::Output> + Send));
        // SAFETY: what is seen is the whole value, which stays where it is until it is dropped, as in `into_pin`.
        unsafe { Pin::new_unchecked(erased) }
    }
}

impl<T, P: Deref<Target = BoxPool<T>>> Drop for PooledBox<T, P> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard is taken only here.
        let mut memory = unsafe { ManuallyDrop::take(&mut self.memory) };
        // SAFETY: the value is there, and this is its only drop.
        let dropped = panic::catch_unwind(AssertUnwindSafe(|| unsafe { memory.0.assume_init_drop() }));
        drop(memory);
        if let Err(panic) = dropped {
            raise(panic);
        }
    }
}

impl<T, P: Deref<Target = BoxPool<T>>> Deref for PooledBox<T, P> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the value is there.
        unsafe { self.memory.0.assume_init_ref() }
    }
}

impl<T, P: Deref<Target = BoxPool<T>>> DerefMut for PooledBox<T, P> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the value is there.
        unsafe { self.memory.0.assume_init_mut() }
    }
}

// The value does not move with its box.
impl<T, P: Deref<Target = BoxPool<T>>> Unpin for PooledBox<T, P> {}

impl<T: UnwindSafe, P: Deref<Target = BoxPool<T>>> UnwindSafe for PooledBox<T, P> {}
impl<T: RefUnwindSafe, P: Deref<Target = BoxPool<T>>> RefUnwindSafe for PooledBox<T, P> {}

impl<T, P: Deref<Target = BoxPool<T>>> AsRef<T> for PooledBox<T, P> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T, P: Deref<Target = BoxPool<T>>> AsMut<T> for PooledBox<T, P> {
    fn as_mut(&mut self) -> &mut T {
        self
    }
}

forward!([T, P: Deref<Target = BoxPool<T>>] PooledBox<T, P> => T);

forward_box!([T, P: Deref<Target = BoxPool<T>>] PooledBox<T, P> => T);

impl<T: Error, P: Deref<Target = BoxPool<T>>> Error for PooledBox<T, P> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        (**self).source()
    }
}
