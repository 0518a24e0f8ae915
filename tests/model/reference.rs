//! What the pool is to do, in plain collections: one call at a time, no atomics, nothing hidden.
//!
//! A call is made on the real pool first. What it handed out and dropped is then told to the model, which fails if the
//! design doesn't allow that. The design leaves one choice open, from which of several batches of the same age a `get`
//! takes; everything else follows.

use ebbtide::{Stats, Swept};

/// Which item; `Counted::id`.
pub(crate) type Id = usize;

/// Which slot set: the number of a thread, used again after its end.
pub(crate) type Number = usize;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) private_slots: usize,
    pub(crate) max_idle: usize,
    pub(crate) min_idle: usize,
}

pub(crate) struct Model {
    /// Whether anything was ever made or put; sweeps don't count before.
    used: bool,
    /// Items in one array; a thread's private slots are two.
    array: usize,
    limits: Limits,
    /// Sweeps that made items older.
    epoch: usize,
    /// By number; those of exited threads wait for the next thread to get their number.
    private: Vec<Slots>,
    /// Numbers given back; the last one is used again first.
    free: Vec<Number>,
    shared: Vec<Batch>,
    /// What `Pool::stats` is to say, with steals counted as refills and `idle` left at 0.
    stats: Stats,
}

/// Two arrays: the loaded one is worked on, and swapped with the spare one when that is of use.
#[derive(Default)]
struct Slots {
    loaded: Vec<Id>,
    spare: Vec<Id>,
    /// The epoch in which the items in the spare array were put, if they are the rest of a victim batch.
    victims: Option<usize>,
}

#[derive(Debug)]
struct Batch {
    items: Vec<Id>,
    /// The epoch in which its items were put.
    put: usize,
    /// Whose shard it lies in, if that is known. It may be another thread's too, as there are fewer shards than threads.
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

    /// Returns the batch that has to go out for it, if any, and when that was put, if these are victims.
    fn push(&mut self, item: Id, array: usize) -> Option<(Vec<Id>, Option<usize>)> {
        if self.loaded.len() < array {
            self.loaded.push(item);
            return None;
        }
        let full = std::mem::replace(&mut self.loaded, vec![item]);
        let out = std::mem::replace(&mut self.spare, full);
        Some((out, self.victims.take())).filter(|(out, _)| !out.is_empty())
    }

    /// Takes in a batch, as there is nothing left.
    fn refill(&mut self, batch: Vec<Id>, put: usize, epoch: usize) {
        if put == epoch {
            self.loaded = batch;
        } else {
            self.spare = batch;
            self.victims = Some(put);
        }
    }

    /// What a sweep in `epoch` takes, and when that was put.
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

    /// A thread asked for an item and was handed `found`, or nothing that was idle.
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
        // First the own shard, primaries and then victims; then the others likewise. Where it isn't known which of them a
        // batch was in, the one for this find.
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

    /// The item that a thread asked for had to be made.
    pub(crate) fn created(&mut self) {
        self.used = true;
        self.stats.created += 1;
    }

    /// A thread put in an item, and these were dropped.
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

    /// Of `n` items wanted, `made` were made, `kept` is said to be kept, and the others were dropped.
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
        // What was spared for `min_idle` is now as old as the items of the epoch that ends here, and lies anywhere.
        for batch in self.shared.iter_mut().filter(|batch| batch.put != put) {
            *batch = Batch { items: std::mem::take(&mut batch.items), put, home: None };
        }
        self.swept(swept, dropped);
        self.epoch += 1;
    }

    /// A sweep dropped all that was idle.
    pub(crate) fn cleared(&mut self, swept: Swept, dropped: &[Id]) {
        let private = self.private.iter_mut().flat_map(|slots| slots.take(0)).map(|(items, _)| items);
        let mut idle: Vec<Id> = self.shared.drain(..).map(|batch| batch.items).chain(private).flatten().collect();
        let mut dropped = dropped.to_vec();
        idle.sort_unstable();
        dropped.sort_unstable();
        assert_eq!(dropped, idle);
        self.swept(swept, &dropped);
    }

    /// A thread came to its end.
    pub(crate) fn exited(&mut self, thread: Option<Number>) {
        self.free.extend(thread);
    }

    // ---- what is to be seen ----

    pub(crate) fn idle(&self) -> usize {
        self.shared_items() + self.private.iter().map(Slots::len).sum::<usize>()
    }

    /// Promise 4: how many items may be idle.
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

    /// The thread's number; if it has none it inherits that of the last thread that exited.
    fn enroll(&mut self, thread: &mut Option<Number>) -> Number {
        self.used = true;
        *thread.get_or_insert_with(|| {
            self.free.pop().unwrap_or_else(|| {
                self.private.push(Slots::default());
                self.private.len() - 1
            })
        })
    }

    /// Items become everybody's, but for those that there is no room for. Returns how many these are; of `dropped` there
    /// must be as many.
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
