//! No pool: one allocation and one free by the system's allocator per use.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::contender::Contender;
use crate::item::Item;
use crate::workload::Workload;

pub(crate) struct Allocate<I>(PhantomData<fn() -> I>);

/// An item that belongs to its user.
#[derive(Default)]
pub(crate) struct Owned<I>(I);

impl<I> Deref for Owned<I> {
    type Target = I;

    #[inline]
    fn deref(&self) -> &I {
        &self.0
    }
}

impl<I> DerefMut for Owned<I> {
    #[inline]
    fn deref_mut(&mut self) -> &mut I {
        &mut self.0
    }
}

impl<I: Item> Contender for Allocate<I> {
    const NAME: &'static str = "system-allocator";
    type Item = I;
    type With<J: Item> = Allocate<J>;
    type Guard<'p> = Owned<I>;

    fn new(_room: usize) -> Self {
        Self(PhantomData)
    }

    #[inline]
    fn get(&self) -> Owned<I> {
        Owned(I::default())
    }

    #[inline]
    fn lose(&self, item: Owned<I>) {
        drop(item);
    }

    fn runs(workload: &Workload) -> bool {
        !workload.needs_a_pool()
    }
}
