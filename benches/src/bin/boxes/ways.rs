//! The ways to get memory for a value.

use std::alloc::{GlobalAlloc, Layout, handle_alloc_error};
use std::cell::{RefCell, UnsafeCell};
use std::marker::PhantomData;
use std::ptr::NonNull;

use bumpalo::Bump;
use ebbtide::{BoxPool, PooledBox};
use parking_lot::Mutex;

pub(crate) use mimalloc::MiMalloc;
pub(crate) use snmalloc_rs::SnMalloc;
pub(crate) use std::alloc::System;
pub(crate) use tikv_jemallocator::Jemalloc;

/// Moves values into memory of their own, which is free again when the box is dropped.
pub(crate) trait Way<V> {
    const NAME: &'static str;
    const IS_ALLOCATOR: bool = false;

    type Boxed<'w>
    where
        Self: 'w;

    fn new() -> Self;

    fn insert(&self, value: V) -> Self::Boxed<'_>;

    fn read<O>(&self, boxed: &Self::Boxed<'_>, read: impl FnOnce(&V) -> O) -> O;

    /// Called when no box is left.
    fn all_dropped(&self) {}
}

impl<V: 'static> Way<V> for BoxPool<V> {
    const NAME: &'static str = "ebbtide";
    type Boxed<'w> = PooledBox<V, &'w BoxPool<V>>;

    fn new() -> Self {
        Self::new()
    }

    #[inline]
    fn insert(&self, value: V) -> Self::Boxed<'_> {
        self.insert(value)
    }

    #[inline]
    fn read<O>(&self, boxed: &Self::Boxed<'_>, read: impl FnOnce(&V) -> O) -> O {
        read(boxed)
    }
}

/// An allocator that is called as the global one would be.
pub(crate) struct Allocator<A>(PhantomData<A>);

pub(crate) trait Global: GlobalAlloc + Sync + 'static {
    const NAME: &'static str;
    const THIS: &'static Self;
}

macro_rules! global {
    ($($allocator:ident $name:literal;)*) => {$(
        impl Global for $allocator {
            const NAME: &'static str = $name;
            const THIS: &'static Self = &$allocator;
        }
    )*};
}

global! {
    System "glibc";
    MiMalloc "mimalloc";
    Jemalloc "jemalloc";
    SnMalloc "snmalloc";
}

/// A `Box` of that allocator.
pub(crate) struct Allocated<V, A: Global>(NonNull<V>, PhantomData<A>);

// SAFETY: it owns its value as a `Box` does.
unsafe impl<V: Send, A: Global> Send for Allocated<V, A> {}

impl<V, A: Global> Drop for Allocated<V, A> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the value is there, and its memory is from `insert`, with this layout.
        unsafe {
            self.0.drop_in_place();
            A::THIS.dealloc(self.0.as_ptr().cast(), Layout::new::<V>());
        }
    }
}

impl<V: 'static, A: Global> Way<V> for Allocator<A> {
    const NAME: &'static str = A::NAME;
    const IS_ALLOCATOR: bool = true;
    type Boxed<'w> = Allocated<V, A>;

    fn new() -> Self {
        Self(PhantomData)
    }

    #[inline]
    fn insert(&self, value: V) -> Allocated<V, A> {
        let layout = Layout::new::<V>();
        // SAFETY: no value here is zero-sized.
        let memory = NonNull::new(unsafe { A::THIS.alloc(layout) }.cast::<V>());
        let memory = memory.unwrap_or_else(|| handle_alloc_error(layout));
        // SAFETY: the memory is for such a value.
        unsafe { memory.write(value) };
        Allocated(memory, PhantomData)
    }

    #[inline]
    fn read<O>(&self, boxed: &Allocated<V, A>, read: impl FnOnce(&V) -> O) -> O {
        // SAFETY: the value is there until the box is dropped.
        read(unsafe { boxed.0.as_ref() })
    }
}

/// A slab for one thread.
pub(crate) struct Slab<V>(RefCell<slab::Slab<V>>);

/// A place in a slab, which is free when this is dropped.
pub(crate) struct Place<'w, S: Remove>(&'w S, usize);

pub(crate) trait Remove {
    fn remove(&self, key: usize);
}

impl<S: Remove> Drop for Place<'_, S> {
    #[inline]
    fn drop(&mut self) {
        self.0.remove(self.1);
    }
}

impl<V> Remove for Slab<V> {
    #[inline]
    fn remove(&self, key: usize) {
        self.0.borrow_mut().remove(key);
    }
}

impl<V: 'static> Way<V> for Slab<V> {
    const NAME: &'static str = "slab";
    type Boxed<'w> = Place<'w, Self>;

    fn new() -> Self {
        Self(RefCell::default())
    }

    #[inline]
    fn insert(&self, value: V) -> Place<'_, Self> {
        Place(self, self.0.borrow_mut().insert(value))
    }

    #[inline]
    fn read<O>(&self, boxed: &Place<'_, Self>, read: impl FnOnce(&V) -> O) -> O {
        read(&self.0.borrow()[boxed.1])
    }
}

/// A slab for several threads.
pub(crate) struct LockedSlab<V>(Mutex<slab::Slab<V>>);

impl<V> Remove for LockedSlab<V> {
    #[inline]
    fn remove(&self, key: usize) {
        self.0.lock().remove(key);
    }
}

impl<V: 'static> Way<V> for LockedSlab<V> {
    const NAME: &'static str = "slab in a mutex";
    type Boxed<'w> = Place<'w, Self>;

    fn new() -> Self {
        Self(Mutex::default())
    }

    #[inline]
    fn insert(&self, value: V) -> Place<'_, Self> {
        Place(self, self.0.lock().insert(value))
    }

    #[inline]
    fn read<O>(&self, boxed: &Place<'_, Self>, read: impl FnOnce(&V) -> O) -> O {
        read(&self.0.lock()[boxed.1])
    }
}

/// An arena that is emptied when no value is left. It drops none, and these need no drop.
pub(crate) struct Arena(UnsafeCell<Bump>);

impl<V: 'static> Way<V> for Arena {
    const NAME: &'static str = "arena";
    type Boxed<'w> = &'w mut V;

    fn new() -> Self {
        Self(UnsafeCell::default())
    }

    #[inline]
    fn insert(&self, value: V) -> &mut V {
        // SAFETY: it is exclusively borrowed only in `all_dropped`.
        unsafe { &*self.0.get() }.alloc(value)
    }

    #[inline]
    fn read<O>(&self, boxed: &&mut V, read: impl FnOnce(&V) -> O) -> O {
        read(boxed)
    }

    #[inline]
    fn all_dropped(&self) {
        // SAFETY: no reference to a value is left, and this type is for one thread.
        unsafe { &mut *self.0.get() }.reset();
    }
}
