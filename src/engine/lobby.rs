//! The lobby: a few places for single items, which every thread finds.
//!
//! A thread's first large or costly item goes here, and only its second makes the thread a slot set. So a pool that many
//! threads use once keeps what was in use at once, and not an item and a slot set for each of them.
//!
//! An item put in epoch `e` lies in generation `e & 1`, as in the shards, but has no stamp. If sweeps overtake its put,
//! it may lie among the primaries of a later epoch, and stays an epoch longer.

use std::marker::PhantomData;
use std::ptr;

use crate::engine::item::{Item, discard, drop_each};
use crate::engine::slots::SlotSet;
use crate::engine::store::Store;
use crate::sync::{AtomicPtr, AtomicUsize, Ordering, number};

/// Places of a generation. More items at once are a burst, for which slot sets are worth their memory.
const PLACES: usize = if cfg!(all(loom, feature = "loom")) { 2 } else { 8 };

/// Threads whose numbers differ by a multiple of 512 count as one.
const WORDS: usize = 512 / usize::BITS as usize;

pub(crate) struct Lobby<T> {
    /// Null, or from `Item::into_raw`.
    places: [[AtomicPtr<T>; PLACES]; 2],
    /// How many items lie here, and those whose put is under way.
    len: AtomicUsize,
    /// Which threads have put an item here.
    known: [AtomicUsize; WORDS],
    owns: PhantomData<Item<T>>,
}

// SAFETY: a lobby hands items from thread to thread and shares none of them.
unsafe impl<T: Send> Sync for Lobby<T> {}

impl<T> Lobby<T> {
    pub(crate) fn new() -> Self {
        let generation = |_| std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut()));
        Self {
            places: std::array::from_fn(generation),
            len: AtomicUsize::new(0),
            known: std::array::from_fn(|_| AtomicUsize::new(0)),
            owns: PhantomData,
        }
    }

    /// Returns how many items lie here. This is a hint while other threads go on.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // ORDERING: Relaxed; partner: the `fetch_add` in `put`, through the barriers that `parking` names.
        self.len.load(Ordering::Relaxed)
    }

    /// Returns whether the calling thread asks for the first time, or has no number.
    pub(crate) fn is_first_call(&self) -> bool {
        let bits = usize::BITS as usize;
        number().is_none_or(|number| {
            let bit = 1 << (number % bits);
            // ORDERING: Relaxed, no partner; only this thread and those with its number care for the bit.
            self.known[number / bits % WORDS].fetch_or(bit, Ordering::Relaxed) & bit == 0
        })
    }

    /// Puts in an item that returned in `epoch`. Returns it if no place is empty.
    pub(crate) fn put(&self, item: Item<T>, epoch: usize) -> Result<(), Item<T>> {
        let item = item.into_raw();
        // ORDERING: Relaxed, no partner but the load in `len`. It comes first, so that no item lies here uncounted.
        self.len.fetch_add(1, Ordering::Relaxed);
        let filled = self.places[epoch & 1].iter().any(|place| {
            // ORDERING: Relaxed, no partner; this only decides whether to try.
            place.load(Ordering::Relaxed).is_null()
                // ORDERING: Release on success; partner: the swap in `take_at`, so that the item is seen whole. Relaxed
                // on failure: tried elsewhere.
                && place.compare_exchange(ptr::null_mut(), item, Ordering::Release, Ordering::Relaxed).is_ok()
        });
        if filled {
            return Ok(());
        }
        // ORDERING: Relaxed, no partner but the load in `len`; only the sum matters.
        self.len.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: the pointer is from `into_raw` just now, and in no place.
        Err(unsafe { Item::from_raw(item) })
    }

    /// Takes an item that returned in `epoch`.
    pub(crate) fn take(&self, epoch: usize) -> Option<Item<T>> {
        self.drain(epoch).next()
    }

    /// Takes every item that returned in `epoch`, one from each place.
    pub(crate) fn drain(&self, epoch: usize) -> impl Iterator<Item = Item<T>> {
        self.places[epoch & 1].iter().filter_map(|place| self.take_at(place))
    }

    fn take_at(&self, place: &AtomicPtr<T>) -> Option<Item<T>> {
        // ORDERING: Relaxed, no partner; this only decides whether to try.
        if place.load(Ordering::Relaxed).is_null() {
            return None;
        }
        // ORDERING: Acquire; partner: the compare-exchange in `put`.
        let item = place.swap(ptr::null_mut(), Ordering::Acquire);
        if item.is_null() {
            return None;
        }
        // ORDERING: Relaxed, no partner but the load in `len`; as in `put`.
        self.len.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: the pointer is from `into_raw` in `put`. The swap took it out of its place, so nobody else has it.
        Some(unsafe { Item::from_raw(item) })
    }
}

impl<T> Store<T> {
    /// Returns whether a thread without a slot set uses the lobby first. A pool with shards has no memory to save.
    pub(super) fn is_lobby_open(&self) -> bool {
        self.cost.exceeds_slots(self.fetch) && self.shards.is_none()
    }

    /// Puts a thread's first item into the lobby. Returns it if it is not one, or if there is no room.
    pub(super) fn enter_lobby(&self, item: Item<T>) -> Option<Item<T>> {
        if !(self.is_lobby_open() && self.lobby.is_first_call() && self.shards.reserve_one()) {
            return Some(item);
        }
        let item = self.lobby.put(item, self.epoch()).err();
        self.shards.release(item.is_some().into());
        item
    }

    /// Takes an item from the lobby: a young one if those are asked for and there is one, or else a victim likewise.
    #[inline]
    pub(super) fn leave_lobby(&self, set: Option<&SlotSet<T>>, young: bool, victims: bool) -> Option<Item<T>> {
        if self.lobby.len() == 0 {
            return None;
        }
        let epoch = self.epoch();
        let mut item = if young { self.lobby.take(epoch) } else { None };
        if item.is_none() && victims {
            item = self.lobby.take(epoch.wrapping_sub(1));
            self.count(set, item.is_some().into(), |tally| &tally.rescues);
        }
        self.shards.release(item.is_some().into());
        item
    }
}

impl<T> Drop for Lobby<T> {
    fn drop(&mut self) {
        // Nobody else is left, so the length is exact.
        if self.len() == 0 {
            return;
        }
        for epoch in 0..2 {
            drop_each(self.drain(epoch)).into_iter().for_each(discard);
        }
    }
}
