//! How items are created that cannot always be created.

use std::convert::Infallible;

use crate::pool::Recycle;

/// Like [`Recycle`], for items whose creation may fail, such as connections and handles. Every `Recycle` is a
/// `TryRecycle` that never fails.
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
///         stream.take_error().is_ok_and(|error| error.is_none()) // drops a broken one
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
    /// The error of [`try_create`](Self::try_create).
    type Error;

    /// Creates an item. Its error goes to the caller of `get` as [`GetError::Create`](super::GetError::Create), and the
    /// item's place is free again.
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
    /// May fail for any reason.
    ///
    /// # Panics
    ///
    /// May panic. The panic goes to the caller of `get`, and the item's place is free again.
    fn try_create(&self) -> Result<T, Self::Error>;

    /// Prepares an item for its next user, as [`Recycle::recycle`] does. With `false`, the item is dropped and its
    /// place is free again.
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
    /// May panic. The item is then dropped and its place is free again. The panic goes to the caller who returned the
    /// item, unless that thread is already unwinding.
    fn recycle(&self, item: &mut T) -> bool;

    /// Returns how many bytes an item holds, as [`Recycle::weight`] does. The default is `size_of::<T>()`.
    ///
    /// ```
    /// use ebbtide::{DefaultRecycle, bounded::TryRecycle};
    ///
    /// let text = String::with_capacity(1000);
    /// assert_eq!(TryRecycle::weight(&DefaultRecycle, &text), 1000 + size_of::<String>());
    /// ```
    ///
    #[inline]
    fn weight(&self, item: &T) -> usize {
        size_of_val(item)
    }

    /// Returns how many bytes of its storage the last user of an item needed, as [`Recycle::used`] does.
    ///
    /// ```
    /// use ebbtide::{DefaultRecycle, bounded::TryRecycle};
    ///
    /// assert_eq!(TryRecycle::used(&DefaultRecycle, &String::from("short")), 5);
    /// ```
    ///
    /// # Panics
    ///
    /// May panic, as [`recycle`](Self::recycle) may.
    #[inline]
    fn used(&self, item: &T) -> usize {
        self.weight(item)
    }

    /// Gives back storage of an item, as [`Recycle::shrink`] does.
    ///
    /// ```
    /// use ebbtide::{DefaultRecycle, bounded::TryRecycle};
    ///
    /// let mut text = String::with_capacity(1000);
    /// TryRecycle::shrink(&DefaultRecycle, &mut text, 100);
    /// assert_eq!(text.capacity(), 100);
    /// ```
    ///
    /// # Panics
    ///
    /// May panic, as [`recycle`](Self::recycle) may.
    #[inline]
    fn shrink(&self, item: &mut T, max: usize) {
        let _ = (item, max);
    }
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

    #[inline]
    fn weight(&self, item: &T) -> usize {
        Recycle::weight(self, item)
    }

    #[inline]
    fn used(&self, item: &T) -> usize {
        Recycle::used(self, item)
    }

    #[inline]
    fn shrink(&self, item: &mut T, max: usize) {
        Recycle::shrink(self, item, max);
    }
}
