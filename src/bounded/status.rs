//! What a bounded pool has at one moment.

/// The counts of a [`BoundedPool`](super::BoundedPool) at one moment.
/// [`BoundedPool::status`](super::BoundedPool::status) returns it.
///
/// ```
/// use ebbtide::BoundedPool;
///
/// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(4);
/// let status = pool.status();
/// assert!(status.in_use + status.idle <= status.capacity);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Status {
    /// How many items may exist.
    pub capacity: usize,
    /// Items in use, being created, dropped or checked, or on their way to a waiter. Also the places of those who wait to
    /// create one.
    pub in_use: usize,
    /// Calls that create items, or may do so now.
    pub creating: usize,
    /// Items in use that the pool is dropping.
    pub dropping: usize,
    /// Idle items.
    pub idle: usize,
    /// Threads and tasks that wait.
    pub waiting: usize,
    /// Whether the pool was closed.
    pub closed: bool,
}
