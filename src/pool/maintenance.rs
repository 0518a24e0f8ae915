//! What is done to a pool as a whole: filling, sweeping and counting.

use std::any::type_name;
use std::panic::{self, AssertUnwindSafe};

use super::exchange::attend;
use super::{Pool, Recycle, Stats};
use crate::engine::array::Array;
use crate::engine::item::{Contained, Item, Payload, drop_each, keep_first, raise};
use crate::engine::sweep::sweep;
use crate::engine::tally::Swept;
use crate::engine::top::Purpose;

impl<T: Send, R: Recycle<T>> Pool<T, R> {
    /// Creates `n` items and puts them where every thread finds them. Returns how many the pool kept: fewer than `n` if
    /// [`max_idle`](crate::Settings::max_idle) left no room.
    ///
    /// A thread that takes one takes a batch: half as many as its [private slots](crate::Settings::private_slots), by
    /// default 16. So prefill as many for each thread, or choose fewer private slots.
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
    #[doc(alias("reserve", "warm_up"))]
    pub fn prefill(&self, n: usize) -> usize {
        let store = self.store();
        let size = store.limits.array.max(1).into();
        let mut kept = 0;
        for start in (0..n).step_by(size) {
            let mut items = Array::new(size);
            let made = panic::catch_unwind(AssertUnwindSafe(|| {
                for _ in start..n.min(start + size) {
                    let pushed = items.push(self.weigh_new(store, self.new_item()));
                    debug_assert!(pushed.is_ok(), "there is room for a batch");
                }
            }));
            kept += items.len();
            let rejected = store.put_batch(items);
            attend(store);
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
    #[doc(alias("gc", "purge", "sweep", "trim"))]
    pub fn advance(&self) -> Option<Swept> {
        self.sweep_or_raise(Purpose::Advance, drop)
    }

    /// Like [`advance`](Self::advance), but hands the items to `receive` instead of dropping them. For items that must be
    /// dropped on a certain thread, or closed by a task.
    ///
    /// `receive` is called on this thread when the sweep is over, and may use the pool. On a pool with timed epochs, the
    /// janitor sweeps too, and drops what it finds. So choose [manual](crate::Settings::manual) ones.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::thread;
    /// use ebbtide::{Pool, Settings};
    ///
    /// struct Texture;
    ///
    /// let textures = Pool::with_settings(|| Texture, Settings::new().manual());
    /// drop(textures.get());
    ///
    /// let (expired, received) = mpsc::channel::<Texture>();
    /// let graphics = thread::spawn(move || received.into_iter().count()); // drops them here
    /// for _ in 0..2 {
    ///     textures.advance_with(|texture| expired.send(texture).expect("the thread runs"));
    /// }
    /// drop(expired);
    /// assert_eq!(graphics.join().unwrap(), 1);
    /// ```
    ///
    /// # Panics
    ///
    /// If `receive` panics, it still gets the other items. Then the first panic continues here, unless the thread is
    /// already unwinding.
    pub fn advance_with(&self, receive: impl FnMut(T)) -> Option<Swept> {
        let mut receive = Contained::new(receive);
        self.sweep_or_raise(Purpose::Advance, |item| receive(item.into_inner()))
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
    #[doc(alias("drain", "flush", "shrink_to_fit"))]
    pub fn clear(&self) -> Option<Swept> {
        self.sweep_or_raise(Purpose::Clear, drop)
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
    #[doc(alias("available", "len", "size"))]
    pub fn idle(&self) -> usize {
        self.store.get().map_or(0, |store| store.idle(&store.visit()))
    }

    /// Returns the name from the [settings](crate::Settings::name), or the type of the items.
    ///
    /// ```
    /// use ebbtide::Pool;
    ///
    /// let pool: Pool<String> = Pool::new();
    /// assert_eq!(pool.name(), "alloc::string::String");
    /// ```
    pub fn name(&self) -> &'static str {
        self.given_name().unwrap_or_else(type_name::<T>)
    }

    pub(crate) fn given_name(&self) -> Option<&'static str> {
        self.settings.name
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

    fn sweep_or_raise(&self, purpose: Purpose, drop_item: impl FnMut(Item<T>)) -> Option<Swept> {
        let (swept, panic) = self.sweep(purpose, drop_item)?;
        panic.into_iter().for_each(raise);
        Some(swept)
    }

    /// Sweeps as [`sweep`](sweep()) does.
    pub(crate) fn sweep(&self, purpose: Purpose, drop_item: impl FnMut(Item<T>)) -> Option<(Swept, Option<Payload>)> {
        match self.store.get() {
            Some(store) => {
                let swept = sweep(store, purpose, drop_item);
                // It may have taken what `min_idle` kept, and left memory for the next sweep to free.
                attend(store);
                swept
            }
            None => Some(<_>::default()),
        }
    }
}
