//! What the pool must do, in plain collections, one call at a time and without atomics.
//!
//! A call is first made on the real pool. The model then gets what was handed out and dropped, and fails if the design
//! doesn't allow that. The design leaves one choice open: from which of several batches of the same age a `get` takes.

use ebbtide::{Stats, Swept};

/// An item: `Counted::id`.
pub(crate) type Id = usize;

/// A slot set: the number of a thread. Numbers are reused after a thread ends.
pub(crate) type Number = usize;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) private_slots: usize,
    pub(crate) max_idle: usize,
    pub(crate) min_idle: usize,
}

pub(crate) struct Model {
    /// Whether any item was ever created or put. Earlier sweeps don't count.
    used: bool,
    /// The size of an array. A thread's private slots are two arrays.
    array: usize,
    limits: Limits,
    /// The number of sweeps that aged items.
    epoch: usize,
    /// By number. The slots of an ended thread wait for the next thread with its number.
    private: Vec<Slots>,
    /// Returned numbers, in the order of their return.
    free: Vec<Number>,
    shared: Vec<Batch>,
    /// The expected `Pool::stats`. Steals count as refills, and `idle` is 0.
    stats: Stats,
}

/// Two arrays. The loaded one is in use, and is swapped with the spare one when needed.
#[derive(Default)]
struct Slots {
    loaded: Vec<Id>,
    spare: Vec<Id>,
    /// If the spare array is the rest of a victim batch: the epoch in which its items were put.
    victims: Option<usize>,
}

#[derive(Debug)]
struct Batch {
    items: Vec<Id>,
    /// The epoch in which its items were put.
    put: usize,
    /// The owner of the batch's shard, if known. Other threads may share that shard.
    home: Option<Number>,
}

impl Slots {
    fn len(&self) -> usize {
        self.loaded.len() + self.spare.len()
    }

    fn pop(&mut self) -> Option<Id> {
        if self.loaded.is_empty() && self.victims.is_none() {
            std::mem::swap(&mut self.loaded, &mut self.spare);
        }
        self.loaded.pop()
    }

    fn pop_victim(&mut self) -> Option<Id> {
        self.victims?;
        let item = self.spare.pop();
        self.victims = self.victims.filter(|_| !self.spare.is_empty());
        item
    }

    /// Returns the batch that must be spilled for it, if any, and when that was put if it has victims.
    fn push(&mut self, item: Id, array: usize) -> Option<(Vec<Id>, Option<usize>)> {
        if self.loaded.len() < array {
            self.loaded.push(item);
            return None;
        }
        let full = std::mem::replace(&mut self.loaded, vec![item]);
        let out = std::mem::replace(&mut self.spare, full);
        Some((out, self.victims.take())).filter(|(out, _)| !out.is_empty())
    }

    /// Takes in a batch. The slots are empty.
    fn refill(&mut self, batch: Vec<Id>, put: usize, epoch: usize) {
        if put == epoch {
            self.loaded = batch;
        } else {
            self.spare = batch;
            self.victims = Some(put);
        }
    }

    /// What a sweep in `epoch` takes, and when it was put.
    fn take(&mut self, epoch: usize) -> [(Vec<Id>, usize); 2] {
        let spare = (std::mem::take(&mut self.spare), self.victims.take().unwrap_or(epoch));
        [(std::mem::take(&mut self.loaded), epoch), spare]
    }
}

impl Model {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            used: false,
            array: limits.private_slots.div_ceil(2),
            limits,
            epoch: 0,
            private: Vec::new(),
            free: Vec::new(),
            shared: Vec::new(),
            stats: Stats::default(),
        }
    }

    // ---- what happened ----

    /// A thread asked for an item and got `found`, or no idle item.
    pub(crate) fn got(&mut self, thread: &mut Option<Number>, found: Option<Id>) {
        if !self.used {
            return assert_eq!(found, None);
        }
        let number = self.enroll(thread);
        if let Some(mine) = self.private[number].pop() {
            assert_eq!(found, Some(mine), "not what this thread put last");
            return;
        }
        if let Some(victim) = self.private[number].pop_victim() {
            assert_eq!(found, Some(victim), "not the victim that this thread keeps");
            self.stats.rescues += 1;
            return;
        }
        let Some(id) = found else {
            return assert!(self.shared.is_empty(), "nothing was found, but there is {:?}", self.shared);
        };
        let Some(at) = self.shared.iter().position(|batch| batch.items.contains(&id)) else {
            panic!("item {id} was neither shared nor this thread's");
        };
        let mut batch = self.shared.swap_remove(at);
        batch.items.retain(|item| *item != id);
        // The own shard comes first, its young batches before its victims, and then the others likewise. If a batch's
        // shard is unknown, take the one that explains this find.
        let young = batch.put == self.epoch;
        let own = |batch: &Batch| batch.home == Some(number);
        let rank = |own: bool, batch: &Batch| (!own, batch.put != self.epoch);
        let better = self.shared.iter().find(|other| rank(own(other), other) < rank(true, &batch));
        assert!(better.is_none(), "item {id} was in {batch:?}, which comes after {better:?}");
        *if young { &mut self.stats.refills } else { &mut self.stats.rescues } += 1;
        if batch.items.is_empty() {
            return;
        }
        let epoch = self.epoch;
        self.private[number].refill(batch.items, batch.put, epoch);
    }

    /// No idle item was found, so one was created.
    pub(crate) fn created(&mut self) {
        self.used = true;
        self.stats.created += 1;
    }

    /// A thread put an item, and the pool dropped `dropped`.
    pub(crate) fn put(&mut self, thread: &mut Option<Number>, id: Id, dropped: &[Id]) {
        let number = self.enroll(thread);
        let out = if self.array == 0 {
            Some((vec![id], None))
        } else {
            let out = self.private[number].push(id, self.array);
            self.stats.spills += usize::from(out.is_some());
            out
        };
        let (out, put) = out.unwrap_or_default();
        let rejected = self.share(out, put.unwrap_or(self.epoch), Some(number), dropped);
        assert_eq!(rejected, dropped.len(), "{dropped:?} were dropped when item {id} was put");
    }

    /// The recycler refused an item.
    pub(crate) fn refused(&mut self, id: Id, dropped: &[Id]) {
        assert_eq!(dropped, [id]);
        self.used = true;
        self.stats.refused += 1;
    }

    /// Of `n` requested items, `made` were made and `kept` are reported as kept. The others were dropped.
    pub(crate) fn prefilled(&mut self, n: usize, mut made: &[Id], kept: usize, dropped: &[Id]) {
        self.used = true;
        let (mut rejected, mut expected) = (0, 0);
        while expected < n && rejected == 0 {
            let batch = self.array.max(1).min(n - expected);
            assert!(made.len() >= batch, "stopped after {expected} of {n}, though there was room");
            let (items, rest) = made.split_at(batch);
            made = rest;
            rejected = self.share(items.to_vec(), self.epoch, None, dropped);
            expected += batch - rejected;
        }
        assert_eq!((kept, dropped.len()), (expected, rejected), "of {n}");
        assert!(made.is_empty(), "{made:?} were made for nothing");
    }

    /// A sweep ended the epoch.
    pub(crate) fn advanced(&mut self, swept: Swept, dropped: &[Id]) {
        let put = self.epoch;
        for (number, slots) in self.private.iter_mut().enumerate() {
            let home = Some(number);
            self.shared.extend(slots.take(put).map(|(items, put)| Batch { items, put, home }));
        }
        let (young, old) = self.shared_by_age();
        let kept = young.min(self.limits.max_idle);
        let spared = old.min(self.limits.min_idle.saturating_sub(kept));
        self.shared.iter_mut().for_each(|batch| batch.items.retain(|item| !dropped.contains(item)));
        assert_eq!(
            self.shared_by_age(),
            (kept, spared),
            "of {young} young and {old} old items {dropped:?} were dropped"
        );
        assert_eq!(dropped.len(), young - kept + old - spared, "{dropped:?} were dropped, not all of them idle");
        self.shared.retain(|batch| !batch.items.is_empty());
        // Victims that `min_idle` kept are now as old as the items of the epoch that ends here, and lie anywhere.
        for batch in self.shared.iter_mut().filter(|batch| batch.put != put) {
            *batch = Batch { items: std::mem::take(&mut batch.items), put, home: None };
        }
        self.swept(swept, dropped);
        self.epoch += 1;
    }

    /// A sweep dropped all idle items.
    pub(crate) fn cleared(&mut self, swept: Swept, dropped: &[Id]) {
        let private = self.private.iter_mut().flat_map(|slots| slots.take(0)).map(|(items, _)| items);
        let mut idle: Vec<Id> = self.shared.drain(..).map(|batch| batch.items).chain(private).flatten().collect();
        let mut dropped = dropped.to_vec();
        idle.sort_unstable();
        dropped.sort_unstable();
        assert_eq!(dropped, idle);
        self.swept(swept, &dropped);
    }

    /// A thread ended.
    pub(crate) fn exited(&mut self, thread: Option<Number>) {
        self.free.extend(thread);
    }

    // ---- what is to be seen ----

    pub(crate) fn idle(&self) -> usize {
        self.shared_items() + self.private.iter().map(Slots::len).sum::<usize>()
    }

    /// Promise 4: the bound on idle items.
    pub(crate) fn bound(&self) -> usize {
        self.limits.max_idle.saturating_add(self.private.len() * 2 * self.array)
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut stats = self.stats;
        stats.idle = self.idle();
        stats
    }

    // ---- how ----

    fn shared_items(&self) -> usize {
        self.shared.iter().map(|batch| batch.items.len()).sum()
    }

    /// How many shared items were put in this epoch, and how many before.
    fn shared_by_age(&self) -> (usize, usize) {
        let young = self.shared.iter().filter(|batch| batch.put == self.epoch).map(|batch| batch.items.len()).sum();
        (young, self.shared_items() - young)
    }

    /// The thread's number. A new thread inherits one of the lowest bucket that has any, and of those the one returned
    /// last.
    fn enroll(&mut self, thread: &mut Option<Number>) -> Number {
        self.used = true;
        *thread.get_or_insert_with(|| {
            let fresh = self.private.len();
            let inherited = (0..self.free.len()).rev().min_by_key(|&index| bucket(self.free[index]));
            if let Some(index) = inherited.filter(|&index| bucket(self.free[index]) <= bucket(fresh)) {
                return self.free.remove(index);
            }
            self.private.push(Slots::default());
            fresh
        })
    }

    /// Shares items as far as there is room. Returns how many were rejected, of which `dropped` must have as many.
    fn share(&mut self, mut items: Vec<Id>, put: usize, home: Option<Number>, dropped: &[Id]) -> usize {
        let room = self.limits.max_idle - self.shared_items();
        let rejected = items.len().saturating_sub(room);
        let offered = items.len();
        items.retain(|item| !dropped.contains(item));
        assert_eq!(
            offered - items.len(),
            rejected,
            "there is room for {room} of {offered}, and {dropped:?} were dropped"
        );
        self.stats.rejected += rejected;
        if !items.is_empty() {
            self.shared.push(Batch { items, put, home });
        }
        rejected
    }

    fn swept(&mut self, swept: Swept, dropped: &[Id]) {
        assert_eq!((swept.dropped, swept.kept, swept.left_busy), (dropped.len(), self.idle(), 0));
        self.stats.sweeps += usize::from(self.used);
        self.stats.dropped += dropped.len();
    }
}

/// The bucket of a number. The first bucket has one number, that of the thread that runs the cases. Each further one has
/// twice as many.
fn bucket(number: Number) -> u32 {
    (number + 2).ilog2()
}
