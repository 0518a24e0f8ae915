//! Calls that are interleaved on one thread, because one of them runs on a stack of its own, as in a coroutine.
//! Sanitizers do not follow a thread to another stack.

#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

mod common;

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr;
use std::thread;

use common::{MANUAL, alone};
use ebbtide::{Fetch, Pool, Pooled};
use libc::{getcontext, makecontext, swapcontext, ucontext_t};

thread_local! {
    /// The running fiber's context, and the one that resumed it.
    static CONTEXTS: Cell<[*mut ucontext_t; 2]> = const { Cell::new([ptr::null_mut(); 2]) };
}

/// A call on a stack of its own.
struct Fiber {
    context: Box<MaybeUninit<ucontext_t>>,
    _stack: Vec<u8>,
}

// SAFETY: it owns its context and its stack.
unsafe impl Send for Fiber {}

impl Fiber {
    /// `body` does not return.
    fn new(body: extern "C" fn()) -> Self {
        let mut stack = vec![0; 256 << 10];
        let mut context = Box::new(MaybeUninit::<ucontext_t>::zeroed());
        let own = context.as_mut_ptr();
        // SAFETY: `getcontext` fills the context. The stack is not used otherwise, and lives as long as the context.
        unsafe {
            assert_eq!(getcontext(own), 0);
            (*own).uc_stack.ss_sp = stack.as_mut_ptr().cast();
            (*own).uc_stack.ss_size = stack.len();
            makecontext(own, body, 0);
        }
        Self { context, _stack: stack }
    }

    /// Runs it until it calls `suspend`.
    fn resume(&mut self) {
        let mut outer = MaybeUninit::<ucontext_t>::zeroed();
        CONTEXTS.set([self.context.as_mut_ptr(), outer.as_mut_ptr()]);
        // SAFETY: the fiber's context is from `new` or `suspend`, and this one is filled here.
        unsafe { assert_eq!(swapcontext(outer.as_mut_ptr(), self.context.as_ptr()), 0) };
    }
}

/// Goes back to where this fiber was resumed.
#[inline(never)]
fn suspend() {
    let [own, outer] = CONTEXTS.get();
    // SAFETY: the contexts are those in `resume`, which goes on here.
    unsafe { swapcontext(own, outer) };
}

/// Nobody inherits the slots of a call that has not ended, though the one in which it began has. This test has its process
/// to itself, so no other thread gets the number.
#[test]
fn a_call_that_outlasts_another_keeps_its_slots() {
    if !alone("a_call_that_outlasts_another_keeps_its_slots") {
        return;
    }
    static POOL: Pool<String, fn() -> String> = Pool::with_settings(String::new, MANUAL.fetch(Fetch::Never));

    /// Leaves an item in the slots of a handle, and never ends the call.
    extern "C" fn body() {
        POOL.with_local(|local| {
            drop(local.get());
            suspend();
            unreachable!("nobody goes on here");
        });
    }

    let is_inherited = || thread::spawn(|| POOL.try_get().is_some()).join().expect("no panic");
    thread::spawn(|| POOL.with_local(|local| drop(local.get()))).join().expect("no panic");
    assert!(is_inherited(), "the number of a call that has ended is lost");
    let mut fiber = Fiber::new(body);
    thread::scope(|scope| {
        scope.spawn(|| POOL.with_local(|_| fiber.resume()));
    });
    assert_eq!(POOL.idle(), 1);
    assert!(!is_inherited(), "a thread inherits the slots of a call that has not ended");
}

/// A `get` begins on one thread and ends on another, because `create` suspends the fiber. The first thread's slots are
/// freed meanwhile.
#[test]
fn a_get_ends_on_another_thread() {
    if !alone("a_get_ends_on_another_thread") {
        return;
    }
    static POOL: Pool<u8, fn() -> u8> = Pool::with_settings(create, MANUAL.fetch(Fetch::Never));

    fn create() -> u8 {
        suspend();
        0
    }

    extern "C" fn body() {
        drop(POOL.get());
        suspend();
        unreachable!("nobody goes on here");
    }

    let mut fiber = Fiber::new(body);
    thread::scope(|scope| {
        scope.spawn(|| {
            POOL.put(1);
            assert_eq!(POOL.try_get().map(Pooled::detach), Some(1), "the thread has slots");
            fiber.resume();
        });
    });
    _ = POOL.advance();
    thread::scope(|scope| {
        scope.spawn(|| fiber.resume());
    });
    assert_eq!((POOL.stats().created, POOL.idle()), (1, 1));
}
