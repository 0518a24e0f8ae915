//! Room for the items of one batch, reached through a single pointer, so that moving it is moving one word.
//!
//! (A `Vec` is three words. Swapping those is not what it costs; that the compiler writes them one by one and then reads
//! two at once is, since the CPU can't forward such a read from the writes that it waits for.)

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::{NonNull, addr_of_mut};

use crate::item::{Item, discard, drop_each};

/// Owns an array on the heap and the items in it. Its capacity never changes.
pub(crate) struct Array<T> {
    header: NonNull<Header<T>>,
    _owns: PhantomData<Item<T>>,
}

#[repr(C)]
struct Header<T> {
    capacity: usize,
    len: usize,
    /// The next one in a [`Stack`] of empty arrays.
    next: Option<Array<T>>,
    /// The first of `capacity` places, of which the first `len` hold items.
    places: [MaybeUninit<Item<T>>; 0],
}

// SAFETY: it owns its items and nothing else, as a `Vec<Item<T>>` does.
unsafe impl<T: Send> Send for Array<T> {}

impl<T> Array<T> {
    /// An empty array; costs one allocation of 8 bytes per item and 24 more.
    pub(crate) fn new(capacity: usize) -> Self {
        let layout = Self::layout(capacity);
        // SAFETY: the layout has the size of a header at least.
        let memory = unsafe { alloc(layout) }.cast::<Header<T>>();
        let Some(header) = NonNull::new(memory) else { handle_alloc_error(layout) };
        // SAFETY: freshly allocated for a header and as many places, which need no value yet.
        unsafe { header.write(Header { capacity, len: 0, next: None, places: [] }) };
        Self { header, _owns: PhantomData }
    }

    fn layout(capacity: usize) -> Layout {
        let places = Layout::array::<Item<T>>(capacity).expect("private_slots is limited");
        Layout::new::<Header<T>>().extend(places).expect("private_slots is limited").0
    }

    fn header(&self) -> &Header<T> {
        // SAFETY: valid from `new` until `self` is dropped; nothing else points to it.
        unsafe { self.header.as_ref() }
    }

    fn header_mut(&mut self) -> &mut Header<T> {
        // SAFETY: as above, and exclusive as `self` is.
        unsafe { self.header.as_mut() }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.header().capacity
    }

    pub(crate) fn len(&self) -> usize {
        self.header().len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Says that the first `len` places, and no others, hold items.
    ///
    /// # Safety
    ///
    /// They do.
    pub(crate) unsafe fn set_len(&mut self, len: usize) {
        self.header_mut().len = len;
    }

    /// Where place `index` is; within the allocation for any index up to the capacity.
    #[inline(always)]
    pub(crate) fn place(&mut self, index: usize) -> *mut Item<T> {
        // SAFETY: the header is valid, and the places follow it in the same allocation.
        let first = unsafe { addr_of_mut!((*self.header.as_ptr()).places) };
        first.cast::<Item<T>>().wrapping_add(index)
    }

    /// Adds an item; gives it back if there is no room.
    pub(crate) fn push(&mut self, item: Item<T>) -> Result<(), Item<T>> {
        let len = self.len();
        if len == self.capacity() {
            return Err(item);
        }
        // SAFETY: a place within the capacity that holds no item, and does from here on.
        unsafe {
            self.place(len).write(item);
            self.set_len(len + 1);
        }
        Ok(())
    }

    pub(crate) fn pop(&mut self) -> Option<Item<T>> {
        let last = self.len().checked_sub(1)?;
        // SAFETY: the last place that holds an item, and doesn't from here on.
        unsafe {
            self.set_len(last);
            Some(self.place(last).read())
        }
    }
}

impl<T> Iterator for Array<T> {
    type Item = Item<T>;

    fn next(&mut self) -> Option<Item<T>> {
        self.pop()
    }
}

impl<T> Drop for Array<T> {
    fn drop(&mut self) {
        if let Some(panic) = drop_each(&mut *self) {
            discard(panic);
        }
        debug_assert!(
            self.header().next.is_none(),
            "only `Stack` links arrays, and unlinks them before it lets them go"
        );
        let layout = Self::layout(self.capacity());
        // SAFETY: allocated with this layout in `new`; the items are gone, and the header needs no drop.
        unsafe { dealloc(self.header.as_ptr().cast(), layout) };
    }
}

impl<T> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Array").field("capacity", &self.capacity()).field("len", &self.len()).finish()
    }
}

/// Empty arrays, linked through their headers; so keeping one allocates nothing.
pub(crate) struct Stack<T> {
    top: Option<Array<T>>,
    len: usize,
}

impl<T> Stack<T> {
    pub(crate) const fn new() -> Self {
        Self { top: None, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, mut empty: Array<T>) {
        debug_assert!(empty.is_empty());
        empty.header_mut().next = self.top.take();
        self.top = Some(empty);
        self.len += 1;
    }

    pub(crate) fn pop(&mut self) -> Option<Array<T>> {
        let mut empty = self.top.take()?;
        self.top = empty.header_mut().next.take();
        self.len -= 1;
        Some(empty)
    }
}

impl<T> Drop for Stack<T> {
    /// One by one: dropping the top one with all that it links to would nest as deep as the stack is high.
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}
