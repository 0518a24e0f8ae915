//! The traits that a guard has because its item has them.

/// Implements them for a guard that derefs to its item: `forward!([generics] guard => item)`.
macro_rules! forward {
    ([$($generics:tt)*] $guard:ty => $item:ty) => {
        impl<$($generics)*> std::borrow::Borrow<$item> for $guard {
            fn borrow(&self) -> &$item {
                self
            }
        }

        impl<$($generics)*> std::borrow::BorrowMut<$item> for $guard {
            fn borrow_mut(&mut self) -> &mut $item {
                self
            }
        }

        impl<$($generics)*> PartialEq for $guard
        where
            $item: PartialEq,
        {
            fn eq(&self, other: &Self) -> bool {
                **self == **other
            }
        }

        impl<$($generics)*> Eq for $guard where $item: Eq {}

        impl<$($generics)*> PartialOrd for $guard
        where
            $item: PartialOrd,
        {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                (**self).partial_cmp(&**other)
            }
        }

        impl<$($generics)*> Ord for $guard
        where
            $item: Ord,
        {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                (**self).cmp(&**other)
            }
        }

        impl<$($generics)*> std::hash::Hash for $guard
        where
            $item: std::hash::Hash,
        {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                (**self).hash(state);
            }
        }

        impl<$($generics)*, A> Extend<A> for $guard
        where
            $item: Extend<A>,
        {
            fn extend<I: IntoIterator<Item = A>>(&mut self, items: I) {
                (**self).extend(items);
            }
        }

        impl<$($generics)*> std::io::Write for $guard
        where
            $item: std::io::Write,
        {
            #[inline]
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                (**self).write(bytes)
            }

            #[inline]
            fn write_vectored(&mut self, slices: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                (**self).write_vectored(slices)
            }

            #[inline]
            fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
                (**self).write_all(bytes)
            }

            #[inline]
            fn flush(&mut self) -> std::io::Result<()> {
                (**self).flush()
            }
        }

        impl<$($generics)*> std::fmt::Write for $guard
        where
            $item: std::fmt::Write,
        {
            #[inline]
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                (**self).write_str(text)
            }

            #[inline]
            fn write_char(&mut self, character: char) -> std::fmt::Result {
                (**self).write_char(character)
            }
        }

        impl<$($generics)*> std::fmt::Debug for $guard
        where
            $item: std::fmt::Debug,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<$($generics)*> std::fmt::Display for $guard
        where
            $item: std::fmt::Display,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }

        /// Prints the address of the item.
        impl<$($generics)*> std::fmt::Pointer for $guard {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Pointer::fmt(&&raw const **self, f)
            }
        }
    };
}

pub(crate) use forward;
