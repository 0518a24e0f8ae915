//! What a bounded pool does with the items that it does not keep.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::info::Item;
use crate::engine::item::{discard, drop_each};

/// What a pool does with each item that it does not keep: by default drop it.
/// [`Manage::disposer`](super::Manage::disposer) returns it.
///
/// It gets the items that a sweep, `clear`, `retain`, `resize` or `close` ends, those that did not pass their check,
/// that `recycle` refuses or that are too old, and idle ones when the pool is dropped. An item is [in
/// use](crate::BoundedPool::in_use) until the function returns for it. It runs on the thread that ends the item, such as
/// the janitor's, without the pool's lock. A `get` in it may wait for the place that only its return frees. It may
/// outlive the manager.
///
/// Connections often must be closed by a task of their runtime:
///
/// ```
/// use ebbtide::BoundedPool;
/// use ebbtide::bounded::{Disposer, GetError, Manage};
/// use tokio::runtime::Handle;
///
/// # use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
/// # static GOODBYES: AtomicUsize = AtomicUsize::new(0);
/// # struct Connection;
/// # impl Connection {
/// #     async fn connect() -> std::io::Result<Self> { Ok(Self) }
/// #     async fn close(self) { GOODBYES.fetch_add(1, SeqCst); }
/// # }
/// struct Connections {
///     runtime: Handle,
/// }
///
/// impl Manage<Connection> for Connections {
///     type Error = std::io::Error;
///
///     async fn create(&self) -> std::io::Result<Connection> {
///         Connection::connect().await
///     }
///
///     fn disposer(&self) -> Disposer<Connection> {
///         let runtime = self.runtime.clone();
///         Disposer::new(move |connection: Connection| drop(runtime.spawn(connection.close())))
///     }
/// }
///
/// # async fn example() -> Result<(), GetError<std::io::Error>> {
/// let pool = BoundedPool::with_recycle(Connections { runtime: Handle::current() }, 4);
/// drop(pool.get_many_async(4).await?);
/// drop(pool); // a task closes each
/// # while GOODBYES.load(SeqCst) < 4 { tokio::task::yield_now().await; }
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
///
/// The task closes the connection after its place is free. So for a moment there may be more connections than the
/// capacity, and [`closed`](crate::BoundedPool::closed) does not wait for the task. To wait for such tasks at the end,
/// spawn them with tokio-util's `TaskTracker::spawn_on`.
///
/// What users [detach](super::Pooled::detach) or [replace](super::Pooled::replace), or get from
/// [`advance_with`](crate::BoundedPool::advance_with), is theirs and does not come here.
///
/// # Panics
///
/// A panic of the function is treated as one of an item's `Drop`: the other items are still disposed of, and the place is
/// free.
pub struct Disposer<T>(Option<Arc<dyn Fn(Item<T>) + Send + Sync>>);

impl<T> Disposer<T> {
    /// Calls `dispose` for each item. Several threads may do so at once.
    ///
    /// ```
    /// use ebbtide::bounded::Disposer;
    ///
    /// let disposer = Disposer::new(|text: String| println!("{text} is no longer needed"));
    /// # let _ = disposer;
    /// ```
    pub fn new(dispose: impl Fn(T) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(move |item: Item<T>| dispose(item.into_inner()))))
    }

    pub(super) fn dispose(&self, item: Item<T>) {
        match &self.0 {
            Some(dispose) => dispose(item),
            None => drop(item),
        }
    }
}

/// Drops each item.
impl<T> Default for Disposer<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Clone for Disposer<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Drop for Disposer<T> {
    /// A panic in the `Drop` of what the function owns goes no further, because nobody waits for that.
    fn drop(&mut self) {
        drop_each(self.0.take()).into_iter().for_each(discard);
    }
}

// A panic in the function is the user's, as one in an item's `Drop` is. It leaves the pool intact.
impl<T> UnwindSafe for Disposer<T> {}
impl<T> RefUnwindSafe for Disposer<T> {}

impl<T> fmt::Debug for Disposer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disposer").finish_non_exhaustive()
    }
}
