//! Room for the items of one batch, reached through a single pointer, so that moving it is moving one word.
//!
//! (A `Vec` is three words. Swapping those is not what it costs; that the compiler writes them one by one and then reads
//! two at once is, since the CPU can't forward such a read from the writes that it waits for.)

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Range;
use std::ptr::{NonNull, addr_of_mut};

use crate::engine::item::{Item, discard, drop_each};

/// Owns an array on the heap and the items in it. Its capacity never changes.
pub(crate) struct Array<T> {
    header: NonNull<Header<T>>,
    _owns: PhantomData<Item<T>>,
}

#[repr(C)]
pub(crate) struct Header<T> {
    capacity: usize,
    len: usize,
    /// The stamp of the batch that travels in it, while it lies in a rack.
    stamp: usize,
    /// The next one in a [`Stack`] of empty arrays.
    next: Option<Array<T>>,
    /// The first of `capacity` places, of which the first `len` hold items.
    places: [MaybeUninit<Item<T>>; 0],
}

// SAFETY: it owns its items and nothing else, as a `Vec<Item<T>>` does.
unsafe impl<T: Send> Send for Array<T> {}

impl<T> Array<T> {
    /// An empty array; costs one allocation of 8 bytes per item and 32 more.
    pub(crate) fn new(capacity: usize) -> Self {
        let layout = Self::layout(capacity);
        // SAFETY: the layout has the size of a header at least.
        let memory = unsafe { alloc(layout) }.cast::<Header<T>>();
        let Some(header) = NonNull::new(memory) else { handle_alloc_error(layout) };
        // SAFETY: freshly allocated for a header and as many places, which need no value yet.
        unsafe { header.write(Header { capacity, len: 0, stamp: 0, next: None, places: [] }) };
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

    /// Gives up the array as one pointer, for a place in a rack.
    pub(crate) fn into_raw(self) -> *mut Header<T> {
        ManuallyDrop::new(self).header.as_ptr()
    }

    /// The array that `into_raw` gave up.
    ///
    /// # Safety
    ///
    /// It did, and nobody else takes it back.
    pub(crate) unsafe fn from_raw(header: *mut Header<T>) -> Self {
        // SAFETY: `into_raw` never gives null.
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
    fn place(&self, index: usize) -> *mut Item<T> {
        // SAFETY: the header is valid, and the places follow it in the same allocation.
        let first = unsafe { addr_of_mut!((*self.header.as_ptr()).places) };
        first.cast::<Item<T>>().wrapping_add(index)
    }

    /// Takes the item out of a place. The array's length is left to the caller, here and in the next three.
    ///
    /// # Safety
    ///
    /// The place holds an item, which is the caller's from here on; no other thread touches the place meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn take_at(&self, index: usize) -> Item<T> {
        // SAFETY: the caller's word.
        unsafe { self.place(index).read() }
    }

    /// Puts an item into a place.
    ///
    /// # Safety
    ///
    /// The place is below the capacity and holds no item; no other thread touches it meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn fill_at(&self, index: usize, item: Item<T>) {
        // SAFETY: the caller's word.
        unsafe { self.place(index).write(item) };
    }

    /// Moves the items of some places down to the first places.
    ///
    /// # Safety
    ///
    /// They hold items, those below don't; no other thread touches either meanwhile.
    pub(crate) unsafe fn shift(&self, places: Range<usize>) {
        // SAFETY: the caller's word; the two ranges may overlap.
        unsafe { self.place(0).copy_from(self.place(places.start), places.len()) };
    }

    /// Moves the items of some places into an empty array.
    ///
    /// # Safety
    ///
    /// They hold items, which are the other array's from here on; no other thread touches them meanwhile. The other array
    /// has no items, and room for these.
    pub(crate) unsafe fn move_to(&self, places: Range<usize>, other: &mut Self) {
        debug_assert!(other.is_empty() && places.len() <= other.capacity());
        // SAFETY: the caller's word.
        unsafe {
            other.place(0).copy_from_nonoverlapping(self.place(places.start), places.len());
            other.set_len(places.len());
        }
    }

    /// Adds an item; gives it back if there is no room.
    pub(crate) fn push(&mut self, item: Item<T>) -> Result<(), Item<T>> {
        let len = self.len();
        if len == self.capacity() {
            return Err(item);
        }
        // SAFETY: a place within the capacity that holds no item, and does from here on.
        unsafe {
            self.fill_at(len, item);
            self.set_len(len + 1);
        }
        Ok(())
    }

    pub(crate) fn pop(&mut self) -> Option<Item<T>> {
        let last = self.len().checked_sub(1)?;
        // SAFETY: the last place that holds an item, and doesn't from here on.
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
        // SAFETY: allocated with this layout in `new`; the items are gone, and the header needs no drop.
        unsafe { dealloc(self.header.as_ptr().cast(), layout) };
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

impl<T> Iterator for Stack<T> {
    type Item = Array<T>;

    fn next(&mut self) -> Option<Array<T>> {
        self.pop()
    }
}

impl<T> Drop for Stack<T> {
    /// One by one: dropping the top one with all that it links to would nest as deep as the stack is high.
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}
