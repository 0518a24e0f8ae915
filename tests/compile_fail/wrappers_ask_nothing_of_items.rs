//~ ok
use std::fmt;

pub struct Wrapper<T>(ebbtide::Pool<T, fn() -> T>);

pub struct Guard<'a, T>(ebbtide::Pooled<'a, T, fn() -> T>);

pub struct OwnedGuard<T>(ebbtide::OwnedPooled<T, fn() -> T>);

pub fn idle<T>(wrapper: &Wrapper<T>) -> usize {
    wrapper.0.advance();
    wrapper.0.idle()
}

pub fn item<'a, T>(guard: &'a Guard<'_, T>) -> &'a T {
    &guard.0
}

pub fn item_mut<T>(guard: &mut OwnedGuard<T>) -> &mut T {
    &mut guard.0
}

pub fn epochs<T, E: ebbtide::Epochs<T>>(settings: ebbtide::Settings<E>) -> ebbtide::Settings<E> {
    settings
}

impl<T> fmt::Debug for Wrapper<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> Drop for Wrapper<T> {
    fn drop(&mut self) {
        self.0.clear();
    }
}
