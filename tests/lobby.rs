//! The lobby: where a thread's first item goes if items are large.
//!
//! Creation is not timed in most of these pools, so nothing depends on a clock.

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{MANUAL, Worker, alone, on_thread};
use ebbtide::{BoxPool, BufferPool, Fetch, Manual, Pool, Settings};

/// Items of at least this many bytes are large.
const LARGE: usize = 1024;

const FETCHED: Settings<Manual> = MANUAL.fetch(Fetch::Always);

type Blocks<const BYTES: usize> = Pool<[u8; BYTES], fn() -> [u8; BYTES]>;

fn pool<const BYTES: usize>(settings: Settings<Manual>) -> Arc<Blocks<BYTES>> {
    Arc::new(Pool::with_settings((|| [0; BYTES]) as fn() -> [u8; BYTES], settings))
}

/// Returns this many items at once, on a thread that sleeps from then on.
fn sleeper<const BYTES: usize>(pool: &Arc<Blocks<BYTES>>, items: usize) -> Worker {
    let (worker, pool) = (Worker::new(), Arc::clone(pool));
    worker.run(move || drop((0..items).map(|_| pool.get()).collect::<Vec<_>>()));
    worker
}

/// How many items a thread finds that has returned none, before it fetches any.
fn shared<const BYTES: usize>(pool: &Blocks<BYTES>) -> usize {
    let found = std::iter::from_fn(|| pool.try_get());
    found.take_while(|_| pool.stats().fetches == 0).collect::<Vec<_>>().len()
}

#[test]
fn every_thread_finds_the_first_large_item_of_a_sleeping_one() {
    let pool = pool::<LARGE>(FETCHED);
    let once = [(); 20].map(|()| sleeper(&pool, 1));
    let stats = pool.stats();
    assert_eq!((stats.idle, stats.created, stats.fetches), (1, 1, 0));
    let twice = sleeper(&pool, 2);
    assert_eq!((pool.idle(), shared(&pool)), (2, 1), "the second one is private");
    drop((once, twice));
}

/// The first creation takes a few microseconds. It is not known yet whether all do. Whether it takes longer does not
/// matter.
#[test]
fn one_slow_creation_is_enough() {
    let workers = [(); 20].map(|()| Worker::new());
    for _ in 0..10 {
        let create = || {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_micros(4) {}
            0_u8
        };
        let pool = Arc::new(Pool::with_settings(create, MANUAL.fetch(Fetch::Auto)));
        for worker in &workers {
            let pool = Arc::clone(&pool);
            worker.run(move || drop(pool.get()));
        }
        let stats = pool.stats();
        assert_eq!((stats.idle, stats.created, stats.fetches), (1, 1, 0));
    }
}

#[test]
fn light_items_and_those_that_are_never_fetched_are_private_at_once() {
    let light = pool::<{ LARGE - 1 }>(FETCHED);
    let large = pool::<LARGE>(MANUAL.fetch(Fetch::Never));
    let sleepers = (sleeper(&light, 1), sleeper(&large, 1));
    assert_eq!((shared(&light), shared(&large)), (0, 0));
    drop(sleepers);
}

/// Eight threads find a place. The ninth keeps its item.
#[test]
fn more_first_items_than_there_are_places_are_private() {
    let pool = pool::<LARGE>(FETCHED);
    let workers = [(); 9].map(|()| Worker::new());
    let held = [(); 9].map(|()| pool.get_owned());
    for (worker, item) in workers.iter().zip(held) {
        worker.run(move || drop(item));
    }
    assert_eq!((pool.idle(), shared(&pool)), (9, 8));
}

#[test]
fn an_item_in_the_lobby_ages_like_others() {
    let pool = pool::<LARGE>(FETCHED);
    let sweep = || pool.advance().map(|swept| (swept.dropped, swept.kept));
    let mut sleepers = Vec::new();
    let mut use_once = || sleepers.push(sleeper(&pool, 1));
    for _ in 0..3 {
        use_once();
        assert_eq!((sweep(), sweep()), (Some((0, 1)), Some((1, 0))), "not used again");
        use_once();
        assert_eq!(sweep(), Some((0, 1)));
        use_once();
        assert_eq!((sweep(), sweep()), (Some((0, 1)), Some((1, 0))), "used again as a victim");
    }
    use_once();
    assert_eq!(pool.clear().map(|swept| swept.dropped), Some(1));
    let stats = pool.stats();
    assert_eq!((stats.idle, stats.created, stats.rescues), (0, 7, 3));
}

/// What lies in the lobby counts as shared.
#[test]
fn limits_hold_for_items_in_the_lobby() {
    let pool = pool::<LARGE>(FETCHED.min_idle(1).max_idle(1));
    let items = [(); 2].map(|()| pool.get_owned());
    let workers = [(); 2].map(|()| Worker::new());
    for (worker, item) in workers.iter().zip(items) {
        worker.run(move || drop(item));
    }
    let stats = pool.stats();
    assert_eq!((stats.idle, stats.rejected, pool.prefill(1)), (2, 0, 0), "the second one is private, for want of room");
    for dropped in [1, 0, 0] {
        let swept = pool.advance().expect("no other sweep runs");
        assert_eq!((swept.dropped, swept.kept), (dropped, 1));
    }
    assert_eq!((shared(&pool), pool.prefill(2)), (1, 1), "room again");
}

/// A thread does not come first that takes over the number of one which has used the pool. This runs in a process of
/// its own, where no other test takes numbers.
#[test]
fn an_heir_has_private_slots_at_once() {
    if !alone("an_heir_has_private_slots_at_once") {
        return;
    }
    let pool = pool::<LARGE>(FETCHED);
    assert!(pool.try_get().is_none());
    drop(self::pool::<1>(FETCHED).get());
    (0..2).for_each(|_| on_thread(|| drop(pool.get())));
    assert_eq!((pool.idle(), shared(&pool)), (1, 0));
}

/// Threads that come one after the other inherit the same slot set, and so what lies in it.
#[test]
fn threads_in_a_row_use_one_item() {
    if !alone("threads_in_a_row_use_one_item") {
        return;
    }
    fn created<const BYTES: usize>(settings: Settings<Manual>) -> usize {
        let pool = pool::<BYTES>(settings);
        (0..100).for_each(|_| on_thread(|| drop(pool.get())));
        pool.stats().created
    }
    let auto = MANUAL.fetch(Fetch::Auto);
    assert_eq!([created::<{ 2 * LARGE }>(auto), created::<{ 2 * LARGE }>(FETCHED)], [1, 1]);
    assert_eq!([created::<{ 64 * LARGE }>(auto), created::<{ 64 * LARGE }>(FETCHED)], [1, 1]);
    let boxes = BoxPool::with_settings(auto);
    let buffers: BufferPool = BufferPool::new();
    for _ in 0..100 {
        on_thread(|| drop((boxes.insert([0_u8; 4 * LARGE]), buffers.get(100 * LARGE))));
    }
    let buffers: usize = buffers.stats().map(|(_, stats)| stats.created).sum();
    assert_eq!((boxes.stats().created, buffers), (1, 1));
}
