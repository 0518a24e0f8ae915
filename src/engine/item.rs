//! An item: one pooled object, owned, at an address that does not change while it belongs to the pool.
//!
//! The functions below drop items and other values of user code, and deal with their panics.

use std::alloc::{self, Layout};
use std::any::Any;
#[cfg(feature = "bounded")]
use std::future::Future;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, needs_drop};
use std::ops::{Deref, DerefMut};
use std::panic::{self, AssertUnwindSafe};
#[cfg(feature = "bounded")]
use std::pin::Pin;
use std::ptr::NonNull;
#[cfg(feature = "bounded")]
use std::task::{Context, Poll};

use super::history::History;

/// The payload of a panic.
pub(crate) type Payload = Box<dyn Any + Send>;

/// A `Box<T>` that may move while something points into it. Moving a real `Box` asserts that nothing does.
///
/// Behind the value lies what its pool notes about it, `N`. Before that, behind a value that may own storage, lies its
/// [`History`].
#[derive(Debug)]
pub struct Item<T, N = ()> {
    value: NonNull<T>,
    _owns: PhantomData<(T, N)>,
}

// SAFETY: an item owns its value and its notes and nothing else, as a `Box<(T, N)>` does.
unsafe impl<T: Send, N: Send> Send for Item<T, N> {}
// SAFETY: a shared reference to an item gives a shared reference to its value and to its notes and nothing else, as with
// a `Box<(T, N)>`.
unsafe impl<T: Sync, N: Sync> Sync for Item<T, N> {}

// As with a `Box<T>`, moving the item does not move the value.
impl<T, N> Unpin for Item<T, N> {}

/// What an item that may own storage points to. The value comes first, so a pointer to it is one to the whole.
#[repr(C)]
struct Tracked<T, N> {
    value: T,
    history: History,
    notes: N,
}

/// What any other item points to.
#[repr(C)]
struct Plain<T, N> {
    value: T,
    notes: N,
}

impl<T> Item<T> {
    /// Allocates, unless `T` is zero-sized.
    pub(crate) fn new(value: T) -> Self {
        Self::with_notes(value, ())
    }

    /// Takes over a box. If `T` has nothing to drop, that costs nothing.
    pub(crate) fn from_box(value: Box<T>) -> Self {
        Self::from_box_with_notes(value, ())
    }
}

impl<T, N> Item<T, N> {
    /// Whether the item has a history: what owns storage has to free it when it is dropped.
    pub(crate) const TRACKED: bool = needs_drop::<T>() && size_of::<T>() != 0;

    /// What the item points to.
    const LAYOUT: Layout = if Self::TRACKED { Layout::new::<Tracked<T, N>>() } else { Layout::new::<Plain<T, N>>() };

    /// Allocates, unless both are zero-sized.
    pub(crate) fn with_notes(value: T, notes: N) -> Self {
        let value = if Self::TRACKED {
            Box::into_raw(Box::new(Tracked { value, history: History::default(), notes })).cast()
        } else {
            Box::into_raw(Box::new(Plain { value, notes })).cast()
        };
        // SAFETY: a box's pointer is never null.
        Self { value: unsafe { NonNull::new_unchecked(value) }, _owns: PhantomData }
    }

    /// Takes over a box. The allocator is asked to make room for the notes behind the value.
    pub(crate) fn from_box_with_notes(value: Box<T>, notes: N) -> Self {
        // SAFETY: a box's pointer is never null. Its memory is from the global allocator, with this layout.
        let value = unsafe { resize(NonNull::new_unchecked(Box::into_raw(value)), Layout::new::<T>(), Self::LAYOUT) };
        let item = Self { value, _owns: PhantomData };
        // SAFETY: the memory has the layout of a `Tracked` or a `Plain`, with room for what is written.
        unsafe {
            if Self::TRACKED {
                (&raw mut (*value.as_ptr().cast::<Tracked<T, N>>()).history).write(History::default());
            }
            item.notes_ptr().write(notes);
        }
        item
    }

    /// Returns the value and frees its memory.
    pub(crate) fn into_inner(self) -> T {
        let value = self.value.as_ptr();
        std::mem::forget(self);
        // SAFETY: the pointer is from `Box::into_raw` in `with_notes`, with the same type. As `self` is forgotten, nobody
        // else owns the value.
        unsafe {
            if Self::TRACKED {
                Box::from_raw(value.cast::<Tracked<T, N>>()).value
            } else {
                Box::from_raw(value.cast::<Plain<T, N>>()).value
            }
        }
    }

    /// Returns the value in a box of its own. If it has nothing to drop and there are no notes, that costs nothing.
    pub(crate) fn into_box(self) -> Box<T> {
        let item = ManuallyDrop::new(self);
        // SAFETY: the notes are dropped once, as `item` never is. The memory is from a box, with this layout. After that it
        // has that of a `Box<T>`, which nobody else owns.
        unsafe {
            item.notes_ptr().drop_in_place();
            Box::from_raw(resize(item.value, Self::LAYOUT, Layout::new::<T>()).as_ptr())
        }
    }

    /// Turns the item into one pointer, which is not null.
    pub(crate) fn into_raw(self) -> *mut T {
        ManuallyDrop::new(self).value.as_ptr()
    }

    /// Turns the pointer back into the item.
    ///
    /// # Safety
    ///
    /// The pointer is from `into_raw`, and nobody else turns it back.
    pub(crate) unsafe fn from_raw(value: *mut T) -> Self {
        // SAFETY: `into_raw` never returns null.
        Self { value: unsafe { NonNull::new_unchecked(value) }, _owns: PhantomData }
    }

    /// Returns the item's history, if it is tracked.
    pub(crate) fn history(&mut self) -> Option<&mut History> {
        // SAFETY: a tracked item points to a `Tracked`, and the history is exclusive for as long as `self` is.
        Self::TRACKED.then(|| unsafe { &mut (*self.value.as_ptr().cast::<Tracked<T, N>>()).history })
    }

    #[inline(always)]
    fn notes_ptr(&self) -> *mut N {
        let value = self.value.as_ptr();
        // SAFETY: the item points to a `Tracked` or a `Plain`, as `with_notes` decided.
        unsafe {
            if Self::TRACKED {
                &raw mut (*value.cast::<Tracked<T, N>>()).notes
            } else {
                &raw mut (*value.cast::<Plain<T, N>>()).notes
            }
        }
    }

    /// Forgets the type of the notes. Otherwise a guard, whose pool decides that type, could not outlive a shorter borrow
    /// of the pool.
    #[inline(always)]
    pub(crate) fn erase(self) -> ManuallyDrop<Item<T>> {
        let item = ManuallyDrop::new(self);
        ManuallyDrop::new(Item { value: item.value, _owns: PhantomData })
    }

    /// Undoes `erase`.
    ///
    /// # Safety
    ///
    /// The item must be from `erase`, with the same type of notes, and restored once.
    #[inline(always)]
    pub(crate) unsafe fn restore(item: ManuallyDrop<Item<T>>) -> Self {
        Self { value: item.value, _owns: PhantomData }
    }

    /// What the pool notes about an erased item.
    ///
    /// # Safety
    ///
    /// The item must be from `erase`, with the same type of notes.
    #[cfg(feature = "bounded")]
    pub(crate) unsafe fn notes_of(item: &Item<T>) -> &N {
        let item = ManuallyDrop::new(Self { value: item.value, _owns: PhantomData });
        // SAFETY: by contract the item points to such notes. They are shared for as long as the argument is.
        unsafe { &*item.notes_ptr() }
    }

    /// What the pool notes about the item.
    #[cfg(feature = "bounded")]
    #[inline(always)]
    pub(crate) fn notes(&self) -> &N {
        // SAFETY: the notes are valid until `self` is dropped, and shared for as long as `self` is.
        unsafe { &*self.notes_ptr() }
    }

    #[cfg(feature = "bounded")]
    #[inline(always)]
    pub(crate) fn notes_mut(&mut self) -> &mut N {
        // SAFETY: the notes are valid until `self` is dropped, and exclusive for as long as `self` is.
        unsafe { &mut *self.notes_ptr() }
    }
}

impl<T, N> Deref for Item<T, N> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the value is valid from `with_notes` until `self` is dropped, and shared for as long as `self` is.
        unsafe { self.value.as_ref() }
    }
}

impl<T, N> DerefMut for Item<T, N> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the value is valid from `with_notes` until `self` is dropped, and exclusive for as long as `self` is.
        unsafe { self.value.as_mut() }
    }
}

impl<T, N> Drop for Item<T, N> {
    fn drop(&mut self) {
        let value = self.value.as_ptr();
        // SAFETY: the pointer is from `Box::into_raw` in `with_notes`, with the same type. `into_inner` forgets `self`, so
        // this happens once.
        unsafe {
            if Self::TRACKED {
                drop(Box::from_raw(value.cast::<Tracked<T, N>>()));
            } else {
                drop(Box::from_raw(value.cast::<Plain<T, N>>()));
            }
        }
    }
}

/// Gives the memory of a value another layout. Moves the value only if the allocator has to.
///
/// # Safety
///
/// `value` is from the global allocator, with the layout `from`, unless that is empty. Both layouts have room for the value.
unsafe fn resize<T>(value: NonNull<T>, from: Layout, to: Layout) -> NonNull<T> {
    if from == to {
        return value;
    }
    let memory = value.as_ptr().cast();
    // SAFETY: if the old layout is not empty, the memory is from the global allocator with it. The new one is not empty where
    // memory is allocated. Nothing uses the old memory after its end, and the value is copied whole.
    let resized = unsafe {
        if from.size() == 0 {
            alloc::alloc(to)
        } else if to.size() == 0 {
            alloc::dealloc(memory, from);
            return NonNull::dangling();
        } else if from.align() == to.align() {
            alloc::realloc(memory, from, to.size())
        } else {
            let other = alloc::alloc(to);
            if !other.is_null() {
                other.copy_from_nonoverlapping(memory, size_of::<T>());
                alloc::dealloc(memory, from);
            }
            other
        }
    };
    NonNull::new(resized.cast()).unwrap_or_else(|| alloc::handle_alloc_error(to))
}

/// Hands items, or other values of user code, to `act` one by one. If that panics for one, it goes on with the others.
/// Returns the first panic.
pub(crate) fn for_each_caught<V>(values: impl IntoIterator<Item = V>, mut act: impl FnMut(V)) -> Option<Payload> {
    let mut first = None;
    for value in values {
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| act(value))) {
            keep_first(&mut first, panic);
        }
    }
    first
}

/// Does one thing that runs user code. If it panics, raises that.
#[cfg(feature = "bounded")]
#[inline]
pub(crate) fn run(act: impl FnOnce()) {
    if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(act)) {
        raise(panic);
    }
}

/// Drops each value. Returns the first panic.
pub(crate) fn drop_each<V>(values: impl IntoIterator<Item = V>) -> Option<Payload> {
    for_each_caught(values, drop)
}

/// Keeps the first of several panics and discards the others.
pub(crate) fn keep_first(first: &mut Option<Payload>, panic: Payload) {
    match first {
        None => *first = Some(panic),
        Some(_) => discard(panic),
    }
}

/// A value of user code that is held while something else may panic.
///
/// If it is dropped while the thread already unwinds, a panic in its `Drop` goes no further, because it would abort the
/// process.
#[derive(Debug)]
pub(crate) struct Contained<V>(ManuallyDrop<V>);

impl<V> Contained<V> {
    pub(crate) const fn new(value: V) -> Self {
        Self(ManuallyDrop::new(value))
    }

    pub(crate) fn into_inner(self) -> V {
        let mut contained = ManuallyDrop::new(self);
        // SAFETY: the value is taken once, as `contained` is never dropped.
        unsafe { ManuallyDrop::take(&mut contained.0) }
    }
}

impl<V> Deref for Contained<V> {
    type Target = V;

    #[inline(always)]
    fn deref(&self) -> &V {
        &self.0
    }
}

impl<V> DerefMut for Contained<V> {
    fn deref_mut(&mut self) -> &mut V {
        &mut self.0
    }
}

#[cfg(feature = "bounded")]
impl<F: Future> Future for Contained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the future stays where `self` is pinned, and is dropped there. `into_inner` and `deref_mut` cannot be
        // called on what is pinned, unless the future may move.
        unsafe { self.map_unchecked_mut(|contained| &mut *contained.0) }.poll(context)
    }
}

impl<V> Drop for Contained<V> {
    fn drop(&mut self) {
        // SAFETY: the value is dropped once, here. `into_inner` never drops `self`.
        let dropped = panic::catch_unwind(AssertUnwindSafe(|| unsafe { ManuallyDrop::drop(&mut self.0) }));
        if let Err(panic) = dropped {
            raise(panic);
        }
    }
}

/// Drops a panic's payload, which is user code and may panic too. The payload of that second panic is leaked.
pub(crate) fn discard(payload: Payload) {
    if let Err(again) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
}

/// Resumes a panic of user code. If this thread already unwinds, discards it, because resuming would abort the process.
pub(crate) fn raise(panic: Payload) {
    if std::thread::panicking() {
        discard(panic);
    } else {
        panic::resume_unwind(panic);
    }
}
