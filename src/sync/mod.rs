//! The only place that names atomics, locks, cells, threads, libc or loom.
//!
//! Everything above imports those from here, so that one switch puts the whole algorithm under the model checker:
//! `cfg(loom)` with the feature `loom`. Only what is none of a model's business it takes from std itself: the `Arc` that users
//! and wakers hold, whether this thread is panicking, and when the janitor's clock began.
//!
//! What loom cannot run (crossbeam's queues, std's thread locals, the asymmetric barrier) has a stand-in in the file that
//! wraps the real thing. `shuttle-tests` has shuttle in loom's place, and `cfg(loom_is_shuttle)` says where that makes a
//! difference.

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

/// What a SeqCst operation before it is anyway for SeqCst operations after it; for loom, which takes those for AcqRel.
#[inline(always)]
pub(crate) fn seq_cst() {
    #[cfg(all(loom, feature = "loom"))]
    fence::full();
}

/// Defines a `const fn`, or under loom, whose atomics can't be made in a constant, a plain `fn`.
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
/// No access is made safe by it, so loom need not see it: it is std's atomic there too.
#[derive(Debug, Default)]
pub(crate) struct Counter(std::sync::atomic::AtomicUsize);

impl Counter {
    pub(crate) const fn new() -> Self {
        Self::at(0)
    }

    pub(crate) const fn at(count: usize) -> Self {
        Self(std::sync::atomic::AtomicUsize::new(count))
    }

    /// Sets a counter that only one thread writes at a time, or a hint: a plain store.
    #[inline(always)]
    pub(crate) fn set(&self, to: usize) {
        // ORDERING: Relaxed, no partner; a writer finds its own value, and anybody else any recent one.
        self.0.store(to, Ordering::Relaxed);
    }

    /// Adds to a counter that only one thread writes at a time: a plain load, add and store.
    #[inline]
    pub(crate) fn bump(&self, by: usize) {
        self.set(self.get().wrapping_add(by));
    }

    /// Adds to a counter that many threads write; returns what it was before.
    pub(crate) fn add(&self, by: usize) -> usize {
        // ORDERING: Relaxed, no partner; only the sum matters, to which every call adds once.
        self.0.fetch_add(by, Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        // ORDERING: Relaxed, no partner; as in `set`.
        self.0.load(Ordering::Relaxed)
    }
}

/// How much lies somewhere: exact for whoever may touch it, a hint for anybody else. Half a word.
///
/// Unlike a [`Counter`] it is seen by loom: a sweep decides by it what to close.
#[derive(Debug)]
pub(crate) struct Length(AtomicU32);

impl Length {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    #[inline(always)]
    pub(crate) fn set(&self, to: usize) {
        // ORDERING: Relaxed, no partner; whoever may write next is ordered by what lets it.
        self.0.store(to as u32, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        // ORDERING: Relaxed, no partner; as above, and for anybody else any recent value will do.
        self.0.load(Ordering::Relaxed) as usize
    }
}
