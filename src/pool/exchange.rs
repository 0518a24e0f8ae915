//! Where an item comes from, and what becomes of it when it returns. This runs user code and contains its panics.

use std::mem;
use std::panic::{self, AssertUnwindSafe};

use super::shrink::{self, Recycling};
use super::{Home, Pool, Recycle, Settings};
use crate::engine::batch::Batch;
use crate::engine::cost::Cost;
use crate::engine::item::{Contained, Item, Payload, drop_each, keep_first, raise};
use crate::engine::room::{Room, Share};
use crate::engine::store::Store;
use crate::janitor;
use crate::sync;

/// Items of this size or more are created in a box. Smaller ones pass through the stack faster.
const LARGE: usize = 16 << 10;

type Create<T, N, R> = fn(&R, fn() -> N) -> Item<T, N>;

/// Creates an item with notes. A large one does not pass through the stack, if its recycler can do without.
pub(crate) fn new_item<T, N, R: Recycle<T>>(recycler: &R, notes: fn() -> N) -> Item<T, N> {
    // Each in a function of its own, because debug builds give a value on the stack its room at the start of a call.
    let create: Create<T, N, R> = if size_of::<T>() < LARGE {
        |recycler, notes| Item::with_notes(recycler.create(), notes())
    } else {
        |recycler, notes| Item::from_box_with_notes(recycler.create_boxed(), notes())
    };
    create(recycler, notes)
}

/// Sees to it that the janitor sweeps a pool in which the caller may have left items, or is about to create one.
#[inline]
pub(super) fn attend<T>(store: &Store<T>) {
    if store.is_unattended() {
        janitor::attend(&store.registration);
    }
}

#[cold]
#[inline(never)]
fn search<T>(store: &Store<T>) -> Option<Item<T>> {
    let item = store.get_slow(false);
    attend(store);
    item
}

#[cold]
#[inline(never)]
fn search_young<T>(store: &Store<T>) -> Option<Item<T>> {
    let item = store.get_slow(true);
    attend(store);
    item
}

impl<T, R: Recycle<T>> Pool<T, R> {
    #[inline(always)]
    pub(crate) fn take(&self) -> Option<Item<T>> {
        self.store.get().and_then(|store| store.get(search))
    }

    #[inline(always)]
    pub(crate) fn take_or(&self, create: impl FnOnce() -> Item<T>) -> Item<T> {
        match self.take() {
            Some(item) => item,
            None => self.make(create),
        }
    }

    /// Takes an item from the calling thread's private slots.
    #[inline(always)]
    pub(crate) fn take_loaded(&self) -> Option<Item<T>> {
        self.store.get().and_then(Store::pop)
    }

    /// Takes an idle item that the next sweep would not drop.
    pub(crate) fn take_young(&self) -> Option<Item<T>> {
        let store = self.store.get()?;
        store.pop().or_else(|| search_young(store))
    }

    /// Takes an idle item from the shared queues. With `victims_only`, only one that the next sweep would drop.
    pub(crate) fn take_shared(&self, victims_only: bool) -> Option<Item<T>> {
        self.store.get().and_then(|store| store.get_shared(victims_only))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn make(&self, create: impl FnOnce() -> Item<T>) -> Item<T> {
        // A panic in `create` leaves an unused pool without a heap part.
        let store = self.store.get();
        let begun = match store {
            Some(store) => store.cost.begin(store.fetch, store.created(store.own_set())),
            None => Cost::begin_first(self.settings.fetch),
        };
        let item = create();
        // Creating the heap part does not count.
        let took = begun.map(|begun| begun.elapsed());
        let store = self.store();
        if let Some(took) = took {
            store.cost.timed(took);
        }
        // Not the slot set from before: on a coroutine, `create` may return on another thread.
        store.count_created(store.own_set());
        self.weigh_new(store, item)
    }

    pub(super) fn new_item(&self) -> Item<T> {
        new_item(&*self.recycler, || ())
    }

    /// Notes what a new item holds. If that panics, the item is dropped.
    pub(super) fn weigh_new(&self, store: &Store<T>, item: Item<T>) -> Item<T> {
        let item = Contained::new(item);
        store.cost.weighed_at_least(self.recycler.weight(&item));
        item.into_inner()
    }

    /// Recycles an item and puts it into the private slots. Leaves it to `full` if they have no room, and drops it if the
    /// recycler refuses it.
    #[inline(always)]
    pub(super) fn take_back(&self, item: Item<T>, full: impl FnOnce(Item<T>)) {
        self.take_back_by(item, |item| self.push(item), full);
    }

    /// The same, where `push` is what puts an item into the private slots.
    #[inline(always)]
    pub(super) fn take_back_by(
        &self,
        mut item: Item<T>,
        push: impl FnOnce(Item<T>) -> Result<bool, Item<T>>,
        full: impl FnOnce(Item<T>),
    ) {
        match panic::catch_unwind(AssertUnwindSafe(|| shrink::recycle(self, &mut item))) {
            Ok(true) => self.pushed(push(item), full),
            Ok(false) => self.refuse(item, None),
            Err(panic) => self.refuse(item, Some(panic)),
        }
    }

    /// Puts an item that is recycled into the private slots. Leaves it to `full` if they have no room.
    #[inline(always)]
    pub(crate) fn take_back_recycled(&self, item: Item<T>, full: impl FnOnce(Item<T>)) {
        self.pushed(self.push(item), full);
    }

    #[inline(always)]
    fn push(&self, item: Item<T>) -> Result<bool, Item<T>> {
        match self.store.get() {
            Some(store) => store.put(item),
            None => Err(item),
        }
    }

    #[inline(always)]
    fn pushed(&self, outcome: Result<bool, Item<T>>, full: impl FnOnce(Item<T>)) {
        match outcome {
            Ok(false) => {}
            Ok(true) => self.heed(),
            Err(item) => full(item),
        }
    }

    /// Sees to it that the janitor sweeps the pool, after a push that was told to look.
    #[cold]
    #[inline(never)]
    fn heed(&self) {
        if let Some(store) = self.store.get() {
            store.heed();
            attend(store);
        }
    }

    /// Returns an item for which the private slots have no room. If the shared queues have none, it asks `make_room` once,
    /// which returns what is to be dropped.
    #[cold]
    #[inline(never)]
    pub(crate) fn give_back_slow(&self, item: Item<T>, make_room: impl FnOnce(Batch<T>) -> Option<Batch<T>>) {
        let store = self.store();
        match panic::catch_unwind(AssertUnwindSafe(|| self.recycler.weight(&item))) {
            Ok(bytes) => store.cost.weighed(bytes),
            Err(panic) => return self.refuse(item, Some(panic)),
        }
        let rejected = store.put_slow(item).and_then(make_room);
        attend(store);
        if let Some(panic) = rejected.and_then(|mut rejected| drop_each(&mut rejected)) {
            raise(panic);
        }
    }

    /// Puts in what there was no room for. Returns what there is still no room for.
    ///
    /// The caller is `make_room`, after which `give_back_slow` attends the pool.
    pub(crate) fn put_again(&self, rejected: Batch<T>) -> Option<Batch<T>> {
        self.store().put_again(rejected)
    }

    /// Drops an item that the recycler refused, or in which it panicked, or that is replaced by another.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse(&self, item: Item<T>, mut first: Option<Payload>) {
        self.store().events.refused.add(1);
        if let Some(panic) = drop_each([item]) {
            keep_first(&mut first, panic);
        }
        if let Some(panic) = first {
            raise(panic);
        }
    }

    /// Returns the heap part. The first call creates and registers it.
    pub(super) fn store(&self) -> &Store<T> {
        match self.store.get() {
            Some(store) => store,
            None => self.make_store(self.own_room()),
        }
    }

    /// Creates the heap part, unless there is one, with room that other pools share.
    #[inline]
    pub(crate) fn share(&self, room: impl FnOnce() -> Option<Share>) {
        if self.store.get().is_none() {
            self.make_store(room());
        }
    }

    fn own_room(&self) -> Option<Share> {
        self.settings.room().map(|most| Share::new(sync::Arc::new(Room::new(most)), 1))
    }

    #[cold]
    #[inline(never)]
    fn make_store(&self, room: Option<Share>) -> &Store<T> {
        let Settings { fetch, ref epoch, .. } = self.settings;
        let (store, made) = self.store.get_or_make(|| Store::new(self.settings.limits(), room, fetch));
        if made {
            if let (Some(registrar), Some(store)) = (&self.register, self.store.to_arc()) {
                registrar.register(&store, epoch.nanos());
            }
        }
        store
    }
}

impl<T, R: Recycle<T>> Home<T> for Pool<T, R> {
    type Notes = ();

    #[inline(always)]
    fn give_back(&self, item: Item<T>) {
        self.take_back(item, |item| self.give_back_slow(item, Some));
    }

    #[inline(always)]
    fn part_with_one(&self, _: &Item<T>) {}
}

impl<T, R: Recycle<T>> Recycling<T> for Pool<T, R> {
    #[inline(always)]
    fn weight(&self, item: &T) -> usize {
        self.recycler.weight(item)
    }

    #[inline(always)]
    fn used(&self, item: &T) -> usize {
        self.recycler.used(item)
    }

    #[inline(always)]
    fn recycle(&self, item: &mut Item<T>) -> bool {
        self.recycler.recycle(item)
    }

    fn shrink(&self, item: &mut T, max: usize) {
        self.recycler.shrink(item, max);
    }

    fn epoch(&self) -> usize {
        self.store().epoch()
    }

    fn recycle_cost(&self, item: &T) -> usize {
        self.recycler.recycle_cost(item)
    }

    /// An item that grew in use may go to private slots without being weighed again.
    fn note_heavy(&self, bytes: usize) {
        self.store().cost.weighed_at_least(bytes);
    }

    /// Puts the item into the shared queues and a new one in its place, once in an epoch. Freeing a huge table takes
    /// milliseconds, so that is left to a sweep. Until then, a `get` that finds no other item takes it.
    #[cold]
    fn set_aside(&self, item: &mut Item<T>) {
        let store = self.store();
        if !store.may_set_aside() {
            return;
        }
        let aside = mem::replace(item, self.make(|| self.new_item()));
        let rejected = store.set_aside(aside);
        attend(store);
        if let Some(panic) = rejected.and_then(|mut rejected| drop_each(&mut rejected)) {
            raise(panic);
        }
    }
}
