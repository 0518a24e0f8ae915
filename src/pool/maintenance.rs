//! What is done to a pool as a whole: filling, sweeping and counting.

use std::panic::{self, AssertUnwindSafe};

use super::{Pool, Recycle, Stats};
use crate::engine::array::Array;
use crate::engine::item::{Item, drop_each, keep_first, raise};
use crate::engine::store::Store;
use crate::engine::sweep::sweep;
use crate::engine::tally::Swept;
use crate::engine::top::Purpose;
use crate::janitor;

impl<T: Send, R: Recycle<T>> Pool<T, R> {
    /// Creates `n` items and puts them where every thread finds them. Returns how many the pool kept: fewer than `n` if
    /// [`max_idle`](crate::Settings::max_idle) left no room.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// assert_eq!(pool.prefill(100), 100);
    /// assert_eq!(pool.idle(), 100);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if [`Recycle::create`] panics. The pool keeps the items created before.
    pub fn prefill(&self, n: usize) -> usize {
        let store = self.store();
        let size = store.limits.array.max(1);
        let mut kept = 0;
        for start in (0..n).step_by(size) {
            let mut items = Array::new(size);
            let made = panic::catch_unwind(AssertUnwindSafe(|| {
                for _ in start..n.min(start + size) {
                    let pushed = items.push(self.weigh_new(store, Item::new(self.recycler.create())));
                    debug_assert!(pushed.is_ok(), "there is room for a batch");
                }
            }));
            kept += items.len();
            let rejected = store.put_batch(items);
            janitor::attend(&store.registration);
            let full = rejected.is_some();
            let mut first = made.err();
            if let Some(mut rejected) = rejected {
                kept -= rejected.len();
                if let Some(panic) = drop_each(&mut rejected) {
                    keep_first(&mut first, panic);
                }
            }
            if let Some(panic) = first {
                raise(panic);
            }
            if full {
                break;
            }
        }
        kept
    }
}

impl<T, R> Pool<T, R> {
    /// Ends the epoch: drops the items that were returned before this epoch and not used since, and makes the rest
    /// victims.
    ///
    /// So an idle item survives one call, but not two. A call takes no lock and blocks no other thread. Its cost grows
    /// with the number of threads that use the pool and with the number of items that it drops.
    ///
    /// Returns what it did. If another sweep of this pool is running, it does nothing and returns `None`.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// drop(pool.get());
    /// pool.advance();
    /// assert_eq!(pool.idle(), 1);
    /// pool.advance();
    /// assert_eq!(pool.idle(), 0);
    /// ```
    ///
    /// # Panics
    ///
    /// If the `Drop` of an item panics, the other items are still dropped. Then the first such panic continues here,
    /// unless the thread is already unwinding.
    pub fn advance(&self) -> Option<Swept> {
        self.sweep(Purpose::Advance)
    }

    /// Drops every idle item, regardless of [`min_idle`](crate::Settings::min_idle), and does not end the epoch. It leaves the
    /// private slots of threads that are inside an operation.
    ///
    /// Returns what it did, or `None`, as [`advance`](Self::advance) does.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// drop(pool.get());
    /// assert_eq!(pool.clear().map(|swept| swept.dropped), Some(1));
    /// ```
    ///
    /// # Panics
    ///
    /// As [`advance`](Self::advance).
    pub fn clear(&self) -> Option<Swept> {
        self.sweep(Purpose::Clear)
    }

    /// Returns how many items are idle. This is exact while no other call runs, and otherwise an estimate.
    ///
    /// It reads the slot set of every thread that used the pool.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// drop((pool.get(), pool.get()));
    /// assert_eq!(pool.idle(), 2);
    /// ```
    pub fn idle(&self) -> usize {
        self.store.get().map_or(0, Store::idle)
    }

    /// Returns what the pool did since it was created.
    ///
    /// It reads the slot set of every thread that used the pool.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<Vec<u8>> = Pool::new();
    /// drop((pool.get(), pool.get()));
    /// assert_eq!(pool.stats().created, 2);
    /// ```
    pub fn stats(&self) -> Stats {
        self.store.get().map(Stats::of).unwrap_or_default()
    }

    fn sweep(&self, purpose: Purpose) -> Option<Swept> {
        let Some(store) = self.store.get() else { return Some(Swept::default()) };
        let (swept, panic) = sweep(store, purpose)?;
        if let Some(panic) = panic {
            raise(panic);
        }
        Some(swept)
    }
}
