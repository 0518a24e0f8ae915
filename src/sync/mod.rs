//! The only place that names atomics, locks, cells, threads, libc or loom.
//!
//! Everything above imports those from here. So one switch puts the whole algorithm under the model checker:
//! `cfg(loom)` with the feature `loom`. A few things concern no model and come from std itself: the `Arc` that users
//! and wakers hold, whether this thread is panicking, and when the janitor's clock began.
//!
//! Loom cannot run crossbeam's queues, std's thread-locals and the asymmetric barrier. Each has a stand-in, in the file
//! that wraps the real thing. `shuttle-tests` has shuttle in loom's place. `cfg(loom_is_shuttle)` marks where that
//! makes a difference.

mod cell;
pub(crate) mod fence;
mod once;
mod per_thread;
mod queue;
#[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
pub(crate) mod signals;
pub(crate) mod thread;
mod thread_id;

pub(crate) use cell::UnsafeCell;
pub(crate) use once::OnceArc;
pub(crate) use per_thread::PerThread;
pub(crate) use queue::Queue;
pub(crate) use thread::cpus;

#[cfg(not(all(loom, feature = "loom")))]
pub(crate) use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicU32, AtomicUsize},
};

#[cfg(all(loom, feature = "loom"))]
pub(crate) use loom::sync::{
    Arc,
    atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicU32, AtomicUsize},
};

pub(crate) use std::sync::atomic::Ordering;

/// A full fence under loom, which takes the SeqCst operation before it for AcqRel. Elsewhere nothing.
#[inline(always)]
pub(crate) fn seq_cst() {
    #[cfg(all(loom, feature = "loom"))]
    fence::full();
}

/// Defines a `const fn`, or a plain `fn` under loom, whose atomics cannot be created in a constant.
macro_rules! const_unless_loom {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(all(loom, feature = "loom")))]
        $(#[$meta])*
        $vis const fn $($rest)*

        #[cfg(all(loom, feature = "loom"))]
        $(#[$meta])*
        $vis fn $($rest)*
    };
}
pub(crate) use const_unless_loom;

/// Defines a `static`, or under loom one that each execution has anew.
macro_rules! static_per_execution {
    ($(#[$meta:meta])* static $name:ident: $type:ty = $value:expr;) => {
        #[cfg(not(all(loom, feature = "loom")))]
        $(#[$meta])*
        static $name: $type = $value;

        #[cfg(all(loom, feature = "loom"))]
        loom::lazy_static! {
            $(#[$meta])*
            static ref $name: $type = $value;
        }
    };
}
pub(crate) use static_per_execution;

/// A number that orders nothing: a count, a hint where to look first, or what only its thread reads and writes.
///
/// No access becomes safe by it. So loom need not see it, and there too it is std's atomic.
#[derive(Debug, Default)]
pub(crate) struct Counter(std::sync::atomic::AtomicUsize);

impl Counter {
    pub(crate) const fn new() -> Self {
        Self::at(0)
    }

    pub(crate) const fn at(count: usize) -> Self {
        Self(std::sync::atomic::AtomicUsize::new(count))
    }

    /// Sets the number by a plain store. Only one thread at a time may write it, unless it is a hint.
    #[inline(always)]
    pub(crate) fn set(&self, to: usize) {
        // ORDERING: Relaxed, no partner; a writer finds its own value, and anybody else any recent one.
        self.0.store(to, Ordering::Relaxed);
    }

    /// Adds by a plain load and store. Only one thread at a time may write the number.
    #[inline]
    pub(crate) fn bump(&self, by: usize) {
        self.set(self.get().wrapping_add(by));
    }

    /// Adds to a number that many threads write. Returns what it was before.
    pub(crate) fn add(&self, by: usize) -> usize {
        // ORDERING: Relaxed, no partner; only the sum matters, and no addition is lost.
        self.0.fetch_add(by, Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        // ORDERING: Relaxed, no partner; as in `set`.
        self.0.load(Ordering::Relaxed)
    }
}

/// How much lies somewhere, in half a word. It is exact for whoever may touch it, and a hint for anybody else.
///
/// Unlike a [`Counter`] it is seen by loom, because a sweep decides by it what to close.
#[derive(Debug)]
pub(crate) struct Length(AtomicU32);

impl Length {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    #[inline(always)]
    pub(crate) fn set(&self, to: usize) {
        // ORDERING: Relaxed, no partner; what lets the next writer write also orders it.
        self.0.store(to as u32, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        // ORDERING: Relaxed, no partner; as above, and for anybody else any recent value will do.
        self.0.load(Ordering::Relaxed) as usize
    }
}
