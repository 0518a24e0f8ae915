//! The only place that names atomics, locks, cells, threads, libc or loom.
//!
//! Everything above imports those from here. So one switch puts the whole algorithm under the model checker:
//! `cfg(loom)` with the feature `loom`. A few things concern no model and come from std itself: the `Arc` that users
//! and wakers hold, whether this thread is panicking, and when the janitor's clock began.
//!
//! Loom cannot run crossbeam's queues, std's thread-locals and the asymmetric barrier. Each has a stand-in, in the file
//! that wraps the real thing. `shuttle-tests` has shuttle in loom's place. `cfg(loom_is_shuttle)` marks where that
//! makes a difference.

mod atomic;
mod cell;
mod clock;
mod constants;
mod count;
pub(crate) mod fence;
#[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
pub(crate) mod heap;
mod once;
mod per_thread;
mod queue;
mod recent;
#[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
pub(crate) mod signals;
pub(crate) mod thread;
mod thread_id;
mod users;

pub(crate) use atomic::{Arc, AtomicBool, AtomicIsize, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
pub(crate) use cell::UnsafeCell;
pub(crate) use clock::{Instant, clock};
pub(crate) use constants::{const_unless_loom, static_per_execution};
pub(crate) use count::{Counter, Length, SmallCounter};
pub(crate) use once::OnceArc;
pub(crate) use per_thread::{PerThread, Retired};
pub(crate) use queue::Queue;
pub(crate) use thread::cpus;
#[cfg(not(all(loom, feature = "loom")))]
pub(crate) use thread_id::on_vacated;
#[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
pub(crate) use thread_id::vacated;
pub(crate) use thread_id::{hold_number, number};

/// A full fence under loom, which takes the SeqCst operation before it for AcqRel. Elsewhere nothing.
#[inline(always)]
pub(crate) fn seq_cst() {
    #[cfg(all(loom, feature = "loom"))]
    fence::full();
}
