//! Recycling that gives back storage which an item's users do not need.

use crate::engine::cost;
use crate::engine::item::Item;

/// Items of at least this weight shrink. What lighter ones hold in excess is not worth a look at each return.
const HEAVY: usize = 4 << 10;

/// A pool and its recycler, as far as recycling needs them.
pub(crate) trait Recycling<T, N = ()> {
    fn weight(&self, item: &T) -> usize;
    fn used(&self, item: &T) -> usize;
    fn recycle(&self, item: &mut Item<T, N>) -> bool;
    fn shrink(&self, item: &mut T, max: usize);
    fn epoch(&self) -> usize;

    /// How many bytes `recycle` goes through, whatever was used.
    fn recycle_cost(&self, _item: &T) -> usize {
        0
    }

    /// Notes that an item which is kept holds so many bytes: enough to be fetched.
    fn note_heavy(&self, _bytes: usize) {}

    /// Replaces an item that costs too much to recycle, if the pool can hold both.
    fn set_aside(&self, _item: &mut Item<T, N>) {}
}

/// Recycles an item with the methods of its recycler. A light item costs two comparisons more. If the recycler does not
/// tell what was used, a heavy one costs hardly more.
#[inline(always)]
pub(crate) fn recycle<T, N>(pool: &impl Recycling<T, N>, item: &mut Item<T, N>) -> bool {
    let before = pool.weight(item);
    let used = if Item::<T, N>::TRACKED && before >= HEAVY { pool.used(item) } else { before };
    if used != before {
        recycle_heavy(pool, item, before, used)
    } else if before >= cost::HEAVY {
        recycle_fetched(pool, item, before)
    } else {
        pool.recycle(item)
    }
}

#[inline(never)]
fn recycle_fetched<T, N>(pool: &impl Recycling<T, N>, item: &mut Item<T, N>, before: usize) -> bool {
    let keep = pool.recycle(item);
    if keep {
        pool.note_heavy(before);
    }
    keep
}

#[inline(never)]
fn recycle_heavy<T, N>(pool: &impl Recycling<T, N>, item: &mut Item<T, N>, before: usize, used: usize) -> bool {
    let cost = pool.recycle_cost(item);
    if !pool.recycle(item) {
        return false;
    }
    let now = pool.weight(item);
    if now >= cost::HEAVY {
        pool.note_heavy(now);
    }
    // What the user gave away and recycling got back was needed, too.
    let needed = used.saturating_add(now.saturating_sub(before));
    let held = now.saturating_sub(size_of::<T>());
    let Some(history) = item.history() else { return true };
    let in_vain = history.note_cost(cost, needed);
    if let Some(max) = history.note(pool.epoch(), needed, held) {
        pool.shrink(item, max);
    } else if in_vain {
        pool.set_aside(item);
    }
    true
}
