//! Heavy barriers that fail or are slow. Each test is a process of its own, as a filter of system calls can't be removed.
//! The system must have the barrier, as Linux does since 4.14. Built with `--cfg ebbtide_no_membarrier`, the crate doesn't
//! use it, and the tests are ignored.

#![cfg(target_os = "linux")]

mod common;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::linux::{forbid_membarrier, trap_membarrier};
use common::{Count, CountedPool, Ledger, Maker, Worker, alone, burst, counted, on_thread, take_all, until};
use ebbtide::{BufferPool, Fetch, Pool, Settings, Swept, advance_all, buffers};

/// A sweep whose barrier fails leaves every private slot unswept and counts that. Shared items age as usual.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "there is no call that could fail")]
fn a_failed_barrier_leaves_private_slots_unswept() {
    if !alone("a_failed_barrier_leaves_private_slots_unswept") {
        return;
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    let idle = Worker::new();
    let theirs = Arc::clone(&pool);
    idle.run(move || drop(burst(&theirs, 3)));
    burst(&pool, 4);
    pool.prefill(10);
    assert_eq!((pool.idle(), pool.stats().failed_barriers), (17, 0));

    forbid_membarrier();
    let first = pool.advance().expect("no other sweep runs");
    assert_eq!((first.dropped, first.kept, first.left_busy), (0, 17, 0));
    let second = pool.advance().expect("no other sweep runs");
    assert_eq!((second.dropped, second.kept, second.left_busy), (10, 7, 0));
    assert_eq!(pool.stats().failed_barriers, 2);

    // Private slots still serve their owners, the last item first. Items that pass through them never age.
    for _ in 0..5 {
        let mine = pool.get();
        let id = mine.id;
        drop(mine);
        assert_eq!(burst(&pool, 1), [id]);
        let theirs = Arc::clone(&pool);
        assert_eq!(idle.run(move || burst(&theirs, 3).len()), 3);
        let swept = pool.advance().expect("no other sweep runs");
        assert_eq!((swept.dropped, swept.kept), (0, 7));
    }
    let cleared = pool.clear().expect("no other sweep runs");
    assert_eq!((cleared.dropped, cleared.kept), (0, 7));
    let stats = pool.stats();
    assert_eq!((stats.failed_barriers, stats.sweeps, stats.left_busy, stats.created), (8, 8, 0, 7));
    drop(idle);
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// The janitor keeps sweeping too, for all pools that share the barrier.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "there is no call that could fail")]
fn the_janitor_keeps_sweeping_after_a_failed_barrier() {
    if !alone("the_janitor_keeps_sweeping_after_a_failed_barrier") {
        return;
    }
    // The first item is created slowly, as pages are first touched, and is not to lie in the lobby for that.
    let settings = Settings::new().private_slots(4).fetch(Fetch::Never);
    let timed = |every| {
        let ledger = Ledger::new();
        let pool: CountedPool = Pool::with_settings(Maker(Arc::clone(&ledger)), settings.every(every));
        burst(&pool, 4);
        (pool, ledger)
    };
    let hour = Duration::from_secs(3600);
    let pools = [timed(hour), timed(hour)];
    forbid_membarrier();
    advance_all();
    advance_all();
    assert!(pools.iter().all(|(pool, _)| (pool.idle(), pool.stats().failed_barriers) == (4, 2)));

    let (pool, ledger) = timed(Duration::from_millis(1));
    until("the janitor has tried", || pool.stats().failed_barriers >= 3);
    assert_eq!((pool.idle(), ledger.dropped()), (4, 0));
    pool.prefill(10);
    until("what is shared is dropped", || ledger.live() == 4);
    assert_eq!(pool.idle(), 4);
}

/// Set while a sweep is to be held at its barrier, and while it is held.
static HOLD: Count = Count::new();
static HELD: Count = Count::new();

/// Called instead of the barrier, which then counts as failed.
extern "C" fn hold(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    HELD.set(HOLD.get());
    while HOLD.get() == 1 {
        thread::yield_now();
    }
}

/// The result of `act` while a sweep is at its barrier, and of the sweep.
fn at_the_barrier<O>(pool: &CountedPool, act: impl FnOnce() -> O) -> (O, Swept) {
    while_it_sweeps(|| pool.advance(), act)
}

fn while_it_sweeps<O>(sweep: impl FnOnce() -> Option<Swept> + Send, act: impl FnOnce() -> O) -> (O, Swept) {
    trap_membarrier(hold);
    HELD.set(0);
    HOLD.set(1);
    thread::scope(|scope| {
        let sweep = scope.spawn(sweep);
        until("the sweep is at its barrier", || HELD.get() == 1);
        let outcome = act();
        HOLD.set(0);
        (outcome, sweep.join().expect("no panic").expect("it was the only sweep when it began"))
    })
}

/// While a sweep is at its barrier, all other threads proceed. Each owner moves its own items out and uses them as
/// victims, which are young again when they return.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "there is no call that could fail")]
fn owners_proceed_while_a_sweep_is_at_its_barrier() {
    if !alone("owners_proceed_while_a_sweep_is_at_its_barrier") {
        return;
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    let worker = Worker::new();
    let theirs = Arc::clone(&pool);
    worker.run(move || drop(burst(&theirs, 4)));
    let mine = burst(&pool, 4);

    let ((), swept) = at_the_barrier(&pool, || {
        let found = burst(&pool, 4);
        assert!(mine.iter().all(|id| found.contains(id)));
        // The first burst creates six items, and the others reuse them.
        for _ in 0..3 {
            burst(&pool, 10);
            let theirs = Arc::clone(&pool);
            worker.run(move || drop(burst(&theirs, 10)));
        }
        assert_eq!((pool.idle(), ledger.made()), (14, 14));
        on_thread(|| pool.prefill(3));
        assert!(pool.advance().is_none() && pool.clear().is_none(), "the other sweep has the token");
    });
    assert_eq!((swept.dropped, swept.kept, swept.left_busy), (0, 17, 0));
    // Items that weren't used since are dropped by the next sweep. Used ones are a sweep younger, except in private
    // slots, as barriers keep failing.
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((3, 14)));
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((6, 8)));
    worker.run(move || drop(pool));
    ledger.assert_all_dropped_once();
}

/// A sweep of a buffer pool sweeps the classes that no other sweep has. If there is none, it says so.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "there is no call that could fail")]
fn a_buffer_pool_sweeps_what_no_other_sweep_has() {
    if !alone("a_buffer_pool_sweeps_what_no_other_sweep_has") {
        return;
    }
    let settings = buffers::Settings::new().smallest(1024).manual();
    let [one, two] = [1024, 2048].map(|largest| BufferPool::with_settings(settings.largest(largest)));
    for pool in [&one, &two] {
        drop([(); 4].map(|()| pool.get(1024)));
    }
    assert_eq!(two.prefill(1, 2048), 1, "in no private slot, so that its sweep needs no barrier");

    let (swept, _) = while_it_sweeps(|| one.advance(), || [one.advance(), one.clear(), one.advance_with(drop)]);
    assert_eq!(swept, [None; 3]);
    let (swept, _) = while_it_sweeps(|| two.advance(), || two.advance());
    assert_eq!(swept.map(|swept| swept.kept), Some(1));
}

/// Items that an owner moves out for a sweep are victims, as if the sweep had taken them. The next sweep drops those
/// that aren't used.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "there is no call that could fail")]
fn items_moved_out_for_a_sweep_are_victims() {
    if !alone("items_moved_out_for_a_sweep_are_victims") {
        return;
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    burst(&pool, 4);

    let (used, swept) = at_the_barrier(&pool, || pool.get());
    assert_eq!((swept.dropped, swept.kept, swept.left_busy), (0, 3, 0));
    // The other item of its batch is in private slots, and barriers keep failing.
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((2, 1)));
    assert_eq!(pool.stats().rescues, 1);
    drop(used);
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// If the shared queues have no room for an owner's items, the owner leaves them to the sweep and reserves no room.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "there is no call that could fail")]
fn an_owner_moves_items_out_only_if_there_is_room() {
    if !alone("an_owner_moves_items_out_only_if_there_is_room") {
        return;
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4).max_idle(3));
    burst(&pool, 4);
    assert_eq!(pool.prefill(2), 2);

    let ((used, shared, room), _) =
        at_the_barrier(&pool, || (pool.get(), on_thread(|| take_all(&pool).len()), pool.prefill(4)));
    assert_eq!((shared, room), (1, 3), "one of two prefilled items is left, then there is room for three");
    drop(used);
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// Items that an owner moves out for a sweep take up room until the owner takes them back.
#[test]
#[cfg_attr(ebbtide_no_membarrier, ignore = "there is no call that could fail")]
fn items_moved_out_for_a_sweep_take_up_room() {
    if !alone("items_moved_out_for_a_sweep_take_up_room") {
        return;
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4).max_idle(3));
    burst(&pool, 2);

    let ((used, room), _) = at_the_barrier(&pool, || (pool.get(), pool.prefill(4)));
    assert_eq!(room, 3, "one item is in use, and the other in a private slot again");
    drop(used);
    drop(pool);
    ledger.assert_all_dropped_once();
}
