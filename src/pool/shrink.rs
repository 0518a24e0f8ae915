//! Recycling that gives back storage which an item's users do not need.

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

    /// Replaces an item that costs too much to recycle, if the pool can hold both.
    fn set_aside(&self, _item: &mut Item<T, N>) {}
}

/// Recycles an item with the methods of its recycler. A light item costs one comparison more. If the recycler does not
/// tell what was used, that is all for a heavy one, too.
#[inline(always)]
pub(crate) fn recycle<T, N>(pool: &impl Recycling<T, N>, item: &mut Item<T, N>) -> bool {
    let before = pool.weight(item);
    let used = if Item::<T, N>::TRACKED && before >= HEAVY { pool.used(item) } else { before };
    if used == before { pool.recycle(item) } else { recycle_heavy(pool, item, before, used) }
}

#[inline(never)]
fn recycle_heavy<T, N>(pool: &impl Recycling<T, N>, item: &mut Item<T, N>, before: usize, used: usize) -> bool {
    let cost = pool.recycle_cost(item);
    if !pool.recycle(item) {
        return false;
    }
    let now = pool.weight(item);
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
