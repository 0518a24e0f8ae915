//! Why a get has nothing to give.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;

/// Why a get from a [`BoundedPool`](super::BoundedPool) has no item to give. `E` is the error of the recycler's
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GetError<E = Infallible> {
    /// The time was up before the places were free.
    Timeout,
    /// The pool is closed, or was while this waited.
    Closed,
    /// More items were asked for than may exist, be it from the start or since a `resize`.
    #[non_exhaustive]
    OverCapacity {
        /// How many items were asked for.
        asked: usize,
        /// The limit: the pool's capacity.
        capacity: usize,
    },
    /// There was a place but no idle item, and none could be made.
    Create(E),
}

impl<E: fmt::Display> fmt::Display for GetError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("the time was up before an item was free"),
            Self::Closed => f.write_str("the pool is closed"),
            Self::OverCapacity { asked, capacity } => {
                write!(f, "{asked} items were asked for, but the pool's capacity is {capacity}")
            }
            Self::Create(error) => write!(f, "no item could be made: {error}"),
        }
    }
}

impl<E: Error + 'static> Error for GetError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Create(error) => Some(error),
            _ => None,
        }
    }
}

/// Why there are no places to be had.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refused {
    /// Too few are free, or others wait already.
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
            // Who doesn't wait has no time at all.
            Refused::Busy => Self::Timeout,
            Refused::Closed => Self::Closed,
            Refused::OverCapacity { asked, capacity } => Self::OverCapacity { asked, capacity },
        }
    }
}
