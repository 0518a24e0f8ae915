//! A signal stops threads wherever they are, until others have made progress.

use std::cell::Cell;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, compiler_fence};
use std::thread;
use std::time::{Duration, Instant};

/// A stopped thread continues when the others have done enough, or when they have waited for it for this long.
pub(crate) const LIMIT: Duration = Duration::from_millis(5);

// ORDERING in this program: SeqCst, as the simplest. No timed operation contains any of these.
static HOLD: AtomicBool = AtomicBool::new(false);
/// Whether the signalled thread is in the handler, and whether it was inside an operation.
static STOPPED: AtomicBool = AtomicBool::new(false);
static WAS_INSIDE: AtomicBool = AtomicBool::new(false);

thread_local! {
    // It is neither lazily made nor dropped, so the handler may read it.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

extern "C" fn stop(_: libc::c_int) {
    WAS_INSIDE.store(INSIDE.get(), Ordering::SeqCst);
    STOPPED.store(true, Ordering::SeqCst);
    while HOLD.load(Ordering::SeqCst) {
        let pause = libc::timespec { tv_sec: 0, tv_nsec: 20_000 };
        // SAFETY: `nanosleep` is async-signal-safe, and `pause` is valid for reads.
        unsafe { libc::nanosleep(&pause, std::ptr::null_mut()) };
    }
    STOPPED.store(false, Ordering::SeqCst);
}

pub(crate) fn install() {
    // SAFETY: all zeros is a valid `sigaction`. The handler calls only async-signal-safe functions.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = stop as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0, "no handler");
    }
}

/// A thread that can be stopped or watched.
#[derive(Clone, Copy)]
pub(crate) struct Thread {
    handle: libc::pthread_t,
    id: libc::pid_t,
}

impl Thread {
    /// The calling thread.
    pub(crate) fn this() -> Self {
        // SAFETY: neither has preconditions.
        unsafe { Self { handle: libc::pthread_self(), id: libc::gettid() } }
    }

    /// The time that it has spent on a core.
    fn spent(self) -> Duration {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let mut clock = 0;
        // SAFETY: the thread lives, as `stop_each` was promised, and both results are valid for writes.
        let failed = unsafe {
            libc::pthread_getcpuclockid(self.handle, &raw mut clock) != 0
                || libc::clock_gettime(clock, &raw mut time) != 0
        };
        assert!(!failed, "a thread's clock can be read");
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }

    /// Whether it is asleep, and not only without a core.
    fn sleeps(self) -> bool {
        let status = fs::read_to_string(format!("/proc/self/task/{}/stat", self.id)).expect("it lives");
        // The state follows the name, which is in brackets.
        status.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
    }
}

/// Runs one operation of a pool, the target of a stop.
#[inline]
pub(crate) fn inside<O>(operation: impl FnOnce() -> O) -> O {
    INSIDE.set(true);
    compiler_fence(Ordering::SeqCst);
    let outcome = operation();
    compiler_fence(Ordering::SeqCst);
    INSIDE.set(false);
    outcome
}

/// What another thread must do while one is stopped.
#[derive(Clone, Copy)]
pub(crate) struct Other<'a> {
    pub(crate) thread: Thread,
    /// An increasing count, and by how much it must increase.
    pub(crate) done: &'a AtomicUsize,
    pub(crate) enough: usize,
    /// Whether it sleeps between operations.
    pub(crate) pauses: bool,
}

/// The progress of another thread when one was stopped.
struct Since<'a> {
    other: Other<'a>,
    done: usize,
    spent: Duration,
    start: Instant,
}

impl<'a> Since<'a> {
    fn now(other: Other<'a>) -> Self {
        Self { other, done: other.done.load(Ordering::SeqCst), spent: other.thread.spent(), start: Instant::now() }
    }

    fn is_done(&self) -> bool {
        self.other.done.load(Ordering::SeqCst) - self.done >= self.other.enough
    }

    /// Whether it waits for the stopped thread. It has been on a core for far longer than it needs, or is asleep at a
    /// lock. Lacking a core doesn't count.
    fn waits(&self) -> bool {
        self.start.elapsed() > LIMIT
            && (self.other.thread.spent() - self.spent > LIMIT || !self.other.pauses && self.other.thread.sleeps())
            && !self.is_done()
    }
}

/// The stops inside an operation, and how often each of the others, at most two, waited for the stopped thread.
#[derive(Default)]
pub(crate) struct Stops {
    pub(crate) inside: usize,
    pub(crate) held_up: [usize; 2],
}

/// Stops these threads in turn, at random moments, until this many stops were inside an operation.
///
/// # Safety
///
/// All threads live until this returns.
pub(crate) unsafe fn stop_each(threads: &[Thread], stops: usize, others: &[Other<'_>]) -> Stops {
    let mut random = 1_u64;
    let mut outcome = Stops::default();
    for thread in threads.iter().cycle() {
        if outcome.inside == stops {
            break;
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let end = Instant::now() + Duration::from_micros(random >> 33 & 0xFF);
        until(|| Instant::now() >= end);
        HOLD.store(true, Ordering::SeqCst);
        // SAFETY: it lives, as the caller promises.
        unsafe { libc::pthread_kill(thread.handle, libc::SIGUSR1) };
        until(|| STOPPED.load(Ordering::SeqCst));
        let others: Vec<_> = others.iter().copied().map(Since::now).collect();
        for (held_up, since) in outcome.held_up.iter_mut().zip(others) {
            let mut waits = false;
            until(|| {
                waits = since.waits();
                waits || since.is_done()
            });
            *held_up += usize::from(waits && WAS_INSIDE.load(Ordering::SeqCst));
        }
        outcome.inside += usize::from(WAS_INSIDE.load(Ordering::SeqCst));
        HOLD.store(false, Ordering::SeqCst);
        until(|| !STOPPED.load(Ordering::SeqCst));
    }
    outcome
}

/// Waits for a condition without sleeping, so that no moment is likelier than another.
fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}
