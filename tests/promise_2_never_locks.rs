//! Promise 2: no call waits for another; no user code runs while slots are claimed.
//!
//! That nothing is allocated inside a claim is tested in `allocator`.

mod common;

use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex};

use common::{Count, MANUAL, lock, on_thread, until};
use ebbtide::{Pool, Recycle, Swept};

/// Calls `advance` wherever user code runs. A sweep leaves out the slots of a thread that is inside a claim, and counts
/// them: so the count tells whether this code runs inside one.
struct Probing;

struct Probe;

static PROBED: Pool<Probe, Probing> = Pool::with_settings(Probing, MANUAL.private_slots(4).max_idle(20));
static PROBES: Count = Count::new();
static CLAIMED: Count = Count::new();

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

fn probe() {
    if INSIDE.replace(true) {
        return;
    }
    PROBES.bump();
    // On one thread there is no other sweep that could have the token, unless this code runs in the middle of one.
    let swept: Option<Swept> = PROBED.advance();
    if swept.is_none_or(|swept| swept.left_busy > 0) {
        CLAIMED.bump();
    }
    INSIDE.set(false);
}

impl Recycle<Probe> for Probing {
    fn create(&self) -> Probe {
        probe();
        Probe
    }

    fn recycle(&self, _: &mut Probe) -> bool {
        probe();
        PROBES.get() % 7 != 0
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        probe();
    }
}

/// Create, recycle and `Drop` never run while the thread's slots are claimed or while it has the sweep token.
#[test]
fn user_code_never_runs_inside_a_claim_or_a_sweep() {
    for round in 0..300 {
        let guards: Vec<_> = (0..round % 40).map(|_| PROBED.get()).collect();
        drop(guards);
        PROBED.put(Probe);
        match round % 10 {
            0 => drop(PROBED.advance()),
            5 => drop(PROBED.clear()),
            7 => drop(PROBED.prefill(30)),
            _ => {}
        }
    }
    assert_eq!(CLAIMED.get(), 0, "of {} probes", PROBES.get());
    assert!(PROBES.get() > 1000);
}

/// An item whose `Drop` waits until it is let go.
struct Held(Arc<Hold>);

#[derive(Default)]
struct Hold {
    released: Mutex<bool>,
    changed: Condvar,
    waiting: Count,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut released = lock(&self.0.released);
        self.0.waiting.bump();
        while !*released {
            released = self.0.changed.wait(released).expect("no panic");
        }
    }
}

/// While a sweep is held up in an item's `Drop`, others get, put, spill, sweep and clear.
#[test]
fn a_slow_drop_in_a_sweep_holds_up_nobody() {
    let hold = Arc::new(Hold::default());
    let make = {
        let hold = Arc::clone(&hold);
        move || Held(Arc::clone(&hold))
    };
    let pool = Arc::new(Pool::with_settings(make, MANUAL.private_slots(4)));
    pool.prefill(10);
    pool.advance();
    let sweeping = {
        let pool = Arc::clone(&pool);
        std::thread::spawn(move || pool.advance())
    };
    until("the sweep waits in a drop", || hold.waiting.get() == 1);

    on_thread(|| {
        let guards: Vec<_> = (0..50).map(|_| pool.get()).collect();
        drop(guards);
        assert!(pool.advance().is_some());
        assert_eq!(pool.idle(), 50);
        let again: Vec<_> = (0..50).map(|_| pool.get()).collect();
        assert_eq!(pool.stats().created, 50);
        again.into_iter().for_each(|item| std::mem::forget(ebbtide::Pooled::detach(item)));
        assert_eq!(pool.clear().map(|swept| swept.dropped), Some(0));
    });

    *lock(&hold.released) = true;
    hold.changed.notify_all();
    let swept = sweeping.join().expect("no panic").expect("it was the only sweep when it began");
    assert_eq!(swept.dropped, 10);
}

/// Create may wait as long as it likes, too.
#[test]
fn a_slow_create_holds_up_nobody() {
    let entered = Count::new();
    let released = Count::new();
    let pool = Pool::with_settings(|| vec![0_u8], MANUAL);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| {
            let item = pool.get_with(|| {
                entered.set(1);
                until("it is released", || released.get() == 1);
                vec![1]
            });
            assert_eq!(*item, [1]);
        });
        until("create waits", || entered.get() == 1);
        drop((pool.get(), pool.get()));
        assert!(pool.advance().is_some_and(|swept| swept.left_busy == 0));
        assert!(pool.clear().is_some_and(|swept| swept.left_busy == 0 && swept.dropped == 2));
        released.set(1);
        slow.join().expect("no panic");
    });
    assert_eq!(pool.idle(), 1);
}

/// Threads that are stopped by a signal wherever they happen to be.
#[cfg(unix)]
mod stopped {
    use super::*;

    use std::os::unix::thread::JoinHandleExt;
    use std::sync::Once;
    use std::thread::{self, JoinHandle};
    use std::time::{Duration, Instant};

    use common::{CountedPool, Dice, Ledger, Maker, burst, holds_within};
    use ebbtide::Settings;

    /// Whether threads in the handler stay there, and how many do. The tests that use them take turns.
    static HOLD: Count = Count::new();
    static STOPPED: Count = Count::new();
    static TURN: Mutex<()> = Mutex::new(());

    extern "C" fn stop(_: libc::c_int) {
        STOPPED.bump();
        while HOLD.get() == 1 {
            let pause = libc::timespec { tv_sec: 0, tv_nsec: 200_000 };
            // SAFETY: `nanosleep` may be called in a handler, and `pause` is there to be read.
            unsafe { libc::nanosleep(&pause, std::ptr::null_mut()) };
        }
        STOPPED.drop_by_one();
    }

    fn install_handler() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: all zeros is a valid `sigaction`; the handler calls only what handlers may call.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = stop as extern "C" fn(libc::c_int) as usize;
                action.sa_flags = libc::SA_RESTART;
                assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
            }
        });
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
            Self { thread: Some(thread), shown }
        }

        fn signal(&self) {
            let thread = self.thread.as_ref().expect("not dropped").as_pthread_t();
            // SAFETY: the thread is not joined yet, so its handle is good.
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

    /// Stops all of these threads, runs `meanwhile`, and lets them go on; returns how many were inside an operation.
    fn while_stopped(threads: &[Looping], meanwhile: impl FnOnce()) -> usize {
        struct Release;
        impl Drop for Release {
            fn drop(&mut self) {
                HOLD.set(0);
            }
        }
        until("all have gone on", || STOPPED.get() == 0);
        HOLD.set(1);
        let release = Release;
        threads.iter().for_each(Looping::signal);
        until("all are stopped", || STOPPED.get() == threads.len());
        let inside = threads.iter().filter(|thread| thread.shown.inside.get() == 1).count();
        meanwhile();
        drop(release);
        until("all have gone on", || STOPPED.get() == 0);
        inside
    }

    fn pool(settings: Settings) -> (Arc<CountedPool>, Arc<Ledger>) {
        install_handler();
        let ledger = Ledger::new();
        (Arc::new(Pool::with_settings(Maker(Arc::clone(&ledger)), settings.manual())), ledger)
    }

    /// Threads that are stopped at random points inside get and put, most of them in the shared queues, hold up no
    /// other thread's private hits.
    #[test]
    fn stopped_threads_hold_up_no_private_hit() {
        const ROUNDS: usize = 40;
        let _turn = lock(&TURN);
        let (pool, ledger) = pool(Settings::new().private_slots(4));
        let stopped: Vec<_> = (0..3)
            .map(|seed| {
                let (pool, mut dice) = (Arc::clone(&pool), Dice::new(seed));
                Looping::new(move || drop(burst(&pool, dice.below(30))))
            })
            .collect();
        let watched: Vec<_> = (0..2)
            .map(|_| {
                let pool = Arc::clone(&pool);
                Looping::new(move || drop(pool.get()))
            })
            .collect();
        until("all have begun", || stopped.iter().chain(&watched).all(|thread| thread.done() > 0));

        let (mut inside, mut operations, start) = (0, 0, Instant::now());
        for round in 0..ROUNDS {
            thread::sleep(Duration::from_micros(100 * (round as u64 % 7)));
            inside += while_stopped(&stopped, || {
                // Nothing here may allocate: a stopped thread may hold one of the allocator's locks.
                let before = [watched[0].done(), watched[1].done()];
                let during = || [watched[0].done() - before[0], watched[1].done() - before[1]];
                until("others' private hits go on", || during().iter().all(|done| *done > 500));
                operations += during().iter().sum::<usize>();
            });
        }
        println!(
            "{ROUNDS} stops of 3 threads, {inside} of them inside an operation: {operations} private hits meanwhile, \
             in {:?}",
            start.elapsed()
        );
        assert!(inside > 0, "no thread was ever stopped inside an operation, so nothing was tested");
        drop((stopped, watched));
        assert_eq!(pool.idle(), ledger.live());
        drop(pool);
        ledger.assert_all_dropped_once();
    }

    /// With threads stopped at random points inside get and put, sweeps and operations on the shared queues go on but
    /// for those few that a thread stopped in the middle of one queue's operation holds up, and all go on afterwards.
    #[test]
    fn stopped_threads_hold_up_few_sweeps() {
        const ROUNDS: usize = 30;
        let _turn = lock(&TURN);
        install_handler();
        // Items without a size need no allocation, and the guards are in arrays: for the allocator has locks.
        let pool: Arc<Pool<(), fn()>> = Arc::new(Pool::with_settings(|| (), MANUAL.private_slots(8)));
        fn burst<const N: usize>(pool: &Pool<(), fn()>) {
            drop(std::array::from_fn::<_, N, _>(|_| pool.get()));
        }
        let stopped: Vec<_> = (0..3)
            .map(|_| {
                let pool = Arc::clone(&pool);
                Looping::new(move || burst::<3>(&pool))
            })
            .collect();
        let sweeping = {
            let pool = Arc::clone(&pool);
            Looping::new(move || {
                pool.advance().expect("the only thread that sweeps");
            })
        };
        let sharing = {
            let pool = Arc::clone(&pool);
            Looping::new(move || burst::<40>(&pool))
        };
        until("all have begun", || stopped.iter().chain([&sweeping, &sharing]).all(|thread| thread.done() > 0));

        let (mut inside, mut swept, mut shared) = (0, 0, 0);
        for round in 0..ROUNDS {
            thread::sleep(Duration::from_micros(100 * (round as u64 % 7)));
            inside += while_stopped(&stopped, || {
                let before = (sweeping.done(), sharing.done());
                let time = Duration::from_secs(1);
                swept += usize::from(holds_within(time, || sweeping.done() > before.0 + 5));
                shared += usize::from(holds_within(time, || sharing.done() > before.1 + 5));
            });
        }
        let stats = pool.stats();
        println!(
            "{ROUNDS} stops of 3 threads, {inside} of them inside an operation: sweeps went on in {swept}, operations \
             on shared queues in {shared}; {} sweeps left {} slot sets alone",
            stats.sweeps, stats.left_busy
        );
        let before = (sweeping.done(), sharing.done());
        until("all go on", || sweeping.done() > before.0 && sharing.done() > before.1);
        // Far more than a machine that is slow could explain: with one lock around it all, nearly none would go on.
        assert!(swept > ROUNDS / 3, "sweeps went on in {swept} of {ROUNDS} stops");
        drop((stopped, sweeping, sharing));
        pool.clear();
        assert_eq!(pool.idle(), 0);
    }

    /// Threads that are stopped at random points, many inside a claim, while sweeps go on: what they claimed is theirs
    /// when they go on, and no item is lost, doubled or in two hands.
    #[test]
    fn stopped_threads_keep_what_they_claimed() {
        const ROUNDS: usize = 60;
        let _turn = lock(&TURN);
        let (pool, ledger) = pool(Settings::new().private_slots(4));
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
        until("all have begun", || stopped.iter().chain([&sweeping, &using]).all(|thread| thread.done() > 0));
        let mut inside = 0;
        for round in 0..ROUNDS {
            thread::sleep(Duration::from_micros(100 * (round as u64 % 7)));
            inside += while_stopped(&stopped, || {
                let before = (sweeping.done(), using.done());
                // Not always: a stopped thread may hold one of the ledger's or the allocator's locks.
                holds_within(Duration::from_millis(50), || {
                    sweeping.done() > before.0 + 3 && using.done() > before.1 + 3
                });
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
}
