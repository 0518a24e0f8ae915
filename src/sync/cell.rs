//! `UnsafeCell` with loom's closure interface, so that loom can watch every access.

#[cfg(all(loom, feature = "loom"))]
pub(crate) use loom::cell::UnsafeCell;

#[cfg(not(all(loom, feature = "loom")))]
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(all(loom, feature = "loom")))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Hands out the pointer for reading. The caller's SAFETY comment says what may be done with it.
    #[inline(always)]
    pub(crate) fn with<O>(&self, act: impl FnOnce(*const T) -> O) -> O {
        act(self.0.get())
    }

    /// Hands out the pointer. The caller's SAFETY comment says what may be done with it.
    #[inline(always)]
    pub(crate) fn with_mut<O>(&self, act: impl FnOnce(*mut T) -> O) -> O {
        act(self.0.get())
    }
}
