//! A heavy barrier that fails, takes its time, or was never to be had. Each test is a process of its own, as a filter of
//! system calls can't be taken away again; and the system under it must have the barrier, as Linux has from 4.14 on.

#![cfg(target_os = "linux")]

mod common;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::linux::{forbid_membarrier, trap_membarrier};
use common::{Count, CountedPool, Ledger, Maker, Worker, alone, burst, counted, on_thread, take_all, until};
use ebbtide::{Pool, Settings, Swept, advance_all};

/// A sweep whose barrier fails leaves every private slot as it is and counts that; what is shared ages all the same.
#[test]
fn a_barrier_that_fails_leaves_private_slots_alone() {
    if !alone("a_barrier_that_fails_leaves_private_slots_alone") {
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

    // The private slots still serve their owners, the last item first, and what goes through them never ages.
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

/// The same under the janitor, which goes on sweeping, and for all of the pools that one barrier is for.
#[test]
fn the_janitor_goes_on_when_its_barrier_fails() {
    if !alone("the_janitor_goes_on_when_its_barrier_fails") {
        return;
    }
    let timed = |every| {
        let ledger = Ledger::new();
        let pool: CountedPool =
            Pool::with_settings(Maker(Arc::clone(&ledger)), Settings::new().every(every).private_slots(4));
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

/// Where the system refuses the barrier from the start, both sides use fences, no barrier fails, and private slots are
/// swept like anywhere else.
#[test]
fn without_a_barrier_private_slots_are_swept_all_the_same() {
    if !alone("without_a_barrier_private_slots_are_swept_all_the_same") {
        return;
    }
    forbid_membarrier();
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    let idle = Worker::new();
    let theirs = Arc::clone(&pool);
    idle.run(move || drop(burst(&theirs, 3)));
    on_thread(|| drop(burst(&pool, 2)));
    burst(&pool, 4);
    let all = pool.idle();
    assert_eq!(all, ledger.live());
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((0, all)));
    // Out of the idle thread's hands.
    assert_eq!(on_thread(|| take_all(&pool)).len(), all);
    burst(&pool, 4);
    pool.advance();
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((4, 0)));
    assert_eq!((pool.idle(), ledger.live(), pool.stats().failed_barriers), (0, 0, 0));
    drop(idle);
}

/// Set while a sweep is to be held at its barrier, and while it is.
static HOLD: Count = Count::new();
static HELD: Count = Count::new();

/// Called instead of the barrier, which then counts as failed.
extern "C" fn hold(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    HELD.set(HOLD.get());
    while HOLD.get() == 1 {
        thread::yield_now();
    }
}

/// What comes of `act` while a sweep stands at its barrier, and of the sweep.
fn at_the_barrier<O>(pool: &CountedPool, act: impl FnOnce() -> O) -> (O, Swept) {
    trap_membarrier(hold);
    HOLD.set(1);
    thread::scope(|scope| {
        let sweep = scope.spawn(|| pool.advance());
        until("the sweep is at its barrier", || HELD.get() == 1);
        let outcome = act();
        HOLD.set(0);
        (outcome, sweep.join().expect("no panic").expect("it was the only sweep when it began"))
    })
}

/// While a sweep stands at its barrier, all go on: each owner takes its own items out itself and uses them on, as victims,
/// which are young again when they come back.
#[test]
fn a_sweep_stopped_at_its_barrier_holds_up_nobody() {
    if !alone("a_sweep_stopped_at_its_barrier_holds_up_nobody") {
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
        // The first of these makes six items, and the others use them again.
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
    // What wasn't used since goes with the next sweep. What was is a sweep younger, but for what lies in private slots, as
    // barriers go on failing.
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((3, 14)));
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((6, 8)));
    worker.run(move || drop(pool));
    ledger.assert_all_dropped_once();
}

/// What an owner takes out for a sweep is as old as what a sweep takes itself: what isn't used goes with the next one.
#[test]
fn what_an_owner_takes_out_for_a_sweep_is_old() {
    if !alone("what_an_owner_takes_out_for_a_sweep_is_old") {
        return;
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    burst(&pool, 4);

    let (used, swept) = at_the_barrier(&pool, || pool.get());
    assert_eq!((swept.dropped, swept.kept, swept.left_busy), (0, 3, 0));
    // The other item of its batch lies in private slots, and barriers go on failing.
    assert_eq!(pool.advance().map(|swept| (swept.dropped, swept.kept)), Some((2, 1)));
    assert_eq!(pool.stats().rescues, 1);
    drop(used);
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// An owner whose items the shared queues have no room for leaves them to the sweep, and takes up no room.
#[test]
fn an_owner_takes_out_only_what_there_is_room_for() {
    if !alone("an_owner_takes_out_only_what_there_is_room_for") {
        return;
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4).max_idle(3));
    burst(&pool, 4);
    assert_eq!(pool.prefill(2), 2);

    let ((used, shared, room), _) =
        at_the_barrier(&pool, || (pool.get(), on_thread(|| take_all(&pool).len()), pool.prefill(4)));
    assert_eq!((shared, room), (1, 3), "of two that were made in advance one is left; then there is room for three");
    drop(used);
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// What an owner takes out for a sweep takes up room until it takes it in again.
#[test]
fn what_an_owner_takes_out_takes_up_room() {
    if !alone("what_an_owner_takes_out_takes_up_room") {
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
