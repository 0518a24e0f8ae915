//! `Clear` for types that consist of others.

use std::cell::{Cell, RefCell};
use std::io::Cursor;
use std::sync::{Mutex, PoisonError, RwLock};

use super::Clear;

impl<T> Clear for Option<T> {
    #[inline]
    fn clear(&mut self) {
        *self = None;
    }
}

impl<T: Clear + ?Sized> Clear for Box<T> {
    #[inline]
    fn clear(&mut self) {
        (**self).clear();
    }

    #[inline]
    fn weight(&self) -> usize {
        size_of::<Self>() + (**self).weight()
    }

    #[inline]
    fn used(&self) -> usize {
        (**self).used()
    }

    #[inline]
    fn shrink(&mut self, max: usize) {
        (**self).shrink(max);
    }

    #[inline]
    fn clear_cost(&self) -> usize {
        (**self).clear_cost()
    }
}

impl<T: Clear, const N: usize> Clear for [T; N] {
    #[inline]
    fn clear(&mut self) {
        self.iter_mut().for_each(T::clear);
    }

    #[inline]
    fn weight(&self) -> usize {
        self.iter().map(T::weight).sum()
    }

    #[inline]
    fn used(&self) -> usize {
        self.iter().map(T::used).sum()
    }

    #[inline]
    fn shrink(&mut self, max: usize) {
        self.iter_mut().for_each(|part| part.shrink(max));
    }

    #[inline]
    fn clear_cost(&self) -> usize {
        self.iter().map(T::clear_cost).sum()
    }
}

impl<T: Clear> Clear for Cell<T> {
    #[inline]
    fn clear(&mut self) {
        self.get_mut().clear();
    }
}

impl<T: Clear + ?Sized> Clear for RefCell<T> {
    #[inline]
    fn clear(&mut self) {
        self.get_mut().clear();
    }

    // Only a forgotten borrow can be in the way.
    #[inline]
    fn weight(&self) -> usize {
        self.try_borrow().map_or(0, |part| part.weight().saturating_sub(size_of_val(&*part))) + size_of_val(self)
    }

    #[inline]
    fn used(&self) -> usize {
        self.try_borrow().map_or(0, |part| part.used())
    }

    #[inline]
    fn shrink(&mut self, max: usize) {
        self.get_mut().shrink(max);
    }

    #[inline]
    fn clear_cost(&self) -> usize {
        self.try_borrow().map_or(0, |part| part.clear_cost())
    }
}

/// Implements `Clear` for std's locks.
macro_rules! clear_locks {
    ($($lock:ident, $try_read:ident;)*) => {$(
        impl<T: Clear + ?Sized> Clear for $lock<T> {
            /// The lock is not poisoned afterwards.
            #[inline]
            fn clear(&mut self) {
                self.clear_poison();
                self.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
            }

            // A poisoned lock keeps what it holds until it is cleared.
            #[inline]
            fn weight(&self) -> usize {
                self.$try_read().map_or(0, |part| part.weight().saturating_sub(size_of_val(&*part))) + size_of_val(self)
            }

            #[inline]
            fn used(&self) -> usize {
                self.$try_read().map_or(0, |part| part.used())
            }

            #[inline]
            fn shrink(&mut self, max: usize) {
                self.get_mut().unwrap_or_else(PoisonError::into_inner).shrink(max);
            }

            #[inline]
            fn clear_cost(&self) -> usize {
                self.$try_read().map_or(0, |part| part.clear_cost())
            }
        }
    )*};
}

clear_locks! {
    Mutex, try_lock;
    RwLock, try_read;
}

impl<T: Clear> Clear for Cursor<T> {
    #[inline]
    fn clear(&mut self) {
        self.set_position(0);
        self.get_mut().clear();
    }

    #[inline]
    fn weight(&self) -> usize {
        size_of::<u64>() + self.get_ref().weight()
    }

    #[inline]
    fn used(&self) -> usize {
        self.get_ref().used()
    }

    #[inline]
    fn shrink(&mut self, max: usize) {
        self.get_mut().shrink(max);
    }

    #[inline]
    fn clear_cost(&self) -> usize {
        self.get_ref().clear_cost()
    }
}

/// Implements `Clear` for a tuple of these types and for every shorter one.
macro_rules! clear_tuples {
    ($first:ident $($rest:ident)*) => {
        #[expect(non_snake_case, reason = "one name for a part's type and its value")]
        impl<$first: Clear, $($rest: Clear),*> Clear for ($first, $($rest,)*) {
            #[inline]
            fn clear(&mut self) {
                let ($first, $($rest,)*) = self;
                $first.clear();
                $($rest.clear();)*
            }

            #[inline]
            fn weight(&self) -> usize {
                let ($first, $($rest,)*) = self;
                $first.weight() $(+ $rest.weight())*
            }

            #[inline]
            fn used(&self) -> usize {
                let ($first, $($rest,)*) = self;
                $first.used() $(+ $rest.used())*
            }

            #[inline]
            fn shrink(&mut self, max: usize) {
                let ($first, $($rest,)*) = self;
                $first.shrink(max);
                $($rest.shrink(max);)*
            }

            #[inline]
            fn clear_cost(&self) -> usize {
                let ($first, $($rest,)*) = self;
                $first.clear_cost() $(+ $rest.clear_cost())*
            }
        }
        clear_tuples! { $($rest)* }
    };
    () => {};
}

clear_tuples! { A B C D E F G H I J K L }
