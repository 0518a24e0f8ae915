//! The janitor: the thread that sweeps pools whose epochs come by time, and `advance_all`.

mod common;

use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use common::{Count, Counted, CountedPool, Ledger, MANUAL, Maker, alone, burst, lock, panic_of, until};
use ebbtide::{Pool, Settings, advance_all};

/// There is one janitor for all pools of the process, so the tests that look at all of them take turns.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    lock(&TURN)
}

const SHORT: Settings = Settings::new().every(Duration::from_millis(1));
const LONG: Settings = Settings::new().every(Duration::from_secs(3600));

fn timed(settings: Settings) -> (CountedPool, Arc<Ledger>) {
    let ledger = Ledger::new();
    (Pool::with_settings(Maker(Arc::clone(&ledger)), settings), ledger)
}

/// The janitor sweeps until nothing is idle, in every place where items can lie.
#[test]
fn idle_items_go_by_themselves() {
    let _turn = turn();
    let (pool, ledger) = timed(SHORT);
    let worker = common::Worker::new();
    for _ in 0..3 {
        burst(&pool, 100);
        common::on_thread(|| drop(burst(&pool, 100)));
        pool.prefill(10);
        until("nothing is idle", || pool.idle() == 0);
        until("all is dropped", || ledger.live() == 0);
    }
    assert!(pool.stats().sweeps >= 2);
    ledger.assert_all_dropped_once();
    drop(worker);
}

/// A pool in a static is swept too.
#[test]
fn idle_items_of_a_static_go_by_themselves() {
    static POOL: Pool<Vec<u8>> = Pool::with_settings(ebbtide::DefaultRecycle, SHORT);
    let _turn = turn();
    drop((POOL.get(), POOL.get()));
    until("nothing is idle", || POOL.idle() == 0);
}

/// Each pool is swept at its own times, whatever the others' are.
#[test]
fn pools_have_epochs_of_their_own() {
    let _turn = turn();
    let (slow, kept) = timed(LONG);
    let (fast, _ledger) = timed(SHORT);
    burst(&slow, 5);
    burst(&fast, 5);
    until("one pool was swept ten times", || fast.stats().sweeps >= 10);
    assert_eq!((slow.stats().sweeps, slow.idle(), kept.live()), (0, 5, 5));
}

/// A pool that comes later with a shorter epoch is not kept waiting by one with a longer one.
#[test]
fn a_shorter_epoch_that_comes_later_is_kept() {
    let _turn = turn();
    let (slow, _kept) = timed(LONG);
    burst(&slow, 1);
    // By now the janitor may sleep for an hour.
    std::thread::sleep(Duration::from_millis(20));
    let (fast, ledger) = timed(SHORT);
    burst(&fast, 1);
    until("the newcomer is swept", || ledger.live() == 0);
}

/// A panic in an item's `Drop` doesn't end the janitor: the other items go, and another pool is swept afterwards.
#[test]
fn the_janitor_survives_panics() {
    let _turn = turn();
    let (pool, ledger) = timed(SHORT);
    for id in 0..50 {
        pool.put(if id % 5 == 0 { ledger.bomb() } else { ledger.item() });
    }
    until("all went, bombs too", || ledger.live() == 0);
    ledger.assert_all_dropped_once();
    let (other, others) = timed(SHORT);
    burst(&other, 10);
    until("another pool is swept", || others.live() == 0);
    burst(&pool, 3);
    until("the same pool is swept", || ledger.live() == 0);
    // Nobody else sees the panics, so they are counted.
    assert!((1..=10).contains(&pool.stats().panics));
    assert_eq!(other.stats().panics, 0);
}

/// A gate that an item's `Drop` waits at.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    waiting: Count,
}

impl Gate {
    fn pass(&self) {
        let mut open = lock(&self.open);
        self.waiting.bump();
        while !*open {
            open = self.opened.wait(open).expect("no panic");
        }
    }

    fn open(&self) {
        *lock(&self.open) = true;
        self.opened.notify_all();
    }
}

/// Opens a gate at the latest when it is dropped: a test that has failed must not wait for itself.
struct Opens<'a>(&'a Gate);

impl Drop for Opens<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}

struct Slow(Arc<Gate>, #[expect(dead_code, reason = "counts when it is dropped")] Counted);

impl Drop for Slow {
    fn drop(&mut self) {
        self.0.pass();
    }
}

/// A pool of slow items, which a gate keeps in their drop until it opens.
fn slow() -> (Pool<Slow, impl Fn() -> Slow + Send + Sync + 'static>, Arc<Gate>, Arc<Ledger>) {
    let (gate, ledger) = (Arc::new(Gate::default()), Ledger::new());
    let make = {
        let (gate, ledger) = (Arc::clone(&gate), Arc::clone(&ledger));
        move || Slow(Arc::clone(&gate), ledger.item())
    };
    (Pool::with_settings(make, SHORT), gate, ledger)
}

/// While an item's `Drop` keeps the janitor, everybody else goes on: pools are used, made, swept and dropped, the one
/// that the item came from too; what the janitor holds is dropped once it goes on.
#[test]
fn a_slow_drop_in_the_janitor_holds_up_nobody() {
    let _turn = turn();
    let (pool, gate, ledger) = slow();
    // One batch, and so condemned all at once: this thread's own sweep must find none of them.
    assert_eq!(pool.prefill(10), 10);
    until("the janitor waits in a drop", || gate.waiting.get() == 1);

    drop(pool.get());
    // Out with the new item, for whose drop this thread would wait too.
    std::mem::forget(ebbtide::Pooled::detach(pool.get()));
    assert!(pool.advance().is_some(), "the token was returned before items are dropped");
    let (other, others) = timed(SHORT);
    burst(&other, 10);
    advance_all();
    drop(other);
    // A round may have some in its hands.
    until("the other pool's items are dropped", || others.live() == 0);
    others.assert_all_dropped_once();
    assert_eq!(pool.idle(), 0);
    drop(pool);

    assert_eq!(ledger.dropped(), 0);
    gate.open();
    until("the janitor dropped the ten", || ledger.dropped() == 10);
    assert_eq!((ledger.made(), ledger.live()), (11, 1));
}

/// While an item's `Drop` keeps a thread, the janitor sweeps other pools. The pool that the item is from it leaves alone until
/// then, so that it keeps one thread at most; `advance_all` doesn't.
#[test]
fn a_slow_drop_keeps_no_other_pool_from_being_swept() {
    let _turn = turn();
    let (stuck, gate, ledger) = slow();
    let _opens = Opens(&gate);
    drop(stuck.get());
    until("an item waits in its drop", || gate.waiting.get() == 1);
    let (other, others) = timed(SHORT);
    for round in 1..=20 {
        drop(stuck.get());
        burst(&other, 3);
        until("the other pool is swept", || others.live() == 0 && other.stats().sweeps >= round);
    }
    assert_eq!((gate.waiting.get(), stuck.idle(), ledger.live()), (1, 1, 2));
    let before = stuck.stats().sweeps;
    // Out with the new item, for whose drop this thread would wait too.
    std::mem::forget(ebbtide::Pooled::detach(stuck.get()));
    advance_all();
    assert_eq!(stuck.stats().sweeps, before + 1);

    drop(stuck.get());
    gate.open();
    until("all but the one that was forgotten are dropped", || (ledger.made(), ledger.live()) == (3, 1));
}

/// The first of several items to be dropped waits at the gate, the others don't.
struct First(Arc<Gate>, Arc<Count>, #[expect(dead_code, reason = "counts when it is dropped")] Counted);

thread_local! {
    static FIRSTS_DROPPED_HERE: Cell<usize> = const { Cell::new(0) };
}

impl Drop for First {
    fn drop(&mut self) {
        FIRSTS_DROPPED_HERE.set(FIRSTS_DROPPED_HERE.get() + 1);
        if self.1.bump() == 0 {
            self.0.pass();
        }
    }
}

/// Pools with an item each, of which the first to be dropped waits.
fn first_waits(n: usize, every: Duration) -> (Vec<Pool<First, impl ebbtide::Recycle<First>>>, Arc<Gate>, Arc<Ledger>) {
    let (gate, count, ledger) = (Arc::new(Gate::default()), Arc::new(Count::new()), Ledger::new());
    let pools = (0..n).map(|_| {
        let (gate, count, ledger) = (Arc::clone(&gate), Arc::clone(&count), Arc::clone(&ledger));
        let make = move || First(Arc::clone(&gate), Arc::clone(&count), ledger.item());
        Pool::with_settings(make, Settings::new().every(every))
    });
    let pools: Vec<_> = pools.collect();
    for pool in &pools {
        assert_eq!(pool.prefill(1), 1);
    }
    (pools, gate, ledger)
}

/// What the same round condemned goes too, though nothing else comes after it.
#[test]
fn a_slow_drop_keeps_no_other_item_of_its_round() {
    let _turn = turn();
    let (pools, gate, ledger) = first_waits(8, Duration::from_millis(50));
    until("all others are dropped", || ledger.dropped() == 7);
    gate.open();
    until("the first is", || ledger.live() == 0);
    drop(pools);
    ledger.assert_all_dropped_once();
}

/// What a round condemned and nobody has begun to drop is dropped with its pool, by the thread that drops the pool.
#[test]
fn a_dropped_pool_drops_what_still_waits_behind_another() {
    if !alone("a_dropped_pool_drops_what_still_waits_behind_another") {
        return;
    }
    until("a pool is dropped while its item waits", || {
        let (pools, gate, ledger) = first_waits(8, Duration::from_millis(50));
        until("one waits", || gate.waiting.get() == 1);
        until("the others are condemned", || pools.iter().all(|pool| pool.idle() == 0));
        let before = FIRSTS_DROPPED_HERE.get();
        drop(pools);
        let here = FIRSTS_DROPPED_HERE.get() - before;
        // Another dropper may have begun the rest already.
        until("all others are dropped", || ledger.dropped() == 7);
        gate.open();
        until("the first is", || ledger.live() == 0);
        ledger.assert_all_dropped_once();
        here > 0
    });
}

/// `advance_all` sweeps every pool that has been used and that the janitor knows, and no other, and says what it did.
#[test]
fn advance_all_sweeps_all_pools() {
    let _turn = turn();
    // Whatever other tests left in statics.
    advance_all();
    advance_all();
    let before = advance_all();
    let pools: Vec<_> = (0..50).map(|_| timed(LONG)).collect();
    pools.iter().for_each(|(pool, _)| drop(burst(pool, 3)));
    let (unused, _) = timed(LONG);
    let (manual, kept) = (Pool::with_settings(|| 0_u8, MANUAL), 1);
    drop(manual.get());

    let first = advance_all();
    assert_eq!((first.dropped, first.kept), (before.dropped, before.kept + 150));
    assert!(pools.iter().all(|(pool, ledger)| (pool.idle(), pool.stats().sweeps, ledger.live()) == (3, 1, 3)));
    let second = advance_all();
    assert_eq!((second.dropped, second.kept), (150, before.kept));
    assert!(pools.iter().all(|(pool, ledger)| (pool.idle(), pool.stats().sweeps, ledger.live()) == (0, 2, 0)));
    assert_eq!((manual.idle(), manual.stats().sweeps), (kept, 0));
    assert_eq!(unused.stats().sweeps, 0);
}

/// `advance_all` raises the first panic again after all pools were swept.
#[test]
fn advance_all_raises_the_first_panic_at_the_end() {
    let _turn = turn();
    let pools: Vec<_> = (0..10).map(|_| timed(LONG)).collect();
    for (n, (pool, ledger)) in pools.iter().enumerate() {
        for _ in 0..3 {
            pool.put(if n % 3 == 1 { ledger.bomb() } else { ledger.item() });
        }
    }
    advance_all();
    let text = panic_of(advance_all);
    assert!(text.starts_with("bomb "), "{text}");
    pools.iter().for_each(|(_, ledger)| ledger.assert_all_dropped_once());
    advance_all();
}

/// A dropped pool is forgotten: the janitor neither keeps it nor its items.
#[test]
fn dropped_pools_vanish() {
    let _turn = turn();
    advance_all();
    advance_all();
    let before = advance_all().kept;
    let mut pools: Vec<_> = (0..200).map(|_| timed(LONG)).collect();
    pools.iter().for_each(|(pool, _)| drop(burst(pool, 2)));
    assert_eq!(advance_all().kept, before + 400);
    let mut dice = common::Dice::new(1);
    while !pools.is_empty() {
        let (pool, ledger) = pools.swap_remove(dice.below(pools.len()));
        drop(pool);
        ledger.assert_all_dropped_once();
    }
    assert_eq!(advance_all().kept, before);
}

/// A pool that is dropped is the one that the janitor forgets.
#[test]
fn a_dropped_pool_leaves_the_others_in_the_list() {
    let _turn = turn();
    let pools = [(); 3].map(|()| timed(LONG));
    pools.iter().for_each(|(pool, _)| drop(pool.get()));
    let [(first, _), (second, _), (third, _)] = pools;
    drop(second);
    advance_all();
    assert_eq!((first.stats().sweeps, third.stats().sweeps), (1, 1));
    drop(first);
    advance_all();
    assert_eq!(third.stats().sweeps, 2);
}

/// Pools that are made, used and dropped while the janitor sweeps all the time: none of their items is lost or doubled.
#[test]
fn pools_that_come_and_go_under_the_janitor() {
    let _turn = turn();
    let ledger = Ledger::new();
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let ledger = &ledger;
            scope.spawn(move || {
                let mut dice = common::Dice::new(seed);
                for _ in 0..600 {
                    let pool = Pool::with_settings(Maker(Arc::clone(ledger)), SHORT.private_slots(dice.below(9)));
                    for _ in 0..dice.below(20) {
                        burst(&pool, dice.below(12));
                    }
                    if dice.below(4) == 0 {
                        std::thread::sleep(Duration::from_micros(500));
                    }
                }
            });
        }
    });
    until("what the janitor held is dropped", || ledger.live() == 0);
    ledger.assert_all_dropped_once();
}

/// An item that uses pools, its own and new ones, when the janitor drops it.
#[test]
fn items_may_use_pools_in_the_janitor() {
    struct Busy(Arc<Count>);
    impl Drop for Busy {
        fn drop(&mut self) {
            drop(OTHER.get());
            let fresh: Pool<Vec<u8>> = Pool::new();
            drop(fresh.get());
            advance_all();
            self.0.bump();
        }
    }
    static OTHER: Pool<Vec<u8>> = Pool::new();
    let _turn = turn();
    let count = Arc::new(Count::new());
    let made = Arc::clone(&count);
    let pool = Pool::with_settings(move || Busy(Arc::clone(&made)), SHORT);
    let guards: Vec<_> = (0..5).map(|_| pool.get()).collect();
    drop(guards);
    until("all five went", || count.get() == 5);
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;

    use std::fs;
    use std::path::PathBuf;

    /// The directories in `/proc` of all threads of this process that are named as the janitor.
    fn janitors() -> Vec<PathBuf> {
        let tasks = fs::read_dir("/proc/self/task").expect("procfs").map(|task| task.expect("a task").path());
        let named =
            |task: &PathBuf| fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "ebbtide-janitor\n");
        tasks.filter(named).collect()
    }

    /// What a thread raises by its own fault, or by `abort`.
    const OWN: [libc::c_int; 7] =
        [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

    /// The signals that a thread blocks, as bits, if it lives.
    fn mask_of(thread: impl AsRef<std::path::Path>) -> Option<u64> {
        let status = fs::read_to_string(thread.as_ref().join("status")).ok()?;
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).expect("a line");
        Some(u64::from_str_radix(blocked.trim(), 16).expect("a number"))
    }

    fn own_mask() -> u64 {
        mask_of("/proc/thread-self").expect("it lives")
    }

    /// One thread serves all pools, under its own name. While it waits it takes no signals but for those by which it would tell
    /// of a fault of its own.
    #[test]
    fn one_thread_takes_no_signals() {
        let _turn = turn();
        let pools: Vec<_> = (0..20).map(|_| timed(SHORT)).collect();
        pools.iter().for_each(|(pool, _)| drop(burst(pool, 2)));
        for (pool, ledger) in &pools {
            until("each is swept", || ledger.live() == 0 && pool.idle() == 0);
        }
        let others =
            (1..=31).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal) && !OWN.contains(signal));
        let wanted = others.map(|signal| 1 << (signal - 1)).sum::<u64>();
        // A new thread names itself, so its name may take a moment.
        until("there is one, and it blocks the right ones", || match &janitors()[..] {
            [one] => mask_of(one).is_some_and(|mask| mask & 0x7fff_ffff == wanted),
            _ => false,
        });
    }

    type Tell = std::sync::mpsc::Sender<u64>;

    /// An item that tells with which mask it is dropped, and with which a thread runs that its `Drop` starts.
    struct Masked(Tell);

    impl Drop for Masked {
        fn drop(&mut self) {
            let inherited = std::thread::spawn(own_mask).join().expect("no panic");
            // When the test has failed, nobody listens.
            let _ = self.0.send(inherited).and_then(|()| self.0.send(own_mask()));
        }
    }

    /// The janitor drops items with the signal mask of the thread that started it: a program's handlers run there too, and
    /// what a `Drop` starts isn't deaf.
    #[test]
    fn items_are_dropped_with_the_mask_of_whoever_started_the_janitor() {
        if !alone("linux::items_are_dropped_with_the_mask_of_whoever_started_the_janitor") {
            return;
        }
        // SAFETY: `set` is filled before it is used, and there to be read.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, libc::SIGUSR1);
            assert_eq!(libc::pthread_sigmask(libc::SIG_SETMASK, &set, std::ptr::null_mut()), 0);
        }
        let (tell, told) = std::sync::mpsc::channel();
        let pool = Pool::with_settings(move || Masked(tell.clone()), SHORT);
        // Several times, as the thread blocks signals while it waits.
        for _ in 0..3 {
            drop(pool.get());
            for what in ["what it starts", "its own"] {
                assert_eq!(told.recv().expect("the janitor lives"), 1 << (libc::SIGUSR1 - 1), "{what}");
            }
        }
    }

    /// The thread that first used a pool has the signal mask that it had before.
    #[test]
    fn the_first_user_keeps_its_signal_mask() {
        if !alone("linux::the_first_user_keeps_its_signal_mask") {
            return;
        }
        let before = own_mask();
        let (pool, _ledger) = timed(SHORT);
        burst(&pool, 1);
        assert_eq!(own_mask(), before);
    }

    /// No thread is started by pools with manual epochs, nor by any pool that isn't used; the first use starts it.
    #[test]
    fn the_thread_starts_when_it_is_needed() {
        if !alone("linux::the_thread_starts_when_it_is_needed") {
            return;
        }
        let threads = || fs::read_dir("/proc/self/task").expect("procfs").count();
        let before = threads();
        let manual = Pool::with_settings(Vec::<u8>::new, MANUAL);
        manual.get().push(1);
        manual.advance();
        let (pool, _ledger) = timed(SHORT);
        assert_eq!((pool.idle(), pool.try_get().is_some(), pool.advance().is_some()), (0, false, true));
        advance_all();
        assert_eq!((threads(), janitors().len()), (before, 0));
        burst(&pool, 1);
        until("nothing is idle", || pool.idle() == 0);
        // One that sweeps and one that drops; items to drop are no reason to start another.
        assert_eq!((threads(), janitors().len()), (before + 2, 1));
    }

    fn set_limit(limit: &libc::rlimit) {
        // SAFETY: `limit` is there to be read.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, limit) }, 0);
    }

    /// Leaves no room for the stack of another thread; returns the limit that there was.
    fn no_more_threads() -> libc::rlimit {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is there to be written.
        assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) }, 0);
        let before = limit;
        let pages = fs::read_to_string("/proc/self/statm").expect("procfs");
        let pages: libc::rlim_t = pages.split(' ').next().and_then(|pages| pages.parse().ok()).expect("a number");
        // SAFETY: asks for a number.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as libc::rlim_t;
        limit.rlim_cur = pages * page + (1 << 20);
        set_limit(&limit);
        assert!(std::thread::Builder::new().spawn(|| ()).is_err(), "the limit has no effect here");
        before
    }

    /// Where one thread is inside a `Drop` and no other can be started, the janitor drops items itself, and goes on.
    #[test]
    fn the_janitor_goes_on_where_no_other_thread_can_be_started() {
        if !alone("linux::the_janitor_goes_on_where_no_other_thread_can_be_started") {
            return;
        }
        let (gate, ledger) = (Arc::new(Gate::default()), Ledger::new());
        let make = {
            let (gate, ledger) = (Arc::clone(&gate), Arc::clone(&ledger));
            move || Slow(Arc::clone(&gate), ledger.item())
        };
        let slow = Pool::with_settings(make, SHORT);
        let _opens = Opens(&gate);
        drop(slow.get());
        until("an item waits in its drop", || gate.waiting.get() == 1);
        let before = no_more_threads();
        let (other, others) = timed(SHORT);
        for _ in 0..3 {
            burst(&other, 5);
            until("it has dropped them", || others.live() == 0);
        }
        assert_eq!((gate.waiting.get(), ledger.live()), (1, 1));
        set_limit(&before);
    }

    /// Where the janitor can't be started, pools work and are swept by `advance`; the next pool that is used tries again.
    #[test]
    fn pools_work_where_no_thread_can_be_started() {
        if !alone("linux::pools_work_where_no_thread_can_be_started") {
            return;
        }
        let before = no_more_threads();
        let (pool, ledger) = timed(SHORT);
        burst(&pool, 40);
        burst(&pool, 40);
        assert_eq!((pool.idle(), ledger.made(), janitors().len()), (40, 40, 0));
        pool.advance();
        advance_all();
        assert_eq!((pool.idle(), ledger.live()), (0, 0));

        set_limit(&before);
        burst(&pool, 5);
        let (next, _ledger) = timed(SHORT);
        burst(&next, 5);
        until("the thread sweeps both", || pool.idle() + next.idle() == 0);
        assert_eq!(janitors().len(), 1);
    }
}
