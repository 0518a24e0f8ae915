//! What a box of a pool is because its value is, beyond what a guard is.

/// Polls and iterates as the value does: `forward_box!([generics] box => value)`.
macro_rules! forward_box {
    ([$($generics:tt)*] $boxed:ty => $value:ty) => {
        impl<$($generics)*> std::future::Future for $boxed
        where
            $value: std::future::Future + Unpin,
        {
            type Output = <$value as std::future::Future>::Output;

            fn poll(
                mut self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Self::Output> {
                std::pin::Pin::new(&mut **self).poll(context)
            }
        }

        impl<$($generics)*> Iterator for $boxed
        where
            $value: Iterator,
        {
            type Item = <$value as Iterator>::Item;

            fn next(&mut self) -> Option<Self::Item> {
                (**self).next()
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (**self).size_hint()
            }

            fn nth(&mut self, n: usize) -> Option<Self::Item> {
                (**self).nth(n)
            }
        }

        impl<$($generics)*> DoubleEndedIterator for $boxed
        where
            $value: DoubleEndedIterator,
        {
            fn next_back(&mut self) -> Option<Self::Item> {
                (**self).next_back()
            }
        }

        impl<$($generics)*> ExactSizeIterator for $boxed where $value: ExactSizeIterator {}

        impl<$($generics)*> std::iter::FusedIterator for $boxed where $value: std::iter::FusedIterator {}
    };
}

pub(super) use forward_box;
