//! Gets, puts and sweeps, stopped after each of their instructions in turn while another thread proceeds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::ControlFlow::{Break, Continue};
use std::thread;
use std::time::Duration;

use crate::common::linux::{forbid_membarrier, trap_membarrier};
use crate::common::{Count, MANUAL, alone, burst, counted, until};
use crate::stepping::{BARRIERS, STEPS, at_each_stop, start, step, turn};
use ebbtide::{Pool, Pooled, Settings, advance_all};

thread_local! {
    /// Called wherever this thread allocates or frees, except inside the hook itself.
    static HOOK: Cell<Option<fn()>> = const { Cell::new(None) };
}

fn call_hook() {
    if let Some(hook) = HOOK.take() {
        hook();
        HOOK.set(Some(hook));
    }
}

struct Hooked;

// SAFETY: `System` does all the work. The hook runs before it.
unsafe impl GlobalAlloc for Hooked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        call_hook();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        call_hook();
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Hooked = Hooked;

/// The numbers of all items that this thread finds.
fn drain<F: Fn() -> usize>(pool: &Pool<usize, F>) -> Vec<usize> {
    std::iter::from_fn(|| pool.try_get()).map(Pooled::detach).collect()
}

/// Wherever its owner is stopped, a sweep ends. It takes all of the owner's items or none.
#[test]
fn a_sweep_never_waits_for_a_stopped_owner() {
    let _turn = turn();
    let (mut inside, mut outside) = (0, 0);
    at_each_stop(|first| {
        let made = Count::new();
        let pool = Pool::with_settings(|| made.bump(), MANUAL.private_slots(2));
        let use_both_arrays = || {
            // With one item in each array, none of this needs the allocator or a queue, as the sweep does. A get and a
            // put use one array. Another get and put find it empty or full and swap the two.
            drop((pool.get(), pool.get()));
            start();
            drop((pool.get(), pool.get()));
        };
        let mut swept = None;
        step(first, use_both_arrays, || {
            swept = pool.advance();
            0
        });
        let Some(swept) = swept else { return Break(inside > 0 && outside > 0) };
        match swept.left_busy {
            0 => outside += 1,
            _ => inside += 1,
        }
        let mut found = drain(&pool);
        // Items put after the sweep are in the other thread's slots until the next one.
        pool.advance();
        found.extend(drain(&pool));
        found.sort_unstable();
        assert_eq!((found, made.get()), (vec![0, 1], 2), "stopped after {first} instructions");
        Continue(())
    });
    println!("stopped {} times, {inside} times inside a claim", inside + outside);
    assert!(inside > 0 && outside > 0, "{inside} stops inside a claim, {outside} outside: nothing was tested");
}

/// What a get finds while a sweep is stopped.
#[derive(Debug, PartialEq)]
enum Came {
    /// An item in its private slots.
    Private,
    /// A victim.
    Rescued,
    /// No item.
    KeptOut,
}

/// Wherever a sweep is stopped, an owner proceeds. Until the sweep asks for them, the items are the owner's. Then the
/// owner moves them out itself and finds them among the victims. It finds none only while the sweep takes what the
/// owner left there. Once the sweep has shared these, this test is over.
fn owner_proceeds_wherever_a_sweep_stops() {
    let _turn = turn();
    let mut came = Vec::with_capacity(4);
    at_each_stop(|first| {
        let made = Count::new();
        let pool = Pool::with_settings(|| made.bump(), MANUAL);
        drop((pool.get(), pool.get()));
        let (mut got, mut stopped) = (None, false);
        let sweep = || {
            start();
            assert!(pool.advance().is_some(), "the only sweep");
        };
        step(first, sweep, || {
            got = pool.try_get();
            let this = match (&got, pool.stats().rescues) {
                (None, _) => Came::KeptOut,
                (Some(_), 0) => Came::Private,
                (Some(_), _) => Came::Rescued,
            };
            // Once each, as the same number of instructions doesn't always lead to the same place.
            if !came.contains(&this) {
                came.push(this);
            }
            stopped = true;
            0
        });
        let mut found: Vec<_> = got.map(Pooled::detach).into_iter().chain(drain(&pool)).collect();
        found.sort_unstable();
        assert_eq!((found, made.get()), (vec![0, 1], 2), "stopped after {first} instructions");
        let all = came.len() == 3;
        if all || !stopped { Break(all) } else { Continue(()) }
    });
    assert!(came.len() == 3 && came[0] == Came::Private, "{came:?}");
}

/// With the system's barrier.
#[test]
fn an_owner_never_waits_for_a_stopped_sweep_with_a_barrier() {
    owner_proceeds_wherever_a_sweep_stops();
}

/// Without a barrier, so that both sides use fences.
#[test]
fn an_owner_never_waits_for_a_stopped_sweep_with_fences() {
    if !alone("sweeps::an_owner_never_waits_for_a_stopped_sweep_with_fences") {
        return;
    }
    forbid_membarrier();
    owner_proceeds_wherever_a_sweep_stops();
}

/// Set while a sweep is at its barrier. When it is cleared, the barrier fails.
static AT_BARRIER: Count = Count::new();

extern "C" fn hold_and_fail(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    AT_BARRIER.set(1);
    while AT_BARRIER.get() == 1 {
        thread::yield_now();
    }
}

/// A sweep keeps an owner from its private items, so the owner gets a batch from the shards. Then the sweep's barrier
/// fails, wherever the owner is stopped, and the owner's items are there again. The rest of the batch replaces none of
/// them.
#[test]
fn a_refill_can_find_the_slots_full_again() {
    if !alone("sweeps::a_refill_can_find_the_slots_full_again") {
        return;
    }
    let _turn = turn();
    // The first pool chooses the barriers of all pools, so the barrier must work at first.
    burst(&counted(Settings::new()).0, 1);
    trap_membarrier(hold_and_fail);
    let mut full_again = 0;
    at_each_stop(|first| {
        let (pool, ledger) = counted(Settings::new().private_slots(4));
        let (mut got, mut stopped) = (None, false);
        thread::scope(|scope| {
            let get = || {
                burst(&pool, 4);
                pool.prefill(4);
                scope.spawn(|| pool.clear());
                until("the sweep is at its barrier", || AT_BARRIER.get() == 1);
                start();
                got = pool.try_get();
            };
            step(first, get, || {
                AT_BARRIER.set(0);
                until("the barrier has failed", || pool.stats().sweeps == 1);
                stopped = true;
                0
            });
            AT_BARRIER.set(0);
        });
        assert_eq!(pool.idle() + got.iter().len(), ledger.live(), "stopped after {first} instructions");
        // Four private items, and one of the two taken from the shards. The other is in use.
        full_again += usize::from(stopped && got.is_some() && pool.idle() == 5);
        drop(got);
        drop(pool);
        ledger.assert_all_dropped_once();
        if stopped { Continue(()) } else { Break(full_again > 0) }
    });
    println!("{full_again} times between taking a batch and finding a place for the rest of it");
    assert!(full_again > 0, "nothing was tested");
}

type Numbers = Pool<usize, fn() -> usize>;

fn number() -> usize {
    0
}

/// Two pools that one round of the janitor sweeps with one barrier, in unspecified order.
static ROUND: [Numbers; 2] = {
    const SETTINGS: Settings = Settings::new().every(Duration::from_secs(3600)).private_slots(4);
    [Pool::with_settings(number as fn() -> usize, SETTINGS), Pool::with_settings(number as fn() -> usize, SETTINGS)]
};
static LOOKS: Count = Count::new();
static CLOSED: Count = Count::new();

/// Puts an item and gets it from private slots again, or from the shared queues if a sweep has closed the slots.
fn look_at(pool: &Numbers) {
    LOOKS.bump();
    let shared = || pool.stats().rescues + pool.stats().refills;
    let before = shared();
    pool.put(1);
    _ = pool.try_get().map(Pooled::detach);
    if shared() != before {
        CLOSED.bump();
    }
}

/// A sweep that finds an owner inside a claim has an unneeded array. It frees the array only after it has opened the
/// slots of every pool in the round. So an allocator that uses one of them finds its items in private slots.
#[test]
fn nothing_is_freed_while_a_round_has_slots_closed() {
    let _turn = turn();
    let stride = if cfg!(debug_assertions) { 31 } else { 1 };
    let looks: [fn(); 2] = [|| look_at(&ROUND[1]), || look_at(&ROUND[0])];
    for (busy, other, look) in [(0, 1, looks[0]), (1, 0, looks[1])] {
        let (busy, other) = (&ROUND[busy], &ROUND[other]);
        let mut inside = 0;
        for first in (1..).step_by(stride) {
            let use_both_arrays = || {
                drop((busy.get(), busy.get(), busy.get(), busy.get()));
                start();
                drop((busy.get(), busy.get(), busy.get(), busy.get()));
            };
            drop((other.get(), other.get()));
            let mut stopped = false;
            step(first, use_both_arrays, || {
                HOOK.set(Some(look));
                let swept = advance_all();
                HOOK.set(None);
                inside += swept.left_busy;
                stopped = true;
                0
            });
            if inside > 3 || !stopped {
                break;
            }
        }
        assert!(inside > 0, "no stop inside a claim: nothing was tested");
    }
    assert!(LOOKS.get() > 0, "nothing was allocated or freed: nothing was tested");
    assert_eq!(CLOSED.get(), 0, "something was allocated or freed while slots were closed");
}

static CROWDED: Numbers = Pool::with_settings(number as fn() -> usize, MANUAL.private_slots(8).max_idle(3));
static PREFILLED: Count = Count::new();

/// An owner has checked that there is room for the items that a sweep asks for. The room is gone when it moves them
/// out. Then it changes nothing: no item is dropped, and no idle item is without room.
#[test]
fn an_owner_whose_room_is_gone_keeps_its_items() {
    if !alone("sweeps::an_owner_whose_room_is_gone_keeps_its_items") {
        return;
    }
    // Makes the shards, and leaves no array there for the owner.
    CROWDED.prefill(2);
    let two = [CROWDED.try_get(), CROWDED.try_get()];
    assert!(two.iter().all(Option::is_some));
    drop(two);
    trap_membarrier(hold_and_fail);
    thread::scope(|scope| {
        let sweep = scope.spawn(|| CROWDED.advance());
        until("the sweep is at its barrier", || AT_BARRIER.get() == 1);
        HOOK.set(Some(|| {
            if PREFILLED.get() == 0 {
                PREFILLED.set(CROWDED.prefill(2));
            }
        }));
        let item = CROWDED.try_get();
        HOOK.set(None);
        let stats = CROWDED.stats();
        AT_BARRIER.set(0);
        assert_eq!((PREFILLED.get(), item.is_some()), (2, true), "prefilled while the owner allocated, and got");
        assert_eq!((stats.rescues + stats.refills, stats.left_busy, stats.idle), (0, 1, 3), "{stats:?}");
        assert_eq!(sweep.join().expect("no panic").map(|swept| swept.dropped), Some(0));
    });
    assert_eq!((CROWDED.idle(), CROWDED.prefill(2)), (4, 1), "two private, two prefilled; one more has room");
}

/// The number of full barriers in a get and a put of a private hit.
fn barriers_of_a_private_hit() -> usize {
    let _turn = turn();
    let pool = Pool::with_settings(|| 0_u8, MANUAL);
    let hit = || {
        // Where fences are needed, a thread's second put looks whether the pool is parked.
        (0..2).for_each(|_| drop(pool.get()));
        start();
        drop(pool.get());
    };
    step(usize::MAX, hit, || 0);
    println!("{} instructions, {} full barriers", STEPS.get(), BARRIERS.get());
    assert!(STEPS.get() > 20, "nothing was stepped through");
    // The last one belongs to `step` itself, at the end of the operation.
    BARRIERS.get() - 1
}

/// With the system's barrier, the owner executes no atomic read-modify-write and no fence.
#[test]
fn a_private_hit_has_no_full_barrier() {
    assert_eq!(barriers_of_a_private_hit(), 0);
}

/// Without that barrier the get is a claim. Its compare-exchange is one full barrier.
#[test]
fn a_private_hit_has_a_fence_where_it_needs_one() {
    if !alone("sweeps::a_private_hit_has_a_fence_where_it_needs_one") {
        return;
    }
    forbid_membarrier();
    assert_eq!(barriers_of_a_private_hit(), 1);
}
