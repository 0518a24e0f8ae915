//! Thread-locals, which share nothing: the cost of a pool for a single thread.

use std::cell::RefCell;
use std::marker::PhantomData;

use thread_local::ThreadLocal;

use crate::contender::Contender;
use crate::item::Item;
use crate::workload::Workload;

/// Keeps one item per thread, so it runs only workloads that use one at a time.
pub(crate) struct LocalCell<I>(PhantomData<fn() -> I>);

impl<I: Item> Contender for LocalCell<I> {
    const NAME: &'static str = "thread-local-cell";
    type Item = I;
    type With<J: Item> = LocalCell<J>;
    type Guard<'p> = Box<I>;

    fn new(_room: usize) -> Self {
        Self(PhantomData)
    }

    #[inline]
    fn get(&self) -> Box<I> {
        I::local().with(|local| local.one.take()).unwrap_or_default()
    }

    #[inline]
    fn put(&self, mut item: Box<I>) {
        item.clear();
        I::local().with(|local| local.one.set(Some(item)));
    }

    #[inline]
    fn lose(&self, item: Box<I>) {
        drop(item);
    }

    fn runs(workload: &Workload) -> bool {
        LocalVec::<I>::runs(workload) && workload.most_in_use() == 1
    }
}

/// Keeps every item that a thread returned, for that thread, forever.
pub(crate) struct LocalVec<I>(PhantomData<fn() -> I>);

impl<I: Item> Contender for LocalVec<I> {
    const NAME: &'static str = "thread-local-vec";
    type Item = I;
    type With<J: Item> = LocalVec<J>;
    type Guard<'p> = Box<I>;

    fn new(_room: usize) -> Self {
        Self(PhantomData)
    }

    #[inline]
    fn get(&self) -> Box<I> {
        I::local().with(|local| local.many.borrow_mut().pop()).unwrap_or_default()
    }

    #[inline]
    fn put(&self, mut item: Box<I>) {
        item.clear();
        I::local().with(|local| local.many.borrow_mut().push(item));
    }

    #[inline]
    fn lose(&self, item: Box<I>) {
        drop(item);
    }

    fn runs(workload: &Workload) -> bool {
        !workload.hands_over() && !workload.needs_a_pool()
    }
}

/// The same, for each pool by itself, with the crate `thread_local`. Its look-up could take the place of ebbtide's.
pub(crate) struct LocalPerPool<I: Item>(ThreadLocal<RefCell<Vec<Box<I>>>>);

impl<I: Item> Contender for LocalPerPool<I> {
    const NAME: &'static str = "thread-local-crate";
    type Item = I;
    type With<J: Item> = LocalPerPool<J>;
    type Guard<'p> = Box<I>;

    fn new(_room: usize) -> Self {
        Self(ThreadLocal::new())
    }

    #[inline]
    fn get(&self) -> Box<I> {
        self.0.get_or_default().borrow_mut().pop().unwrap_or_default()
    }

    #[inline]
    fn put(&self, mut item: Box<I>) {
        item.clear();
        self.0.get_or_default().borrow_mut().push(item);
    }

    #[inline]
    fn lose(&self, item: Box<I>) {
        drop(item);
    }

    fn runs(workload: &Workload) -> bool {
        !workload.hands_over()
    }
}
