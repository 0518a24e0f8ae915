//! `BoundedPool` for threads: an idle item that fails its check is dropped, and a new one is created in its place.

use std::convert::Infallible;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Bomb, Count, Counted, lock, panic_of, until};
use crate::judge::{Blocking, judged};
use ebbtide::BoundedPool;
use ebbtide::bounded::{GetError, Info, OwnedPooled, Pooled, Settings, TryRecycle};
use futures_lite::future::block_on;

const LONG: Duration = Duration::from_secs(3600);

/// Gets an item alone. Returns its number.
type Way = fn(&Arc<BoundedPool<Counted, Blocking>>) -> usize;

fn ways() -> [Way; 8] {
    [
        |pool| pool.get().unwrap().id,
        |pool| pool.get_timeout(LONG).unwrap().id,
        |pool| pool.get_deadline(Instant::now() + LONG).unwrap().id,
        |pool| pool.get_owned().unwrap().id,
        |pool| pool.get_many(1).unwrap()[0].id,
        |pool| pool.get_many_owned(1).unwrap()[0].id,
        |pool| block_on(pool.get_async()).unwrap().id,
        |pool| block_on(pool.get_many_async(1)).unwrap()[0].id,
    ]
}

/// Each way hands out a fit item, and in place of an unfit one a new one. The old one is dropped before.
#[test]
fn an_unfit_item_is_replaced_in_place() {
    let (pool, judge) = judged(1);
    for (n, way) in ways().into_iter().enumerate() {
        assert_eq!(way(&pool), n, "it is fit");
        judge.condemn(n);
        assert_eq!(way(&pool), n + 1);
        assert_eq!((pool.in_use(), pool.idle()), (0, 1));
    }
    assert_eq!(judge.ledger.peak(), 1);
}

/// A closure that creates a replacement is used, too.
#[test]
fn get_with_replaces_an_unfit_item() {
    let (pool, judge) = judged(1);
    assert_eq!(pool.get_with(|| unreachable!()).unwrap().id, 0);
    judge.condemn(0);
    assert_eq!(pool.get_with(|| judge.ledger.item()).unwrap().id, 1);
    judge.condemn(1);
    let made = async { Ok::<_, Infallible>(judge.ledger.item()) };
    assert_eq!(block_on(pool.get_async_with(|| made)).unwrap().id, 2);
    assert_eq!((pool.in_use(), pool.idle()), (0, 1));
}

/// Among several items, only those that are unfit are replaced.
#[test]
fn each_of_several_is_checked() {
    let (pool, judge) = judged(4);
    judge.condemn(1);
    judge.condemn(3);
    let mut got: Vec<_> = pool.get_many(4).unwrap().iter().map(|item| item.id).collect();
    got.sort();
    assert_eq!(got, [0, 2, 4, 5]);
    assert_eq!((judge.ledger.peak(), pool.idle()), (4, 4));
}

/// New items are not checked. Idle ones are checked with their info, each time.
#[test]
fn idle_items_are_checked_each_time() {
    let (pool, judge) = judged(1);
    drop(pool.get().unwrap());
    drop(pool.get().unwrap());
    judge.condemn(0);
    drop(pool.get().unwrap());
    drop(pool.get().unwrap());
    assert_eq!(*lock(&judge.checked), [(0, 0), (0, 1), (0, 2), (1, 1)]);
}

/// A waiter is served an item that fails its check. It keeps its turn: the waiter behind it does not get the place.
#[test]
fn a_failed_check_keeps_the_turn() {
    let (pool, judge) = judged(1);
    let item = pool.get_owned().unwrap();
    judge.condemn(item.id);
    thread::scope(|scope| {
        let first = scope.spawn(|| pool.get_owned().unwrap());
        until("it waits", || pool.waiting() == 1);
        let second = scope.spawn(|| pool.get_owned().unwrap().id);
        until("both wait", || pool.waiting() == 2);
        drop(item);
        let first = first.join().unwrap();
        assert_eq!((first.id, pool.waiting()), (1, 1));
        drop(first);
        assert_eq!(second.join().unwrap(), 1);
    });
    assert_eq!(judge.ledger.peak(), 1);
}

/// If no new item can be created, the caller gets the error. The unfit item is gone, and the place is free.
#[test]
fn an_unfit_item_is_not_kept_when_creating_fails() {
    let (pool, judge) = judged(2);
    judge.condemn(1);
    judge.fails.set(1);
    let Err(GetError::Create(error)) = pool.get() else { panic!("it was created") };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!((pool.in_use(), pool.idle(), judge.ledger.live()), (0, 1, 1));
    // The other one is fit, but two cannot be had.
    assert!(matches!(pool.get_many(2), Err(GetError::Create(_))));
    assert_eq!((pool.in_use(), pool.idle(), judge.ledger.live()), (0, 1, 1));
    judge.fails.set(0);
    assert_eq!(pool.get_many(2).unwrap().len(), 2);
}

/// A check that panics loses its item and no place. The panic reaches the caller.
#[test]
fn a_panic_in_check_frees_the_place() {
    let (pool, judge) = judged(1);
    for way in ways() {
        drop(pool.get().unwrap());
        judge.trips.set(1);
        assert!(panic_of(|| way(&pool)).contains("tripped"));
        judge.trips.set(0);
        assert_eq!((pool.in_use(), pool.idle(), judge.ledger.live()), (0, 0, 0));
    }
}

/// A panic in the `Drop` of an unfit item reaches the caller. Nothing is created then, and the place is free.
#[test]
fn a_panic_in_the_drop_of_an_unfit_item_frees_the_place() {
    let (pool, judge) = judged(1);
    for way in ways() {
        judge.arms.set(1);
        pool.clear();
        let id = pool.get().unwrap().id;
        judge.arms.set(0);
        judge.condemn(id);
        assert_eq!(panic_of(|| way(&pool)), format!("bomb {id}"));
        assert_eq!((pool.in_use(), pool.idle(), judge.ledger.live()), (0, 0, 0));
    }
}

/// If a check panics and then the item's `Drop`, the first panic reaches the caller.
#[test]
fn two_panics_of_a_check_are_one() {
    let (pool, judge) = judged(1);
    pool.clear();
    judge.arms.set(1);
    drop(pool.get().unwrap());
    judge.trips.set(1);
    assert!(panic_of(|| pool.get()).contains("tripped"));
    assert_eq!((pool.in_use(), pool.idle(), judge.ledger.live()), (0, 0, 0));
    // So do the panics of a check and of a closure that was not needed.
    judge.trips.set(0);
    judge.arms.set(0);
    drop(pool.get().unwrap());
    judge.trips.set(1);
    let bomb = Bomb;
    let create = move || {
        let _bomb = &bomb;
        unreachable!()
    };
    assert!(panic_of(|| pool.get_with(create)).contains("tripped"));
    assert_eq!((pool.in_use(), pool.idle(), judge.ledger.live()), (0, 0, 0));
}

/// A recycler that uses its own pool in every function.
struct Curious(Arc<std::sync::OnceLock<Arc<BoundedPool<u8, Curious>>>>, Count);

impl Curious {
    fn look(&self) {
        self.1.bump();
        if let Some(pool) = self.0.get() {
            assert!(pool.in_use() > 0, "its place is taken");
        }
    }
}

impl TryRecycle<u8> for Curious {
    type Error = Infallible;

    fn try_create(&self) -> Result<u8, Infallible> {
        self.look();
        Ok(0)
    }

    fn check(&self, _: &mut u8, _: &Info) -> bool {
        self.look();
        false
    }

    fn recycle(&self, _: &mut u8, _: &Info) -> bool {
        self.look();
        true
    }
}

/// Checks run without the pool's lock, and the item they look at counts as in use.
#[test]
fn a_check_may_use_its_pool() {
    let cell = Arc::new(std::sync::OnceLock::new());
    let pool =
        Arc::new(BoundedPool::with_settings(Curious(Arc::clone(&cell), Count::new()), Settings::new(1).manual()));
    assert!(cell.set(Arc::clone(&pool)).is_ok());
    for _ in 0..3 {
        assert!(pool.try_get().is_some());
    }
    assert_eq!(pool.stats().created, 3);
}

/// The info of an item says when it was created, when it last returned and how often. It belongs to the item, not to
/// its place.
#[test]
fn info_belongs_to_the_item() {
    let (pool, judge) = judged(1);
    let before = Instant::now();
    judge.condemn(0);
    let item = pool.get_owned().unwrap();
    let info = OwnedPooled::info(&item);
    let created = info.created().unwrap();
    assert!(created >= before && created <= Instant::now());
    assert_eq!((info.last_used(), info.uses()), (None, 0));
    let returned = Instant::now();
    drop(item);
    let info = Pooled::info(&pool.get().unwrap());
    assert_eq!((info.created(), info.uses()), (Some(created), 1));
    assert!(info.last_used().unwrap() >= returned);
    let (idle, age) = (info.idle(), info.age());
    assert!(idle <= age && age <= before.elapsed());
}

/// A pool whose recycler checks nothing reads no clock when an item returns.
#[test]
fn plain_recyclers_note_no_time_of_return() {
    let pool: BoundedPool<String> = BoundedPool::new(1);
    drop(pool.get().unwrap());
    let info = Pooled::info(&pool.get().unwrap());
    assert_eq!((info.last_used(), info.uses()), (None, 1));
}
