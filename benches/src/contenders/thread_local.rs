//! Bare thread-locals, which share nothing: what a pool would cost if it had only one thread to serve.

use std::cell::{Cell, RefCell};

use crate::contender::{Buffer, Contender};
use crate::workload::{Shape, Workload};

type Boxes = Vec<Box<Buffer>>;

thread_local! {
    static ONE: Cell<Option<Box<Buffer>>> = const { Cell::new(None) };
    static MANY: RefCell<Boxes> = const { RefCell::new(Vec::new()) };
}

/// Keeps one item a thread, so it can only play where a thread uses one at a time.
pub(crate) struct LocalCell;

impl Contender for LocalCell {
    const NAME: &'static str = "thread-local-cell";
    type Item<'p> = Box<Buffer>;

    fn new() -> Self {
        Self
    }

    #[inline]
    fn get(&self) -> Box<Buffer> {
        ONE.take().unwrap_or_else(|| Box::new(Buffer::new()))
    }

    #[inline]
    fn put(&self, mut item: Box<Buffer>) {
        item.clear();
        ONE.set(Some(item));
    }

    fn runs(workload: &Workload) -> bool {
        workload.shape == Shape::Pair
    }
}

/// Keeps every item that a thread gave back, for that thread, for ever.
pub(crate) struct LocalVec;

impl Contender for LocalVec {
    const NAME: &'static str = "thread-local-vec";
    type Item<'p> = Box<Buffer>;

    fn new() -> Self {
        Self
    }

    #[inline]
    fn get(&self) -> Box<Buffer> {
        MANY.with_borrow_mut(Vec::pop).unwrap_or_else(|| Box::new(Buffer::new()))
    }

    #[inline]
    fn put(&self, mut item: Box<Buffer>) {
        item.clear();
        MANY.with_borrow_mut(|idle| idle.push(item));
    }

    fn runs(workload: &Workload) -> bool {
        !matches!(workload.shape, Shape::HandOff(_))
    }
}
