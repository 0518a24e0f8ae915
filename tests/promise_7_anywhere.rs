//! Promise 7: pools work wherever a program may have them, and guards wherever it may take them.

mod common;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use common::{Count, MANUAL, Maker, burst, counted, lock, on_large_stack, on_thread, until};
use ebbtide::{Clear, DefaultRecycle, Manual, OwnedPooled, Pool, Pooled, Recycle, Settings, WithCapacity};

static PLAIN: Pool<Vec<u8>> = Pool::new();
static WITH: Pool<Vec<u8>, fn() -> Vec<u8>> = Pool::with(|| vec![1, 2, 3]);
static SIZED: Pool<Vec<u8>, WithCapacity> = Pool::with_recycle(WithCapacity { min: 100, max: 200 });
const SETTINGS: Settings<Manual> = Settings::new().private_slots(4).max_idle(10).min_idle(1).chaos(7).manual();
static SET: Pool<Vec<u8>> = Pool::with_settings(DefaultRecycle, SETTINGS);

/// Pools of every constructor can be statics, with settings too.
#[test]
fn in_a_static() {
    on_thread(|| {
        PLAIN.get().push(1);
        assert_eq!(*PLAIN.get(), []);
        WITH.get().push(4);
        assert_eq!(*WITH.get(), [1, 2, 3, 4]);
        assert!(SIZED.get().capacity() >= 100);
        drop(SET.get());
        assert_eq!((PLAIN.stats().created, WITH.stats().created, SIZED.stats().created), (1, 1, 1));
    });
}

/// Pools can be made late, in what is itself a static.
#[test]
fn in_a_lazy_static() {
    static LAZY: LazyLock<Pool<String>> = LazyLock::new(Pool::new);
    static ONCE: OnceLock<Pool<String, fn() -> String>> = OnceLock::new();
    LAZY.get().push('a');
    assert_eq!(*LAZY.get(), "");
    ONCE.get_or_init(|| Pool::with_settings(String::new, MANUAL)).get().push('a');
    assert_eq!(ONCE.get().expect("made above").idle(), 1);
}

/// A pool on the stack, used by scoped threads.
#[test]
fn on_the_stack() {
    let pool = Pool::with_settings(String::new, MANUAL);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| pool.get().push('a'));
        }
    });
    assert_eq!(pool.idle(), pool.stats().created);
}

/// A pool in an `Arc`, used by threads that outlive the function that made it.
#[test]
fn in_an_arc() {
    let (pool, ledger) = counted(Settings::new());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || drop(burst(&pool, 40)))
        })
        .collect();
    drop(pool);
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    ledger.assert_all_dropped_once();
}

/// A pool may be moved after it was used, to another place and to another thread, and keeps its items.
#[test]
fn moved_after_use() {
    let ledger = common::Ledger::new();
    let pool = Pool::with_settings(Maker(Arc::clone(&ledger)), MANUAL);
    burst(&pool, 40);
    let boxed = Box::new(pool);
    assert_eq!(burst(&boxed, 40).len(), 40);
    let pool = *boxed;
    let pool = thread::spawn(move || {
        burst(&pool, 3);
        pool
    })
    .join()
    .expect("no panic");
    burst(&pool, 40);
    let pools = vec![pool];
    assert_eq!(pools[0].idle(), ledger.live());
    drop(pools);
    ledger.assert_all_dropped_once();
}

/// A timed pool that moves stays known to the janitor.
#[test]
fn a_timed_pool_may_move() {
    let ledger = common::Ledger::new();
    let pool = Pool::with_settings(Maker(Arc::clone(&ledger)), Settings::new().every(Duration::from_secs(3600)));
    burst(&pool, 10);
    let boxed = Box::new(pool);
    burst(&boxed, 10);
    drop(boxed);
    ledger.assert_all_dropped_once();
}

/// A pool of pools, and a pool of guards of another pool.
#[test]
fn pools_and_guards_as_items() {
    let pools: Pool<Pool<String>, _> = Pool::with_settings(Pool::new, MANUAL);
    pools.get().get().push('a');
    assert_eq!(pools.get().idle(), 1);
    assert_eq!(pools.idle(), 1);

    type Maker = fn() -> String;
    let inner: Arc<Pool<String, Maker>> = Arc::new(Pool::with_settings(String::new, MANUAL));
    let lender = Arc::clone(&inner);
    let outer = Pool::with_settings(move || -> OwnedPooled<String, Maker> { lender.get_owned() }, MANUAL);
    outer.get().push('b');
    assert_eq!(**outer.get(), "b");
    assert_eq!((inner.idle(), outer.idle()), (0, 1));
    drop(outer);
    assert_eq!((inner.idle(), Arc::strong_count(&inner)), (1, 1));
}

thread_local! {
    static EARLY: RefCell<Vec<Pooled<'static, String, DefaultRecycle>>> = const { RefCell::new(Vec::new()) };
    static LATE: RefCell<Vec<Pooled<'static, String, DefaultRecycle>>> = const { RefCell::new(Vec::new()) };
}

/// A guard in a thread-local is dropped when its thread exits, whether the thread-local was there before the thread's
/// first touch of the pool or after; the item is idle again.
#[test]
fn guards_dropped_in_thread_local_destructors() {
    static POOL: Pool<String> = Pool::with_settings(DefaultRecycle, MANUAL);
    for round in 1..=20 {
        let exited = thread::spawn(|| {
            EARLY.with_borrow_mut(|early| assert!(early.is_empty()));
            let first = POOL.get();
            LATE.with_borrow_mut(|late| late.push(POOL.get()));
            EARLY.with_borrow_mut(|early| early.extend([first, POOL.get()]));
        });
        exited.join().expect("no panic in a destructor");
        let stats = POOL.stats();
        assert_eq!(stats.idle, stats.created, "round {round}: every item came back");
    }
    let swept = POOL.clear().expect("no other sweep runs");
    assert_eq!((swept.kept, POOL.idle()), (0, 0));
}

/// Uses pools when its thread exits: gets, puts, spills and sweeps.
struct AtExit;

static AT_EXIT: Pool<Vec<u8>> = Pool::with_settings(DefaultRecycle, MANUAL.private_slots(4));
static FIRST_SEEN_AT_EXIT: Pool<Vec<u8>> = Pool::with_settings(DefaultRecycle, MANUAL);
static EXITS: Count = Count::new();

impl Drop for AtExit {
    fn drop(&mut self) {
        for pool in [&AT_EXIT, &FIRST_SEEN_AT_EXIT] {
            let guards: Vec<_> = (0..20).map(|_| pool.get()).collect();
            drop(guards);
            pool.put(Vec::new());
            pool.prefill(2);
            assert!(pool.try_get().is_some());
            pool.advance();
            assert!(pool.idle() >= 20);
        }
        EXITS.bump();
    }
}

/// Pools can be used, even for the first time, in the destructor of a thread-local of a thread that used a pool before.
#[test]
fn pools_used_in_thread_local_destructors() {
    thread_local! {
        static BEFORE: AtExit = const { AtExit };
        static AFTER: AtExit = const { AtExit };
    }
    for _ in 0..10 {
        let exited = thread::spawn(|| {
            BEFORE.with(|_| ());
            drop(AT_EXIT.get());
            AFTER.with(|_| ());
        });
        exited.join().expect("no panic in a destructor");
    }
    assert_eq!(EXITS.get(), 20);
    for pool in [&AT_EXIT, &FIRST_SEEN_AT_EXIT] {
        pool.advance();
        pool.advance();
        assert_eq!(pool.idle(), 0);
    }
}

/// The same where the destructor is the thread's first touch of any pool.
#[test]
fn pools_first_used_in_a_thread_local_destructor() {
    static POOL: Pool<Vec<u8>> = Pool::with_settings(DefaultRecycle, MANUAL.private_slots(4));
    static TOUCHES: Count = Count::new();
    struct Touch;
    impl Drop for Touch {
        fn drop(&mut self) {
            let guards: Vec<_> = (0..20).map(|_| POOL.get()).collect();
            drop(guards);
            drop(POOL.get());
            TOUCHES.bump();
        }
    }
    thread_local! {
        static FIRST: Touch = const { Touch };
        static SECOND: Touch = const { Touch };
    }
    for _ in 0..10 {
        let exited = thread::spawn(|| {
            FIRST.with(|_| ());
            SECOND.with(|_| ());
        });
        exited.join().expect("no panic in a destructor");
    }
    assert_eq!((TOUCHES.get(), POOL.idle()), (20, POOL.stats().created));
    POOL.advance();
    POOL.advance();
    assert_eq!(POOL.idle(), 0);
}

/// A thread in its last destructors and the one that inherits its slots never have the same item, nor lose one.
#[test]
fn a_thread_that_ends_and_its_heir_share_nothing() {
    static ENDING: Count = Count::new();
    static ENDED: Count = Count::new();
    type Shared = RefCell<Option<Arc<common::CountedPool>>>;
    struct Last(Shared);
    impl Drop for Last {
        fn drop(&mut self) {
            ENDING.bump();
            let pool = self.0.take().expect("set by the thread");
            use_it(&pool);
            ENDED.bump();
        }
    }
    fn use_it(pool: &common::CountedPool) {
        for _ in 0..10_000 {
            let guards = (pool.get(), pool.get());
            guards.0.own_for_a_moment();
            guards.1.own_for_a_moment();
        }
    }
    thread_local! {
        static ONE: Last = const { Last(RefCell::new(None)) };
        static OTHER: Last = const { Last(RefCell::new(None)) };
    }
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    for round in 0..100 {
        let theirs = Arc::clone(&pool);
        // Destructors run in some order: one of these two comes after the thread has given up its slots.
        let ending = thread::spawn(move || {
            ONE.with(|last| last.0.replace(Some(Arc::clone(&theirs))));
            drop(theirs.get());
            OTHER.with(|last| last.0.replace(Some(Arc::clone(&theirs))));
        });
        until("the thread ends", || ENDING.get() > 2 * round);
        while ENDED.get() < 2 * round + 2 {
            // Two at once: one of them has the number that was given back.
            thread::scope(|scope| {
                scope.spawn(|| use_it(&pool));
                scope.spawn(|| use_it(&pool));
            });
        }
        ending.join().expect("no panic in a destructor");
    }
    assert_eq!(pool.idle(), ledger.live());
    drop(pool);
    ledger.assert_all_dropped_once();
}

/// An owned guard in a thread-local may be the last that holds the pool, which then goes during the thread's teardown.
#[test]
fn a_pool_dropped_in_a_thread_local_destructor() {
    type Last = RefCell<Option<OwnedPooled<common::Counted, Maker>>>;
    thread_local! {
        static LAST: Last = const { RefCell::new(None) };
    }
    let (pool, ledger) = counted(Settings::new());
    let exited = thread::spawn(move || {
        LAST.with_borrow_mut(|last| assert!(last.is_none()));
        burst(&pool, 50);
        LAST.set(Some(pool.get_owned()));
    });
    exited.join().expect("no panic in a destructor");
    ledger.assert_all_dropped_once();
    assert_eq!(ledger.made(), 50);
}

/// An item that uses its own pool when it is dropped.
struct Inward(u8);

impl Drop for Inward {
    fn drop(&mut self) {
        if self.0 > 0 {
            drop((INWARD.get(), INWARD.get()));
            INWARD.advance();
            INWARD_DROPS.bump();
        }
    }
}

struct InwardRecycle;

impl Recycle<Inward> for InwardRecycle {
    fn create(&self) -> Inward {
        // An item made inside the making of another: one level, or it would never end.
        drop(INWARD.get_with(|| Inward(0)));
        Inward(1)
    }

    fn recycle(&self, item: &mut Inward) -> bool {
        if item.0 > 0 {
            drop(INWARD.try_get());
            drop(INWARD.get_with(|| Inward(0)));
        }
        true
    }
}

static INWARD: Pool<Inward, InwardRecycle> = Pool::with_settings(InwardRecycle, MANUAL.private_slots(2));
static INWARD_DROPS: Count = Count::new();

/// `get` works in an item's own create, recycle and `Drop`, and so does a sweep.
#[test]
fn a_pool_used_by_its_own_items() {
    for _ in 0..50 {
        let guards: Vec<_> = (0..5).map(|_| INWARD.get()).collect();
        drop(guards);
        INWARD.advance();
    }
    // Each item that goes puts others back; `detach` ends that.
    while let Some(mut item) = INWARD.try_get() {
        item.0 = 0;
        drop(Pooled::detach(item));
    }
    drop(INWARD.get());
    INWARD.clear();
    assert!(INWARD_DROPS.get() > 0);
}

/// A zero-sized item.
#[derive(Debug, Default)]
struct Nothing;

static NOTHING_DROPS: Count = Count::new();

impl Drop for Nothing {
    fn drop(&mut self) {
        NOTHING_DROPS.bump();
    }
}

/// Items without a size are made, kept, swept and dropped like any other.
#[test]
fn zero_sized_items() {
    let pool = Pool::with_settings(Nothing::default, MANUAL);
    for _ in 0..3 {
        let guards: Vec<_> = (0..100).map(|_| pool.get()).collect();
        drop(guards);
    }
    pool.put(Nothing);
    assert_eq!((pool.idle(), pool.stats().created, NOTHING_DROPS.get()), (101, 100, 0));
    drop(Pooled::detach(pool.get()));
    assert_eq!(NOTHING_DROPS.get(), 1);
    pool.advance();
    pool.advance();
    assert_eq!((pool.idle(), NOTHING_DROPS.get()), (0, 101));
}

/// An item of 1 MiB, whole.
#[test]
fn items_of_one_mebibyte() {
    on_large_stack(|| {
        let pool = Pool::with_settings(|| [0_u8; 1 << 20], MANUAL);
        let mut guards: Vec<_> = (0..5).map(|_| pool.get()).collect();
        for (n, item) in guards.iter_mut().enumerate() {
            item.fill(n as u8 + 1);
        }
        drop(guards);
        pool.advance();
        for _ in 0..5 {
            let item = Pooled::detach(pool.get());
            assert!(item[0] > 0 && item.iter().all(|byte| *byte == item[0]));
        }
        assert_eq!(pool.stats().created, 5);
    });
}

/// An item that must lie at multiples of 128.
#[repr(align(128))]
#[derive(Default)]
struct Aligned([u8; 3]);

/// Alignment is kept for every item, in every generation.
#[test]
fn items_with_an_alignment_of_128() {
    on_large_stack(|| {
        let pool = Pool::with_settings(Aligned::default, MANUAL);
        for _ in 0..3 {
            let mut guards: Vec<_> = (0..50).map(|_| pool.get()).collect();
            for item in &mut guards {
                item.0 = [9; 3];
                assert_eq!(std::ptr::from_ref(&**item).addr() % 128, 0);
            }
            drop(guards);
            pool.advance();
        }
        assert_eq!(pool.stats().created, 50);
        assert_eq!(Pooled::detach(pool.get()).0, [9; 3]);
    });
}

/// A thousand threads that each live for one get: none fails, nothing is lost, and all is swept afterwards.
#[test]
fn a_thousand_threads_that_live_for_one_get() {
    let (pool, ledger) = counted(Settings::new());
    for _ in 0..100 {
        thread::scope(|scope| {
            for _ in 0..10 {
                scope.spawn(|| pool.get().own_for_a_moment());
            }
        });
    }
    assert_eq!(pool.idle(), ledger.made());
    pool.advance();
    pool.advance();
    assert_eq!((pool.idle(), ledger.live()), (0, 0));
    drop(pool);
    ledger.assert_all_dropped_once();
}

impl common::Counted {
    fn own_for_a_moment(&self) {
        self.own();
        self.disown();
    }
}

/// Ten thousand pools at once: each keeps its own items, and dropping them drops all.
#[test]
fn ten_thousand_pools() {
    let ledger = common::Ledger::new();
    let pools: Vec<_> = (0..10_000).map(|_| Pool::with_settings(Maker(Arc::clone(&ledger)), MANUAL)).collect();
    for (n, pool) in pools.iter().enumerate() {
        assert_eq!(burst(pool, 1), [n]);
    }
    for (n, pool) in pools.iter().enumerate() {
        assert_eq!(burst(pool, 1), [n]);
    }
    assert!(pools.iter().all(|pool| pool.idle() == 1));
    assert_eq!(ledger.made(), 10_000);
    drop(pools);
    ledger.assert_all_dropped_once();
}

/// Ten thousand pools that the janitor knows, dropped in another order than they were made.
#[test]
fn ten_thousand_timed_pools() {
    let ledger = common::Ledger::new();
    let mut pools: VecDeque<_> = (0..10_000).map(|_| Pool::with_recycle(Maker(Arc::clone(&ledger)))).collect();
    pools.iter().for_each(|pool| drop(burst(pool, 1)));
    while let Some(first) = pools.pop_front() {
        drop(first);
        drop(pools.pop_back());
    }
    // The janitor may hold some of them for a sweep at this moment, and drops those itself just after.
    until("all items are gone", || ledger.live() == 0);
    ledger.assert_all_dropped_once();
}

/// Guards are sent to other threads, used there and dropped there.
#[test]
fn guards_sent_to_other_threads() {
    let pool = Pool::with_settings(Vec::<usize>::new, MANUAL);
    thread::scope(|scope| {
        for n in 0..10 {
            let mut guard = pool.get();
            scope.spawn(move || guard.push(n));
        }
    });
    let mut found: Vec<usize> = std::iter::from_fn(|| pool.try_get()).flat_map(Pooled::detach).collect();
    pool.advance();
    found.extend(std::iter::from_fn(|| pool.try_get()).flat_map(Pooled::detach));
    found.sort_unstable();
    assert_eq!(found, (0..10).collect::<Vec<_>>());
}

/// Is pending once, then ready.
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Guards of both kinds are held across `.await` by a future that each poll finds on another thread.
#[test]
fn guards_held_across_await() {
    static POOL: Pool<Vec<u8>> = Pool::with_settings(DefaultRecycle, MANUAL);
    let owner = Arc::new(Pool::with_settings(Vec::<u8>::new, MANUAL));
    let pool = Arc::clone(&owner);
    let future = async move {
        let mut guard = POOL.get();
        let mut owned = pool.get_owned();
        for n in 0..5 {
            guard.push(n);
            owned.push(n);
            Pause(false).await;
        }
        (guard.len(), owned.len())
    };
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let future = Mutex::new(Box::pin(is_send(future)));
    let mut polls = 0;
    let lengths = loop {
        polls += 1;
        let poll = on_thread(|| lock(&future).as_mut().poll(&mut Context::from_waker(Waker::noop())));
        if let Poll::Ready(lengths) = poll {
            break lengths;
        }
    };
    assert_eq!((lengths, polls), ((5, 5), 6));
    drop(future);
    assert_eq!((POOL.idle(), owner.idle(), Arc::strong_count(&owner)), (1, 1, 1));
}

/// A future that is dropped while it waits gives its guards back.
#[test]
fn a_cancelled_future_gives_its_guards_back() {
    let pool = Pool::with_settings(String::new, MANUAL);
    {
        let mut future = pin!(async {
            let _guard = pool.get();
            Pause(false).await;
        });
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(pool.idle(), 0);
    }
    assert_eq!(pool.idle(), 1);
}

/// With manual epochs items may borrow from what outlives the pool.
#[test]
fn items_that_borrow() {
    let text = String::from("ebb and flow");
    let pool = Pool::with_settings(Vec::<&str>::new, MANUAL);
    pool.get().extend(text.split(' '));
    assert_eq!(*pool.get(), ["ebb", "and", "flow"]);
    on_thread(|| pool.get().push(&text));
    pool.advance();
    pool.advance();
    assert_eq!(pool.idle(), 0);
}

/// A type of one's own that can be cleared.
#[derive(Default)]
struct Request {
    path: String,
}

impl Clear for Request {
    fn clear(&mut self) {
        self.path.clear();
    }
}

/// A struct may hold a pool and hand out guards that borrow from itself.
#[test]
fn in_a_struct() {
    struct Server {
        requests: Pool<Request>,
    }
    impl Server {
        fn handle(&self, path: &str) -> Pooled<'_, Request, DefaultRecycle> {
            let mut request = self.requests.get();
            request.path.push_str(path);
            request
        }
    }
    let server = Server { requests: Pool::default() };
    assert_eq!(server.handle("/a").path, "/a");
    assert_eq!(server.handle("/b").path, "/b");
    assert_eq!(server.requests.stats().created, 1);
}
