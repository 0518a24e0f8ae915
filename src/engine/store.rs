//! The store: where an item comes from, and where it goes.
//!
//! "The way of an item" in `docs/design.md` describes both ways. `spill` and `refill` move batches. `sweep` ages and
//! drops the items.

use crossbeam_utils::CachePadded;

use crate::engine::array::Array;
use crate::engine::batch::{Batch, FIRST_EPOCH};
use crate::engine::claim::Taken;
use crate::engine::cost::{Cost, Fetch};
use crate::engine::ended::Kept;
use crate::engine::fetch::Fetches;
use crate::engine::item::Item;
use crate::engine::lobby::Lobby;
use crate::engine::registration::Registration;
use crate::engine::room::Share;
use crate::engine::slots::SlotSet;
use crate::engine::tally::{Events, Tally};
use crate::engine::visit::{Shards, Visit};
use crate::sync::{AtomicBool, AtomicUsize, Counter, Ordering, PerThread, fence};

/// What a pool's settings come to here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) name: Option<&'static str>,
    /// Items in one array. A thread's private slots are two arrays.
    pub(crate) array: u16,
    /// A sweep leaves this many items in the shared queues, if there are as many. A clear leaves none.
    pub(crate) min_idle: u32,
    /// Drop one put in four, at random from this seed.
    pub(crate) chaos: Option<u32>,
}

/// The heap part of a pool: everything but the recycler.
pub(crate) struct Store<T> {
    /// Who reads those of other threads holds the sweep token, or visits and calls `all_sets`.
    pub(crate) sets: PerThread<CachePadded<SlotSet<T>>>,
    swept: CachePadded<BySweeps<T>>,
    /// True while a sweep holds the sweep token.
    token: AtomicBool,
    pub(crate) limits: Limits,
    pub(crate) shards: Shards<T>,
    pub(crate) lobby: Lobby<T>,
    pub(crate) registration: Registration,
    /// The shard for the next batch that belongs to no thread.
    pub(super) next_shard: Counter,
    /// The last epoch in which an item was set aside.
    set_aside: AtomicUsize,
    pub(crate) fetch: Fetch,
    /// True while a thread holds the fetch token.
    pub(super) fetch_token: AtomicBool,
    pub(super) fetches: Fetches,
    pub(crate) cost: Cost,
    pub(crate) events: CachePadded<Events>,
}

/// What the holder of the sweep token writes.
struct BySweeps<T> {
    /// [`FIRST_EPOCH`] plus the number of sweeps that have advanced it.
    epoch: AtomicUsize,
    kept: Kept<T>,
}

impl<T> Store<T> {
    pub(crate) fn new(limits: Limits, room: Option<Share>, fetch: Fetch) -> Self {
        // Slots and shards look up what was chosen.
        fence::pair();
        Self {
            sets: PerThread::new(),
            swept: CachePadded::new(BySweeps { epoch: AtomicUsize::new(FIRST_EPOCH), kept: Kept::new() }),
            token: AtomicBool::new(false),
            limits,
            shards: Shards::new(room),
            lobby: Lobby::new(),
            registration: Registration::new(),
            next_shard: Counter::new(),
            set_aside: AtomicUsize::new(FIRST_EPOCH.wrapping_sub(1)),
            fetch,
            fetch_token: AtomicBool::new(false),
            fetches: Fetches::new(),
            cost: Cost::new(),
            events: CachePadded::default(),
        }
    }

    /// Pops an item from the calling thread's loaded array, or else calls `slow`, which calls `get_slow`.
    #[inline(always)]
    pub(crate) fn get(&self, slow: impl FnOnce(&Self) -> Option<Item<T>>) -> Option<Item<T>> {
        // The same as `pop`, but calling that here leaves an instruction more in callers.
        match self.sets.recent().and_then(|set| set.pop()) {
            Some(item) => Some(item),
            None => slow(self),
        }
    }

    /// Pops an item from the calling thread's loaded array.
    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<Item<T>> {
        self.sets.recent().and_then(|set| set.pop())
    }

    /// Looks for an item beyond the loaded array. With `young_only` it does not look among the victims.
    #[inline]
    pub(crate) fn get_slow(&self, young_only: bool) -> Option<Item<T>> {
        let set = self.own_set().or_else(|| if self.is_lobby_open() { self.inherited_set() } else { self.slot_set() });
        self.answer_if_asked(set);
        if let Some(item) = set.filter(|set| set.len() > 0).and_then(|set| self.pop_beyond(set, young_only)) {
            return Some(item);
        }
        if let Some(item) = self.search(set, young_only, 0) {
            return Some(item);
        }
        if let Some(item) = self.leave_lobby(set, true, !young_only) {
            return Some(item);
        }
        if !young_only && self.cost.exceeds_fetch(self.fetch) { self.fetch(set) } else { None }
    }

    /// Pops a young item from either array, or else a victim.
    #[inline(never)]
    fn pop_beyond(&self, set: &SlotSet<T>, young_only: bool) -> Option<Item<T>> {
        let item = set.pop_either();
        if item.is_some() || young_only {
            return item;
        }
        let item = set.pop_victim();
        self.count(Some(set), item.is_some().into(), |tally| &tally.rescues);
        item
    }

    /// If a sweep has asked for the private items, the thread makes them victims itself. It goes on in the next epoch.
    #[inline]
    fn answer_if_asked(&self, set: Option<&SlotSet<T>>) {
        if let Some(set) = set.filter(|set| set.asked()) {
            self.answer(set);
        }
    }

    /// Takes out the private items and shares them. Leaves them to the sweep if the shared queues have no room, because
    /// then something must be dropped. Leaves them to the next sweep if others take the room just then.
    #[cold]
    fn answer(&self, set: &SlotSet<T>) {
        let visit = &self.shards.visit(Some(set));
        // This is the epoch that the sweep ends, because it is read between the asking and the answer. It may be an
        // earlier one, if the thread sleeps here until another sweep asks.
        let ending = self.epoch();
        let (shared, home) = (visit.get_or_make(), visit.home());
        if !shared.has_room(set.len()) {
            return;
        }
        let into = shared.take_empty(home).unwrap_or_else(|| self.new_array());
        // This runs inside the claim, because the sweep reserves room for these items too, if it still finds them.
        let reserve = |items| {
            let reserved = shared.reserve(items);
            if !reserved {
                // The sweep finds no mark here any more, so it does not count this slot set.
                self.events.left_busy.add(1);
            }
            reserved
        };
        match set.give(into, reserve) {
            Ok(taken) => {
                set.ahead.set(ending.wrapping_add(1));
                set.tally.shared.bump(taken.len());
                let Taken { young, victims, stash } = taken;
                // Read after the answer, so it is no older than any of the items.
                let epoch = self.epoch();
                let young = young.into_iter().flatten().map(|array| (epoch, array));
                for (stamp, array) in young.chain(victims.map(|array| (array.stamp(), array))) {
                    if array.is_empty() {
                        shared.keep_empty(home, array);
                    } else {
                        visit.put_back(home.shard, Batch::many(array, stamp));
                    }
                }
                stash.for_each(|empty| shared.keep_empty(home, empty));
            }
            Err(into) => shared.keep_empty(home, into),
        }
    }

    /// Pushes an item to the calling thread's loaded array. Returns it if there is no room. Then the caller calls
    /// `put_slow`. Otherwise returns whether the caller must look if the pool is unattended.
    #[inline(always)]
    pub(crate) fn put(&self, item: Item<T>) -> Result<bool, Item<T>> {
        match self.sets.recent() {
            Some(set) => set.push(item),
            None => Err(item),
        }
    }

    /// Makes an item idle. Returns what the caller is to drop, because there was no room for it or `chaos` struck.
    #[inline]
    pub(crate) fn put_slow(&self, mut item: Item<T>) -> Option<Batch<T>> {
        let mut set = self.own_set();
        self.answer_if_asked(set);
        self.fetches.resume();
        if self.chaos_strikes() {
            self.events.rejected.add(1);
            return Some(Batch::one(item, self.epoch()));
        }
        if set.is_none() {
            (item, set) = (self.enter_lobby(item)?, self.slot_set());
        }
        let Some(set) = set.filter(|_| self.limits.array > 0) else { return self.put_past(set, item) };
        if set.needs_array(self.limits.array.into()) {
            return self.spill(set, item);
        }
        match set.push_or_spill(item) {
            Ok(None) => None,
            Ok(Some(full)) => self.stamp_and_share(&self.shards.visit(Some(set)), set, full),
            Err(item) => self.spill(set, item),
        }
    }

    /// Returns whether an item may be set aside. That is so once in an epoch, because each one makes an item more.
    pub(crate) fn may_set_aside(&self) -> bool {
        let epoch = self.epoch();
        // ORDERING: Relaxed, no partner; the value is all, and one swap of an epoch sees another one. A thread that read
        // the epoch before it ended may allow one more.
        self.set_aside.swap(epoch, Ordering::Relaxed) != epoch
    }

    /// Returns the slot set that a new thread inherits, if there is one.
    #[cold]
    fn inherited_set(&self) -> Option<&SlotSet<T>> {
        self.sets.inherit().map(|set| &**set)
    }

    /// Returns the calling thread's slot set, and creates it if need be. Returns `None` if the thread has no number.
    pub(crate) fn slot_set(&self) -> Option<&SlotSet<T>> {
        let make = |number| CachePadded::new(SlotSet::new(number as u16, self.limits.chaos.is_some()));
        self.sets.get_or_make(make).map(|set| &**set)
    }

    pub(super) fn new_array(&self) -> Array<T> {
        Array::new(self.limits.array.into())
    }

    fn chaos_strikes(&self) -> bool {
        let Some(seed) = self.limits.chaos else { return false };
        // The output function of splitmix64 over a count. It is even and cheap, and the same for the same seed and
        // order.
        let mut bits = (u64::from(seed) << 32 ^ self.events.draws.add(1) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits >> 62 == 0
    }

    // ---- the epoch and the token ----

    #[inline]
    pub(crate) fn epoch(&self) -> usize {
        // ORDERING: Relaxed, no partner; a sweep goes only by the stamp of a batch. The holder of the token sees its
        // own epoch, because the token orders it.
        self.swept.epoch.load(Ordering::Relaxed)
    }

    /// Returns the epoch that the calling thread is in. If it has answered a sweep that is still under way, that is the
    /// next one.
    #[inline]
    pub(super) fn epoch_of(&self, set: Option<&SlotSet<T>>) -> usize {
        let epoch = self.epoch();
        let next = epoch.wrapping_add(1);
        if set.is_some_and(|set| set.ahead.get() == next) { next } else { epoch }
    }

    /// Only the holder of the token may call this.
    pub(crate) fn set_epoch(&self, epoch: usize) {
        // ORDERING: Relaxed, no partner; as above.
        self.swept.epoch.store(epoch, Ordering::Relaxed);
    }

    /// Returns what sweeps have taken out of `sets`. Only the holder of the token may call this.
    pub(super) fn kept(&self) -> &Kept<T> {
        &self.swept.kept
    }

    /// Takes the sweep token. Returns `false` if another sweep has it.
    pub(crate) fn take_token(&self) -> bool {
        // ORDERING: Acquire on success; partner: the Release store in `return_token`, so that a sweep sees what the
        // last one did. Relaxed on failure: nothing is done then.
        self.token.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    pub(crate) fn return_token(&self) {
        // ORDERING: Release; partner: the compare-exchange in `take_token`.
        self.token.store(false, Ordering::Release);
    }

    // ---- counting ----

    /// Adds to a count of the calling thread, whose slot set is `set`. Threads without one share their counts.
    #[inline]
    pub(super) fn count(&self, set: Option<&SlotSet<T>>, by: usize, which: impl Fn(&Tally) -> &Counter) {
        match set {
            Some(set) => which(&set.tally).bump(by),
            None => {
                which(&self.events.outside).add(by);
            }
        }
    }

    /// Returns the calling thread's slot set, if it has one.
    #[inline]
    pub(crate) fn own_set(&self) -> Option<&SlotSet<T>> {
        self.sets.get().map(|set| &**set)
    }

    #[inline]
    pub(crate) fn count_created(&self, set: Option<&SlotSet<T>>) {
        self.count(set, 1, |tally| &tally.created);
    }

    /// Returns how many items the thread with this slot set has created.
    #[inline]
    pub(crate) fn created(&self, set: Option<&SlotSet<T>>) -> usize {
        set.map_or(&self.events.outside, |set| &set.tally).created.get()
    }

    /// Begins a visit by the calling thread.
    pub(crate) fn visit(&self) -> Visit<'_, T> {
        self.shards.visit(self.own_set())
    }

    /// Returns every slot set. None of them is freed during the visit.
    pub(super) fn all_sets<'a>(&'a self, _: &'a Visit<'_, T>) -> impl Iterator<Item = &'a SlotSet<T>> {
        self.sets.iter().map(|set| &**set)
    }

    /// Returns the counts of threads without a slot set, and those of every slot set. The former come first. A sweep adds
    /// counts there after it has taken a slot set out, so none is found twice.
    pub(crate) fn tallies<'a>(&'a self, visit: &'a Visit<'_, T>) -> impl Iterator<Item = &'a Tally> {
        [&self.events.outside].into_iter().chain(self.all_sets(visit).map(|set| &set.tally))
    }

    /// Returns how many items lie in the shared queues. This is an estimate, and may be below zero, while other threads go
    /// on.
    pub(crate) fn shared(&self, visit: &Visit<'_, T>) -> usize {
        self.tallies(visit).fold(0, |sum, tally| sum.wrapping_add(tally.shared.get()))
    }

    /// Returns how many items are idle. This is an estimate while other threads go on.
    pub(crate) fn idle(&self, visit: &Visit<'_, T>) -> usize {
        let outside = self.shared(visit).wrapping_add(self.lobby.len());
        let idle = self.all_sets(visit).fold(outside, |sum, set| sum.wrapping_add(set.len()));
        // A batch that travels meanwhile may be counted on neither side, so the sum may be below zero.
        if (idle as isize) < 0 { 0 } else { idle }
    }
}
