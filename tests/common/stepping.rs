//! Stops a thread after one of its instructions.
//!
//! With the trap flag set, the processor traps after every instruction of a thread. A claim lasts a few nanoseconds. So
//! the test stops at each of its steps for certain, and not by luck.

use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::linux::install;
use crate::common::{Count, lock};

/// The instruction after which the stepped thread is held next.
static NEXT: Count = Count::new();
pub(crate) static STEPS: Count = Count::new();
/// Set while the stepped thread is held, and when it has ended.
static HELD: Count = Count::new();
static OVER: Count = Count::new();
/// Set when the stepped thread went on by itself after far too long.
static GAVE_UP: Count = Count::new();
/// Instructions that were full barriers.
pub(crate) static BARRIERS: Count = Count::new();

/// How many instructions lie between two stops, in one round after another. Unoptimized code takes thousands of
/// instructions, and a claim hundreds.
const STRIDES: &[usize] = if cfg!(debug_assertions) { &[211, 53, 13] } else { &[1] };

/// Only a hang takes this long.
const FAR_TOO_LONG: Duration = Duration::from_secs(20);

/// The trap flag of the processor.
const TRAP: i64 = 1 << 8;

/// The handler and its counters belong to the process, so the tests take turns.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = lock(&TURN);
    install(libc::SIGTRAP, trapped);
    turn
}

extern "C" fn trapped(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid context, and restores it when the handler returns.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    // SAFETY: the thread is about to execute this instruction.
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

/// Whether this instruction is a full barrier: `mfence`, a `lock` prefix, or an exchange with memory, which locks
/// implicitly.
///
/// # Safety
///
/// The instruction must be readable.
unsafe fn is_full_barrier(mut at: *const u8) -> bool {
    // SAFETY: as the caller promises. Each byte is read only if those before say that it exists.
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

/// From here on the calling thread is stepped.
pub(crate) fn start() {
    // SAFETY: the handler for this signal is installed. It sets the trap flag.
    assert_eq!(unsafe { libc::raise(libc::SIGTRAP) }, 0);
}

/// From here on the calling thread is no longer stepped.
pub(crate) fn finish() {
    // The next trap clears the trap flag.
    NEXT.set(0);
}

/// Runs `operation`, which calls `start`, on another thread. Holds that thread after `first` instructions, if it has as
/// many, and runs `meanwhile` on this one. `meanwhile` returns after how many more instructions to hold it again; 0
/// never holds it again.
///
/// `meanwhile` must not wait for anything that `operation` may hold, such as a lock of the allocator.
#[track_caller]
pub(crate) fn step(first: usize, operation: impl FnOnce() + Send, mut meanwhile: impl FnMut() -> usize) {
    for number in [&STEPS, &HELD, &OVER, &GAVE_UP, &BARRIERS] {
        number.set(0);
    }
    NEXT.set(first);
    thread::scope(|scope| {
        let stepped = scope.spawn(|| {
            operation();
            finish();
            OVER.set(1);
        });
        while OVER.get() == 0 && !stepped.is_finished() {
            if HELD.get() == 1 {
                let more = meanwhile();
                NEXT.set(if more > 0 { NEXT.get() + more } else { 0 });
                HELD.set(0);
            }
            // Leaves the CPU to the stepped thread, which needs it for long.
            thread::sleep(Duration::from_micros(20));
        }
    });
    assert_eq!(GAVE_UP.get(), 0, "waited for a thread that was stopped after {first} instructions or some more");
}

/// Calls `stop` with the instruction after which to stop, further and further into the operation, until it breaks at
/// the end. If it breaks with `false`, as it has not yet seen all that can happen, another round stops more often.
#[allow(dead_code, reason = "locked instructions are counted, without stops")]
pub(crate) fn at_each_stop(mut stop: impl FnMut(usize) -> ControlFlow<bool>) {
    for &stride in STRIDES {
        if (1..).step_by(stride).try_for_each(&mut stop) == ControlFlow::Break(true) {
            break;
        }
    }
}
