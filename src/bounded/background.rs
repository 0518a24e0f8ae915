//! Pools whose items other threads create, and that keep some idle.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc as StdArc;

use super::creating::{Attempt, Shared, Why, create_on};
use super::lot::Lot;
use super::places::Places;
use super::state::State;
use super::{BoundedPool, TryRecycle};
use crate::engine::item::{Payload, discard, drop_each, keep_first};
use crate::janitor;
use crate::sync::thread::{MutexGuard, Weak, downgrade};
use crate::sync::{Arc, const_unless_loom};

impl<T, R> BoundedPool<T, R>
where
    T: Send + 'static,
    R: TryRecycle<T, Error: Send + 'static> + Clone + Send + Sync + 'static,
{
    const_unless_loom! {
        /// Has threads of the process create the items, so that a `get` ends in time even if a creation does not, and that
        /// [`min_idle`](super::Settings::min_idle) items are kept.
        ///
        /// ```
        /// use std::io;
        /// use std::net::TcpStream;
        /// use std::time::Duration;
        /// use ebbtide::BoundedPool;
        /// use ebbtide::bounded::{Settings, TryRecycle};
        ///
        /// #[derive(Clone)]
        /// struct Connections;
        ///
        /// impl TryRecycle<TcpStream> for Connections {
        ///     type Error = io::Error;
        ///
        ///     fn try_create(&self) -> io::Result<TcpStream> {
        ///         TcpStream::connect("db.internal:5432")
        ///     }
        /// }
        ///
        /// static CONNECTIONS: BoundedPool<TcpStream, Connections> =
        ///     BoundedPool::with_settings(Connections, Settings::new(8).min_idle(2).wait_timeout(Duration::from_secs(5)))
        ///         .create_in_background();
        /// ```
        ///
        /// **A `get`** that finds no idle item but room for one has a thread create it, and waits. An item that comes back
        /// meanwhile serves it. What is created then serves the next waiter or becomes idle. It ends with its timeout or
        /// deadline, or that of [`wait_timeout`](super::Settings::wait_timeout), which limit the wait for room and the one
        /// for the item together. With a [`create_timeout`](super::Settings::create_timeout), the creation has that for
        /// itself. It goes on all the same, and keeps its place until it ends. So there are never more items than the
        /// capacity. A check runs on the thread that gets the item, as always.
        ///
        /// If the creation fails or panics, the `get` that began it does so. If that has its item already, or has given up,
        /// an error is dropped, and a panic is counted in [`Stats::panics`](crate::Stats::panics).
        ///
        /// This holds for [`get`](Self::get) and the methods for one item that are like it. `try_get` and a timeout of zero
        /// begin a creation and do not wait for it. Those that get several items, and those that are given a function, create
        /// on the calling thread.
        ///
        /// **Idle items.** At the pool's first use, and after each sweep or [`clear`](Self::clear), a thread creates what is
        /// missing to `min_idle`, one by one, while [`prefill`](Self::prefill) would. If that fails, the next sweep tries
        /// again. With [manual](super::Settings::manual) epochs, [`advance`](Self::advance) is a sweep.
        ///
        /// # Threads
        ///
        /// They are those that drop items for the janitor. If all are busy, another one starts at once, and ends when there
        /// is no more to do. They create with the signal mask of the thread that used a pool first.
        /// [`stop_janitor`](crate::stop_janitor) waits for them. While it does, where no thread can be started, and in the
        /// child of a `fork`, the calling thread creates the item.
        ///
        /// The threads have clones of the recycler. If it is large or cannot be cloned, let it be an `Arc` in a struct of
        /// yours.
        #[must_use]
        pub const fn create_in_background(mut self) -> Self {
            self.background = Some(Background::NEW);
            self
        }
    }
}

/// How a pool begins creations. Both functions clone the recycler.
pub(super) struct Background<T, R> {
    pub(super) attempt: fn(&R) -> Box<dyn Attempt<T, R> + Send>,
    pub(super) filler: fn(&R) -> Filler<T>,
}

impl<T: Send + 'static, R: TryRecycle<T, Error: Send + 'static> + Clone + Send + Sync + 'static> Background<T, R> {
    const NEW: Self = Self {
        attempt: |recycler| Box::new(Shared::new(recycler.clone())),
        filler: |recycler| Filler(Some(StdArc::new(Recycler(recycler.clone())))),
    };
}

/// What keeps `min_idle` items idle, if the pool has that.
pub(super) struct Filler<T>(Option<StdArc<dyn Fill<T>>>);

impl<T> Filler<T> {
    pub(super) const NONE: Self = Self(None);
}

impl<T> Drop for Filler<T> {
    /// A panic in the recycler's `Drop` goes no further, because nobody waits for that.
    fn drop(&mut self) {
        drop_each(self.0.take()).into_iter().for_each(discard);
    }
}

// A panic in the recycler is the user's, as one in an item's `Drop` is. It leaves the pool intact.
impl<T> UnwindSafe for Filler<T> {}
impl<T> RefUnwindSafe for Filler<T> {}

trait Fill<T>: Send + Sync {
    /// Has a thread create what is missing, the first item on this place. Nobody else may do that meanwhile.
    fn start(self: StdArc<Self>, places: &Arc<Places<T>>, lot: Lot<T>);
}

struct Recycler<R>(R);

impl<T: Send + 'static, R: TryRecycle<T> + Send + Sync + 'static> Fill<T> for Recycler<R> {
    fn start(self: StdArc<Self>, places: &Arc<Places<T>>, lot: Lot<T>) {
        let weak = downgrade(places);
        janitor::run_soon(weak.clone(), move || {
            let mut first = self.fill(lot, &weak);
            drop_each([self]).into_iter().for_each(|panic| keep_first(&mut first, panic));
            first
        });
    }
}

impl<R> Recycler<R> {
    /// Creates idle items until there are enough, or one cannot be created. Returns the first panic.
    fn fill<T>(&self, mut lot: Lot<T>, weak: &Weak<Places<T>>) -> Option<Payload>
    where
        R: TryRecycle<T>,
    {
        let mut first = None;
        loop {
            let (created, panic) = create_on(lot, weak, None, || self.0.try_create_item(), &Why::default());
            panic.into_iter().for_each(|panic| keep_first(&mut first, panic));
            let Some(places) = weak.upgrade() else { return first };
            let next = places.lock().reserve_missing(created);
            drop(places);
            let Some(next) = next else { return first };
            lot = next;
        }
    }
}

impl<T> Places<T> {
    /// Whether somebody creates idle items when a sweep has ended.
    pub(super) fn is_filled(&self, state: &State<T>) -> bool {
        self.filler.0.is_some() || !state.sweepers.is_empty()
    }

    /// Whether that would create one now.
    pub(super) fn is_missing(&self, state: &State<T>) -> bool {
        state.is_short() && state.has_room() && self.is_filled(state)
    }

    /// Releases the lock, after a change that may leave too few items idle or make room for them. If one is missing, the
    /// janitor comes.
    pub(super) fn release(&self, state: MutexGuard<'_, State<T>>) {
        let missing = self.is_missing(&state);
        drop(state);
        if missing {
            janitor::attend(&self.registration);
        }
    }

    /// Has a thread create them, unless one does, or there is no room. A pool in full use needs no thread.
    pub(super) fn fill(heap: &Arc<Self>) {
        let Some(filler) = &heap.filler.0 else { return };
        let mut state = heap.lock();
        let lot = if state.filling { None } else { state.reserve_missing(true) };
        drop(state);
        if let Some(lot) = lot {
            StdArc::clone(filler).start(heap, lot);
        }
    }
}
