//! The order in which idle items are handed out.

/// Which idle item comes next. [`Settings::order`](super::Settings::order) sets it.
///
/// ```
/// use ebbtide::BoundedPool;
/// use ebbtide::bounded::{GetError, Order, Settings};
///
/// for (order, next) in [(Order::Lifo, 'b'), (Order::Fifo, 'a')] {
///     let pool = BoundedPool::with_settings(|| ' ', Settings::new(2).order(order));
///     let (mut first, mut second) = (pool.get()?, pool.get()?);
///     (*first, *second) = ('a', 'b');
///     drop(first);
///     drop(second);
///     assert_eq!(*pool.get()?, next);
/// }
/// # Ok::<(), GetError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Order {
    /// The one that was returned last. Items that are not needed stay idle, and sweeps drop them.
    #[default]
    Lifo,
    /// The one that has been idle longest. All items are used in turn. So a sweep drops only those for which no turn
    /// came in an epoch, and a pool in steady use keeps what it needed at its peak.
    Fifo,
}
