//! How items are made that can't always be made.

use std::convert::Infallible;

use crate::pool::Recycle;

/// As [`Recycle`], for items whose making may fail: connections, handles, anything that asks somebody else. Every
/// `Recycle` is one that never fails.
///
/// ```
/// use std::net::{SocketAddr, TcpStream};
/// use ebbtide::BoundedPool;
/// use ebbtide::bounded::{GetError, TryRecycle};
///
/// struct Connections(SocketAddr);
///
/// impl TryRecycle<TcpStream> for Connections {
///     type Error = std::io::Error;
///
///     fn try_create(&self) -> Result<TcpStream, std::io::Error> {
///         TcpStream::connect(self.0)
///     }
///
///     fn recycle(&self, stream: &mut TcpStream) -> bool {
///         stream.take_error().is_ok_and(|error| error.is_none()) // a broken one isn't kept
///     }
/// }
///
/// # let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let address = server.local_addr().unwrap();
/// let pool = BoundedPool::with_recycle(Connections(address), 2);
/// let stream = pool.get().expect("somebody listens");
/// # drop((stream, server));
/// pool.clear();
/// assert!(matches!(pool.get(), Err(GetError::Create(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused));
/// ```
pub trait TryRecycle<T> {
    /// What goes wrong.
    type Error;

    /// Makes a new item. Its error goes to the caller of `get` as [`GetError::Create`](super::GetError::Create), and
    /// the place is free again.
    ///
    /// ```
    /// use ebbtide::bounded::TryRecycle;
    ///
    /// let Ok(text) = String::new.try_create();
    /// assert_eq!(text, "");
    /// ```
    ///
    /// # Errors
    ///
    /// Whenever it likes.
    ///
    /// # Panics
    ///
    /// May panic: the panic goes to the caller of `get`, and the place is free again.
    fn try_create(&self) -> Result<T, Self::Error>;

    /// Readies an item for its next user, as [`Recycle::recycle`] does. With `false` the item is dropped and its place
    /// is free.
    ///
    /// ```
    /// use ebbtide::{DefaultRecycle, bounded::TryRecycle};
    ///
    /// let mut text = String::from("for this user only");
    /// assert!(TryRecycle::recycle(&DefaultRecycle, &mut text));
    /// assert_eq!(text, "");
    /// ```
    ///
    /// # Panics
    ///
    /// May panic: the item is dropped, its place is free, and the panic goes to whoever gave it back, unless that
    /// thread is unwinding already.
    fn recycle(&self, item: &mut T) -> bool;
}

impl<T, R: Recycle<T>> TryRecycle<T> for R {
    type Error = Infallible;

    #[inline]
    fn try_create(&self) -> Result<T, Infallible> {
        Ok(self.create())
    }

    #[inline]
    fn recycle(&self, item: &mut T) -> bool {
        Recycle::recycle(self, item)
    }
}
