//! The table of registered pools, in lists by the length of their epochs.
//!
//! A pool's entry keeps its place in the table. Entries are linked by these places, so that adding, removing and parking
//! one take the same time however many there are, on average. Only a table that is full or far too large allocates.

use super::registry::Task;
use super::round::Sweepable;
use crate::sync::Arc;
use crate::sync::thread::Weak;

/// An index in the table.
pub(super) type Place = usize;

/// The due time of what is never due.
pub(super) const NEVER: u64 = u64::MAX;

/// A registered pool, or room for one.
pub(super) struct Entry {
    pub(super) pool: Option<Weak<dyn Sweepable>>,
    /// The length of an epoch, in nanoseconds.
    every: u64,
    /// The time of the next sweep, in nanoseconds since `now` was first called.
    due: u64,
    /// The job that a round left for the pool, until its work is done. Until then rounds leave the pool out, so that it
    /// occupies one dropper at most.
    pub(super) task: Option<Arc<Task>>,
    list: List,
    previous: Option<Place>,
    next: Option<Place>,
}

/// The list in which an entry is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    /// Pools whose epochs have about this length: from 2^n nanoseconds to twice that.
    Epochs(u32),
    /// Pools that rounds leave out until somebody comes.
    Parked,
    /// Entries without a pool.
    Free,
}

impl List {
    /// As many lists of epochs as there are lengths.
    const EPOCHS: usize = u64::BITS as usize;
    const COUNT: usize = Self::EPOCHS + 2;

    fn of_epoch(every: u64) -> Self {
        Self::Epochs((every | 1).ilog2())
    }

    fn index(self) -> usize {
        match self {
            Self::Epochs(n) => n as usize,
            Self::Parked => Self::EPOCHS,
            Self::Free => Self::EPOCHS + 1,
        }
    }
}

#[derive(Clone, Copy)]
struct Head {
    first: Option<Place>,
    len: usize,
    /// No entry is due before this.
    due: u64,
}

pub(super) struct Entries {
    table: Vec<Entry>,
    lists: [Head; List::COUNT],
}

impl Entries {
    pub(super) const fn new() -> Self {
        Self { table: Vec::new(), lists: [Head { first: None, len: 0, due: NEVER }; List::COUNT] }
    }

    /// The capacity that the table needs for one more entry, if that is more than it has.
    pub(super) fn wanted(&self) -> Option<usize> {
        let full = self.head(List::Free).len == 0 && self.table.len() == self.table.capacity();
        full.then(|| (2 * self.table.len()).max(4))
    }

    /// The capacity that the table is to shrink to, if it has far more than it needs.
    pub(super) fn surplus(&self) -> Option<usize> {
        let len = self.table.len();
        (self.table.capacity() > (4 * len).max(64)).then_some(2 * len)
    }

    /// Moves the entries to another table, and returns the old one.
    pub(super) fn move_to(&mut self, mut into: Vec<Entry>) -> Vec<Entry> {
        into.append(&mut self.table);
        std::mem::replace(&mut self.table, into)
    }

    /// Adds a pool. There must be room.
    pub(super) fn add(&mut self, pool: Weak<dyn Sweepable>, every: u64, due: u64) -> Place {
        let place = match self.head(List::Free).first {
            Some(place) => {
                self.unlink(place);
                place
            }
            None => {
                let list = List::Free;
                self.table.push(Entry { pool: None, every, due, task: None, list, previous: None, next: None });
                self.table.len() - 1
            }
        };
        let entry = &mut self.table[place];
        (entry.pool, entry.every) = (Some(pool), every);
        self.schedule(place, due);
        place
    }

    /// Removes a pool. The caller drops what this returns, without the lock.
    pub(super) fn remove(&mut self, place: Place) -> (Option<Weak<dyn Sweepable>>, Option<Arc<Task>>) {
        self.unlink(place);
        self.link(place, List::Free, NEVER);
        let entry = &mut self.table[place];
        let taken = (entry.pool.take(), entry.task.take());
        while self.table.last().is_some_and(|last| last.list == List::Free) {
            self.unlink(self.table.len() - 1);
            self.table.pop();
        }
        taken
    }

    /// Leaves a pool out of rounds after the one at `now`, until the first end of an epoch after `until`.
    pub(super) fn park(&mut self, place: Place, now: u64, until: u64) {
        self.unlink(place);
        match until {
            NEVER => self.link(place, List::Parked, NEVER),
            _ => {
                let every = self.table[place].every;
                self.schedule(place, next_due(until, every).max(due_after_round(now, every)));
            }
        }
    }

    /// Ends that, if the pool is parked. Returns when it is due. The last round may have been just before, but found none
    /// of the items that have returned since. So these are dropped no earlier than in the round after the next.
    pub(super) fn unpark(&mut self, place: Place, now: u64) -> Option<u64> {
        let Entry { every, due: parked_until, .. } = self.table[place];
        let due = next_due(now, every);
        if due >= parked_until {
            return None;
        }
        self.unlink(place);
        self.schedule(place, due);
        Some(due)
    }

    #[cfg(not(all(loom, feature = "loom")))]
    pub(super) fn has_parked(&self) -> bool {
        self.head(List::Parked).len > 0
    }

    /// Brings all parked pools back into rounds.
    pub(super) fn unpark_all(&mut self, now: u64) {
        while let Some(place) = self.head(List::Parked).first {
            self.unlink(place);
            self.schedule(place, next_due(now, self.table[place].every));
        }
    }

    /// Returns the entry at this place, if it is still this pool's.
    pub(super) fn entry_of(&mut self, place: Place, pool: &Weak<dyn Sweepable>) -> Option<&mut Entry> {
        let is_it = |other: &Weak<dyn Sweepable>| other.as_ptr().addr() == pool.as_ptr().addr();
        self.table.get_mut(place).filter(|entry| entry.pool.as_ref().is_some_and(is_it))
    }

    /// The earliest time at which a pool may be due.
    pub(super) fn soonest(&self) -> u64 {
        self.lists.iter().map(|list| list.due).min().unwrap_or(NEVER)
    }

    /// Makes all pools due that are not parked.
    #[cfg(feature = "pressure")]
    pub(super) fn hurry(&mut self) {
        for list in self.lists[..List::EPOCHS].iter_mut().filter(|list| list.len > 0) {
            list.due = 0;
            let mut at = list.first;
            while let Some(place) = at {
                let entry = &mut self.table[place];
                (entry.due, at) = (0, entry.next);
            }
        }
    }

    /// At most how many pools `collect` returns.
    pub(super) fn count(&self, all: bool, now: u64) -> usize {
        self.lists[..List::EPOCHS].iter().filter(|list| all || list.due <= now).map(|list| list.len).sum()
    }

    /// Collects all pools that are not parked, or those that are due and have no task, and sets when they are due next.
    pub(super) fn collect(&mut self, all: bool, now: u64, into: &mut Vec<Arc<dyn Sweepable>>) {
        for list in self.lists[..List::EPOCHS].iter_mut().filter(|list| all || list.due <= now) {
            let (mut at, mut soonest) = (list.first, NEVER);
            while let Some(place) = at {
                let entry = &mut self.table[place];
                let due = entry.due <= now;
                if due {
                    entry.due = due_after_round(now, entry.every);
                }
                if all || due && entry.task.is_none() {
                    into.extend(entry.pool.as_ref().and_then(Weak::upgrade));
                }
                soonest = soonest.min(entry.due);
                at = entry.next;
            }
            list.due = soonest;
        }
    }

    fn head(&self, list: List) -> &Head {
        &self.lists[list.index()]
    }

    fn schedule(&mut self, place: Place, due: u64) {
        self.link(place, List::of_epoch(self.table[place].every), due);
    }

    fn link(&mut self, place: Place, list: List, due: u64) {
        let head = &mut self.lists[list.index()];
        let next = head.first.replace(place);
        head.len += 1;
        head.due = head.due.min(due);
        if let Some(next) = next {
            self.table[next].previous = Some(place);
        }
        let entry = &mut self.table[place];
        (entry.list, entry.due, entry.previous, entry.next) = (list, due, None, next);
    }

    fn unlink(&mut self, place: Place) {
        let Entry { list, previous, next, .. } = self.table[place];
        let head = &mut self.lists[list.index()];
        head.len -= 1;
        if head.len == 0 {
            head.due = NEVER;
        }
        match previous {
            Some(previous) => self.table[previous].next = next,
            None => head.first = next,
        }
        if let Some(next) = next {
            self.table[next].previous = previous;
        }
    }
}

/// Returns the next multiple of `every`. So pools with the same epoch are due at the same time, for one barrier
/// together.
pub(super) fn next_due(now: u64, every: u64) -> u64 {
    (now / every + 1).saturating_mul(every)
}

/// The same after a round. If the round comes late, because the process was stopped or the machine slept, the next
/// multiple may be near. At least half an epoch lies between two rounds, so an item that returned between them is idle
/// for at least as long.
fn due_after_round(now: u64, every: u64) -> u64 {
    next_due(now.saturating_add(every / 2), every)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::engine::registration::Registration;
    use crate::janitor::round::Pass;

    const EVERY: u64 = 100;

    struct Fake;

    impl Sweepable for Fake {
        fn begin(self: Arc<Self>) -> Box<dyn Pass> {
            unreachable!("no round is run")
        }

        fn count_panic(&self) {}

        fn registration(&self) -> &Registration {
            unreachable!("no round is run")
        }

        fn weight(&self) -> usize {
            0
        }
    }

    /// Entries with one pool, which is due at the end of the first epoch.
    pub(in super::super) fn one_pool() -> (Entries, Place) {
        let mut entries = Entries::new();
        let place = entries.add(Weak::<Fake>::new(), EVERY, next_due(0, EVERY));
        (entries, place)
    }

    #[test]
    fn rounds_on_time_are_an_epoch_apart() {
        let (mut entries, _) = one_pool();
        for epoch in 1..5 {
            assert_eq!(entries.soonest(), epoch * EVERY);
            entries.collect(false, epoch * EVERY + 3, &mut Vec::new());
        }
    }

    #[test]
    fn half_an_epoch_follows_a_late_round() {
        for late in 0..3 * EVERY {
            let (mut entries, _) = one_pool();
            let now = EVERY + late;
            entries.collect(false, now, &mut Vec::new());
            let pause = entries.soonest() - now;
            assert!((EVERY / 2..=EVERY + EVERY / 2).contains(&pause), "{pause} after a round that is {late} late");
            assert_eq!(entries.soonest() % EVERY, 0);
        }
    }

    #[test]
    fn half_an_epoch_follows_a_late_round_that_parks_a_pool_for_a_time() {
        let (mut entries, place) = one_pool();
        let now = 2 * EVERY - 1;
        entries.collect(false, now, &mut Vec::new());
        entries.park(place, now, now);
        assert_eq!(entries.soonest(), 3 * EVERY);
        entries.park(place, now, 5 * EVERY + 1);
        assert_eq!(entries.soonest(), 6 * EVERY);
    }

    #[test]
    fn the_table_shrinks_with_its_pools() {
        const POOLS: usize = 1000;
        for keeps_first in [false, true] {
            let mut entries = Entries::new();
            let mut places = Vec::new();
            for _ in 0..POOLS {
                if let Some(wanted) = entries.wanted() {
                    entries.move_to(Vec::with_capacity(wanted));
                }
                places.push(entries.add(Weak::<Fake>::new(), EVERY, EVERY));
            }
            assert_eq!(entries.surplus(), None);
            for place in places.into_iter().skip(keeps_first.into()) {
                entries.remove(place);
            }
            let pools = usize::from(keeps_first);
            assert_eq!(entries.surplus(), Some(2 * pools));
            entries.move_to(Vec::with_capacity(2 * pools));
            assert_eq!((entries.surplus(), entries.table.len()), (None, pools));
            let again = entries.wanted().map_or(0, |wanted| entries.move_to(Vec::with_capacity(wanted)).len());
            assert_eq!((again, entries.add(Weak::<Fake>::new(), EVERY, EVERY)), (0, pools));
        }
    }

    #[test]
    fn the_longest_epoch_never_ends() {
        assert_eq!(due_after_round(u64::MAX, u64::MAX), NEVER);
    }
}
