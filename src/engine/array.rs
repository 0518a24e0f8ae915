//! An array: room for the items of one batch, owned through one pointer.
//!
//! Moving an array moves one word. A `Vec` is three words, which the compiler writes one by one and then reads two at
//! once. A CPU cannot forward such a read from the pending writes, so it waits for them.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Range;
use std::ptr::{NonNull, addr_of_mut};

use crate::engine::item::{Item, discard, drop_each};

/// Owns an array on the heap and the items in it. The capacity never changes.
pub(crate) struct Array<T> {
    header: NonNull<Header<T>>,
    _owns: PhantomData<Item<T>>,
}

/// The start of an array's memory. The places follow it.
#[repr(C)]
pub(crate) struct Header<T> {
    capacity: usize,
    /// How many places hold items. Not kept up to date while the array is loaded in a slot set.
    len: usize,
    /// The stamp of the batch in the array, while it lies in a rack or as victims in a slot set.
    stamp: usize,
    /// The next array in a [`Stack`]. Only `Stack` writes it.
    next: Option<Array<T>>,
    /// The first of `capacity` places. The first `len` of them hold items.
    places: [MaybeUninit<Item<T>>; 0],
}

// SAFETY: an array owns its items and nothing else, as a `Vec<Item<T>>` does.
unsafe impl<T: Send> Send for Array<T> {}

impl<T> Array<T> {
    /// Creates an empty array: one allocation, of 8 bytes per item and 32 for the header.
    pub(crate) fn new(capacity: usize) -> Self {
        let layout = Self::layout(capacity);
        // SAFETY: the layout is not empty, as it has a header.
        let memory = unsafe { alloc(layout) }.cast::<Header<T>>();
        let Some(header) = NonNull::new(memory) else { handle_alloc_error(layout) };
        // SAFETY: the memory is newly allocated, with room for a header. The places need no value yet.
        unsafe { header.write(Header { capacity, len: 0, stamp: 0, next: None, places: [] }) };
        Self { header, _owns: PhantomData }
    }

    fn layout(capacity: usize) -> Layout {
        let places = Layout::array::<Item<T>>(capacity).expect("private_slots is limited");
        Layout::new::<Header<T>>().extend(places).expect("private_slots is limited").0
    }

    fn header(&self) -> &Header<T> {
        // SAFETY: the header is valid from `new` until `self` is dropped, and nothing else points to it.
        unsafe { self.header.as_ref() }
    }

    fn header_mut(&mut self) -> &mut Header<T> {
        // SAFETY: as above, and the borrow is exclusive, as that of `self` is.
        unsafe { self.header.as_mut() }
    }

    /// Turns the array into one pointer, for a place in a rack.
    pub(crate) fn into_raw(self) -> *mut Header<T> {
        ManuallyDrop::new(self).header.as_ptr()
    }

    /// Turns the pointer back into the array.
    ///
    /// # Safety
    ///
    /// The pointer is from `into_raw`, and nobody else turns it back.
    pub(crate) unsafe fn from_raw(header: *mut Header<T>) -> Self {
        // SAFETY: `into_raw` never returns null.
        Self { header: unsafe { NonNull::new_unchecked(header) }, _owns: PhantomData }
    }

    pub(crate) fn stamp(&self) -> usize {
        self.header().stamp
    }

    pub(crate) fn set_stamp(&mut self, stamp: usize) {
        self.header_mut().stamp = stamp;
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

    /// Sets the length.
    ///
    /// # Safety
    ///
    /// The first `len` places, and no others, hold items.
    pub(crate) unsafe fn set_len(&mut self, len: usize) {
        self.header_mut().len = len;
    }

    /// Returns the address of a place. It lies within the allocation for any index up to the capacity.
    #[inline(always)]
    fn place(&self, index: usize) -> *mut Item<T> {
        // SAFETY: the header is valid, and the places follow it in the same allocation.
        let first = unsafe { addr_of_mut!((*self.header.as_ptr()).places) };
        first.cast::<Item<T>>().wrapping_add(index)
    }

    /// Takes the item out of a place. This and the next three leave the array's length to the caller.
    ///
    /// # Safety
    ///
    /// The place holds an item, which from now on is the caller's. No other thread touches the place meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn take_at(&self, index: usize) -> Item<T> {
        // SAFETY: as the caller guarantees.
        unsafe { self.place(index).read() }
    }

    /// Puts an item into a place.
    ///
    /// # Safety
    ///
    /// The place is below the capacity and holds no item. No other thread touches it meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn fill_at(&self, index: usize, item: Item<T>) {
        // SAFETY: as the caller guarantees.
        unsafe { self.place(index).write(item) };
    }

    /// Moves the items of some places down to the first places.
    ///
    /// # Safety
    ///
    /// These places hold items, and those below do not. No other thread touches either meanwhile.
    pub(crate) unsafe fn shift(&self, places: Range<usize>) {
        // SAFETY: as the caller guarantees. The two ranges may overlap.
        unsafe { self.place(0).copy_from(self.place(places.start), places.len()) };
    }

    /// Moves the items of some places into an empty array.
    ///
    /// # Safety
    ///
    /// These places hold items, which from now on are the other array's. No other thread touches them meanwhile. The
    /// other array is empty and has room for the items.
    pub(crate) unsafe fn move_to(&self, places: Range<usize>, other: &mut Self) {
        debug_assert!(other.is_empty() && places.len() <= other.capacity());
        // SAFETY: as the caller guarantees.
        unsafe {
            other.place(0).copy_from_nonoverlapping(self.place(places.start), places.len());
            other.set_len(places.len());
        }
    }

    /// Adds an item. Returns it if the array is full.
    pub(crate) fn push(&mut self, item: Item<T>) -> Result<(), Item<T>> {
        let len = self.len();
        if len == self.capacity() {
            return Err(item);
        }
        // SAFETY: the place is within the capacity and holds no item. From now on it does.
        unsafe {
            self.fill_at(len, item);
            self.set_len(len + 1);
        }
        Ok(())
    }

    pub(crate) fn pop(&mut self) -> Option<Item<T>> {
        let last = self.len().checked_sub(1)?;
        // SAFETY: the place is the last one that holds an item. From now on it does not.
        unsafe {
            self.set_len(last);
            Some(self.take_at(last))
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
        // SAFETY: `new` allocated with this layout. The items are gone, and the header needs no drop.
        unsafe { dealloc(self.header.as_ptr().cast(), layout) };
    }
}

/// Empty arrays, linked through their headers. Keeping one allocates nothing.
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

impl<T> Iterator for Stack<T> {
    type Item = Array<T>;

    fn next(&mut self) -> Option<Array<T>> {
        self.pop()
    }
}

impl<T> Drop for Stack<T> {
    /// Drops the arrays one by one. Dropping the top one with all that it links to would recurse as deep as the stack
    /// is high.
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}
