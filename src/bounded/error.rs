//! `GetError`: why a `get` returns no item.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a `get` of a [`BoundedPool`](super::BoundedPool) returns no item. `E` is the error of the recycler's
/// [`try_create`](super::TryRecycle::try_create).
///
/// ```
/// use std::time::Duration;
/// use ebbtide::BoundedPool;
/// use ebbtide::bounded::GetError;
///
/// let pool: BoundedPool<Vec<u8>> = BoundedPool::new(1);
/// let only = pool.get()?;
/// assert_eq!(pool.get_timeout(Duration::from_millis(1)).unwrap_err(), GetError::Timeout);
///
/// let error = pool.get_many(2).unwrap_err();
/// assert_eq!(error.to_string(), "2 items were asked for, but the pool's capacity is 1");
/// # drop(only);
/// # Ok::<(), GetError>(())
/// ```
///
/// To tell them apart:
///
/// ```
/// use std::io;
/// use ebbtide::bounded::GetError;
///
/// fn explain(error: &GetError<io::Error>) -> String {
///     match error {
///         GetError::Create(cause) => format!("cannot connect: {cause}"),
///         GetError::TimedOut { phase, after, .. } => format!("{phase:?} took more than {after:?}"),
///         other => other.to_string(),
///     }
/// }
///
/// assert_eq!(explain(&GetError::Closed), "the pool is closed");
/// ```
///
/// The text of [`Create`](Self::Create) ends with that of its cause. So the cause is not its
/// [`source`](Error::source) as well, and a report names it once. `E` may be any error, also one that does not implement
/// [`Error`], such as `Box<dyn Error + Send + Sync>` or `anyhow::Error`. A `?` converts a `GetError` to these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GetError<E = Infallible> {
    /// The timeout or deadline of the call passed before an item was free.
    Timeout,
    /// A timeout of the pool's [`Settings`](super::Settings) passed.
    #[non_exhaustive]
    TimedOut {
        /// What took too long.
        phase: Phase,
        /// The timeout.
        after: Duration,
    },
    /// The pool is closed, or was closed during the wait.
    Closed,
    /// The request is for more items than may exist, from the start or since a `resize`.
    #[non_exhaustive]
    OverCapacity {
        /// The number of items requested.
        asked: usize,
        /// The pool's capacity.
        capacity: usize,
    },
    /// There was room but no idle item, and creating one failed.
    Create(E),
}

/// The phases of a `get` that can time out. A check that takes too long is no error: the item is replaced.
///
/// ```
/// use std::time::Duration;
/// use ebbtide::{BoundedPool, DefaultRecycle};
/// use ebbtide::bounded::{GetError, Phase, Settings};
///
/// let settings = Settings::new(1).wait_timeout(Duration::from_millis(5));
/// let pool: BoundedPool<Vec<u8>> = BoundedPool::with_settings(DefaultRecycle, settings);
/// let only = pool.get()?;
/// let error = pool.get().unwrap_err();
/// assert!(matches!(error, GetError::TimedOut { phase: Phase::Wait, .. }));
/// assert_eq!(error.to_string(), "no item was free within 5ms");
/// # drop(only);
/// # Ok::<(), GetError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Waiting for an item or its place.
    Wait,
    /// Creating an item.
    Create,
}

impl<E: fmt::Display> fmt::Display for GetError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("timed out before an item was free"),
            Self::TimedOut { phase: Phase::Wait, after } => write!(f, "no item was free within {after:?}"),
            Self::TimedOut { phase: Phase::Create, after } => write!(f, "no item was created within {after:?}"),
            Self::Closed => f.write_str("the pool is closed"),
            Self::OverCapacity { asked, capacity } => {
                write!(f, "{asked} items were asked for, but the pool's capacity is {capacity}")
            }
            // anyhow's errors then show their causes, too.
            Self::Create(error) => write!(f, "no item could be created: {error:#}"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> Error for GetError<E> {}

/// Why no places can be taken.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refused {
    /// Too few places are free, or others are waiting for them.
    Busy,
    Closed,
    OverCapacity {
        asked: usize,
        capacity: usize,
    },
}

impl<E> From<Refused> for GetError<E> {
    fn from(refused: Refused) -> Self {
        match refused {
            // Not waiting is a timeout of zero.
            Refused::Busy => Self::Timeout,
            Refused::Closed => Self::Closed,
            Refused::OverCapacity { asked, capacity } => Self::OverCapacity { asked, capacity },
        }
    }
}
