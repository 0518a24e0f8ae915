//! One thread's private slots: push, pop, spill and refill for the owner, take for a sweep.
//!
//! The items lie in the places of an array, from `floor` up to `top`. The owner comes all the time and works at the top;
//! a sweep comes rarely and takes everything, from the floor up. So the owner pays no atomic read-modify-write, and a pop
//! is one store:
//!
//! ```text
//! owner, push                   owner, pop                          sweep (all slot sets in one go, holding the token)
//!   places[top] = item            top = top - 1                       floor = ASKED on every slot set
//!   top = top + 1                 light barrier                       heavy barrier
//!                                 floor <= top?                       floor = CLAIMED, unless the owner came first
//!                                   yes: the item is places[top]      t = top
//!                                   no:  top = top + 1, slow path     take places[floor..t]
//!                                                                     floor = t
//! ```
//!
//! Both marks are higher than every place. By the pair of barriers (`sync::fence`) the owner's pop sees one, or the sweep
//! sees the owner's new `top`. If the sweep comes first, the pop gives its place up again; whichever `top` the sweep saw
//! meanwhile, either value is true. If the owner comes first, the sweep takes only what lies below. A push needs no barrier:
//! a sweep sees it, item and all, or it doesn't. This is the work-stealing deque of Chase and Lev, "Dynamic Circular
//! Work-Stealing Deque" (2005), with one kind of thief, who takes all there is, and with the owner's fence made one-sided.
//!
//! All else (which array that is, the other array, the empty ones) changes only inside a *claim*: CLAIMED is set in `floor`
//! by a compare-exchange, so the owner or a sweep has the slots to itself, and neither waits for the other. Nothing is
//! allocated, freed, dropped or queued inside a claim: an array that may be needed is passed in, and what is left over is
//! passed out.
//!
//! An owner that finds ASKED does for itself what it is asked, in a claim of its own, and goes on; so the barrier, which
//! takes microseconds, keeps only idle threads from their slots.

use std::mem;

use crate::engine::array::{Array, Stack};
use crate::engine::batch::FIRST_EPOCH;
use crate::engine::item::{Item, discard, drop_each};
use crate::engine::tally::Tally;
use crate::sync::fence::{self, Pair};
use crate::sync::{AtomicIsize, Counter, Length, Ordering, UnsafeCell};

/// In `floor`: the owner or a sweep is inside a claim. Like the other marks it is higher than every place.
const CLAIMED: isize = 1 << 30;
/// In `floor`: a sweep will take the items after its heavy barrier, unless the owner takes them out before.
const ASKED: isize = 1 << 29;
/// In `floor`, for good: the light barrier alone is not enough in this process, so every pop is a claim.
const FENCED: isize = 1 << 28;
/// What is left of `floor` without its marks.
const PLACE: isize = FENCED - 1;

/// How often a sweep tries to close a claimed slot set before it leaves it alone. A claim takes some nanoseconds unless its
/// owner was preempted, and then trying longer is of no use.
const TRIES: usize = if cfg!(all(loom, feature = "loom")) { 1 } else { 16 };

/// The private slots of one thread in one pool.
///
/// In the order of its fields, so that all that the fast paths touch is in the first half of a cache line.
#[repr(C)]
pub(crate) struct SlotSet<T> {
    /// The first place above the items; for a moment in a pop, one too low. Written by the owner alone.
    top: AtomicIsize,
    /// The lowest place that holds an item, with marks.
    floor: AtomicIsize,
    /// Changed in the owner's claims; read by the owner at any time, and in a sweep's claim.
    loaded: UnsafeCell<Loaded<T>>,
    /// Touched in claims.
    rest: UnsafeCell<Rest<T>>,
    /// How many young items the spare array holds, or how many victims; one of the two is 0. Read by anybody, as a hint.
    spare: Length,
    victims: Length,
    /// How many empty arrays lie in the stash; read likewise.
    stashed: Length,
    /// Which shard this thread spills to and refills from first.
    pub(crate) home: u16,
    /// Every push takes the slow path, where `chaos` is.
    detour: bool,
    /// Every pop is a claim, as the floor is marked FENCED for good.
    fenced: bool,
    /// The epoch that the owner is in, when that is ahead of the pool's, since it took out its items for a sweep that is
    /// under way. Written and read by the owner alone, so there is nothing in it for loom to see.
    pub(crate) ahead: Counter,
    /// Written by the owner alone.
    pub(crate) tally: Tally,
}

/// The most empty arrays that a thread keeps for its own next spills: enough for a burst of 2048 items and back with the
/// default of 16 in an array. Beyond that they go to the shard whose thread will need them.
const MAX_STASH: usize = 128;

/// The array that is pushed to and popped from, made when it is first needed and kept from then on.
struct Loaded<T> {
    /// Its own length isn't kept while it is here: the items are those from `floor` to `top`.
    array: Option<Array<T>>,
    /// Pushes go below this place: the array's capacity, or 0 without one or with a detour.
    end: isize,
}

struct Rest<T> {
    /// The other array, swapped whole with the loaded one: full, or empty, or what a refill brought. Or what is left of a
    /// victim batch, which is popped from here and stays what it is. Gone after a sweep.
    spare: Option<Array<T>>,
    /// Empty arrays that refills left over, for the next spills.
    stash: Stack<T>,
}

/// Two slot sets never share a pair of cache lines, and one fills no more than that.
#[cfg(all(not(all(loom, feature = "loom")), target_pointer_width = "64"))]
const _: () = assert!(size_of::<SlotSet<u8>>() <= 128);

/// Whether a sweep ages the items or drops them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An owner may take out its items itself, as they stay in the pool.
    Advance,
    Clear,
}

/// All that is taken out of one slot set for a sweep.
pub(crate) struct Taken<T> {
    /// What was in the loaded array, and the spare one; either may be empty.
    pub(crate) young: [Option<Array<T>>; 2],
    pub(crate) victims: Option<Array<T>>,
    pub(crate) stash: Stack<T>,
}

impl<T> Taken<T> {
    /// The slots had been emptied before, and `empty` was not needed.
    pub(crate) fn nothing(empty: Array<T>) -> Self {
        Self { young: [Some(empty), None], victims: None, stash: Stack::new() }
    }
}

/// What goes out of full private slots.
pub(crate) struct Spilled<T> {
    pub(crate) items: Array<T>,
    /// They are the rest of a victim batch, whose stamp the array still has.
    pub(crate) victims: bool,
}

/// What an owner that was kept out has in its hands still.
pub(crate) type KeptOut<T> = (Item<T>, Array<T>);

/// The slots inside a claim, where `floor` is 0.
struct Slots<'a, T> {
    set: &'a SlotSet<T>,
    loaded: &'a mut Loaded<T>,
    rest: &'a mut Rest<T>,
}

// SAFETY: items and arrays are reached only as the protocol above allows, by one thread at a time; so items move between
// threads, which needs T: Send, and are never shared.
unsafe impl<T: Send> Sync for SlotSet<T> {}

impl<T> SlotSet<T> {
    /// An empty slot set of a thread whose own shard is `home`; with `detour` every push takes the slow path.
    pub(crate) fn new(home: u16, detour: bool) -> Self {
        let fenced = fence::pair() == Pair::Symmetric;
        Self {
            top: AtomicIsize::new(0),
            floor: AtomicIsize::new(open_at(0, fenced)),
            loaded: UnsafeCell::new(Loaded { array: None, end: 0 }),
            rest: UnsafeCell::new(Rest { spare: None, stash: Stack::new() }),
            spare: Length::new(),
            victims: Length::new(),
            stashed: Length::new(),
            home,
            detour,
            fenced,
            ahead: Counter::at(FIRST_EPOCH),
            tally: Tally::default(),
        }
    }

    /// How many items it holds; a hint, unless the caller is the owner.
    pub(crate) fn len(&self) -> usize {
        self.young() + self.victims.get()
    }

    /// How many of them are no victims.
    fn young(&self) -> usize {
        // ORDERING: Relaxed, no partner; any recent values will do, and the owner sees what it wrote.
        let (top, floor) = (self.top.load(Ordering::Relaxed), self.floor.load(Ordering::Relaxed) & PLACE);
        usize::try_from(top - floor).unwrap_or(0) + self.spare.get()
    }

    /// Whether a sweep has something to take here; a hint, as above.
    pub(crate) fn looks_empty(&self) -> bool {
        self.len() + self.stashed.get() == 0
    }

    // ---- the owner ----

    /// The fast path of `get`: pops from the loaded array.
    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<Item<T>> {
        // ORDERING: Relaxed, no partner; only this thread writes it.
        let next = self.top.load(Ordering::Relaxed) - 1;
        // ORDERING: Release; partner: the load of `top` in `take`, which by the barriers sees this, if the load of `floor`
        // below doesn't see a mark; and which sees the items below with it.
        self.top.store(next, Ordering::Release);
        fence::light();
        // ORDERING: Relaxed; the barriers make a mark visible, and what a sweep has done is not touched here: only a claim
        // uses the places below the floor again.
        if self.floor.load(Ordering::Relaxed) > next {
            // ORDERING: Release; partner: the load of `top` in `take`, as above.
            self.top.store(next + 1, Ordering::Release);
            return None;
        }
        // SAFETY: the array changes only in this thread's claims. The place is below the old `top` and not below `floor`,
        // so it holds an item; and since `floor` had no mark after the barrier, a sweep sees the new `top` and takes only
        // what is below.
        self.loaded.with(|loaded| unsafe { Some((*loaded).array.as_ref().unwrap_unchecked().take_at(next as usize)) })
    }

    /// The fast path of `put`: pushes to the loaded array; gives the item back if there is no room.
    #[inline(always)]
    pub(crate) fn push(&self, item: Item<T>) -> Result<(), Item<T>> {
        // ORDERING: Relaxed, no partner; only this thread writes it.
        let next = self.top.load(Ordering::Relaxed);
        // SAFETY: the array changes only in this thread's claims; below `end` there is one, and from `top` up its places
        // hold no items and no sweep looks at them.
        let pushed = self.loaded.with(|loaded| unsafe {
            if next >= (*loaded).end {
                return Err(item);
            }
            (*loaded).array.as_ref().unwrap_unchecked().fill_at(next as usize, item);
            Ok(())
        });
        if pushed.is_ok() {
            // ORDERING: Release; partner: the load of `top` in `take`, so that the sweep sees the item.
            self.top.store(next + 1, Ordering::Release);
        }
        pushed
    }

    /// Pops a young item from either array.
    pub(crate) fn pop_either(&self) -> Option<Item<T>> {
        if self.young() == 0 {
            return None;
        }
        self.claim((), |mut slots, ()| slots.pop_either()).ok()?
    }

    /// Pops a victim, if some are kept here.
    pub(crate) fn pop_victim(&self) -> Option<Item<T>> {
        if self.victims.get() == 0 {
            return None;
        }
        self.claim((), |mut slots, ()| slots.pop_victim()).ok()?
    }

    /// Pushes to either array, or makes room with an empty one from the stash, if there is one. Returns the full batch
    /// that had to go out for that, if any; the item comes back if there is no room or a sweep keeps the owner out.
    #[inline]
    pub(crate) fn push_or_spill(&self, item: Item<T>) -> Result<Option<Spilled<T>>, Item<T>> {
        self.claim(item, |mut slots, item| slots.push_or_spill(item)).unwrap_or_else(Err)
    }

    /// The same with an empty array at hand. Returns what came out, if anything: a full batch, or an array that was not
    /// needed. If a sweep keeps the owner out, both come back.
    pub(crate) fn spill(&self, item: Item<T>, empty: Array<T>) -> Result<Option<Spilled<T>>, KeptOut<T>> {
        self.claim((item, empty), |mut slots, (item, empty)| slots.spill(item, empty))
    }

    /// Takes in a batch if one of the arrays is empty, and stashes that array or returns it if there are enough; else the
    /// batch comes back. If not, `took` is called before the claim ends, hence before a sweep can take the items from here;
    /// it counts them, and does nothing else.
    pub(crate) fn refill(&self, batch: Array<T>, took: impl FnOnce()) -> Result<Option<Array<T>>, Array<T>> {
        self.claim(batch, |mut slots, batch| slots.refill(batch, took)).unwrap_or_else(Err)
    }

    /// The same with the rest of a victim batch, which stays apart from what is young.
    pub(crate) fn keep_victims(&self, batch: Array<T>, took: impl FnOnce()) -> Result<Option<Array<T>>, Array<T>> {
        self.claim(batch, |mut slots, batch| slots.keep_victims(batch, took)).unwrap_or_else(Err)
    }

    /// Runs `act` in a claim; gives the argument back if a sweep keeps the owner out.
    #[inline]
    fn claim<A, O>(&self, argument: A, act: impl FnOnce(Slots<'_, T>, A) -> O) -> Result<O, A> {
        // ORDERING: Relaxed, no partner; the compare-exchange decides.
        let floor = self.floor.load(Ordering::Relaxed);
        // ORDERING: Acquire on success; partner: the Release store of `floor` in `take`, so that what a sweep did to the
        // slots is seen. Relaxed on failure: nothing is done then.
        let claim = floor & (ASKED | CLAIMED) == 0
            && self.floor.compare_exchange(floor, floor | CLAIMED, Ordering::Acquire, Ordering::Relaxed).is_ok();
        if !claim {
            return Err(argument);
        }
        let outcome = self.loaded.with_mut(|loaded| {
            self.rest.with_mut(|rest| {
                // SAFETY: claimed, so no sweep comes here until the store below; there is only one owner, and `act` is one
                // of the methods of `Slots`, which call nothing that could come back here.
                let mut slots = unsafe { Slots { set: self, loaded: &mut *loaded, rest: &mut *rest } };
                slots.move_down(floor & PLACE);
                act(slots, argument)
            })
        });
        // ORDERING: Release; partner: the compare-exchange in `close`, so that the sweep sees what was done here.
        self.floor.store(open_at(0, self.fenced), Ordering::Release);
        Ok(outcome)
    }

    /// Whether a sweep has asked for the items, and the owner may take them out.
    pub(crate) fn asked(&self) -> bool {
        // ORDERING: Acquire; partner: the compare-exchange in `close`, so that the owner sees the epoch that the sweep ends.
        self.floor.load(Ordering::Acquire) & ASKED != 0
    }

    /// Takes out all items for a sweep that has asked for them; gives `into` back if the sweep came first, or if `reserve`
    /// finds no room for so many. That is called inside the claim; it counts, and does nothing else.
    ///
    /// `into` is empty, and as large as every array of the pool.
    pub(crate) fn give(&self, into: Array<T>, reserve: impl FnOnce(usize) -> bool) -> Result<Taken<T>, Array<T>> {
        // SAFETY: the owner's, as every method up to here.
        unsafe { self.take(Purpose::Advance, into, reserve) }
    }

    // ---- a sweep, holding the sweep token ----

    /// Keeps the owner from popping; `false` if it is inside a claim, and is to be left alone. The heavy barrier comes
    /// next, once for all slot sets.
    pub(crate) fn close(&self, purpose: Purpose) -> bool {
        for _ in 0..TRIES {
            // ORDERING: Relaxed, no partner; the compare-exchange decides.
            let floor = self.floor.load(Ordering::Relaxed);
            // ORDERING: AcqRel on success; partners: the Release store of `floor` in `claim`, and the load in `asked`. The
            // heavy barrier makes it visible to the owner's pops; partner: the load of `floor` in `pop`. Relaxed on
            // failure: tried again.
            if floor & CLAIMED == 0
                && self
                    .floor
                    .compare_exchange(floor, floor | purpose.mark(), Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
            {
                return true;
            }
            std::hint::spin_loop();
        }
        false
    }

    /// Undoes `close`, with nothing taken.
    pub(crate) fn reopen(&self, purpose: Purpose) {
        // ORDERING: Release; partner: the compare-exchange in `claim`. What an earlier sweep did is handed on. If the owner came first, this changes nothing.
        self.floor.fetch_and(!purpose.mark(), Ordering::Release);
    }

    // ---- either ----

    /// Takes all items, those in the loaded array into `into`, and opens the slots. Gives `into` back if it is too late,
    /// as the other side came first, or if `reserve`, which is told how many there are, says no; then all stays as it is.
    ///
    /// # Safety
    ///
    /// The caller is the owner, and `purpose` is `Advance`; or it holds the sweep token, `close` succeeded on this slot set, and a
    /// heavy barrier since. `into` is empty and has room for as many items as the loaded array.
    pub(crate) unsafe fn take(
        &self,
        purpose: Purpose,
        mut into: Array<T>,
        reserve: impl FnOnce(usize) -> bool,
    ) -> Result<Taken<T>, Array<T>> {
        // ORDERING: Acquire; partner: the success of the compare-exchange below on the other side, which read the epoch before,
        // so that what this sweep does next with the epoch comes after that.
        let floor = self.floor.load(Ordering::Acquire);
        let claimed = purpose == Purpose::Clear
            || floor & ASKED != 0
                // ORDERING: AcqRel on success; partner: this same one on the other side, which thus sees all that came
                // before. Acquire on failure, for what the load above is for.
                && self.floor.compare_exchange(floor, floor ^ (ASKED | CLAIMED), Ordering::AcqRel, Ordering::Acquire).is_ok();
        if !claimed {
            return Err(into);
        }
        let floor = floor & PLACE;
        // ORDERING: Acquire; partner: the Release stores of `top` in `pop` and `push`, so that the items below are seen.
        // It is read once: below this the items are the caller's, from here on the owner's. One that tries to pop from
        // nothing leaves it below `floor` for a moment.
        let top = self.top.load(Ordering::Acquire).max(floor);
        if !reserve((top - floor) as usize + self.spare.get() + self.victims.get()) {
            // ORDERING: Release; partner: the compare-exchange in `close`, so that the next sweep sees what was done in the
            // claims before.
            self.floor.store(open_at(floor, self.fenced), Ordering::Release);
            return Err(into);
        }
        // SAFETY: an owner's pop that this load missed began after the heavy barrier and finds a mark; so the owner takes
        // no item from below `top`, and writes to no place there, as its own `top` is no lower when its pop has given up.
        // If the caller is the owner, it is not in a pop. The places from `floor` to `top` were filled before `top` was raised above them.
        self.loaded.with(|loaded| unsafe {
            if let Some(array) = &(*loaded).array {
                array.move_to(floor as usize..top as usize, &mut into);
            }
        });
        // SAFETY: claimed, so the other side keeps out until the store below.
        let rest =
            self.rest.with_mut(|rest| unsafe { mem::replace(&mut *rest, Rest { spare: None, stash: Stack::new() }) });
        let (spare, victims) = if self.victims.get() == 0 { (rest.spare, None) } else { (None, rest.spare) };
        self.spare.set(0);
        self.victims.set(0);
        self.stashed.set(0);
        // ORDERING: Release; partner: the compare-exchange in `claim`.
        self.floor.store(open_at(top, self.fenced), Ordering::Release);
        Ok(Taken { young: [Some(into), spare], victims, stash: rest.stash })
    }
}

impl Purpose {
    /// What a sweep closes slot sets with.
    fn mark(self) -> isize {
        match self {
            Self::Advance => ASKED,
            Self::Clear => CLAIMED,
        }
    }
}

/// The value of a floor at `place` that nobody holds.
fn open_at(place: isize, fenced: bool) -> isize {
    if fenced { place | FENCED } else { place }
}

/// What is done inside a claim. None of it allocates, frees, drops an item or panics.
impl<T> Slots<'_, T> {
    fn top(&self) -> isize {
        // ORDERING: Relaxed, no partner; only this thread writes it.
        self.set.top.load(Ordering::Relaxed)
    }

    fn set_top(&self, top: isize) {
        // ORDERING: Relaxed, no partner; the end of the claim makes it visible.
        self.set.top.store(top, Ordering::Relaxed);
    }

    /// The loaded array's capacity; 0 without one.
    fn room(&self) -> isize {
        self.loaded.array.as_ref().map_or(0, Array::capacity) as isize
    }

    /// Moves the items down to the lowest place, after a sweep took what lay there.
    fn move_down(&mut self, floor: isize) {
        if let (Some(array), 1..) = (&self.loaded.array, floor) {
            let top = self.top();
            // SAFETY: the places from `floor` to `top` hold items; those below don't.
            unsafe { array.shift(floor as usize..top as usize) };
            self.set_top(top - floor);
        }
    }

    fn pop_either(&mut self) -> Option<Item<T>> {
        if self.top() == 0 && self.set.spare.get() > 0 {
            self.swap();
        }
        let next = self.top() - 1;
        let array = self.loaded.array.as_ref().filter(|_| next >= 0)?;
        self.set_top(next);
        // SAFETY: the highest place that holds an item, and doesn't from here on.
        Some(unsafe { array.take_at(next as usize) })
    }

    fn pop_victim(&mut self) -> Option<Item<T>> {
        let victims = self.rest.spare.as_mut().filter(|_| self.set.victims.get() > 0)?;
        let item = victims.pop();
        self.set.victims.set(victims.len());
        item
    }

    fn push_either(&mut self, item: Item<T>) -> Result<(), Item<T>> {
        if self.top() == self.room() && self.rest.spare.as_ref().is_some_and(Array::is_empty) {
            self.swap();
        }
        let next = self.top();
        let Some(array) = self.loaded.array.as_ref().filter(|_| next < self.room()) else { return Err(item) };
        // SAFETY: the lowest place that holds no item, and does from here on.
        unsafe { array.fill_at(next as usize, item) };
        self.set_top(next + 1);
        Ok(())
    }

    fn push_or_spill(&mut self, item: Item<T>) -> Result<Option<Spilled<T>>, Item<T>> {
        let Err(item) = self.push_either(item) else { return Ok(None) };
        let Some(empty) = self.rest.stash.pop() else { return Err(item) };
        self.set.stashed.set(self.rest.stash.len());
        Ok(self.rotate(item, empty))
    }

    fn spill(&mut self, item: Item<T>, empty: Array<T>) -> Option<Spilled<T>> {
        match self.push_either(item) {
            Ok(()) => Some(Spilled { items: empty, victims: false }),
            Err(item) => self.rotate(item, empty),
        }
    }

    /// `empty` becomes the loaded array, the loaded one the spare, and the spare goes out. If there was none loaded, all
    /// else stays.
    fn rotate(&mut self, item: Item<T>, mut empty: Array<T>) -> Option<Spilled<T>> {
        let victims = self.set.victims.get() > 0;
        let pushed = empty.push(item);
        debug_assert!(pushed.is_ok(), "an empty array has room");
        mem::forget(pushed);
        let full = self.replace_loaded(Some(empty));
        let out = full.and_then(|full| self.replace_spare(Some(full)));
        out.map(|items| Spilled { items, victims })
    }

    fn refill(&mut self, batch: Array<T>, took: impl FnOnce()) -> Result<Option<Array<T>>, Array<T>> {
        let none_loaded = self.top() == 0;
        if !none_loaded && !self.spare_is_empty() {
            return Err(batch);
        }
        took();
        let empty = if none_loaded { self.replace_loaded(Some(batch)) } else { self.replace_spare(Some(batch)) };
        Ok(self.stash(empty))
    }

    fn keep_victims(&mut self, batch: Array<T>, took: impl FnOnce()) -> Result<Option<Array<T>>, Array<T>> {
        if !self.spare_is_empty() {
            return Err(batch);
        }
        took();
        let victims = batch.len();
        let empty = self.replace_spare(Some(batch));
        self.set.spare.set(0);
        self.set.victims.set(victims);
        Ok(self.stash(empty))
    }

    fn spare_is_empty(&self) -> bool {
        self.rest.spare.as_ref().is_none_or(Array::is_empty)
    }

    /// Keeps an empty array for the next spill; gives it back if there are enough.
    fn stash(&mut self, empty: Option<Array<T>>) -> Option<Array<T>> {
        if self.rest.stash.len() == MAX_STASH {
            return empty;
        }
        self.rest.stash.push(empty?);
        self.set.stashed.set(self.rest.stash.len());
        None
    }

    fn swap(&mut self) {
        let spare = self.rest.spare.take();
        let loaded = self.replace_loaded(spare);
        self.replace_spare(loaded);
    }

    fn replace_loaded(&mut self, array: Option<Array<T>>) -> Option<Array<T>> {
        let before = self.top();
        self.set_top(array.as_ref().map_or(0, Array::len) as isize);
        let mut out = mem::replace(&mut self.loaded.array, array);
        self.loaded.end = if self.set.detour { 0 } else { self.room() };
        if let Some(out) = &mut out {
            // SAFETY: the places below `top` hold items.
            unsafe { out.set_len(before as usize) };
        }
        out
    }

    fn replace_spare(&mut self, array: Option<Array<T>>) -> Option<Array<T>> {
        self.set.spare.set(array.as_ref().map_or(0, Array::len));
        self.set.victims.set(0);
        mem::replace(&mut self.rest.spare, array)
    }
}

impl<T> Drop for SlotSet<T> {
    fn drop(&mut self) {
        // The pool is gone, and with it every owner and sweep, so the claim succeeds.
        let arrays = self.claim((), |mut slots, ()| [slots.replace_loaded(None), slots.replace_spare(None)]);
        if let Some(panic) = drop_each(arrays.into_iter().flatten().flatten().flatten()) {
            discard(panic);
        }
    }
}
