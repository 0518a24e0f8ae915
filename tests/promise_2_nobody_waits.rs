//! Promise 2: a signal stops threads at random points, thousands of times, and they block nobody.
//!
//! The stopped threads continue only after the others have done their work. If any thread waited for a stopped thread,
//! both would wait forever. Only a hang misses the deadline, so no result depends on timing.

#![cfg(unix)]

mod common;
#[path = "common/unlocked.rs"]
mod unlocked;

use std::array;
use std::os::unix::thread::JoinHandleExt;
use std::sync::{Arc, Mutex, MutexGuard, Once};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use common::{Count, Dice, Ledger, MANUAL, Maker, holds_within, lock, until};
use ebbtide::{BufferPool, Pool, Pooled, Settings, Stats, Swept, advance_all, buffers};

#[global_allocator]
static ALLOCATOR: unlocked::Unlocked = unlocked::Unlocked;

/// Whether threads in the handler stay there, and how many do. The tests take turns.
static HOLD: Count = Count::new();
static STOPPED: Count = Count::new();
/// Set when a stopped thread went on by itself after far too long.
static GAVE_UP: Count = Count::new();

/// Only a hang takes this long.
const FAR_TOO_LONG: Duration = Duration::from_secs(20);

extern "C" fn stop(_: libc::c_int) {
    STOPPED.bump();
    let start = Instant::now();
    while HOLD.get() == 1 && GAVE_UP.get() == 0 {
        if start.elapsed() > FAR_TOO_LONG {
            GAVE_UP.set(1);
        }
        let pause = libc::timespec { tv_sec: 0, tv_nsec: 20_000 };
        // SAFETY: `nanosleep` is async-signal-safe, and `pause` is valid for reads.
        unsafe { libc::nanosleep(&pause, std::ptr::null_mut()) };
    }
    STOPPED.drop_by_one();
}

fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    static ONCE: Once = Once::new();
    let turn = lock(&TURN);
    ONCE.call_once(|| {
        // SAFETY: all zeros is a valid `sigaction`. The handler calls only async-signal-safe functions.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = stop as extern "C" fn(libc::c_int) as usize;
            action.sa_flags = libc::SA_RESTART;
            assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
        }
    });
    GAVE_UP.set(0);
    turn
}

/// A thread that repeats one operation, counts it, and shows whether it is inside it.
struct Looping {
    thread: Option<JoinHandle<()>>,
    shown: Arc<Shown>,
}

#[derive(Default)]
struct Shown {
    done: Count,
    inside: Count,
    over: Count,
}

impl Looping {
    fn new(mut operation: impl FnMut() + Send + 'static) -> Self {
        let shown = Arc::new(Shown::default());
        let theirs = Arc::clone(&shown);
        let thread = thread::spawn(move || {
            while theirs.over.get() == 0 {
                theirs.inside.set(1);
                operation();
                theirs.inside.set(0);
                theirs.done.bump();
            }
        });
        let looping = Self { thread: Some(thread), shown };
        until("it has begun", || looping.done() > 0);
        looping
    }

    fn signal(&self) {
        let thread = self.thread.as_ref().expect("not dropped").as_pthread_t();
        // SAFETY: the thread is not joined yet, so its handle is valid.
        assert_eq!(unsafe { libc::pthread_kill(thread, libc::SIGUSR1) }, 0);
    }

    fn done(&self) -> usize {
        self.shown.done.get()
    }
}

impl Drop for Looping {
    fn drop(&mut self) {
        self.shown.over.set(1);
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || thread::panicking());
        }
    }
}

/// Waits until `condition` holds, without sleeping.
#[track_caller]
fn soon(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < FAR_TOO_LONG, "waited in vain until {what}");
        thread::yield_now();
    }
}

/// Stops all these threads, runs `meanwhile`, and lets them continue. Returns how many were inside an operation.
#[track_caller]
fn while_stopped(threads: &[Looping], meanwhile: impl FnOnce()) -> usize {
    struct Release;
    impl Drop for Release {
        fn drop(&mut self) {
            HOLD.set(0);
        }
    }
    HOLD.set(1);
    let release = Release;
    threads.iter().for_each(Looping::signal);
    soon("all are stopped", || STOPPED.get() == threads.len());
    let inside = threads.iter().filter(|thread| thread.shown.inside.get() == 1).count();
    meanwhile();
    drop(release);
    soon("all have gone on", || STOPPED.get() == 0);
    inside
}

/// Lets the threads run for a random time.
fn run_on(dice: &mut Dice) {
    let start = Instant::now();
    let time = Duration::from_micros(dice.below(200) as u64);
    while start.elapsed() < time {
        thread::yield_now();
    }
}

/// Zero-sized items, which need no memory.
type Plain = Pool<(), fn()>;

/// So few items at once that a rack never overflows.
const fn plain(slots: usize) -> Plain {
    Pool::with_settings(|| (), MANUAL.private_slots(slots))
}

/// Gets `N` items and puts them back.
fn burst<const N: usize>(pool: &Plain) {
    drop(array::from_fn::<_, N, _>(|_| pool.get()));
}

/// What one thread did while others were stopped.
#[derive(Debug, Default)]
struct Meanwhile {
    private_hits: usize,
    spills: usize,
    /// From shared queues, of any shard.
    refills: usize,
    sweeps: usize,
    /// Sweeps that were refused, as a stopped thread had the token.
    refused_sweeps: usize,
    /// Slot sets that sweeps left alone, as their owners were stopped inside a claim.
    claimed: usize,
}

impl Meanwhile {
    /// Uses every operation of a pool.
    #[track_caller]
    fn of_everything(&mut self, pool: &Plain) {
        let at_work = |what: &str| assert_eq!(GAVE_UP.get(), 0, "{what} waited for a stopped thread");
        for _ in 0..2 {
            let before = pool.stats();
            for _ in 0..50 {
                drop(pool.get());
            }
            at_work("a get or put");
            let after = pool.stats();
            let shared = |stats: &ebbtide::Stats| stats.refills + stats.steals + stats.rescues + stats.created;
            self.private_hits += 50_usize.saturating_sub(shared(&after) - shared(&before));
            burst::<30>(pool);
            at_work("a burst of gets and puts");
            let stats = pool.stats();
            self.spills += stats.spills - before.spills;
            self.refills += shared(&stats) - stats.created + before.created - shared(&before);
            let swept = pool.advance();
            at_work("a sweep");
            match swept {
                Some(swept) => {
                    self.sweeps += 1;
                    self.claimed += swept.left_busy;
                }
                None => self.refused_sweeps += 1,
            }
        }
    }
}

/// Threads are stopped at random points inside get and put.
#[test]
fn stopped_users_block_nobody() {
    const ROUNDS: usize = 250;
    /// How far a thread that puts may be ahead of one that takes.
    const LEAD: usize = 30;
    let _turn = turn();
    // Arrays have room for one item. So every spill needs an empty one, and every refill leaves one over.
    let pool = Arc::new(plain(2));
    let lead = Arc::new(Count::new());
    let bursts = {
        let (pool, mut dice) = (Arc::clone(&pool), Dice::new(1));
        move || match dice.below(4) {
            0 => burst::<1>(&pool),
            1 => burst::<4>(&pool),
            2 => burst::<17>(&pool),
            _ => burst::<30>(&pool),
        }
    };
    let give = {
        let (pool, lead) = (Arc::clone(&pool), Arc::clone(&lead));
        move || match lead.get() {
            far if far > LEAD => thread::yield_now(),
            _ => {
                pool.put(());
                lead.bump();
            }
        }
    };
    let take = {
        let (pool, lead) = (Arc::clone(&pool), Arc::clone(&lead));
        move || match pool.try_get() {
            Some(item) if lead.get() > 0 => {
                let () = Pooled::detach(item);
                lead.drop_by_one();
            }
            Some(_) => {}
            // Another thread took or dropped the items.
            None => lead.set(0),
        }
    };
    let threads = [Looping::new(bursts), Looping::new(give), Looping::new(take)];
    let (mut inside, mut done, mut dice, start) = (0, Meanwhile::default(), Dice::new(2), Instant::now());
    for _ in 0..ROUNDS {
        run_on(&mut dice);
        inside += while_stopped(&threads, || done.of_everything(&pool));
    }
    println!(
        "{} stops, {inside} inside an operation, in {:?}: {done:?}, {:?}",
        ROUNDS * threads.len(),
        start.elapsed(),
        pool.stats()
    );
    drop(threads);
    assert_eq!((done.sweeps, done.refused_sweeps), (2 * ROUNDS, 0));
    for times in [inside, done.private_hits, done.spills, done.refills, done.claimed] {
        assert!(times > 0, "something was not tested");
    }
}

/// Threads are stopped inside a sweep, and inside gets and puts that a sweep keeps out of their slots.
#[test]
fn a_stopped_sweep_blocks_nobody() {
    const ROUNDS: usize = 400;
    let _turn = turn();
    let pool = Arc::new(plain(8));
    let sweep = {
        let pool = Arc::clone(&pool);
        move || {
            burst::<17>(&pool);
            assert!(pool.advance().is_some(), "nobody else sweeps meanwhile");
        }
    };
    let bursts = {
        let pool = Arc::clone(&pool);
        move || burst::<17>(&pool)
    };
    let threads = [Looping::new(sweep), Looping::new(bursts)];
    let (mut inside, mut done, mut dice, start) = (0, Meanwhile::default(), Dice::new(3), Instant::now());
    for _ in 0..ROUNDS {
        run_on(&mut dice);
        inside += while_stopped(&threads, || done.of_everything(&pool));
    }
    println!(
        "{} stops, {inside} inside an operation, in {:?}: {done:?}, {:?}",
        ROUNDS * threads.len(),
        start.elapsed(),
        pool.stats()
    );
    drop(threads);
    for times in [inside, done.private_hits, done.spills, done.refills, done.sweeps, done.refused_sweeps] {
        assert!(times > 0, "something was not tested");
    }
}

/// Threads are stopped at random points, many inside a claim, while sweeps go on. They keep what they claimed. No item
/// is lost, duplicated or owned twice.
#[test]
fn stopped_threads_keep_their_claims() {
    const ROUNDS: usize = 60;
    let _turn = turn();
    let ledger = Ledger::new();
    let pool = Arc::new(Pool::with_settings(Maker(Arc::clone(&ledger)), MANUAL.private_slots(4)));
    let stopped: Vec<_> = (0..3)
        .map(|_| {
            let pool = Arc::clone(&pool);
            Looping::new(move || {
                let guards = (pool.get(), pool.get());
                guards.0.own();
                guards.1.own();
                guards.0.disown();
                guards.1.disown();
            })
        })
        .collect();
    let sweeping = {
        let pool = Arc::clone(&pool);
        Looping::new(move || {
            pool.advance().expect("the only thread that sweeps");
        })
    };
    let using = {
        let pool = Arc::clone(&pool);
        Looping::new(move || {
            let guards = std::array::from_fn::<_, 6, _>(|_| pool.get());
            guards.iter().for_each(|item| item.own());
            guards.iter().for_each(|item| item.disown());
        })
    };
    let (mut inside, mut dice) = (0, Dice::new(4));
    for _ in 0..ROUNDS {
        run_on(&mut dice);
        inside += while_stopped(&stopped, || {
            let before = (sweeping.done(), using.done());
            // Not always: a stopped thread may hold the ledger's lock, or be in the middle of crossbeam's queue.
            holds_within(Duration::from_millis(50), || sweeping.done() > before.0 + 3 && using.done() > before.1 + 3);
        });
    }
    let stats = pool.stats();
    println!(
        "{ROUNDS} stops of 3 threads, {inside} of them inside an operation; {} sweeps left {} slot sets alone",
        stats.sweeps, stats.left_busy
    );
    drop((stopped, sweeping, using));
    assert_eq!(pool.idle(), ledger.live());
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// A sweep of several pools reports the sum of what it left alone in each, also when two owners are stopped inside a
/// claim.
fn what_was_left_alone_adds_up(
    users: [Looping; 2],
    left_busy: impl Fn() -> [usize; 2],
    sweep_both: impl Fn() -> Swept,
) {
    let (mut stops, mut both, mut dice) = (0, 0, Dice::new(5));
    while stops < 10_000 && both < 3 {
        run_on(&mut dice);
        while_stopped(&users, || {
            let before = left_busy();
            let swept = sweep_both();
            let after = left_busy();
            let left: [_; 2] = array::from_fn(|n| after[n] - before[n]);
            assert_eq!(swept.left_busy, left[0] + left[1]);
            both += usize::from(left == [1, 1]);
        });
        stops += 1;
    }
    println!("stopped {stops} times, {both} times both inside a claim");
    assert!(both > 0, "nothing was tested");
}

#[test]
fn advance_all_counts_busy_slot_sets() {
    let _turn = turn();
    let hour = Settings::new().every(Duration::from_secs(3600));
    let pools = [(); 2].map(|()| Arc::new(Pool::with_settings(|| (), hour.private_slots(2))));
    let users = pools.each_ref().map(|pool| {
        let pool = Arc::clone(pool);
        Looping::new(move || drop((pool.get(), pool.get())))
    });
    what_was_left_alone_adds_up(users, || pools.each_ref().map(|pool| pool.stats().left_busy), advance_all);
}

#[test]
fn a_buffer_pool_counts_busy_slot_sets() {
    let _turn = turn();
    let settings = buffers::Settings::new().smallest(64).largest(128).private_bytes(256).manual();
    let pool = Arc::new(BufferPool::with_settings(settings));
    let users = [64, 128].map(|size| {
        let pool = Arc::clone(&pool);
        Looping::new(move || drop(array::from_fn::<_, 4, _>(|_| pool.get(size))))
    });
    let left_busy = || {
        let mut classes = pool.stats().map(|(_, Stats { left_busy, .. })| left_busy);
        array::from_fn(|_| classes.next().expect("there are two"))
    };
    what_was_left_alone_adds_up(users, left_busy, || pool.advance().expect("no other sweep runs"));
}
