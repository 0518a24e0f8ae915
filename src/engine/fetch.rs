//! A fetch: what takes items out of another thread's private slots for a `get` that would have to create one.
//!
//! It works like a sweep of one slot set, but binds neither the owner nor a sweep:
//!
//! 1. Look for a slot set that holds something, from where the last fetch found one.
//! 2. `want` it: mark it as WANTED. Pass one heavy barrier.
//! 3. `take_wanted`: turn WANTED into CLAIMED, and take the items of one array. The caller gets one of them. The others
//!    become its private slots.
//!
//! The owner's next claim clears WANTED, and a sweep writes its own mark over it. Then the fetch takes nothing. Only one
//! thread at a time fetches in a pool, so a mark that is still there is its own, and no claim came between.
//!
//! **A pop against a fetch.** The barriers make the pop see the mark, or the fetch see the new `bottom`, as in a sweep.
//! *If the fetch comes first*, the pop takes the slow path, whose claim clears the mark. *If the pop comes first*, the
//! fetch takes only what lies below.

use std::ops::Range;
use std::ptr;

use crate::engine::array::Array;
use crate::engine::claim::{Extent, Loaded, Rest, Spare};
use crate::engine::item::Item;
use crate::engine::slots::SlotSet;
use crate::engine::store::Store;
use crate::engine::top::Top;
use crate::sync::{Counter, Ordering, fence};

/// How many slot sets a fetch tries whose owners or sweeps come first. Each may cost a heavy barrier.
const TRIES: usize = 4;

/// The most misses in a row that do not search, after searches that found nothing.
const MAX_PAUSE: usize = 8;

/// The state of a pool's fetches.
pub(crate) struct Fetches {
    /// Where the last fetch found something, as an index into the slot sets.
    cursor: Counter,
    /// How many misses are not to search. Like the next two, it orders nothing, and a lost update does no harm.
    pause: Counter,
    /// How long the last pause was.
    last_pause: Counter,
}

impl Fetches {
    pub(crate) fn new() -> Self {
        Self { cursor: Counter::new(), pause: Counter::new(), last_pause: Counter::new() }
    }

    /// Returns whether this miss is to search.
    fn due(&self) -> bool {
        let pause = self.pause.get();
        self.pause.set(pause.saturating_sub(1));
        pause == 0
    }

    /// Lets the next misses create items without a search: none after the first search that found nothing, then one,
    /// two, four, and so on.
    fn pause(&self) {
        let last = self.last_pause.get();
        self.pause.set(last);
        self.last_pause.set((2 * last).clamp(1, MAX_PAUSE));
    }

    /// Lets the next miss search, because there is something to find. Mostly it would anyway. Then this leaves the cache
    /// line to other threads.
    #[inline]
    pub(super) fn resume(&self) {
        if self.pause.get() | self.last_pause.get() != 0 {
            self.pause.set(0);
            self.last_pause.set(0);
        }
    }
}

/// What a fetch took.
struct Fetched<T> {
    item: Option<Item<T>>,
    /// The next sweep would have dropped it.
    victim: bool,
    /// An array that was not needed.
    unused: Option<Array<T>>,
}

impl<T> Fetched<T> {
    fn nothing(unused: Option<Array<T>>) -> Self {
        Self { item: None, victim: false, unused }
    }
}

impl<T> Store<T> {
    /// Takes an item from another thread's private slots, if it finds one there. `own` is the calling thread's slot set,
    /// which is empty. If it has none, it gets one before it takes anything.
    pub(crate) fn fetch(&self, own: Option<&SlotSet<T>>) -> Option<Item<T>> {
        if !self.fetches.due() || !self.take_fetch_token() {
            return None;
        }
        let visit = &self.shards.visit(own);
        let start = self.fetches.cursor.get();
        let sets = || self.all_sets(visit).enumerate();
        let full = |(_, set): &(usize, &SlotSet<T>)| set.len() > 0;
        let (mut own, mut fetched) = (own, Fetched::nothing(None));
        for (index, set) in sets().skip(start).chain(sets().take(start)).filter(full).take(TRIES) {
            own = own.or_else(|| self.slot_set());
            if own.is_some_and(|own| ptr::eq(own, set)) {
                continue;
            }
            let array = fetched.unused.take();
            // Nothing is allocated or freed while the slots are closed.
            let into = || array.unwrap_or_else(|| self.new_array());
            fetched = self.take_from(set, own, (own.is_some() && set.loaded_len() > 1).then(into));
            if fetched.item.is_some() {
                self.fetches.cursor.set(index);
                break;
            }
        }
        if fetched.item.is_some() {
            self.fetches.resume();
            self.cost.fetched();
            self.events.fetches.bump(1);
            self.count(own, fetched.victim.into(), |tally| &tally.rescues);
        } else {
            self.fetches.pause();
        }
        self.return_fetch_token();
        fetched.item
    }

    /// Does steps 2 and 3.
    fn take_from(&self, set: &SlotSet<T>, own: Option<&SlotSet<T>>, into: Option<Array<T>>) -> Fetched<T> {
        if !set.want() {
            return Fetched::nothing(into);
        }
        if !fence::heavy() {
            set.unwant();
            self.events.failed_barriers.add(1);
            return Fetched::nothing(into);
        }
        // SAFETY: this thread has the token and wanted this slot set, and the heavy barrier came since. `into` is new,
        // and no array has more room.
        unsafe { set.take_wanted(own, into) }
    }

    fn take_fetch_token(&self) -> bool {
        // ORDERING: Acquire on success; partner: the Release store in `return_fetch_token`, so that the last fetch has
        // ended. Relaxed on failure: nothing is done then.
        self.fetch_token.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn return_fetch_token(&self) {
        // ORDERING: Release; partner: the compare-exchange in `take_fetch_token`.
        self.fetch_token.store(false, Ordering::Release);
    }
}

/// The fetch's side of a slot set. The caller has the pool's fetch token.
impl<T> SlotSet<T> {
    /// Marks the slots, unless the owner is in a claim or a sweep has closed them.
    fn want(&self) -> bool {
        // ORDERING: Relaxed, no partner; the compare-exchange decides.
        let top = Top::from_bits(self.top.load(Ordering::Relaxed));
        // ORDERING: Acquire on success; partners: the Release stores of `top` in `claim`, `take_all` and `take_wanted`,
        // so that the fetch sees what was done there. The heavy barrier makes the mark visible to the owner's pops;
        // partner: the load of `top` in `pop`. Relaxed on failure: nothing is done then.
        top.is_open()
            && self.top.compare_exchange(top.bits(), top.wanted().bits(), Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Undoes `want`. If the mark is gone, this changes nothing.
    fn unwant(&self) {
        // ORDERING: Relaxed, no partner; nothing was done to the slots. As a read-modify-write it continues the release
        // sequence of the last claim or sweep.
        self.top.fetch_and(Top::ALL_BUT_WANTED, Ordering::Relaxed);
    }

    /// Takes one item, and moves the others of the same array to `own`. Takes nothing if the mark is gone, and only one
    /// item without `into`, or if a sweep keeps `own` closed. Of victims it takes one.
    ///
    /// # Safety
    ///
    /// The caller has wanted this slot set, and passed a heavy barrier since. It owns `own`, which is another one, and
    /// is not inside a claim of it. `into` is empty, and as large as every array of the pool.
    unsafe fn take_wanted(&self, own: Option<&Self>, into: Option<Array<T>>) -> Fetched<T> {
        // ORDERING: Relaxed, no partner; the compare-exchange decides.
        let top = Top::from_bits(self.top.load(Ordering::Relaxed));
        let claimed = top.is_wanted()
            // ORDERING: Relaxed, no partner; `want` acquired what the last claim did, and none came since. Relaxed on
            // failure: nothing is done then.
            && self
                .top
                .compare_exchange(top.bits(), top.claimed().bits(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if !claimed {
            return Fetched::nothing(into);
        }
        let first = top.place();
        // ORDERING: Acquire; partner: the Release stores of `bottom` in `pop` and `push`, as in `take_all`.
        let bottom = self.extent.bottom.load(Ordering::Acquire).max(first);
        let (fetched, top) = if first < bottom {
            // SAFETY: as in `take_all`: the owner takes no item from below `bottom`, and writes to no place there.
            self.loaded.with(|loaded| unsafe { take_loaded(&*loaded, first..bottom, own, into) })
        } else {
            // SAFETY: the slots are claimed, so the other sides keep out until the store below.
            let fetched = self.rest.with_mut(|rest| unsafe { take_spare(&self.extent, &mut *rest, own, into) });
            (fetched, first)
        };
        // ORDERING: Release; partner: the compare-exchange in `try_claim`.
        self.top.store(Top::open(top, self.fenced).bits(), Ordering::Release);
        fetched
    }
}

/// Takes the item in the first of these places, and moves the others. Returns the first place that still holds an item.
///
/// # Safety
///
/// The places hold items of a slot set that the caller has claimed, which is not `own`. The rest is as `take_wanted`
/// says.
unsafe fn take_loaded<T>(
    loaded: &Loaded<T>,
    places: Range<isize>,
    own: Option<&SlotSet<T>>,
    into: Option<Array<T>>,
) -> (Fetched<T>, isize) {
    let Some(array) = &loaded.array else { return (Fetched::nothing(into), places.start) };
    // SAFETY: the place holds an item. As it is below what the caller returns, nobody takes it again.
    let item = Some(unsafe { array.take_at(places.start as usize) });
    let second = places.start + 1;
    let (Some(own), Some(mut into)) = (own, into) else {
        return (Fetched { item, ..Fetched::nothing(None) }, second);
    };
    // SAFETY: the places hold items, and `into` has room for them.
    unsafe { array.move_to(second as usize..places.end as usize, &mut into) };
    match own.refill(into, || {}) {
        Ok(unused) => (Fetched { item, ..Fetched::nothing(unused) }, places.end),
        Err(mut into) => {
            // A sweep keeps `own` closed, so the items stay where they are.
            // SAFETY: an array without items has no places that hold any.
            unsafe { into.set_len(0) };
            (Fetched { item, ..Fetched::nothing(Some(into)) }, second)
        }
    }
}

/// Takes an item of the spare array, and moves the array with the others.
fn take_spare<T>(extent: &Extent, rest: &mut Rest<T>, own: Option<&SlotSet<T>>, into: Option<Array<T>>) -> Fetched<T> {
    let spare = extent.spare.get();
    let Some(mut array) = rest.spare.take() else { return Fetched::nothing(into) };
    let item = array.pop();
    let victim = matches!(spare, Spare::Victims(_));
    let moved = match own.filter(|_| !victim && !array.is_empty()) {
        Some(own) => own.refill(array, || {}),
        None => Err(array),
    };
    let (left, unused) = match moved {
        Ok(unused) => (None, unused.or(into)),
        Err(array) => (Some(array), into),
    };
    let items = left.as_ref().map_or(0, Array::len);
    extent.spare.set(if victim { Spare::Victims(items) } else { Spare::Young(items) });
    rest.spare = left;
    Fetched { item, victim, unused }
}
