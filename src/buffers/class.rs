//! The size classes, one for each power of two, and their recycler.

use crate::pool::{Clear, Recycle};

/// The size of the first class, as a power of two.
const FIRST: u32 = 6;

/// The number of classes: 64 bytes to 1 GiB.
pub(super) const COUNT: usize = 25;

pub(super) const MIN_SIZE: usize = size(0);
pub(super) const MAX_SIZE: usize = size(COUNT - 1);

/// The smallest capacity of a class's buffers.
#[inline]
pub(super) const fn size(index: usize) -> usize {
    1 << (index + FIRST as usize)
}

/// The last class whose size is at most this capacity. A capacity below all classes gives the first class, and one that
/// is too large an index past the last.
#[inline]
pub(super) const fn index(capacity: usize) -> usize {
    (capacity | MIN_SIZE).ilog2() as usize - FIRST as usize
}

/// The class of this size. What is not the size of a class gives any index.
#[inline]
pub(super) const fn index_of(size: usize) -> usize {
    size.trailing_zeros().wrapping_sub(FIRST) as usize
}

/// The first class whose size is at least this capacity. One that is too large gives an index past the last.
#[inline]
pub(super) const fn index_above(capacity: usize) -> usize {
    (capacity.saturating_sub(1) | (MIN_SIZE - 1)).ilog2() as usize + 1 - FIRST as usize
}

/// The recycler of one class. It shrinks buffers, which are empty, to the size of the class.
#[derive(Debug)]
pub(super) struct Class {
    size: u32,
    /// The largest capacity that is accepted, and then shrunk: just below the next class, or the size itself in the
    /// last class.
    most: u32,
}

impl Class {
    pub(super) const fn new(index: usize, last: bool) -> Self {
        let size = size(index) as u32;
        Self { size, most: if last { size } else { 2 * size - 1 } }
    }

    /// The recycler of a class that is not used. No buffer belongs there.
    pub(super) const fn unused() -> Self {
        Self { size: 0, most: 0 }
    }

    /// Whether a buffer of this capacity belongs here as it is.
    #[inline]
    pub(super) fn is_size(&self, capacity: usize) -> bool {
        capacity == self.size as usize
    }
}

impl Recycle<Vec<u8>> for Class {
    fn create(&self) -> Vec<u8> {
        Vec::with_capacity(self.size as usize)
    }

    fn recycle(&self, buffer: &mut Vec<u8>) -> bool {
        let (size, most) = (self.size as usize, self.most as usize);
        let fits = (size..=most).contains(&buffer.capacity());
        if fits {
            buffer.shrink_to(size);
        }
        fits
    }

    #[inline]
    fn weight(&self, buffer: &Vec<u8>) -> usize {
        buffer.weight()
    }
}
