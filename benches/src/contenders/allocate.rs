//! No pool: the system's allocator, one allocation and one free for each use.

use std::ops::{Deref, DerefMut};

use crate::contender::{Buffer, Contender};

pub(crate) struct Allocate;

/// A buffer that is nobody's but its user's.
pub(crate) struct Owned(Buffer);

impl Deref for Owned {
    type Target = Buffer;

    #[inline]
    fn deref(&self) -> &Buffer {
        &self.0
    }
}

impl DerefMut for Owned {
    #[inline]
    fn deref_mut(&mut self) -> &mut Buffer {
        &mut self.0
    }
}

impl Contender for Allocate {
    const NAME: &'static str = "allocate";
    type Item<'p> = Owned;

    fn new() -> Self {
        Self
    }

    #[inline]
    fn get(&self) -> Owned {
        Owned(Buffer::new())
    }
}
