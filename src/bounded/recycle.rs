//! How items are created and checked that cannot always be created, and do not last for ever.

use std::convert::Infallible;

use super::info::Item;
use super::{Disposer, Info};
use crate::pool::Recycle;
use crate::pool::exchange::new_item;

/// Like [`Recycle`], for items whose creation may fail or that may break while they are idle, such as connections and
/// handles. Every `Recycle` is a `TryRecycle` that never fails. For items that only a future can create or check, see
/// [`Manage`](super::Manage).
///
/// ```
/// use std::net::{SocketAddr, TcpStream};
/// use ebbtide::BoundedPool;
/// use ebbtide::bounded::{GetError, Info, TryRecycle};
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
///     // Before it is handed out. If it is broken, a new one takes its place.
///     fn check(&self, stream: &mut TcpStream, _: &Info) -> bool {
///         stream.take_error().is_ok_and(|error| error.is_none())
///     }
///
///     // When it returns. After an hour it is dropped instead of kept.
///     fn recycle(&self, _: &mut TcpStream, info: &Info) -> bool {
///         info.age().as_secs() < 3600
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

    /// Whether items are checked and the time of their last use is noted. A `Recycle` needs neither.
    #[doc(hidden)]
    const CHECKED: bool = true;

    /// Creates an item. Its error goes to the caller of `get` as [`GetError::Create`](super::GetError::Create), and the
    /// item's place is free again.
    ///
    /// The item passes through the stack. If it is too large for that, let a `Box` be the item.
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

    /// What the pool calls to create an item.
    #[doc(hidden)]
    fn try_create_item(&self) -> Result<Item<T>, Self::Error> {
        self.try_create().map(Item::create)
    }

    /// Decides whether an idle item may be handed out. With `false`, the item is dropped, and a new one is created in
    /// the same place, so the caller need not wait again. The default is `true`.
    ///
    /// Runs on the thread that gets the item, without the pool's lock. It blocks that thread, however long it takes.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use ebbtide::BoundedPool;
    /// use ebbtide::bounded::{GetError, Info, TryRecycle};
    ///
    /// struct Tickets(Cell<u32>); // numbered
    ///
    /// impl TryRecycle<u32> for Tickets {
    ///     type Error = std::convert::Infallible;
    ///
    ///     fn try_create(&self) -> Result<u32, Self::Error> {
    ///         Ok(self.0.replace(self.0.get() + 1))
    ///     }
    ///
    ///     fn check(&self, _: &mut u32, info: &Info) -> bool {
    ///         info.uses() < 2
    ///     }
    /// }
    ///
    /// let pool = BoundedPool::with_recycle(Tickets(Cell::new(0)), 1);
    /// let handed_out = [(); 3].map(|()| pool.get().map(|ticket| *ticket));
    /// assert_eq!(handed_out, [Ok(0), Ok(0), Ok(1)]);
    /// ```
    ///
    /// # Panics
    ///
    /// May panic. The item is then dropped and its place is free again. The panic goes to the caller of `get`.
    #[inline]
    fn check(&self, item: &mut T, info: &Info) -> bool {
        let _ = (item, info);
        true
    }

    /// Prepares an item for its next user, as [`Recycle::recycle`] does. With `false`, the item is dropped and its
    /// place is free again. The default is `true`. This use counts in `info`, and is what was [last
    /// used](Info::last_used).
    ///
    /// ```
    /// use ebbtide::BoundedPool;
    /// use ebbtide::bounded::{Info, TryRecycle};
    ///
    /// struct Once;
    ///
    /// impl TryRecycle<String> for Once {
    ///     type Error = std::convert::Infallible;
    ///
    ///     fn try_create(&self) -> Result<String, Self::Error> {
    ///         Ok(String::new())
    ///     }
    ///
    ///     fn recycle(&self, _: &mut String, info: &Info) -> bool {
    ///         info.uses() < 1
    ///     }
    /// }
    ///
    /// let pool = BoundedPool::with_recycle(Once, 1);
    /// drop(pool.get());
    /// assert_eq!(pool.idle(), 0);
    /// ```
    ///
    /// # Panics
    ///
    /// May panic. The item is then dropped and its place is free again. The panic goes to the caller who returned the
    /// item, unless that thread is already unwinding.
    #[inline]
    fn recycle(&self, item: &mut T, info: &Info) -> bool {
        let _ = (item, info);
        true
    }

    /// Returns what ends the items that the pool does not keep, as [`Manage::disposer`](super::Manage::disposer) does.
    ///
    /// ```
    /// use std::net::{Shutdown, TcpStream};
    /// use ebbtide::bounded::{Disposer, TryRecycle};
    ///
    /// struct Connections;
    ///
    /// impl TryRecycle<TcpStream> for Connections {
    ///     type Error = std::io::Error;
    ///
    ///     fn try_create(&self) -> Result<TcpStream, std::io::Error> {
    ///         TcpStream::connect("db.internal:5432")
    ///     }
    ///
    ///     fn disposer(&self) -> Disposer<TcpStream> {
    ///         Disposer::new(|stream: TcpStream| drop(stream.shutdown(Shutdown::Both)))
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Manage::disposer`](super::Manage::disposer).
    fn disposer(&self) -> Disposer<T> {
        Disposer::default()
    }

    /// Returns how many bytes an item holds, as [`Recycle::weight`] does. The default is `size_of::<T>()`.
    ///
    /// ```
    /// use ebbtide::{DefaultRecycle, bounded::TryRecycle};
    ///
    /// let text = String::with_capacity(1000);
    /// assert_eq!(TryRecycle::weight(&DefaultRecycle, &text), 1000 + size_of::<String>());
    /// ```
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

    const CHECKED: bool = false;

    #[inline]
    fn try_create(&self) -> Result<T, Infallible> {
        Ok(self.create())
    }

    fn try_create_item(&self) -> Result<Item<T>, Infallible> {
        Ok(new_item(self, Info::new))
    }

    #[inline]
    fn recycle(&self, item: &mut T, _: &Info) -> bool {
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
