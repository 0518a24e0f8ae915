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

use crate::batch::Array;
use crate::item::{Item, drop_each};
use crate::sync::fence::{self, Pair};
use crate::sync::{AtomicBool, AtomicU8, Ordering, UnsafeCell};
use crate::stats::Tally;

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
pub(crate) struct SlotSet<T> {
    /// Written by the owner alone: it is inside a claim.
    busy: AtomicBool,
    /// Written by the holder of the sweep token alone. 0 is open and lets the owner's fast path in.
    gate: AtomicU8,
    /// What `gate` is when it isn't revoked.
    open: u8,
    /// Which shard this thread spills to and refills from first.
    pub(crate) home: u16,
    /// Touched by the owner in a claim, and by a sweep that found the owner not busy after the heavy barrier.
    slots: UnsafeCell<Slots<T>>,
    /// Written by the owner alone, but for `moved`, which a sweep that takes the items writes too.
    pub(crate) tally: Tally,
}

/// Two arrays, swapped whole. Each is made when it is first needed and is gone after a sweep took it.
struct Slots<T> {
    /// Pushed to and popped from.
    loaded: Array<T>,
    /// Full or empty but for the moments after a refill or when a sweep has been.
    spare: Array<T>,
}

// SAFETY: `slots` is reached only as the protocol above allows, by one thread at a time; so items move between
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
            slots: UnsafeCell::new(Slots { loaded: Array::new(), spare: Array::new() }),
            tally: Tally::default(),
        }
    }

    // ---- the owner ----

    /// The fast path of `get`: pops from the loaded array.
    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<Item<T>> {
        let item = self.claim((), |slots, ()| slots.loaded.pop()).ok()??;
        self.tally.hits.bump(1);
        Some(item)
    }

    /// The fast path of `put`: pushes to the loaded array; gives the item back if there is no room or no entry.
    #[inline(always)]
    pub(crate) fn push(&self, item: Item<T>) -> Result<(), Item<T>> {
        self.claim(item, Slots::push_loaded).unwrap_or_else(Err)?;
        self.tally.puts.bump(1);
        Ok(())
    }

    /// Pops from either array.
    pub(crate) fn pop_either(&self) -> Option<Item<T>> {
        let item = self.claim_slowly((), |slots, ()| slots.pop_either()).ok()??;
        self.tally.hits.bump(1);
        Some(item)
    }

    /// Pushes to either array.
    pub(crate) fn push_either(&self, item: Item<T>) -> Result<(), Item<T>> {
        self.claim_slowly(item, Slots::push_either).unwrap_or_else(Err)?;
        self.tally.puts.bump(1);
        Ok(())
    }

    /// Pushes with an empty array at hand to make room with. Returns what came out: a full batch, or an array that was
    /// not needed. If a sweep keeps the owner out, both come back.
    pub(crate) fn spill(&self, item: Item<T>, empty: Array<T>) -> Result<Array<T>, (Item<T>, Array<T>)> {
        let out = self.claim_slowly((item, empty), |slots, (item, empty)| slots.spill(item, empty))?;
        self.tally.puts.bump(1);
        self.tally.moved.bump(out.len().wrapping_neg());
        Ok(out)
    }

    /// Takes in a batch if one of the arrays is empty, and returns that array; else the batch comes back.
    pub(crate) fn refill(&self, batch: Array<T>) -> Result<Array<T>, Array<T>> {
        let items = batch.len();
        let out = self.claim_slowly(batch, Slots::refill).unwrap_or_else(Err)?;
        self.tally.moved.bump(items);
        Ok(out)
    }

    /// Runs `act` on the slots if the gate is wide open; else gives the argument back.
    #[inline(always)]
    fn claim<A, O>(&self, argument: A, act: impl FnOnce(&mut Slots<T>, A) -> O) -> Result<O, A> {
        // ORDERING: Relaxed, made visible by the barrier below; partner: the load of `busy` in `take`.
        self.busy.store(true, Ordering::Relaxed);
        fence::light();
        self.enter(0xFF, argument, act)
    }

    /// The same where the gate may carry marks that send the owner here, but not if it is revoked.
    fn claim_slowly<A, O>(&self, argument: A, act: impl FnOnce(&mut Slots<T>, A) -> O) -> Result<O, A> {
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
    fn enter<A, O>(&self, closed: u8, argument: A, act: impl FnOnce(&mut Slots<T>, A) -> O) -> Result<O, A> {
        // ORDERING: Acquire; partner: the Release store in `reopen`, so that what the last sweep did to the slots is
        // seen. That a sweep's REVOKED isn't missed is the barriers' doing.
        let outcome = if self.gate.load(Ordering::Acquire) & closed == 0 {
            // SAFETY: the gate was not revoked after `busy` was set and the barrier passed, so a sweep that revokes
            // it later finds `busy` set until the store below, and keeps out; there is only one owner, and `act` is
            // one of the methods of `Slots`, which call nothing that could come back here.
            Ok(self.slots.with_mut(|slots| act(unsafe { &mut *slots }, argument)))
        } else {
            Err(argument)
        };
        // ORDERING: Release; partner: the Acquire load of `busy` in `take`, so that the sweep sees what was done here.
        self.busy.store(false, Ordering::Release);
        outcome
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

    /// Takes both arrays and opens the gate; `None` if the owner is in a claim, and then nothing was taken.
    ///
    /// # Safety
    ///
    /// The caller holds the sweep token, called `revoke` on this slot set, and a heavy barrier succeeded since.
    pub(crate) unsafe fn take(&self) -> Option<[Array<T>; 2]> {
        let mut taken = None;
        for _ in 0..LOOKS {
            // ORDERING: Acquire; partner: the Release store of `busy` in `enter`.
            if !self.busy.load(Ordering::Acquire) {
                // SAFETY: `busy` was false after the heavy barrier, so an owner's claim that this load missed began
                // after the barrier and finds the gate closed; every earlier one has ended, and Acquire shows what it
                // did. No other sweep comes here, as there is one token.
                taken = Some(self.slots.with_mut(|slots| unsafe { &mut *slots }.take()));
                break;
            }
            std::hint::spin_loop();
        }
        if let Some([loaded, spare]) = &taken {
            // The owner is kept out until `reopen`, so this is the only writer.
            self.tally.moved.bump((loaded.len() + spare.len()).wrapping_neg());
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
impl<T> Slots<T> {
    #[inline(always)]
    fn push_loaded(&mut self, item: Item<T>) -> Result<(), Item<T>> {
        if self.loaded.len() == self.loaded.capacity() {
            return Err(item);
        }
        self.loaded.push(item);
        Ok(())
    }

    fn push_either(&mut self, item: Item<T>) -> Result<(), Item<T>> {
        if self.loaded.len() == self.loaded.capacity() && self.spare.is_empty() {
            mem::swap(&mut self.loaded, &mut self.spare);
        }
        self.push_loaded(item)
    }

    fn pop_either(&mut self) -> Option<Item<T>> {
        if self.loaded.is_empty() {
            mem::swap(&mut self.loaded, &mut self.spare);
        }
        self.loaded.pop()
    }

    /// `empty` becomes the loaded array, the loaded one the spare, and the spare goes out.
    fn spill(&mut self, item: Item<T>, empty: Array<T>) -> Array<T> {
        let mut out = empty;
        let mut left = self.push_either(item);
        if let Err(item) = left {
            mem::swap(&mut self.loaded, &mut out);
            mem::swap(&mut self.spare, &mut out);
            left = self.push_loaded(item);
        }
        debug_assert!(left.is_ok(), "an empty array has room");
        mem::forget(left);
        out
    }

    fn refill(&mut self, batch: Array<T>) -> Result<Array<T>, Array<T>> {
        if self.loaded.is_empty() {
            Ok(mem::replace(&mut self.loaded, batch))
        } else if self.spare.is_empty() {
            Ok(mem::replace(&mut self.spare, batch))
        } else {
            Err(batch)
        }
    }

    fn take(&mut self) -> [Array<T>; 2] {
        [mem::take(&mut self.loaded), mem::take(&mut self.spare)]
    }
}

impl<T> Drop for SlotSet<T> {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: the pool is gone, and with it every owner and sweep.
        let [loaded, spare] = self.slots.with_mut(|slots| unsafe { &mut *slots }.take());
        if let Some(panic) = drop_each(loaded.into_iter().chain(spare)) {
            crate::item::discard(panic);
        }
    }
}

impl<T> fmt::Debug for SlotSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotSet").field("home", &self.home).field("tally", &self.tally).finish_non_exhaustive()
    }
}
