//! The pool: its private slots alone, its sweeps, and the cases that the model predicts.

use std::cell::RefCell;
use std::hint::black_box;
use std::ops::DerefMut;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use ebbtide::{Manual, Pool, Recycle, Settings};

use ebbtide_benches::timing::{cores, cost_of_each, each, meanwhile, median, side_by_side, time, typical, wait_until};

type Bytes = Vec<u8>;

/// About as many pairs between two reads of the clock.
const CHUNK: usize = 4096;

/// Manual epochs, so that no janitor interferes.
const MANUAL: Settings<Manual> = Settings::new().manual();

/// Clears items and refuses large ones.
struct Small;

impl Recycle<Bytes> for Small {
    fn create(&self) -> Bytes {
        Vec::with_capacity(64)
    }

    #[inline]
    fn recycle(&self, item: &mut Bytes) -> bool {
        item.clear();
        item.capacity() <= 64
    }
}

type SmallPool = Pool<Bytes, Small>;

fn pool() -> SmallPool {
    Pool::with_settings(Small, MANUAL)
}

/// Uses an item: reads its header and appends a byte.
fn write(item: &mut Bytes) {
    item.push(1);
    black_box(item);
}

/// Gets an item and puts it back, some thousand times.
fn pairs(pool: &SmallPool) -> usize {
    (0..CHUNK).for_each(|_| write(&mut pool.get()));
    CHUNK
}

/// Gets `size` items and puts them back, the first one first. Repeats this for some thousand pairs.
fn bursts(pool: &SmallPool, size: usize) -> impl FnMut() -> usize {
    burst_of(size, || pool.get(), drop)
}

fn burst_of<I: DerefMut<Target = Bytes>>(
    size: usize,
    mut get: impl FnMut() -> I,
    mut put: impl FnMut(I),
) -> impl FnMut() -> usize {
    // Large enough to share no line with the next thread's.
    let mut held = Vec::with_capacity(size.max(64));
    move || {
        for _ in 0..CHUNK / size {
            held.extend((0..size).map(|_| {
                let mut item = get();
                write(&mut item);
                item
            }));
            held.drain(..).for_each(&mut put);
        }
        CHUNK / size * size
    }
}

/// The cost of a burst's items without a pool. They are on a stack.
pub(crate) fn bare(size: usize) -> f64 {
    let idle = RefCell::new(Vec::new());
    let get = || idle.borrow_mut().pop().unwrap_or_else(|| Box::new(Small.create()));
    let put = |mut item: Box<Bytes>| {
        item.clear();
        idle.borrow_mut().push(item);
    };
    each(burst_of(size, get, put))
}

/// Pairs in each of this many threads.
pub(crate) fn pair(threads: usize) -> f64 {
    let pool = pool();
    side_by_side(threads, |_| each(|| pairs(&pool)))
}

/// Bursts in each of this many threads.
pub(crate) fn burst(threads: usize, size: usize) -> f64 {
    let pool = pool();
    side_by_side(threads, |_| each(bursts(&pool, size)))
}

/// Bursts of 2048 with `max_idle`, so that the items in the shards are counted.
pub(crate) fn counted(threads: usize) -> f64 {
    let pool = Pool::with_settings(Small, MANUAL.max_idle(1 << 40));
    side_by_side(threads, |_| each(bursts(&pool, 2048)))
}

/// Bursts of 2048 in two threads that share a shard.
///
/// A thread's number selects its shard, and threads get numbers in the order of their first use of a pool. So each of
/// the first threads, up to the number of shards, has its own. The next one shares that of the first.
pub(crate) fn one_shard() -> f64 {
    let pool = pool();
    let shards = cores().next_power_of_two().min(64);
    let turn = AtomicUsize::new(0);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..=shards)
            .map(|number| {
                let (pool, turn) = (&pool, &turn);
                scope.spawn(move || {
                    wait_until(|| turn.load(Ordering::Relaxed) == number);
                    drop(pool.get());
                    turn.fetch_add(1, Ordering::Relaxed);
                    wait_until(|| turn.load(Ordering::Relaxed) == shards + 1);
                    (number % shards == 0).then(|| each(bursts(pool, 2048)))
                })
            })
            .collect();
        let times = workers.into_iter().filter_map(|worker| worker.join().expect("a worker panicked"));
        times.sum::<f64>() / 2.0
    })
}

/// Guards that hold the pool instead of borrowing it, which counts references.
pub(crate) fn owned(threads: usize) -> f64 {
    let pool = Arc::new(pool());
    side_by_side(threads, |_| {
        each(|| {
            (0..CHUNK).for_each(|_| write(&mut pool.get_owned()));
            CHUNK
        })
    })
}

/// Bursts of 2048 while the recycler refuses what a second thread puts into this pool or, if `apart`, into another one.
pub(crate) fn refused(apart: bool) -> f64 {
    let pools = [pool(), pool()];
    drop((pools[0].get(), pools[1].get()));
    let other = &pools[usize::from(apart)];
    meanwhile(1, || other.put(Vec::with_capacity(100)), || each(bursts(&pools[0], 2048)))
}

/// Bursts of 16 while a second thread sweeps the pool now and then. The time that each sweep costs the owner.
pub(crate) fn swept() -> f64 {
    let pool = pool();
    cost_of_each(|| sweep(&pool), || each(bursts(&pool, 16)))
}

fn sweep(pool: &SmallPool) {
    black_box(pool.advance());
}

/// A sweep of an empty pool that this many threads have used.
pub(crate) fn sweep_empty(threads: usize) -> f64 {
    let pool = pool();
    crowd(threads, &pool, 1, 0, || {});
    pool.clear();
    typical(|| {}, || sweep(&pool))
}

/// A sweep that takes full private slots from each of this many threads.
pub(crate) fn sweep_full(threads: usize) -> f64 {
    let pool = pool();
    let mut times = Vec::new();
    crowd(threads, &pool, 12, 32, || {
        times.push(time(|| sweep(&pool)));
        pool.clear();
    });
    median(times)
}

/// This many threads put `items` items each, wait while `between` runs, and repeat.
fn crowd(threads: usize, pool: &SmallPool, turns: usize, items: usize, mut between: impl FnMut()) {
    let turn = Barrier::new(threads + 1);
    thread::scope(|scope| {
        for _ in 0..threads {
            let turn = &turn;
            let body = move || {
                for _ in 0..turns {
                    drop(pool.get());
                    drop((0..items).map(|_| pool.get()).collect::<Vec<_>>());
                    turn.wait();
                    turn.wait();
                }
            };
            let builder = thread::Builder::new().stack_size(64 << 10);
            builder.spawn_scoped(scope, body).expect("a thread can be started");
        }
        for _ in 0..turns {
            turn.wait();
            between();
            turn.wait();
        }
    });
}
