//! Marks in the trace of a process: stores to a line whose address the process says first.
//!
//! The trace does not tell threads apart. So only one at a time is in a round, and those that wait for their turn touch
//! this line and their stacks alone.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering, compiler_fence};
use std::thread;

/// The first words of the lines that say where the marks are, and a stack.
pub(super) const MARKS: &str = "marks at ";
pub(super) const STACK: &str = "stack at ";

/// A store to this word ends a round. One of the next words begins one.
pub(super) const END: usize = 0;
const TURN: usize = 5;

/// What a round does, if gets and puts have rounds of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Act {
    Get,
    Put,
}

#[repr(align(64))]
struct Line([AtomicUsize; 8]);

static LINE: Line = Line([const { AtomicUsize::new(0) }; 8]);

/// Says where the marks are.
pub(super) fn announce() {
    println!("{MARKS}{:x}", (&raw const LINE).addr());
}

/// Runs `work` in a thread whose stack does not count.
#[inline(never)]
pub(super) fn on_stack(work: impl FnOnce()) {
    let here = 0_u8;
    println!("{STACK}{:x}", (&raw const here).addr());
    black_box(&here);
    work();
}

/// Marks what `work` does as a round of this thread, 0 or 1.
#[inline(always)]
pub(super) fn round(thread: usize, act: Act, work: impl FnOnce()) {
    mark(1 + 2 * thread + act as usize);
    work();
    mark(END);
}

/// Which thread begins a round of what kind with a store to this word, if it begins one.
pub(super) fn begins(word: usize) -> Option<(usize, Act)> {
    let begun = word.checked_sub(1).filter(|_| word < TURN)?;
    Some((begun / 2, if begun % 2 == 0 { Act::Get } else { Act::Put }))
}

#[inline(always)]
fn mark(word: usize) {
    compiler_fence(Ordering::SeqCst);
    // ORDERING: Relaxed, no partner; the trace has it between what the fences keep before it and after it.
    LINE.0[word].store(0, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
}

/// Waits for this turn, runs `work`, and begins the next turn.
pub(super) fn in_turn(turn: usize, work: impl FnOnce()) {
    wait_for(turn);
    work();
    // ORDERING: Release; partner: the load in `wait_for`, so that the turns do not overlap.
    LINE.0[TURN].store(turn + 1, Ordering::Release);
}

pub(super) fn wait_for(turn: usize) {
    // ORDERING: Acquire; partner: the store in `in_turn`.
    while LINE.0[TURN].load(Ordering::Acquire) < turn {
        thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_and_act_has_a_word() {
        let words: Vec<_> = (END..8).filter_map(begins).collect();
        assert_eq!(words, [(0, Act::Get), (0, Act::Put), (1, Act::Get), (1, Act::Put)]);
    }
}
