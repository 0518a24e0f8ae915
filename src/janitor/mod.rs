//! The process-wide threads that sweep the timed pools.
//!
//! An item's `Drop` may take long, and must not delay the sweeps of other pools. So the janitor only sweeps. It leaves
//! what there is to drop to a second thread, the dropper. If that is inside a `Drop` while jobs wait, the janitor
//! starts another. The first two start together, so that a program that enters a sandbox later has both.

mod entries;
#[cfg(feature = "pressure")]
pub mod pressure;
mod registry;
mod round;
mod threads;
#[cfg(feature = "bounded")]
#[cfg_attr(all(loom, feature = "loom"), path = "timer_loom.rs")]
pub(crate) mod timer;
mod trimming;

#[cfg(feature = "bounded")]
use crate::engine::item::Payload;
use crate::engine::item::{discard, keep_first, raise};
use crate::engine::registration::{Registration, Rest};
use crate::engine::tally::Swept;
#[cfg(feature = "bounded")]
use crate::sync::thread::Weak;
use crate::sync::{Arc, clock};
use registry::{Call, collect};
use round::round;
pub(crate) use round::{Job, Pass, PoolHeap, Sweepable};

/// Registers a pool with the janitor, which then sweeps it at this interval, in nanoseconds. Exists only for items that are
/// `Send + 'static`.
#[derive(Debug)]
pub struct Registrar<T>(for<'a> fn(Arc<dyn PoolHeap<T> + 'a>, u64));

impl<T: Send + 'static> Registrar<T> {
    pub(crate) const NEW: Self = Self(|heap, every| add(&heap.sweepable(), every));
}

impl<T> Registrar<T> {
    pub(crate) fn register(&self, heap: &Arc<impl PoolHeap<T>>, every: u64) {
        (self.0)(Arc::clone(heap) as Arc<dyn PoolHeap<T> + '_>, every);
    }
}

/// Adds a pool, and starts the threads if they do not run.
fn add(pool: &Arc<dyn Sweepable>, every: u64) {
    #[cfg(not(all(loom, feature = "loom")))]
    crate::sync::on_vacated(threads::revisit);
    call(pool.registration(), registry::add(pool, every));
}

/// Calls the janitor for a pool. If it cannot be started, the pool is left unattended, so that a later use tries again.
/// Without a clock there is no janitor.
fn call(registration: &Registration, call: Call) {
    if !threads::call(call) && clock().is_some() {
        registration.stop();
    }
}

/// Runs work for a pool on a thread of its own at once, or if there is none to be had, on this one. A panic that it
/// returns is counted.
#[cfg(feature = "bounded")]
pub(crate) fn run_soon(pool: Weak<impl Sweepable + 'static>, work: impl FnOnce() -> Option<Payload> + Send + 'static) {
    threads::run_soon(Job::apart(pool, work));
}

/// Removes a pool, if it is registered. Runs the job that a round left for it, if no other thread has begun it.
pub(crate) fn forget(registration: &Registration) {
    if let Some((_, Some(panic))) = registry::remove(registration).map(Job::run) {
        discard(panic);
    }
}

/// Parks a pool that the caller has left, if `look` says how long: rounds leave it out for that time, or until [`attend`]
/// is called. A thread that makes an item idle meanwhile either sees that the pool is unattended, or `look` sees the item.
pub(crate) fn park(registration: &Registration, look: impl FnOnce() -> Option<Rest>) {
    match look() {
        Some(rest) => registry::park(registration, rest),
        None => attend(registration),
    }
}

/// Lets sweeps come again to a pool that was parked, or that has no janitor. Then it takes the registry's lock. A pool
/// that may be parked calls this when a sweep has something to do there, after the barrier or the lock that
/// [`Registration`] names.
#[inline]
pub(crate) fn attend(registration: &Registration) {
    if registration.is_unattended() {
        call(registration, registry::unpark(registration));
    }
}

/// Ends the janitor's threads, and the one for the timeouts of a `BoundedPool`. When this returns, they have ended and
/// hold no items. For programs that unload the library whose code drops the items, or that look for leaked threads at
/// exit.
///
/// Idle items stay. Items that a sweep has condemned are dropped, by the threads or by this call. It waits for a `Drop`,
/// a creation or a waker that runs on one of the threads.
///
/// Until the threads start again, only `advance` and [`advance_all`] sweep. They start at the first use of another pool
/// with timed epochs. So that every pool in use is swept, they also start when a `get` or `prefill` creates an item,
/// when a returned item finds no room in the private slots, and when any returns to a `BoundedPool`, or to a pool that the
/// janitor left alone because nothing was idle.
///
/// Tasks that wait with a timeout are woken. The first that then waits on starts the thread for timeouts again.
///
/// In an item's `Drop` or a waker on one of these threads, it does nothing. In the child of a `fork` it must not be
/// called, because the threads are the parent's.
///
/// ```
/// use ebbtide::{Pool, stop_janitor};
///
/// static BUFFERS: Pool<Vec<u8>> = Pool::new();
///
/// drop(BUFFERS.get());
/// BUFFERS.clear();
/// stop_janitor();
/// ```
pub fn stop_janitor() {
    threads::stop();
}

/// Sets whether the janitor makes the system allocator return free memory to the system. It does so unless this is
/// called with `false`.
///
/// Only glibc needs that: it keeps most of what was freed. After the janitor has dropped items of all pools that together
/// [weighed](crate::Recycle::weight) 16 MiB, it calls `malloc_trim(0)`. An item of unknown weight counts as 1 MiB: one
/// of a `BoundedPool`, or one with a `Drop` that weighs only its own size.
///
/// That looks at all free memory of the process, and holds the lock of one heap after the other. Threads that allocate
/// from that heap wait meanwhile: some tens of milliseconds after a burst of 400 MiB. When trims have taken half a
/// second, they pause until they have taken 1 % of the time.
///
/// Turn it off if no thread may wait so long, or if the program trims by itself. It has no effect on other allocators.
/// [`Pool::advance`](crate::Pool::advance), [`Pool::clear`](crate::Pool::clear) and [`advance_all`] never trim.
///
/// ```
/// ebbtide::set_trimming(false);
/// ```
pub fn set_trimming(on: bool) {
    registry::registry().trimming.on = on && crate::sync::heap::KEEPS;
    threads::call_dropper();
}

/// Sweeps every pool in the process that has timed epochs and idle items, all at once, as a garbage collection does in
/// Go. Returns the sum of what the sweeps did. A `BoundedPool` that only has what it keeps may be left out.
///
/// A pool that is being swept at the moment is left out. The items are dropped on this thread, one pool after the
/// other. So a slow `Drop` delays those that come after it.
///
/// ```
/// use ebbtide::{Pool, advance_all};
///
/// static BUFFERS: Pool<Vec<u8>> = Pool::new();
///
/// drop(BUFFERS.get());
/// advance_all(); // say, when the system is short of memory
/// advance_all();
/// assert_eq!(BUFFERS.idle(), 0);
/// ```
///
/// # Panics
///
/// If the `Drop` of items panics, the first such panic resumes here, after all pools were swept. If the thread already
/// unwinds, it does not resume.
pub fn advance_all() -> Swept {
    let (mut sum, mut first) = (Swept::default(), None);
    for (swept, panic) in round(collect(true).unwrap_or_default()).into_iter().map(Job::run) {
        sum += swept;
        panic.into_iter().for_each(|panic| keep_first(&mut first, panic));
    }
    if let Some(panic) = first {
        raise(panic);
    }
    sum
}
