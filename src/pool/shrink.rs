//! Recycling that gives back storage which an item's users do not need.

use crate::engine::item::Item;

/// Items of at least this weight shrink. What lighter ones hold in excess is not worth a look at each return.
const HEAVY: usize = 4 << 10;

/// Recycles an item with the methods of its recycler. A light item costs one comparison more. If the recycler does not
/// tell what was used, that is all for a heavy one, too.
#[inline(always)]
pub(crate) fn recycle<T>(
    item: &mut Item<T>,
    weight: impl Fn(&T) -> usize,
    used: impl Fn(&T) -> usize,
    recycle: impl FnOnce(&mut T) -> bool,
    shrink: impl FnOnce(&mut T, usize),
    epoch: impl FnOnce() -> usize,
) -> bool {
    let before = weight(item);
    let used = if Item::<T>::TRACKED && before >= HEAVY { used(item) } else { before };
    if used == before { recycle(item) } else { recycle_heavy(item, before, used, weight, recycle, shrink, epoch) }
}

#[inline(never)]
fn recycle_heavy<T>(
    item: &mut Item<T>,
    before: usize,
    used: usize,
    weight: impl Fn(&T) -> usize,
    recycle: impl FnOnce(&mut T) -> bool,
    shrink: impl FnOnce(&mut T, usize),
    epoch: impl FnOnce() -> usize,
) -> bool {
    if !recycle(item) {
        return false;
    }
    let now = weight(item);
    // What the user gave away and recycling got back was needed, too.
    let needed = used.saturating_add(now.saturating_sub(before));
    let held = now.saturating_sub(size_of::<T>());
    if let Some(max) = item.history().and_then(|history| history.note(epoch(), needed, held)) {
        shrink(item, max);
    }
    true
}
