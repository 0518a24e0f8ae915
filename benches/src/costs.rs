//! What the machine's own operations cost, in nanoseconds: cache lines, atomics, racks and barriers, without a pool.

use std::cell::Cell;
use std::hint::black_box;
use std::iter;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, fence};
use std::thread;

use crate::timing::{cost_of_each, each, meanwhile, median, side_by_side, time, typical, wait_until};

/// The costs that tell one kind of machine from another, once each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Costs {
    pub(crate) locked: f64,
    pub(crate) line: f64,
    pub(crate) barrier: f64,
    pub(crate) barrier_busy: f64,
}

impl Costs {
    pub(crate) fn measure() -> Self {
        Self { locked: rmw(1), line: turns(), barrier: barrier(0), barrier_busy: barrier(1) }
    }
}

/// A value that shares no pair of cache lines with another.
#[derive(Default)]
#[repr(align(128))]
struct Padded<T>(T);

/// Operations between two reads of the clock.
const CHUNK: usize = 1024;

/// Two cores write a line in turn. The time from one write to the other, which is half a round trip.
pub fn transfer() -> f64 {
    median((0..31).map(|_| turns()).collect())
}

/// The current distance between two cores: the same, as the minimum of some tries.
pub fn distance() -> f64 {
    (0..5).map(|_| turns()).fold(f64::INFINITY, f64::min)
}

fn turns() -> f64 {
    let turn = Padded(AtomicUsize::new(0));
    let rounds = 4 * CHUNK;
    let all = side_by_side(2, |me| {
        time(|| {
            for round in 0..rounds {
                wait_until(|| turn.0.load(Ordering::Acquire) == 2 * round + me);
                turn.0.store(2 * round + me + 1, Ordering::Release);
            }
        })
    });
    all / (2 * rounds) as f64
}

/// Dependent loads of lines that another core wrote. The time of each.
pub fn load() -> f64 {
    let lines: Vec<Padded<AtomicUsize>> = (0..THINGS).map(|_| Padded::default()).collect();
    let order = scattered();
    let write = || {
        for (at, &place) in order.iter().enumerate() {
            lines[place].0.store(order[(at + 1) % THINGS], Ordering::Relaxed);
        }
    };
    let read = || {
        black_box((0..THINGS).fold(0, |place, _| lines[place].0.load(Ordering::Relaxed)));
    };
    after_another_core(write, read)
}

/// Uses of items that another core used last. The additional time of each.
pub fn item() -> f64 {
    let items: Vec<_> = (0..THINGS).map(|_| Box::new(Vec::with_capacity(64))).collect();
    let items = Mutex::new(items);
    let order = scattered();
    // The two sides take turns. The mutex is only for the compiler.
    let touch = || {
        let mut items = items.lock().expect("no side panics");
        for &place in &order {
            let item: &mut Vec<u8> = &mut items[place];
            item.push(1);
            black_box(&mut *item);
            item.clear();
        }
    };
    after_another_core(touch, touch)
}

/// The number of lines or items that another core writes before they are read.
const THINGS: usize = 256;

/// A cycle through all places that no prefetcher predicts, from a linear congruential generator.
fn scattered() -> Vec<usize> {
    iter::successors(Some(0), |place| Some((place * 109 + 89) % THINGS)).take(THINGS).collect()
}

/// The time of `read` after another core's `write`, minus its time after this core's, for each thing.
fn after_another_core(write: impl Fn() + Sync, read: impl Fn()) -> f64 {
    let (asked, done) = (Padded(AtomicUsize::new(0)), Padded(AtomicUsize::new(0)));
    let answer = || {
        let wanted = asked.0.load(Ordering::Acquire);
        if done.0.load(Ordering::Relaxed) != wanted {
            write();
            done.0.store(wanted, Ordering::Release);
        }
    };
    let ask = || {
        let wanted = asked.0.load(Ordering::Relaxed) + 1;
        asked.0.store(wanted, Ordering::Release);
        wait_until(|| done.0.load(Ordering::Acquire) == wanted);
    };
    let written = meanwhile(1, answer, || typical(ask, &read));
    let own = typical(&write, &read);
    (written - own).max(0.0) / THINGS as f64
}

/// Atomic read-modify-writes of one line by this many threads that do nothing else. One thread's time for one.
pub fn rmw(threads: usize) -> f64 {
    let line = Padded(AtomicUsize::new(0));
    side_by_side(threads, |_| {
        each(|| {
            for _ in 0..CHUNK {
                black_box(line.0.fetch_add(1, Ordering::Relaxed));
            }
            CHUNK
        })
    })
}

/// A full fence after a store that it must wait for.
pub fn full_fence() -> f64 {
    let line = Padded(AtomicUsize::new(0));
    each(|| {
        for at in 0..CHUNK {
            line.0.store(at, Ordering::Relaxed);
            fence(Ordering::SeqCst);
        }
        CHUNK
    })
}

/// A claim of the private slots: a compare-exchange sets a mark on a private line, and a store clears it.
pub fn claim() -> f64 {
    let floor = Padded(AtomicUsize::new(0));
    each(|| {
        for _ in 0..CHUNK {
            let before = floor.0.load(Ordering::Relaxed);
            black_box(floor.0.compare_exchange(before, 1, Ordering::Acquire, Ordering::Relaxed)).ok();
            floor.0.store(0, Ordering::Release);
        }
        CHUNK
    })
}

/// A copy of the pool's rack, with the same operations on the same lines. Its contents are never read.
struct Rack([AtomicPtr<usize>; 128]);

impl Rack {
    fn new() -> Padded<Self> {
        Padded(Self(std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut()))))
    }

    /// All places, from the one below the caller's hint up and around.
    fn places(&self, hint: &Cell<usize>) -> impl Iterator<Item = usize> + use<> {
        let first = hint.get() + self.0.len() - 1;
        let len = self.0.len();
        (first..first + len).map(move |place| place % len)
    }

    fn push(&self, hint: &Cell<usize>, array: *mut usize) -> bool {
        let mut places = self.places(hint);
        let filled = places.find(|&index| {
            let place = &self.0[index];
            place.load(Ordering::Relaxed).is_null()
                && place.compare_exchange(ptr::null_mut(), array, Ordering::SeqCst, Ordering::Relaxed).is_ok()
        });
        filled.inspect(|index| hint.set(index + 1)).is_some()
    }

    fn pop(&self, hint: &Cell<usize>) -> Option<*mut usize> {
        self.places(hint).find_map(|index| {
            if self.0[index].load(Ordering::SeqCst).is_null() {
                return None;
            }
            let array = self.0[index].swap(ptr::null_mut(), Ordering::Acquire);
            (!array.is_null()).then(|| hint.set(index)).map(|()| array)
        })
    }
}

/// A push and a pop at one rack by each of this many threads. A few arrays always stay in it.
pub fn rack(threads: usize) -> f64 {
    let rack = &Rack::new().0;
    let array = || ptr::dangling_mut::<usize>();
    let hint = Cell::new(0);
    (0..32).for_each(|_| assert!(rack.push(&hint, array()), "there is room"));
    side_by_side(threads, |_| {
        let hint = Cell::new(0);
        each(|| {
            for _ in 0..CHUNK {
                black_box(rack.push(&hint, array()));
                black_box(rack.pop(&hint));
            }
            CHUNK
        })
    })
}

/// A pop from an empty rack, which reads all of it, with its lines in the own cache.
pub fn empty_rack() -> f64 {
    let rack = &Rack::new().0;
    each(|| (0..CHUNK).filter(|_| black_box(rack).pop(&Cell::new(0)).is_none()).count())
}

/// A heavy barrier while this many other threads are busy.
pub fn barrier(busy: usize) -> f64 {
    meanwhile(busy, spend_time, || typical(|| {}, heavy))
}

/// A heavy barrier while this many other threads sleep.
pub fn barrier_sleepers(sleepers: usize) -> f64 {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let sleep = || {
            while !over.load(Ordering::Relaxed) {
                thread::park();
            }
        };
        let parked: Vec<_> = (0..sleepers).map(|_| scope.spawn(sleep)).collect();
        let result = typical(|| {}, heavy);
        over.store(true, Ordering::Relaxed);
        parked.iter().for_each(|sleeper| sleeper.thread().unpark());
        result
    })
}

/// The time that a heavy barrier costs a thread that it interrupts.
pub fn interrupted() -> f64 {
    let work = || {
        each(|| {
            spend_time();
            1
        })
    };
    cost_of_each(heavy, work)
}

/// About a microsecond of work that no other thread sees.
fn spend_time() {
    for at in 0..CHUNK {
        black_box(at);
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn heavy() {
    let membarrier = |command: libc::c_int| {
        // SAFETY: `membarrier` takes three integers and doesn't touch this process's memory. An unknown command is an
        // error.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }
    };
    // Where the system has no such barrier, the pool uses fences.
    if membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0
        && membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0
    {
        fence(Ordering::SeqCst);
    }
}

/// Without that system call the pool uses fences, or a call that this program can't make.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn heavy() {
    fence(Ordering::SeqCst);
}
