//! Promise 7: pools work wherever a program can have them, and guards wherever it can take them.

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

/// Pools of every constructor, and with settings, can be statics.
#[test]
fn a_static_pool_works() {
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

/// A pool can be made lazily, inside a static.
#[test]
fn a_lazy_static_pool_works() {
    static LAZY: LazyLock<Pool<String>> = LazyLock::new(Pool::new);
    static ONCE: OnceLock<Pool<String, fn() -> String>> = OnceLock::new();
    LAZY.get().push('a');
    assert_eq!(*LAZY.get(), "");
    ONCE.get_or_init(|| Pool::with_settings(String::new, MANUAL)).get().push('a');
    assert_eq!(ONCE.get().expect("made above").idle(), 1);
}

/// A pool on the stack, used by scoped threads.
#[test]
fn a_pool_on_the_stack_works() {
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
fn a_pool_in_an_arc_works() {
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

/// A used pool can move to another place or thread, and keeps its items.
#[test]
fn a_pool_can_move_after_use() {
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

/// The janitor still knows a timed pool after a move.
#[test]
fn a_timed_pool_can_move_after_use() {
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
fn pools_and_guards_can_be_items() {
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

/// A guard in a thread-local is dropped when its thread ends. The thread-local may be older or younger than the
/// thread's first use of the pool. The item is idle again.
#[test]
fn guards_can_be_dropped_in_thread_local_destructors() {
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

/// Uses pools when its thread ends: gets, puts, spills and sweeps.
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

/// The destructor of a thread-local can use pools, even for the first time, if the thread has used a pool before.
#[test]
fn pools_can_be_used_in_thread_local_destructors() {
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

/// The same where the destructor is the thread's first use of any pool.
#[test]
fn pools_can_be_first_used_in_a_thread_local_destructor() {
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

/// A thread in its last destructors and the heir of its slots never have the same item, and lose none.
#[test]
fn an_ending_thread_and_its_heir_share_no_item() {
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
        // The order of destructors is unspecified. One of the two runs after the thread has given up its slots.
        let ending = thread::spawn(move || {
            ONE.with(|last| last.0.replace(Some(Arc::clone(&theirs))));
            drop(theirs.get());
            OTHER.with(|last| last.0.replace(Some(Arc::clone(&theirs))));
        });
        until("the thread ends", || ENDING.get() > 2 * round);
        while ENDED.get() < 2 * round + 2 {
            // Two at once: one of them has the returned number.
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

/// An owned guard in a thread-local can be the last holder of its pool. The thread's teardown then drops the pool.
#[test]
fn a_pool_can_be_dropped_in_a_thread_local_destructor() {
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
        // Creates an item inside the creation of another, one level deep.
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

/// An item's own create, recycle and `Drop` can use its pool and sweep it.
#[test]
fn items_can_use_their_own_pool() {
    for _ in 0..50 {
        let guards: Vec<_> = (0..5).map(|_| INWARD.get()).collect();
        drop(guards);
        INWARD.advance();
    }
    // Each dropped item puts others. `detach` ends that.
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

/// Zero-sized items are created, kept, swept and dropped like any other.
#[test]
fn zero_sized_items_work() {
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

/// Items of 1 MiB.
#[test]
fn items_of_one_mebibyte_work() {
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

/// An item with an alignment of 128.
#[repr(align(128))]
#[derive(Default)]
struct Aligned([u8; 3]);

/// The alignment of every item is kept, in every generation.
#[test]
fn an_alignment_of_128_is_kept() {
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

/// A thousand threads get once each. None fails, nothing is lost, and everything is swept afterwards.
#[test]
fn a_thousand_threads_of_one_get_each_lose_nothing() {
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

/// Ten thousand pools at once. Each keeps its own items, and dropping them drops all.
#[test]
fn ten_thousand_pools_keep_their_own_items() {
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

/// Ten thousand timed pools, dropped in another order than they were made.
#[test]
fn ten_thousand_timed_pools_can_be_dropped() {
    let ledger = common::Ledger::new();
    let mut pools: VecDeque<_> = (0..10_000).map(|_| Pool::with_recycle(Maker(Arc::clone(&ledger)))).collect();
    pools.iter().for_each(|pool| drop(burst(pool, 1)));
    while let Some(first) = pools.pop_front() {
        drop(first);
        drop(pools.pop_back());
    }
    // The janitor may hold some items for a sweep, and drops them itself soon.
    until("all items are gone", || ledger.live() == 0);
    ledger.assert_all_dropped_once();
}

/// Guards are sent to other threads, used and dropped there.
#[test]
fn guards_can_be_sent_to_other_threads() {
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

/// Pending once, then ready.
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// A future holds guards of both kinds across `.await`. Each poll is on another thread.
#[test]
fn guards_can_be_held_across_await() {
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

/// A pending future that is dropped returns its items.
#[test]
fn a_cancelled_future_returns_its_items() {
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

/// In a manual pool, items can borrow from anything that outlives the pool.
#[test]
fn items_can_borrow() {
    let text = String::from("ebb and flow");
    let pool = Pool::with_settings(Vec::<&str>::new, MANUAL);
    pool.get().extend(text.split(' '));
    assert_eq!(*pool.get(), ["ebb", "and", "flow"]);
    on_thread(|| pool.get().push(&text));
    pool.advance();
    pool.advance();
    assert_eq!(pool.idle(), 0);
}

/// A custom type that implements `Clear`.
#[derive(Default)]
struct Request {
    path: String,
}

impl Clear for Request {
    fn clear(&mut self) {
        self.path.clear();
    }
}

/// A struct can hold a pool and hand out guards that borrow from it.
#[test]
fn a_struct_can_hold_a_pool() {
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
