//! One thread's private slots: the owner's side and the sweep's side.
//!
//! The slots are the work-stealing deque of Chase and Lev, "Dynamic Circular Work-Stealing Deque" (2005). The items lie
//! in an array, from `top` up to `bottom`. The owner pushes and pops at the bottom. The thieves are sweeps and fetches.
//! They come rarely and take from the top. So the owner needs no atomic read-modify-write. This is how a sweep does it,
//! and `fetch` says what a fetch does otherwise:
//!
//! ```text
//! owner, push                   owner, pop                          sweep (all slot sets together, holding the token)
//!   places[bottom] = item         bottom = bottom - 1                 top = ASKED on every slot set
//!   bottom = bottom + 1           light barrier                       heavy barrier
//!                                 top <= bottom?                      top = CLAIMED, unless the owner came first
//!                                   yes: take places[bottom]          b = bottom
//!                                   no:  bottom = bottom + 1,         take places[top..b]
//!                                        slow path                    top = b
//! ```
//!
//! A mark in `top` is higher than any place. So one comparison tells a pop that its slots are empty, or that a sweep is
//! at work. The table of states is at the top of `top`.
//!
//! **A pop against a sweep.** The pair of barriers (`sync::fence`) makes the pop see the mark, or the sweep see the new
//! `bottom`.
//!
//! - If the sweep comes first, the pop finds a mark and gives its place up again. The sweep may read `bottom` before or
//!   after that. Either value is right, because the item is still there.
//! - If the owner comes first, the sweep sees the new `bottom` and takes only what lies below.
//!
//! **A push needs no barrier.** If the sweep sees the new `bottom`, it sees the item too, and takes it. If not, the
//! item lies at or above the new `top` and stays the owner's. `parking` says why it looks at `alert`.
//!
//! **All else changes only in a claim**: which array is loaded, the spare array and the stash. Either side claims the
//! slots by a compare-exchange that sets CLAIMED in `top`. So one side has them to itself, and neither waits for the
//! other.
//!
//! **An owner that finds ASKED answers.** In a claim of its own it takes its items out, and goes on. So the heavy
//! barrier, which takes microseconds, keeps only idle threads from their slots.

use crate::engine::array::Array;
use crate::engine::batch::FIRST_EPOCH;
use crate::engine::claim::{Extent, Loaded, Rest, Slots, Spare, Spilled, Taken};
use crate::engine::item::Item;
use crate::engine::shared::Hints;
use crate::engine::tally::Tally;
use crate::engine::top::{Purpose, Top};
use crate::sync::fence::{self, Pair};
use crate::sync::{AtomicBool, AtomicIsize, Counter, Ordering, UnsafeCell};

/// How often a sweep tries to close a slot set that is in a claim. A claim takes some nanoseconds, unless its owner is
/// preempted. Then more tries do not help.
const TRIES: usize = if cfg!(all(loom, feature = "loom")) { 1 } else { 16 };

/// The private slots of one thread in one pool.
///
/// The order of the fields is fixed, so that all that the fast paths touch is in one cache line.
#[repr(C)]
pub(crate) struct SlotSet<T> {
    /// Written by the owner, and by a sweep in its claim. Read by any thread.
    pub(super) extent: Extent,
    /// A [`Top`]. Its module says who may write it.
    pub(super) top: AtomicIsize,
    /// Written in the owner's claims. Read by the owner at any time, and by a sweep in its claim.
    pub(super) loaded: UnsafeCell<Loaded<T>>,
    /// The shard that this thread spills to, and refills from first.
    pub(crate) home: u16,
    /// Every push takes the slow path, where `chaos` is.
    detour: bool,
    /// The light barrier is not enough in this process.
    pub(super) fenced: bool,
    /// The owner visits the shards, which a sweep must not free then. Only the owner writes it.
    pub(super) visiting: AtomicBool,
    /// A round found the pool empty, so a push must look whether the janitor has left it. Written by rounds and the
    /// owner.
    pub(super) alert: AtomicBool,
    /// Where the owner looks first in racks.
    pub(super) hints: Hints,
    /// Touched only in claims.
    pub(super) rest: UnsafeCell<Rest<T>>,
    /// The epoch that the owner is in, if that is ahead of the pool's: the owner has answered a sweep that is still
    /// under way. Only the owner writes and reads it, so loom need not see it.
    pub(crate) ahead: Counter,
    pub(crate) tally: Tally,
}

/// Two slot sets never share a pair of cache lines, and one fits into a pair.
#[cfg(all(not(all(loom, feature = "loom")), target_pointer_width = "64"))]
const _: () = assert!(size_of::<SlotSet<u8>>() <= 128);

/// What an owner still holds if a sweep keeps it out.
pub(crate) type KeptOut<T> = (Item<T>, Array<T>);

// SAFETY: items and arrays are reached only as the protocol above allows, by one thread at a time. So items move
// between threads, which needs `T: Send`, and are never shared.
unsafe impl<T: Send> Sync for SlotSet<T> {}

impl<T> SlotSet<T> {
    /// Creates an empty slot set for a thread whose own shard is `home`. With `detour`, every push takes the slow path.
    pub(crate) fn new(home: u16, detour: bool) -> Self {
        let fenced = fence::pair() == Pair::Symmetric;
        Self {
            extent: Extent::new(),
            top: AtomicIsize::new(Top::open(0, fenced).bits()),
            loaded: UnsafeCell::new(Loaded::new()),
            home,
            detour,
            fenced,
            visiting: AtomicBool::new(false),
            // With fences, no round has alerted the thread of a new slot set, as `is_unattended` expects.
            alert: AtomicBool::new(fenced),
            hints: Hints::default(),
            rest: UnsafeCell::new(Rest::new()),
            ahead: Counter::at(FIRST_EPOCH),
            tally: Tally::default(),
        }
    }

    /// Returns how many items the slot set holds. This is a hint, unless the caller is the owner.
    pub(crate) fn len(&self) -> usize {
        self.loaded_len() + self.extent.spare.get().len()
    }

    pub(super) fn loaded_len(&self) -> usize {
        // ORDERING: Relaxed, no partner; any recent values will do, and the owner sees what it wrote.
        let (bottom, top) = (self.extent.bottom.load(Ordering::Relaxed), self.top.load(Ordering::Relaxed));
        usize::try_from(bottom - Top::from_bits(top).place()).unwrap_or(0)
    }

    /// Returns whether a push needs an array from elsewhere, because two of this capacity are in use and none is empty.
    /// This is a hint, as above.
    pub(crate) fn needs_array(&self, capacity: usize) -> bool {
        let in_use = || self.loaded_len() == capacity && self.extent.spare.get() != Spare::Empty;
        self.extent.stashed.get() == 0 && in_use()
    }

    /// Returns whether a sweep has nothing to take here. This is a hint, as above.
    pub(crate) fn looks_empty(&self) -> bool {
        self.len() + self.extent.stashed.get() == 0
    }
}

/// The owner's side.
impl<T> SlotSet<T> {
    /// The fast path of `get`: pops from the loaded array.
    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<Item<T>> {
        // ORDERING: Relaxed, no partner; only this thread writes it.
        let last = self.extent.bottom.load(Ordering::Relaxed) - 1;
        // ORDERING: Release; partners: the loads of `bottom` in `take_all` and `take_wanted`. If the load of `top` below
        // finds no mark, the barriers make this store visible there, and with it the items below.
        self.extent.bottom.store(last, Ordering::Release);
        fence::light();
        // ORDERING: Relaxed; partners: the compare-exchanges in `close` and `want`, whose marks the barriers make
        // visible. What a sweep or a fetch has done is not touched here: only a claim uses the places below `top` again.
        if Top::from_bits(self.top.load(Ordering::Relaxed)).is_above(last) {
            // ORDERING: Release; partners: the loads of `bottom`, as above.
            self.extent.bottom.store(last + 1, Ordering::Release);
            return None;
        }
        // SAFETY: the array changes only in this thread's claims. The place is below the old `bottom` and not below
        // `top`, so it holds an item. `top` had no mark after the barrier, so a sweep or a fetch sees the new `bottom`
        // and takes only what is below.
        self.loaded.with(|loaded| unsafe { Some((*loaded).array.as_ref().unwrap_unchecked().take_at(last as usize)) })
    }

    /// The fast path of `put`: pushes to the loaded array. Returns the item if there is no room. Otherwise returns
    /// `alert`: the caller then calls `Store::heed`.
    #[inline(always)]
    pub(crate) fn push(&self, item: Item<T>) -> Result<bool, Item<T>> {
        // ORDERING: Relaxed, no partner; only this thread writes it.
        let bottom = self.extent.bottom.load(Ordering::Relaxed);
        // SAFETY: the array changes only in this thread's claims. If `bottom` is below `end`, there is one. Its places
        // from `bottom` up hold no items, and no sweep looks at them.
        self.loaded.with(|loaded| unsafe {
            if bottom >= (*loaded).end {
                return Err(item);
            }
            (*loaded).array.as_ref().unwrap_unchecked().fill_at(bottom as usize, item);
            Ok(())
        })?;
        // ORDERING: Release; partners: the loads of `bottom` in `take_all` and `take_wanted`, which then see the item.
        self.extent.bottom.store(bottom + 1, Ordering::Release);
        fence::light();
        // ORDERING: Relaxed; partner: the store in `Store::leave`. The barriers make that visible here, or `bottom` there.
        Ok(self.alert.load(Ordering::Relaxed))
    }

    /// Pops a young item from either array.
    pub(crate) fn pop_either(&self) -> Option<Item<T>> {
        if self.loaded_len() == 0 && !matches!(self.extent.spare.get(), Spare::Young(_)) {
            return None;
        }
        self.claim((), |mut slots, ()| slots.pop_either()).ok()?
    }

    /// Pops a victim, if any are kept here.
    pub(crate) fn pop_victim(&self) -> Option<Item<T>> {
        let Spare::Victims(_) = self.extent.spare.get() else { return None };
        self.claim((), |mut slots, ()| slots.pop_victim()).ok()?
    }

    /// Pushes to either array, or makes room with an empty array from the stash. Returns the full batch that went out
    /// for that, if any. The item comes back if there is no room, or if a sweep keeps the owner out.
    #[inline]
    pub(crate) fn push_or_spill(&self, item: Item<T>) -> Result<Option<Spilled<T>>, Item<T>> {
        self.claim(item, |mut slots, item| slots.push_or_spill(item)).unwrap_or_else(Err)
    }

    /// Does the same, with an array for it. Returns what came out, if anything: a full batch, or an array that was not
    /// needed. If a sweep keeps the owner out, both arguments come back.
    pub(crate) fn spill(&self, item: Item<T>, empty: Array<T>) -> Result<Option<Spilled<T>>, KeptOut<T>> {
        self.claim((item, empty), |mut slots, (item, empty)| slots.spill(item, empty))
    }

    /// Takes in a batch if one of the two arrays is empty, and otherwise returns it. The empty array goes to the stash,
    /// or comes back if that is full.
    ///
    /// `took` runs before the claim ends, so before a sweep can take the items from here. It counts them, and does
    /// nothing else.
    pub(crate) fn refill(&self, batch: Array<T>, took: impl FnOnce()) -> Result<Option<Array<T>>, Array<T>> {
        self.claim(batch, |mut slots, batch| slots.refill(batch, took)).unwrap_or_else(Err)
    }

    /// Takes in the rest of a victim batch, apart from young items, if the spare array is empty. Otherwise like
    /// `refill`.
    pub(crate) fn keep_victims(&self, batch: Array<T>, took: impl FnOnce()) -> Result<Option<Array<T>>, Array<T>> {
        self.claim(batch, |mut slots, batch| slots.keep_victims(batch, took)).unwrap_or_else(Err)
    }

    /// Runs `act` in a claim. Returns the argument if a sweep keeps the owner out.
    #[inline]
    fn claim<A, O>(&self, argument: A, act: impl FnOnce(Slots<'_, T>, A) -> O) -> Result<O, A> {
        let Some(top) = self.try_claim().or_else(|| self.claim_again()) else { return Err(argument) };
        let outcome = self.loaded.with_mut(|loaded| {
            self.rest.with_mut(|rest| {
                // SAFETY: the slots are claimed, so no other side touches them until the store below. There is only one
                // owner. `act` is a method of `Slots`, which calls nothing that could come back here.
                let (loaded, rest) = unsafe { (&mut *loaded, &mut *rest) };
                let mut slots = Slots { extent: &self.extent, loaded, rest, detour: self.detour };
                slots.move_down(top.place());
                act(slots, argument)
            })
        });
        // ORDERING: Release; partners: the compare-exchanges in `close` and `want`, so that the sweep or the fetch sees
        // what was done here.
        self.top.store(Top::open(0, self.fenced).bits(), Ordering::Release);
        Ok(outcome)
    }

    /// Claims the slots unless a sweep has closed them. Returns what `top` was before.
    #[inline(always)]
    fn try_claim(&self) -> Option<Top> {
        // ORDERING: Relaxed, no partner; the compare-exchange decides.
        let top = Top::from_bits(self.top.load(Ordering::Relaxed));
        let claimed = top.is_open()
            // ORDERING: Acquire on success; partner: the Release store of `top` in `take_all` and in `take_wanted`, so
            // that the owner sees what a sweep or a fetch did to the slots. Relaxed on failure: nothing is done then.
            && self
                .top
                .compare_exchange(top.bits(), top.claimed().bits(), Ordering::Acquire, Ordering::Relaxed)
                .is_ok();
        claimed.then_some(top)
    }

    /// Tries once more, because the compare-exchange also fails if a fetch has marked the slots just then.
    #[cold]
    #[inline(never)]
    fn claim_again(&self) -> Option<Top> {
        self.try_claim()
    }

    /// The owner's barrier outside the fast paths.
    #[inline(always)]
    pub(super) fn barrier(&self) {
        if self.fenced { fence::full() } else { fence::light() }
    }

    /// Returns whether a sweep has asked for the items, so that the owner may take them out.
    pub(crate) fn asked(&self) -> bool {
        // ORDERING: Acquire; partner: the compare-exchange in `close`, so that the owner sees the epoch that the sweep
        // ends.
        Top::from_bits(self.top.load(Ordering::Acquire)).is_asked()
    }

    /// Takes out all items for a sweep that has asked for them, those in the loaded array into `into`. Returns `into`
    /// if the sweep came first, or if `reserve` finds no room. `reserve` runs inside the claim. It counts, and does
    /// nothing else.
    ///
    /// `into` is empty, and as large as every array of the pool.
    pub(crate) fn give(&self, into: Array<T>, reserve: impl FnOnce(usize) -> bool) -> Result<Taken<T>, Array<T>> {
        let Some(top) = self.claim_asked() else { return Err(into) };
        if !reserve(self.len()) {
            // ORDERING: Release; partner: the compare-exchange in `close`, so that the next sweep sees what was done in
            // earlier claims.
            self.top.store(Top::open(top.place(), self.fenced).bits(), Ordering::Release);
            return Err(into);
        }
        // SAFETY: the slots were claimed just now. The caller is the owner, so it is not in a pop. `into` is as the
        // caller says.
        Ok(unsafe { self.take_all(top, into) })
    }
}

/// The sweep's side. The caller holds the sweep token.
impl<T> SlotSet<T> {
    /// Keeps the owner from popping. Returns `false` if the owner is in a claim. Then the sweep leaves the slot set
    /// alone. The heavy barrier comes next, once for all slot sets.
    pub(crate) fn close(&self, purpose: Purpose) -> bool {
        for _ in 0..TRIES {
            // ORDERING: Relaxed, no partner; the compare-exchange decides.
            let top = Top::from_bits(self.top.load(Ordering::Relaxed));
            let closed = top.closed(purpose).bits();
            // ORDERING: AcqRel on success; partners: the Release stores of `top` in `claim` and `take_wanted`, and the
            // load in `asked`. The heavy barrier makes the mark visible to the owner's pops; partner: the load of `top`
            // in `pop`. Relaxed on failure: tried again.
            if !top.is_claimed()
                && self.top.compare_exchange(top.bits(), closed, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            {
                return true;
            }
            std::hint::spin_loop();
        }
        false
    }

    /// Undoes `close`, with nothing taken. If the owner has answered meanwhile, this changes nothing.
    pub(crate) fn reopen(&self, purpose: Purpose) {
        // ORDERING: Release; partner: the compare-exchange in `claim`. This hands on what an earlier sweep did.
        self.top.fetch_and(!purpose.mark(), Ordering::Release);
    }

    /// Takes all items, those in the loaded array into `into`, and opens the slots. Takes nothing if the owner has
    /// taken them out.
    ///
    /// # Safety
    ///
    /// The caller holds the sweep token. It has closed this slot set with this purpose, and passed a heavy barrier
    /// since. `into` is empty, and as large as every array of the pool.
    pub(crate) unsafe fn take(&self, purpose: Purpose, into: Array<T>) -> Taken<T> {
        let top = match purpose {
            Purpose::Advance => self.claim_asked(),
            // `close` has claimed the slots.
            // ORDERING: Relaxed, no partner; only this thread writes it meanwhile.
            Purpose::Clear => Some(Top::from_bits(self.top.load(Ordering::Relaxed))),
        };
        match top {
            // SAFETY: the slots are claimed, and the heavy barrier came before. `into` is as the caller guarantees.
            Some(top) => unsafe { self.take_all(top, into) },
            None => Taken::nothing(into),
        }
    }
}

/// What both sides do.
impl<T> SlotSet<T> {
    /// Turns a sweep's request into a claim. Returns what `top` was before, or `None` if the other side came first.
    fn claim_asked(&self) -> Option<Top> {
        // ORDERING: Acquire; partner: the compare-exchange below, on the other side. That side read the epoch before
        // it. So what this sweep does next with the epoch comes after that read.
        let top = Top::from_bits(self.top.load(Ordering::Acquire));
        let claimed = top.is_asked()
            // ORDERING: AcqRel on success; partner: the same one on the other side, which then sees all that came
            // before. Acquire on failure, for the same reason as the load above.
            && self
                .top
                .compare_exchange(top.bits(), top.answered().bits(), Ordering::AcqRel, Ordering::Acquire)
                .is_ok();
        claimed.then_some(top)
    }

    /// Takes all items, those in the loaded array into `into`, and opens the slots.
    ///
    /// # Safety
    ///
    /// The caller has claimed the slots, and `top` is the value before. It is the owner, and not in a pop; or a heavy
    /// barrier came between `close` and this. `into` is empty and has room for the items of the loaded array.
    unsafe fn take_all(&self, top: Top, mut into: Array<T>) -> Taken<T> {
        let top = top.place();
        // ORDERING: Acquire; partner: the Release stores of `bottom` in `pop` and `push`, so that the items below are
        // seen. It is read once. The items below this value are the caller's, and those from here on the owner's. A pop
        // that finds nothing leaves `bottom` below `top` for a moment.
        let bottom = self.extent.bottom.load(Ordering::Acquire).max(top);
        // SAFETY: if the load above missed an owner's pop, that pop began after the heavy barrier and finds a mark. So
        // the owner takes no item from below `bottom`. Nor does it write to a place there, as its own `bottom` is no
        // lower when the pop has given up. The places from `top` to `bottom` were filled before `bottom` was raised
        // above them.
        self.loaded.with(|loaded| unsafe {
            if let Some(array) = &(*loaded).array {
                array.move_to(top as usize..bottom as usize, &mut into);
            }
        });
        // SAFETY: the slots are claimed, so the other side keeps out until the store below.
        let taken = self.rest.with_mut(|rest| unsafe { (*rest).take(&self.extent, into) });
        // ORDERING: Release; partner: the compare-exchange in `claim`.
        self.top.store(Top::open(bottom, self.fenced).bits(), Ordering::Release);
        taken
    }
}

impl<T> Drop for SlotSet<T> {
    fn drop(&mut self) {
        // No owner and no sweep is left, so the claim succeeds.
        drop(self.claim((), |mut slots, ()| (slots.replace_loaded(None), slots.replace_spare(None))));
    }
}
