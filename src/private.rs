//! One thread's private slots: push, pop, spill and refill for the owner, take for a sweep.
//!
//! Owner and sweep meet rarely, and the owner comes all the time, so the owner pays no atomic read-modify-write:
//!
//! ```text
//! owner                                    sweep (all slot sets in one go, holding the sweep token)
//!   busy = true                              gate = REVOKED on every slot set
//!   light barrier                            heavy barrier
//!   gate is open?                            busy?
//!     yes: push or pop                         no:  take the items
//!     no:  leave the slots alone               yes: look again a few times, then leave them alone
//!   busy = false                             gate = open
//! ```
//!
//! By the pair of barriers (`sync::fence`) the owner sees the closed gate or the sweep sees `busy`. If the sweep comes
//! first, the owner finds the gate closed and goes to the shared queues instead of waiting. If the owner comes first,
//! the sweep finds it busy, and leaves its items for the next sweep instead of waiting. What happens between `busy` and
//! not busy is called a claim. Nothing is allocated, freed, dropped or queued inside a claim: an array that the owner
//! may need is passed in, and what is left over is passed out.

use std::fmt;
use std::mem;

use crate::array::{Array, Stack};
use crate::item::{Item, discard, drop_each};
use crate::stats::Tally;
use crate::sync::fence::{self, Pair};
use crate::sync::{AtomicBool, AtomicU8, Length, Ordering, UnsafeCell};

/// `gate`: a sweep may be looking at the slots; the owner keeps out.
const REVOKED: u8 = 1;
/// `gate`, for good: the light barrier alone is not enough in this process.
const FENCED: u8 = 2;
/// `gate`, for good: every put takes the slow path, where `chaos` is.
const DETOUR: u8 = 4;

/// How often a sweep looks at a busy owner before it leaves it alone. An owner is busy for a few nanoseconds unless it
/// was preempted, and then looking longer is of no use.
const LOOKS: usize = if cfg!(loom) { 1 } else { 16 };

/// The private slots of one thread in one pool.
///
/// In the order of its fields, so that all that the fast paths touch is in the first cache line.
#[repr(C)]
pub(crate) struct SlotSet<T> {
    /// Written by the owner alone: it is inside a claim.
    busy: AtomicBool,
    /// Written by the holder of the sweep token alone. 0 is open and lets the owner's fast path in.
    gate: AtomicU8,
    /// What `gate` is when it isn't revoked.
    open: u8,
    /// Which shard this thread spills to and refills from first.
    pub(crate) home: u16,
    /// How many items the loaded array holds. Written in a claim; read by anybody, as a hint.
    loaded: Length,
    /// Touched in a claim, by the owner or by a sweep that found the owner not busy after the heavy barrier.
    arrays: UnsafeCell<Arrays<T>>,
    /// How many items the spare array holds, and how many empty arrays lie in the stash; as above.
    spare: Length,
    stashed: Length,
    /// Written by the owner alone.
    pub(crate) tally: Tally,
}

/// The most empty arrays that a thread keeps for its own next spills: enough for a burst of 2048 items and back with the
/// default of 16 in an array. Beyond that they go to the shard whose thread will need them.
const MAX_STASH: usize = 128;

/// Two arrays, swapped whole. Each is made when it is first needed and is gone after a sweep took it.
#[repr(C)]
struct Arrays<T> {
    /// Pushed to and popped from. Its own length isn't kept while it is here: the true one is `SlotSet::loaded`, which
    /// others can read, and a second copy of it would cost the fast path 6 %.
    loaded: Option<Array<T>>,
    /// The capacity of the loaded array; 0 without one.
    room: usize,
    /// Full, or empty, or what a refill brought.
    spare: Option<Array<T>>,
    /// Empty arrays that refills left over, for the next spills.
    stash: Stack<T>,
}

/// Two slot sets never share a pair of cache lines, and one fills no more than that.
#[cfg(all(not(loom), target_pointer_width = "64"))]
const _: () = assert!(size_of::<SlotSet<u8>>() <= 128);

/// All that a sweep takes out of one slot set.
pub(crate) struct Taken<T> {
    /// The loaded and the spare array; either may be empty.
    pub(crate) arrays: [Option<Array<T>>; 2],
    pub(crate) stash: Stack<T>,
}

/// What an owner that was kept out has in its hands still.
pub(crate) type KeptOut<T> = (Item<T>, Array<T>);

/// The slots inside a claim: the arrays and their lengths.
struct Slots<'a, T> {
    arrays: &'a mut Arrays<T>,
    loaded: &'a Length,
    spare: &'a Length,
    stashed: &'a Length,
}

// SAFETY: `arrays` is reached only as the protocol above allows, by one thread at a time; so items move between
// threads, which needs T: Send, and are never shared.
unsafe impl<T: Send> Sync for SlotSet<T> {}

impl<T> SlotSet<T> {
    /// An empty slot set of a thread whose own shard is `home`; with `detour` every put takes the slow path.
    pub(crate) fn new(home: u16, detour: bool) -> Self {
        let fenced = if fence::pair() == Pair::Symmetric { FENCED } else { 0 };
        let open = fenced | if detour { DETOUR } else { 0 };
        Self {
            busy: AtomicBool::new(false),
            gate: AtomicU8::new(open),
            open,
            home,
            arrays: UnsafeCell::new(Arrays { loaded: None, room: 0, spare: None, stash: Stack::new() }),
            loaded: Length::new(),
            spare: Length::new(),
            stashed: Length::new(),
            tally: Tally::default(),
        }
    }

    /// How many items it holds; a hint, unless the caller is the owner.
    pub(crate) fn len(&self) -> usize {
        self.loaded.get() + self.spare.get()
    }

    /// Whether a sweep has something to take here; a hint, as above.
    pub(crate) fn looks_empty(&self) -> bool {
        self.len() + self.stashed.get() == 0
    }

    // ---- the owner ----

    /// The fast path of `get`: pops from the loaded array.
    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<Item<T>> {
        self.claim((), |mut slots, ()| slots.pop_loaded()).ok()?
    }

    /// The fast path of `put`: pushes to the loaded array; gives the item back if there is no room or no entry.
    #[inline(always)]
    pub(crate) fn push(&self, item: Item<T>) -> Result<(), Item<T>> {
        self.claim(item, |mut slots, item| slots.push_loaded(item)).unwrap_or_else(Err)
    }

    /// Pops from either array.
    pub(crate) fn pop_either(&self) -> Option<Item<T>> {
        self.claim_slowly((), |mut slots, ()| slots.pop_either()).ok()?
    }

    /// Pushes to either array, or makes room with an empty one from the stash, if there is one. Returns the full batch
    /// that had to go out for that, if any; the item comes back if there is no room or a sweep keeps the owner out.
    #[inline]
    pub(crate) fn push_or_spill(&self, item: Item<T>) -> Result<Option<Array<T>>, Item<T>> {
        self.claim_slowly(item, |mut slots, item| slots.push_or_spill(item)).unwrap_or_else(Err)
    }

    /// The same with an empty array at hand. Returns what came out, if anything: a full batch, or an array that was not
    /// needed. If a sweep keeps the owner out, both come back.
    pub(crate) fn spill(&self, item: Item<T>, empty: Array<T>) -> Result<Option<Array<T>>, KeptOut<T>> {
        self.claim_slowly((item, empty), |mut slots, (item, empty)| slots.spill(item, empty))
    }

    /// Takes in a batch if one of the arrays is empty, and stashes that array or returns it if there are enough; else the
    /// batch comes back.
    pub(crate) fn refill(&self, batch: Array<T>) -> Result<Option<Array<T>>, Array<T>> {
        self.claim_slowly(batch, |mut slots, batch| slots.refill(batch)).unwrap_or_else(Err)
    }

    /// Runs `act` on the slots if the gate is wide open; else gives the argument back.
    #[inline(always)]
    fn claim<A, O>(&self, argument: A, act: impl FnOnce(Slots<'_, T>, A) -> O) -> Result<O, A> {
        // ORDERING: Relaxed, made visible by the barrier below; partner: the load of `busy` in `take`.
        self.busy.store(true, Ordering::Relaxed);
        fence::light();
        self.enter(0xFF, argument, act)
    }

    /// The same where the gate may carry marks that send the owner here, but not if it is revoked.
    #[inline]
    fn claim_slowly<A, O>(&self, argument: A, act: impl FnOnce(Slots<'_, T>, A) -> O) -> Result<O, A> {
        // ORDERING: Relaxed, made visible by the barrier below; partner: the load of `busy` in `take`.
        self.busy.store(true, Ordering::Relaxed);
        if self.open & FENCED != 0 {
            fence::full();
        } else {
            fence::light();
        }
        self.enter(REVOKED, argument, act)
    }

    /// The second half of a claim: what is left to check, do and end once `busy` is set and the barrier passed.
    #[inline(always)]
    fn enter<A, O>(&self, closed: u8, argument: A, act: impl FnOnce(Slots<'_, T>, A) -> O) -> Result<O, A> {
        // ORDERING: Acquire; partner: the Release store in `reopen`, so that what the last sweep did to the slots is
        // seen. That a sweep's REVOKED isn't missed is the barriers' doing.
        let outcome = if self.gate.load(Ordering::Acquire) & closed == 0 {
            // SAFETY: the gate was not revoked after `busy` was set and the barrier passed, so a sweep that revokes
            // it later finds `busy` set until the store below, and keeps out; there is only one owner, and `act` is
            // one of the methods of `Slots`, which call nothing that could come back here.
            Ok(self.arrays.with_mut(|arrays| act(self.slots(unsafe { &mut *arrays }), argument)))
        } else {
            Err(argument)
        };
        // ORDERING: Release; partner: the Acquire load of `busy` in `take`, so that the sweep sees what was done here.
        self.busy.store(false, Ordering::Release);
        outcome
    }

    fn slots<'a>(&'a self, arrays: &'a mut Arrays<T>) -> Slots<'a, T> {
        Slots { arrays, loaded: &self.loaded, spare: &self.spare, stashed: &self.stashed }
    }

    // ---- a sweep, holding the sweep token ----

    /// Closes the gate. The heavy barrier comes next, once for all slot sets.
    pub(crate) fn revoke(&self) {
        // ORDERING: Relaxed, made visible by the heavy barrier; partner: the load of `gate` in `enter`.
        self.gate.store(self.open | REVOKED, Ordering::Relaxed);
    }

    /// Whether this sweep closed the gate: only sweeps do, and every sweep opens all that it closed.
    pub(crate) fn is_revoked(&self) -> bool {
        // ORDERING: Relaxed; partner: `revoke` on this same thread.
        self.gate.load(Ordering::Relaxed) & REVOKED != 0
    }

    /// Takes all arrays and opens the gate; `None` if the owner is in a claim, and then nothing was taken.
    ///
    /// # Safety
    ///
    /// The caller holds the sweep token, called `revoke` on this slot set, and a heavy barrier succeeded since.
    pub(crate) unsafe fn take(&self) -> Option<Taken<T>> {
        let mut taken = None;
        for _ in 0..LOOKS {
            // ORDERING: Acquire; partner: the Release store of `busy` in `enter`.
            if !self.busy.load(Ordering::Acquire) {
                // SAFETY: `busy` was false after the heavy barrier, so an owner's claim that this load missed began
                // after the barrier and finds the gate closed; every earlier one has ended, and Acquire shows what it
                // did. No other sweep comes here, as there is one token.
                taken = Some(self.arrays.with_mut(|arrays| self.slots(unsafe { &mut *arrays }).take()));
                break;
            }
            std::hint::spin_loop();
        }
        self.reopen();
        taken
    }

    /// Opens the gate that `revoke` closed.
    pub(crate) fn reopen(&self) {
        // ORDERING: Release; partner: the Acquire load of `gate` in `enter`, so that the owner sees its slots taken.
        self.gate.store(self.open, Ordering::Release);
    }
}

/// What is done inside a claim. None of it allocates, frees, drops an item or panics.
impl<T> Slots<'_, T> {
    #[inline(always)]
    fn pop_loaded(&mut self) -> Option<Item<T>> {
        let last = self.loaded.get().checked_sub(1)?;
        self.loaded.set(last);
        // SAFETY: where there are items there is an array; its first `loaded` places hold them, and this one is no longer
        // among those.
        Some(unsafe { self.arrays.loaded.as_mut().unwrap_unchecked().place(last).read() })
    }

    #[inline(always)]
    fn push_loaded(&mut self, item: Item<T>) -> Result<(), Item<T>> {
        let next = self.loaded.get();
        if next == self.arrays.room {
            return Err(item);
        }
        // SAFETY: where there is room there is an array; this is the first of its places that holds no item.
        unsafe { self.arrays.loaded.as_mut().unwrap_unchecked().place(next).write(item) };
        self.loaded.set(next + 1);
        Ok(())
    }

    fn pop_either(&mut self) -> Option<Item<T>> {
        if self.loaded.get() == 0 && self.spare.get() > 0 {
            self.swap();
        }
        self.pop_loaded()
    }

    fn push_either(&mut self, item: Item<T>) -> Result<(), Item<T>> {
        if self.loaded.get() == self.arrays.room && self.arrays.spare.as_ref().is_some_and(Array::is_empty) {
            self.swap();
        }
        self.push_loaded(item)
    }

    fn push_or_spill(&mut self, item: Item<T>) -> Result<Option<Array<T>>, Item<T>> {
        let Err(item) = self.push_either(item) else { return Ok(None) };
        let Some(empty) = self.arrays.stash.pop() else { return Err(item) };
        self.stashed.set(self.arrays.stash.len());
        Ok(self.rotate(item, empty))
    }

    fn spill(&mut self, item: Item<T>, empty: Array<T>) -> Option<Array<T>> {
        match self.push_either(item) {
            Ok(()) => Some(empty),
            Err(item) => self.rotate(item, empty),
        }
    }

    /// `empty` becomes the loaded array, the loaded one the spare, and the spare goes out.
    fn rotate(&mut self, item: Item<T>, empty: Array<T>) -> Option<Array<T>> {
        let full = self.replace_loaded(Some(empty));
        let out = self.replace_spare(full);
        let pushed = self.push_loaded(item);
        debug_assert!(pushed.is_ok(), "an empty array has room");
        mem::forget(pushed);
        out
    }

    fn refill(&mut self, batch: Array<T>) -> Result<Option<Array<T>>, Array<T>> {
        let empty = if self.loaded.get() == 0 {
            self.replace_loaded(Some(batch))
        } else if self.spare.get() == 0 {
            self.replace_spare(Some(batch))
        } else {
            return Err(batch);
        };
        match empty {
            Some(empty) if self.arrays.stash.len() < MAX_STASH => {
                self.arrays.stash.push(empty);
                self.stashed.set(self.arrays.stash.len());
                Ok(None)
            }
            left_over => Ok(left_over),
        }
    }

    fn take(&mut self) -> Taken<T> {
        self.stashed.set(0);
        let arrays = [self.replace_loaded(None), self.replace_spare(None)];
        Taken { arrays, stash: mem::replace(&mut self.arrays.stash, Stack::new()) }
    }

    fn swap(&mut self) {
        let spare = self.arrays.spare.take();
        let loaded = self.replace_loaded(spare);
        self.replace_spare(loaded);
    }

    fn replace_loaded(&mut self, array: Option<Array<T>>) -> Option<Array<T>> {
        let before = self.loaded.get();
        self.loaded.set(array.as_ref().map_or(0, Array::len));
        self.arrays.room = array.as_ref().map_or(0, Array::capacity);
        let mut out = mem::replace(&mut self.arrays.loaded, array);
        if let Some(out) = &mut out {
            // SAFETY: the first `loaded` places hold items.
            unsafe { out.set_len(before) };
        }
        out
    }

    fn replace_spare(&mut self, array: Option<Array<T>>) -> Option<Array<T>> {
        self.spare.set(array.as_ref().map_or(0, Array::len));
        mem::replace(&mut self.arrays.spare, array)
    }
}

impl<T> Drop for SlotSet<T> {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: the pool is gone, and with it every owner and sweep.
        let Taken { arrays, .. } = self.arrays.with_mut(|arrays| self.slots(unsafe { &mut *arrays }).take());
        if let Some(panic) = drop_each(arrays.into_iter().flatten().flatten()) {
            discard(panic);
        }
    }
}

impl<T> fmt::Debug for SlotSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotSet").field("home", &self.home).field("len", &self.len()).finish_non_exhaustive()
    }
}
