//! Gets, puts and sweeps that are stopped after each of their instructions in turn, while another thread goes on.
//!
//! The processor traps after every instruction of a thread whose trap flag is set. So a claim, which lasts for a few
//! nanoseconds, is met for certain and at every step of it, and not by luck.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use common::linux::{forbid_membarrier, install, trap_membarrier};
use common::{Count, MANUAL, alone, burst, counted, lock, until};
use ebbtide::{Pool, Pooled, Settings, advance_all};

thread_local! {
    /// What to do wherever this thread allocates or frees, but for what that allocates and frees itself.
    static HOOK: Cell<Option<fn()>> = const { Cell::new(None) };
}

fn call_hook() {
    if let Some(hook) = HOOK.take() {
        hook();
        HOOK.set(Some(hook));
    }
}

struct Hooked;

// SAFETY: it is the system's; what the hooks do comes before.
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

/// The instruction after which the stepped thread is held next.
static NEXT: Count = Count::new();
static STEPS: Count = Count::new();
/// Set while the stepped thread is held, and when it has come to its end.
static HELD: Count = Count::new();
static OVER: Count = Count::new();
/// Set when the stepped thread went on because it had not been let go for far too long.
static GAVE_UP: Count = Count::new();
/// Instructions that were full barriers.
static BARRIERS: Count = Count::new();

/// Nothing but a hang takes this long.
const FAR_TOO_LONG: Duration = Duration::from_secs(20);

/// The bit of the processor's flags that makes it trap after the next instruction.
const TRAP: i64 = 1 << 8;

/// The handler and what it counts are the process's, so the tests take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = lock(&TURN);
    install(libc::SIGTRAP, trapped);
    turn
}

extern "C" fn trapped(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel hands out a context that may be written, and goes by it when the handler returns.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    // SAFETY: the thread is about to execute the instruction there.
    if unsafe { is_full_barrier(registers[libc::REG_RIP as usize] as *const u8) } {
        BARRIERS.bump();
    }
    let step = STEPS.bump();
    if step == NEXT.get() {
        HELD.set(1);
        let start = Instant::now();
        while HELD.get() == 1 && GAVE_UP.get() == 0 {
            if start.elapsed() > FAR_TOO_LONG {
                GAVE_UP.set(1);
            }
            thread::yield_now();
        }
    }
    let flags = &mut registers[libc::REG_EFL as usize];
    if step < NEXT.get() {
        *flags |= TRAP;
    } else {
        *flags &= !TRAP;
    }
}

/// Whether this instruction is `mfence`, has a `lock` prefix, or is an exchange with memory, which is locked without one.
///
/// # Safety
///
/// The instruction can be read.
unsafe fn is_full_barrier(mut at: *const u8) -> bool {
    // SAFETY: as the caller promises; each byte is read only if those before say that the instruction has it.
    let mut next = || unsafe {
        let byte = at.read();
        at = at.add(1);
        byte
    };
    let mut byte = next();
    while [0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0xF2, 0xF3].contains(&byte) || byte & 0xF0 == 0x40 {
        byte = next();
    }
    match byte {
        0xF0 => true,
        0x86 | 0x87 => next() < 0xC0,
        0x0F => next() == 0xAE && next() == 0xF0,
        _ => false,
    }
}

/// From here on the calling thread is stepped through what it does.
fn start() {
    // SAFETY: its handler is installed, and sets the trap flag for what follows.
    assert_eq!(unsafe { libc::raise(libc::SIGTRAP) }, 0);
}

/// Runs `operation`, which calls `start`, on another thread. Holds that thread after `first` instructions, if it has as
/// many, while this one runs `meanwhile`, and again after as many more as that returns; 0 lets it go for good.
///
/// What `operation` may have in its hands where it is held, a lock of the allocator's say, `meanwhile` must not wait for.
#[track_caller]
fn step(first: usize, operation: impl FnOnce() + Send, mut meanwhile: impl FnMut() -> usize) {
    for number in [&STEPS, &HELD, &OVER, &GAVE_UP, &BARRIERS] {
        number.set(0);
    }
    NEXT.set(first);
    thread::scope(|scope| {
        let stepped = scope.spawn(|| {
            operation();
            // The next trap, if there still are any, clears the trap flag.
            NEXT.set(0);
            OVER.set(1);
        });
        while OVER.get() == 0 && !stepped.is_finished() {
            if HELD.get() == 1 {
                let more = meanwhile();
                NEXT.set(if more > 0 { NEXT.get() + more } else { 0 });
                HELD.set(0);
            }
            thread::yield_now();
        }
    });
    assert_eq!(GAVE_UP.get(), 0, "waited for a thread that was stopped after {first} instructions or some more");
}

/// The numbers of all items that this thread finds.
fn drain<F: Fn() -> usize>(pool: &Pool<usize, F>) -> Vec<usize> {
    std::iter::from_fn(|| pool.try_get()).map(Pooled::detach).collect()
}

/// Wherever its owner is stopped, a sweep comes to an end, and takes all of its items or leaves all of them alone.
#[test]
fn a_sweep_waits_for_no_owner_wherever_it_stopped() {
    let _turn = turn();
    // Unoptimized, this takes thousands of instructions, and each of them some microseconds; a claim takes hundreds.
    let stride = if cfg!(debug_assertions) { 101 } else { 1 };
    let (mut inside, mut outside) = (0, 0);
    for first in (1..).step_by(stride) {
        let made = Count::new();
        let pool = Pool::with_settings(|| made.bump(), MANUAL.private_slots(2));
        let use_both_arrays = || {
            // One item lies in each of them, so none of this needs the allocator or a queue, as the sweep does: a get and
            // a put at the one array, and a get and a put that find it empty or full and swap the two.
            drop((pool.get(), pool.get()));
            start();
            drop((pool.get(), pool.get()));
        };
        let mut swept = None;
        step(first, use_both_arrays, || {
            swept = pool.advance();
            0
        });
        let Some(swept) = swept else { break };
        match swept.left_busy {
            0 => outside += 1,
            _ => inside += 1,
        }
        let mut found = drain(&pool);
        // What was put after the sweep lies in the other thread's slots until the next one.
        pool.advance();
        found.extend(drain(&pool));
        found.sort_unstable();
        assert_eq!((found, made.get()), (vec![0, 1], 2), "stopped after {first} instructions");
    }
    println!("stopped {} times, {inside} times inside a claim", inside + outside);
    assert!(inside > 0 && outside > 0, "{inside} stops inside a claim, {outside} outside: nothing was tested");
}

/// What a get comes to while a sweep is stopped.
#[derive(Debug, PartialEq)]
enum Came {
    /// It found an item in its private slots.
    Private,
    /// It found one among the victims.
    Rescued,
    /// It found none.
    KeptOut,
}

/// Wherever a sweep is stopped, an owner gets on. Until the sweep asks for the items they are the owner's; then it takes them
/// out itself, and finds them among the victims. Only from when the sweep takes what the owner left there it finds none,
/// until they are with the victims too; by then this is over.
fn an_owner_gets_on_wherever_a_sweep_stopped() {
    let _turn = turn();
    let stride = if cfg!(debug_assertions) { 101 } else { 3 };
    let mut came = Vec::with_capacity(4);
    for first in (1..).step_by(stride) {
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
            // Once, as the same number of instructions doesn't lead to the same place each time.
            if !came.contains(&this) {
                came.push(this);
            }
            stopped = true;
            0
        });
        let mut found: Vec<_> = got.map(Pooled::detach).into_iter().chain(drain(&pool)).collect();
        found.sort_unstable();
        assert_eq!((found, made.get()), (vec![0, 1], 2), "stopped after {first} instructions");
        if came.len() == 3 || !stopped {
            break;
        }
    }
    assert_eq!(came, [Came::Private, Came::Rescued, Came::KeptOut]);
}

/// With the barrier that this system has.
#[test]
fn an_owner_gets_on_with_a_barrier() {
    an_owner_gets_on_wherever_a_sweep_stopped();
}

/// The same where there is none, so that both sides use fences.
#[test]
fn an_owner_gets_on_with_fences() {
    if !alone("an_owner_gets_on_with_fences") {
        return;
    }
    forbid_membarrier();
    an_owner_gets_on_wherever_a_sweep_stopped();
}

/// Set while a sweep stands at its barrier, until it is let go; then the barrier has failed.
static AT_BARRIER: Count = Count::new();

extern "C" fn hold_and_fail(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    AT_BARRIER.set(1);
    while AT_BARRIER.get() == 1 {
        thread::yield_now();
    }
}

/// A sweep keeps an owner from its private items, so that it gets a batch from the shards. Then the sweep's barrier fails,
/// wherever the owner is stopped, and its items are there again: the rest of the batch takes nobody's place.
#[test]
fn a_batch_finds_the_slots_full_again() {
    if !alone("a_batch_finds_the_slots_full_again") {
        return;
    }
    let _turn = turn();
    // The first pool chooses the barriers of all, before there is none to be had.
    burst(&counted(Settings::new()).0, 1);
    trap_membarrier(hold_and_fail);
    let stride = if cfg!(debug_assertions) { 101 } else { 1 };
    let mut full_again = 0;
    for first in (1..).step_by(stride) {
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
        // Its four private items and one of two that it took from the shards, of which it has the other.
        full_again += usize::from(stopped && got.is_some() && pool.idle() == 5);
        drop(got);
        drop(pool);
        ledger.assert_all_dropped_once();
        if !stopped {
            break;
        }
    }
    println!("{full_again} times between taking a batch and finding a place for the rest of it");
    assert!(full_again > 0, "nothing was tested");
}

type Numbers = Pool<usize, fn() -> usize>;

fn number() -> usize {
    0
}

/// Two pools that one round of the janitor's sweeps with one barrier, in an order that nobody knows.
static ROUND: [Numbers; 2] = {
    const SETTINGS: Settings = Settings::new().every(Duration::from_secs(3600)).private_slots(4);
    [Pool::with_settings(number as fn() -> usize, SETTINGS), Pool::with_settings(number as fn() -> usize, SETTINGS)]
};
static LOOKS: Count = Count::new();
static CLOSED: Count = Count::new();

/// Puts an item and gets it from private slots again; or from the shared queues, if a sweep has closed the slots.
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

/// A sweep that finds an owner inside a claim has an array too many. It is freed when the slots of every pool in the round are
/// open again: an allocator that uses one of them finds its items in private slots.
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

/// An owner that is asked for its items has looked whether there is room for them, and the room is gone when it comes to take
/// them out. Then it leaves all as it is: no item is dropped, and none is idle that there is no room for.
#[test]
fn an_owner_that_finds_no_room_after_all_keeps_its_items() {
    if !alone("an_owner_that_finds_no_room_after_all_keeps_its_items") {
        return;
    }
    // Makes the shards, and leaves no array there that the owner could use.
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

/// How many full barriers are executed by a get and a put that the private slots serve.
fn barriers_of_a_private_hit() -> usize {
    let _turn = turn();
    let pool = Pool::with_settings(|| 0_u8, MANUAL);
    let hit = || {
        drop(pool.get());
        start();
        drop(pool.get());
    };
    step(usize::MAX, hit, || 0);
    println!("{} instructions, {} full barriers", STEPS.get(), BARRIERS.get());
    assert!(STEPS.get() > 20, "nothing was stepped through");
    // The last one is that of `step` itself, where the operation is over.
    BARRIERS.get() - 1
}

/// With the barrier that this system has, the owner pays no atomic read-modify-write and no fence.
#[test]
fn a_private_hit_has_no_full_barrier() {
    assert_eq!(barriers_of_a_private_hit(), 0);
}

/// Without that barrier the get is a claim, whose compare-exchange is one.
#[test]
fn a_private_hit_has_a_fence_where_it_needs_one() {
    if !alone("a_private_hit_has_a_fence_where_it_needs_one") {
        return;
    }
    forbid_membarrier();
    assert_eq!(barriers_of_a_private_hit(), 1);
}
