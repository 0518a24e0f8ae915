//! An item that costs far more to recycle than its users need is replaced by a new one, before an epoch ends.

mod common;
#[path = "common/counting.rs"]
mod counting;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use common::{Count, Counted, Ledger, MANUAL, burst, panic_of};
use counting::allocations;
use ebbtide::{Clear, DefaultRecycle, Manual, Pool, Pooled, Recycle, Settings, WithCapacity};

/// Four uses that need little of an item with this cost are too many.
const COST: usize = 7 << 20;

/// A use that needs as much is worth the cost.
const ENOUGH: usize = COST / 10;

/// Makes counted items, and says what the next ones that return cost and what their users needed.
#[derive(Debug, Default)]
struct Costly {
    ledger: Arc<Ledger>,
    cost: Count,
    used: Count,
    /// Only so many items can be created, if it is not 0.
    most: usize,
    bombs: bool,
}

impl Costly {
    fn new() -> Self {
        let costly = Self::default();
        costly.cost.set(COST);
        costly
    }
}

impl Recycle<Counted> for &Costly {
    fn create(&self) -> Counted {
        assert!(self.most == 0 || self.ledger.made() < self.most, "enough");
        if self.bombs { self.ledger.bomb() } else { self.ledger.item() }
    }

    fn recycle(&self, _: &mut Counted) -> bool {
        true
    }

    fn weight(&self, _: &Counted) -> usize {
        100 * COST
    }

    fn used(&self, _: &Counted) -> usize {
        self.used.get()
    }

    fn recycle_cost(&self, _: &Counted) -> usize {
        self.cost.get()
    }
}

type CostlyPool<'a> = Pool<Counted, &'a Costly>;

fn pool(costly: &Costly) -> CostlyPool<'_> {
    pool_with(costly, MANUAL)
}

fn pool_with(costly: &Costly, settings: Settings<Manual>) -> CostlyPool<'_> {
    Pool::with_settings(costly, settings)
}

/// The items of so many uses, one after the other.
fn uses(pool: &CostlyPool<'_>, n: usize) -> Vec<usize> {
    (0..n).map(|_| pool.get().id).collect()
}

#[test]
fn after_four_uses_in_vain_a_new_item_takes_over() {
    let costly = Costly::new();
    let pool = pool(&costly);
    assert_eq!(uses(&pool, 6), [0, 0, 0, 0, 1, 1]);
    let stats = pool.stats();
    assert_eq!((stats.created, stats.idle, stats.refused), (2, 2, 0));
}

#[test]
fn a_cheaper_item_has_more_uses() {
    let costly = Costly::new();
    costly.cost.set(COST / 2);
    assert_eq!(uses(&pool(&costly), 8), [0, 0, 0, 0, 0, 0, 0, 1]);
}

/// What costs a microsecond or two is worth no new item.
#[test]
fn a_cheap_item_stays() {
    let costly = Costly::new();
    costly.cost.set(90 << 10);
    assert_eq!(uses(&pool(&costly), 1000), [0; 1000]);
}

/// Nothing is taken from users of whom one in four needs it.
#[test]
fn a_use_that_is_worth_the_cost_starts_over() {
    let costly = Costly::new();
    let pool = pool(&costly);
    for turn in 0..100 {
        costly.used.set(if turn % 4 == 3 { ENOUGH } else { 0 });
        assert_eq!(uses(&pool, 1), [0], "turn {turn}");
    }
}

/// Users that insert nothing into a hash table pay nothing.
#[test]
fn uses_without_cost_do_not_count() {
    let costly = Costly::new();
    let pool = pool(&costly);
    for turn in 0..8 {
        costly.cost.set(if turn % 2 == 0 { COST } else { 0 });
        assert_eq!(uses(&pool, 1), [usize::from(turn == 7)], "turn {turn}");
    }
}

/// Otherwise items would pile up if large and small uses alternate.
#[test]
fn one_item_is_set_aside_in_an_epoch() {
    let costly = Costly::new();
    let pool = pool(&costly);
    let mut created = Vec::new();
    for _ in 0..4 {
        (0..10).for_each(|_| drop(burst(&pool, 3)));
        created.push(costly.ledger.made());
        pool.advance();
    }
    assert_eq!(created, [4, 5, 6, 7]);
}

/// It is idle like any other item: a get finds it rather than create one.
#[test]
fn an_item_that_was_set_aside_is_found_by_a_get() {
    let costly = Costly::new();
    let pool = pool(&costly);
    uses(&pool, 4);
    assert_eq!(burst(&pool, 2), [1, 0]);
    assert_eq!(costly.ledger.made(), 2);
}

#[test]
fn an_item_that_was_set_aside_is_dropped_by_the_second_sweep() {
    let costly = Costly::new();
    let pool = pool(&costly);
    uses(&pool, 4);
    for dropped in [vec![], vec![0], vec![0]] {
        assert_eq!(uses(&pool, 1), [1]);
        pool.advance();
        assert_eq!(costly.ledger.drop_order(), dropped);
    }
    drop(pool);
    costly.ledger.assert_all_dropped_once();
}

#[test]
fn an_item_that_max_idle_has_no_room_for_is_dropped_at_once() {
    let costly = Costly::new();
    let pool = pool_with(&costly, MANUAL.max_idle(0));
    assert_eq!(uses(&pool, 5), [0, 0, 0, 0, 1]);
    assert_eq!(costly.ledger.drop_order(), [0]);
    assert_eq!((pool.idle(), pool.stats().rejected), (1, 1));
}

/// The item that is to be replaced is lost, nothing else.
#[test]
fn a_panic_while_a_new_item_is_created_drops_the_old_one() {
    let costly = Costly { most: 1, ..Costly::new() };
    let pool = pool(&costly);
    assert_eq!(uses(&pool, 3), [0; 3]);
    assert_eq!(panic_of(|| uses(&pool, 1)), "enough");
    assert_eq!(costly.ledger.drop_order(), [0]);
    let stats = pool.stats();
    assert_eq!((stats.created, stats.refused, stats.idle), (1, 1, 0));
}

/// The panic of the old item goes to who returned it, and the new one goes with it.
#[test]
fn a_panic_while_the_old_item_is_dropped_loses_the_new_one() {
    let costly = Costly { bombs: true, ..Costly::new() };
    let pool = pool_with(&costly, MANUAL.max_idle(0));
    assert_eq!(panic_of(|| uses(&pool, 4)), "bomb 0");
    assert_eq!((costly.ledger.drop_order(), pool.idle()), (vec![0, 1], 0));
}

/// Another item would need another place.
#[cfg(feature = "bounded")]
#[test]
fn a_bounded_pool_sets_nothing_aside() {
    let costly = Costly::new();
    let pool = ebbtide::BoundedPool::with_settings(&costly, ebbtide::bounded::Settings::new(2).manual());
    for _ in 0..10 {
        assert_eq!(pool.get().expect("it is free").id, 0);
    }
}

const LARGE: usize = 200_000;

/// Fills an item once with many entries, then with one each time. Returns how many such uses it takes until the pool has
/// replaced it, if it does, and what the next one finds. Nothing large is allocated or freed.
#[track_caller]
fn replaced_after<T: Send, R: Recycle<T>>(recycler: R, fill: impl Fn(&mut T, usize)) -> (Option<usize>, T) {
    let pool = Pool::with_settings(recycler, MANUAL);
    fill(&mut pool.get(), LARGE);
    let mut use_once = |_: &usize| {
        fill(&mut pool.get(), 1);
        pool.stats().created > 1
    };
    let (uses, heap) = allocations(|| (1..=300).find(&mut use_once));
    assert!(heap.large == 0 && heap.freed < LARGE, "{} large blocks, {} bytes freed", heap.large, heap.freed);
    let next = Pooled::detach(pool.get());
    (uses, next)
}

fn fill_map(map: &mut HashMap<usize, usize>, entries: usize) {
    map.extend((0..entries).map(|key| (key, 0)));
}

fn fill_set(set: &mut HashSet<usize>, entries: usize) {
    set.extend(0..entries);
}

/// The table has 229,376 places, which count as two times 96 KiB. 255 times 96 KiB is too much.
const MANY: Option<usize> = Some(128);

#[test]
fn hash_tables_are_replaced() {
    let (uses, map) = replaced_after(DefaultRecycle, fill_map);
    assert_eq!((uses, map.capacity()), (MANY, 0));
    let (uses, set) = replaced_after(DefaultRecycle, fill_set);
    assert_eq!((uses, set.capacity()), (MANY, 0));
}

#[test]
fn hash_tables_are_replaced_in_boxes_arrays_and_tuples() {
    let (uses, map) = replaced_after(DefaultRecycle, |map: &mut Box<HashMap<_, _>>, n| fill_map(map, n));
    assert_eq!((uses, map.capacity()), (MANY, 0));
    let (uses, sets) = replaced_after(DefaultRecycle, |sets: &mut [HashSet<_>; 3], n| fill_set(&mut sets[2], n));
    assert_eq!((uses, sets[2].capacity()), (MANY, 0));
    let (uses, tuple) = replaced_after(DefaultRecycle, |tuple: &mut (Vec<u8>, HashMap<_, _>), n| {
        tuple.0.resize(n.min(10), 1);
        fill_map(&mut tuple.1, n);
    });
    assert_eq!((uses, tuple.1.capacity()), (MANY, 0));
}

/// A user's own type with a table.
#[derive(Default)]
struct Index {
    words: HashSet<usize>,
    text: String,
}

impl Clear for Index {
    fn clear(&mut self) {
        self.words.clear();
        self.text.clear();
    }

    fn weight(&self) -> usize {
        self.words.weight() + self.text.weight()
    }

    fn used(&self) -> usize {
        self.words.used() + self.text.used()
    }

    fn clear_cost(&self) -> usize {
        self.words.clear_cost()
    }
}

#[test]
fn types_can_take_part() {
    let (uses, index) = replaced_after(DefaultRecycle, |index: &mut Index, n| fill_set(&mut index.words, n));
    assert_eq!((uses, index.words.capacity()), (MANY, 0));
}

#[test]
fn what_is_cheap_to_clear_stays() {
    assert_eq!(replaced_after(DefaultRecycle, |vec: &mut Vec<u8>, n| vec.resize(100 * n, 1)).0, None);
    assert_eq!(replaced_after(DefaultRecycle, |text: &mut String, n| text.extend(vec!["word"; n])).0, None);
    assert_eq!(replaced_after(DefaultRecycle, |map, n| fill_map(map, n - 1)).0, None, "cleared while empty");
}

#[test]
fn recyclers_that_do_not_take_part_keep_their_items() {
    let limits = WithCapacity { min: 0, max: 2 * LARGE };
    assert_eq!(replaced_after(limits, fill_map).0, None);
    let clears = |map: &mut HashMap<_, _>, n| {
        map.clear();
        fill_map(map, n);
    };
    assert_eq!(replaced_after(HashMap::new, clears).0, None);
}
