//! Calls that are interleaved on one thread, because one of them runs on a stack of its own, as in a coroutine.
//! Sanitizers do not follow a thread to another stack.

#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

mod common;

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr;
use std::thread;

use common::MANUAL;
use ebbtide::{Fetch, Pool};
use libc::{getcontext, makecontext, swapcontext, ucontext_t};

static POOL: Pool<String, fn() -> String> = Pool::with_settings(String::new, MANUAL.fetch(Fetch::Never));

thread_local! {
    /// The fiber's context, and the one in which it was started.
    static CONTEXTS: Cell<[*mut ucontext_t; 2]> = const { Cell::new([ptr::null_mut(); 2]) };
}

/// Leaves an item in the slots of a handle, and never ends the call.
extern "C" fn fiber() {
    POOL.with_local(|local| {
        drop(local.get());
        let [own, outer] = CONTEXTS.get();
        // SAFETY: the contexts are those in `run_fiber`, which goes on here.
        unsafe { swapcontext(own, outer) };
        unreachable!("nobody goes on here");
    });
}

fn run_fiber(stack: &mut [u8]) {
    let [mut own, mut outer] = [const { MaybeUninit::<ucontext_t>::zeroed() }; 2];
    CONTEXTS.set([own.as_mut_ptr(), outer.as_mut_ptr()]);
    // SAFETY: `getcontext` fills the fiber's context, and `swapcontext` the outer one. The stack is not used otherwise.
    unsafe {
        assert_eq!(getcontext(own.as_mut_ptr()), 0);
        (*own.as_mut_ptr()).uc_stack.ss_sp = stack.as_mut_ptr().cast();
        (*own.as_mut_ptr()).uc_stack.ss_size = stack.len();
        makecontext(own.as_mut_ptr(), fiber, 0);
        assert_eq!(swapcontext(outer.as_mut_ptr(), own.as_ptr()), 0);
    }
}

/// Whether the next thread gets the slots of the last one.
fn is_inherited() -> bool {
    thread::spawn(|| POOL.try_get().is_some()).join().expect("no panic")
}

/// Nobody inherits the slots of a call that has not ended, though the one in which it began has. This test has its process
/// to itself, so no other thread gets the number.
#[test]
fn a_call_that_outlasts_another_keeps_its_slots() {
    thread::spawn(|| POOL.with_local(|local| drop(local.get()))).join().expect("no panic");
    assert!(is_inherited(), "the number of a call that has ended is lost");
    let mut stack = vec![0; 256 << 10];
    thread::scope(|scope| {
        scope.spawn(|| POOL.with_local(|_| run_fiber(&mut stack)));
    });
    assert_eq!(POOL.idle(), 1);
    assert!(!is_inherited(), "a thread inherits the slots of a call that has not ended");
}
