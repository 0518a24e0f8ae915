//! How a future creates and checks items.

use std::future::{Future, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::info::Item;
use super::{Disposer, Info, TryRecycle};

/// Like [`TryRecycle`], for items that only a future can create or check, such as the connections of an async client.
/// Every `TryRecycle` is a `Manage` whose futures are ready at once.
///
/// Its methods are where other pools have hooks:
///
/// | when | deadpool | bb8, r2d2 | here |
/// | --- | --- | --- | --- |
/// | after create | `post_create` | `on_acquire` | the end of [`create`](Self::create) |
/// | before an idle item is handed out | `pre_recycle`, `recycle`, `post_recycle` | `is_valid` | [`check`](Self::check) |
/// | after return | | `has_broken` | [`recycle`](Self::recycle) |
/// | when the pool ends an item | `detach` | r2d2's `on_release` | [`disposer`](Self::disposer) |
///
/// Threads cannot wait for these futures, so a pool with such a manager has only the async methods, such as
/// [`get_async`](crate::BoundedPool::get_async), and no `try_get`. Both functions may be `async fn`.
///
/// ```
/// use std::io;
/// use ebbtide::BoundedPool;
/// use ebbtide::bounded::{GetError, Info, Manage};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use tokio::net::{TcpListener, TcpStream};
///
/// struct Connections(std::net::SocketAddr);
///
/// impl Manage<TcpStream> for Connections {
///     type Error = io::Error;
///
///     async fn create(&self) -> io::Result<TcpStream> {
///         TcpStream::connect(self.0).await
///     }
///
///     // Before it is handed out. If it is broken, a new one takes its place.
///     async fn check(&self, stream: &mut TcpStream, _: &Info) -> bool {
///         stream.write_all(b"ping").await.is_ok() && stream.read_exact(&mut [0; 4]).await.is_ok()
///     }
///
///     // When it returns. After an hour it is dropped instead of kept.
///     fn recycle(&self, _: &mut TcpStream, info: &Info) -> bool {
///         info.age().as_secs() < 3600
///     }
/// }
///
/// # async fn example() -> Result<(), GetError<io::Error>> {
/// let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
/// let pool = BoundedPool::with_recycle(Connections(server.local_addr().unwrap()), 2);
/// drop(pool.get_async().await?);
/// drop(server); // and with it the connection
/// assert!(matches!(pool.get_async().await, Err(GetError::Create(_))));
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(example()).unwrap();
/// ```
pub trait Manage<T> {
    /// The error of [`create`](Self::create).
    type Error;

    /// See [`TryRecycle`].
    #[doc(hidden)]
    const CHECKED: bool = true;

    /// Creates an item. Its error goes to the caller of `get_async` as [`GetError::Create`](super::GetError::Create),
    /// and the item's place is free again. It is free, too, when the future is dropped before it is ready.
    ///
    /// The item lies in the future and passes through the stack. If it is too large for that, let a `Box` be the item.
    ///
    /// ```
    /// use ebbtide::{DefaultRecycle, bounded::Manage};
    ///
    /// let text: Result<String, _> = futures_lite::future::block_on(Manage::create(&DefaultRecycle));
    /// assert_eq!(text, Ok(String::new()));
    /// ```
    ///
    /// # Errors
    ///
    /// May fail for any reason.
    ///
    /// # Panics
    ///
    /// May panic. The panic goes to the caller of `get_async`, and the item's place is free again.
    fn create(&self) -> impl Future<Output = Result<T, Self::Error>> + Send
    where
        T: Send,
        Self::Error: Send;

    /// What the pool calls to create an item.
    #[doc(hidden)]
    fn create_item(&self) -> impl Future<Output = Result<Item<T>, Self::Error>> + Send
    where
        T: Send,
        Self::Error: Send,
    {
        Making(self.create())
    }

    /// Decides whether an idle item may be handed out. With `false`, the item is dropped, and a new one is created in
    /// the same place, so the caller need not wait again. The default is `true`.
    ///
    /// If the future is dropped before it is ready, the item may be in the midst of something. So it is dropped, and its
    /// place is free again.
    ///
    /// ```
    /// use ebbtide::bounded::{Info, Manage};
    /// # struct Connection;
    /// # impl Connection {
    /// #     async fn connect() -> std::io::Result<Self> { Ok(Self) }
    /// #     async fn ping(&mut self) -> std::io::Result<()> { Ok(()) }
    /// # }
    ///
    /// struct Connections;
    ///
    /// impl Manage<Connection> for Connections {
    ///     type Error = std::io::Error;
    ///
    ///     async fn create(&self) -> std::io::Result<Connection> {
    ///         Connection::connect().await
    ///     }
    ///
    ///     async fn check(&self, connection: &mut Connection, info: &Info) -> bool {
    ///         info.idle().as_secs() < 1 || connection.ping().await.is_ok()
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// May panic. The item is then dropped and its place is free again. The panic goes to the caller of `get_async`.
    fn check(&self, item: &mut T, info: &Info) -> impl Future<Output = bool> + Send {
        let _ = (item, info);
        ready(true)
    }

    /// Prepares an item for its next user, as [`TryRecycle::recycle`] does. The default keeps the item as it is.
    ///
    /// It is no future, because it runs where the guard is dropped. What takes longer belongs into
    /// [`check`](Self::check).
    ///
    /// ```
    /// use ebbtide::bounded::{Info, Manage};
    /// # struct Connection { transaction: bool }
    /// # impl Connection {
    /// #     async fn connect() -> std::io::Result<Self> { Ok(Self { transaction: false }) }
    /// # }
    ///
    /// struct Connections;
    ///
    /// impl Manage<Connection> for Connections {
    ///     type Error = std::io::Error;
    ///
    ///     async fn create(&self) -> std::io::Result<Connection> {
    ///         Connection::connect().await
    ///     }
    ///
    ///     fn recycle(&self, connection: &mut Connection, _: &Info) -> bool {
    ///         !connection.transaction // drops one that was left in a transaction
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`TryRecycle::recycle`].
    fn recycle(&self, item: &mut T, info: &Info) -> bool {
        let _ = (item, info);
        true
    }

    /// Returns what ends the items that the pool does not keep. The default drops them. For connections that say
    /// goodbye, see [`Disposer`].
    ///
    /// It is called once, when the pool is first used. If several threads use it first, each may call it, and one result
    /// remains.
    ///
    /// ```
    /// use ebbtide::{DefaultRecycle, bounded::{Disposer, Manage}};
    ///
    /// let drops: Disposer<String> = Manage::disposer(&DefaultRecycle);
    /// # let _ = drops;
    /// ```
    ///
    /// # Panics
    ///
    /// May panic. The panic goes to the caller who uses the pool first. The next call tries again.
    fn disposer(&self) -> Disposer<T> {
        Disposer::default()
    }

    /// See [`TryRecycle`], as for the next two.
    #[doc(hidden)]
    #[inline]
    fn weight(&self, item: &T) -> usize {
        size_of_val(item)
    }

    #[doc(hidden)]
    #[inline]
    fn used(&self, item: &T) -> usize {
        self.weight(item)
    }

    #[doc(hidden)]
    #[inline]
    fn shrink(&self, item: &mut T, max: usize) {
        let _ = (item, max);
    }
}

impl<T, R: TryRecycle<T>> Manage<T> for R {
    type Error = R::Error;

    const CHECKED: bool = R::CHECKED;

    fn create(&self) -> impl Future<Output = Result<T, R::Error>> + Send
    where
        T: Send,
        R::Error: Send,
    {
        ready(self.try_create())
    }

    fn create_item(&self) -> impl Future<Output = Result<Item<T>, R::Error>> + Send
    where
        T: Send,
        R::Error: Send,
    {
        ready(self.try_create_item())
    }

    fn check(&self, item: &mut T, info: &Info) -> impl Future<Output = bool> + Send {
        ready(TryRecycle::check(self, item, info))
    }

    #[inline]
    fn recycle(&self, item: &mut T, info: &Info) -> bool {
        TryRecycle::recycle(self, item, info)
    }

    fn disposer(&self) -> Disposer<T> {
        TryRecycle::disposer(self)
    }

    #[inline]
    fn weight(&self, item: &T) -> usize {
        TryRecycle::weight(self, item)
    }

    #[inline]
    fn used(&self, item: &T) -> usize {
        TryRecycle::used(self, item)
    }

    #[inline]
    fn shrink(&self, item: &mut T, max: usize) {
        TryRecycle::shrink(self, item, max);
    }
}

/// A future whose value becomes an item. An `async` block would hold the future twice.
pub(super) struct Making<F>(pub(super) F);

impl<T, E, F: Future<Output = Result<T, E>>> Future for Making<F> {
    type Output = Result<Item<T>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the future stays where `self` is pinned, and is dropped there.
        let creating = unsafe { self.map_unchecked_mut(|making| &mut making.0) };
        creating.poll(context).map_ok(Item::create)
    }
}
