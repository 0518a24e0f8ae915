//! Promise 9: pools work wherever a program can have them, and guards wherever it can take them.

mod common;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use common::{MANUAL, Maker, burst, counted, lock, on_thread, until};
use ebbtide::{Clear, DefaultRecycle, Manual, Pool, Pooled, Settings, WithCapacity};

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
