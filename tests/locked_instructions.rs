//! How many locked instructions and full fences each path takes. One costs 2 to 10 ns, and callgrind does not see it.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod common;
#[path = "common/stepping.rs"]
mod stepping;

use std::iter;
use std::sync::Arc;
use std::thread;

use common::MANUAL;
#[cfg(feature = "bounded")]
use ebbtide::BoundedPool;
use ebbtide::{BufferPool, Pool, Pooled, buffers};
use stepping::{BARRIERS, finish, start, step, turn};

/// The items of one array, with the default settings.
const ARRAY: usize = 16;

type Bytes = Pool<u8, fn() -> u8>;
type Held<'pool> = Vec<Pooled<'pool, u8, fn() -> u8>>;

fn bytes() -> Bytes {
    Pool::with_settings(|| 0, MANUAL)
}

/// Gets so many items. The caller's `Vec` has room for them.
fn get<'pool>(pool: &'pool Bytes, items: usize, held: &mut Held<'pool>) {
    held.extend(iter::repeat_with(|| pool.get()).take(items));
}

/// Gets so many items, from a pool in which more are idle.
fn some(pool: &Bytes, items: usize) -> Held<'_> {
    let mut held = Vec::with_capacity(64 * ARRAY);
    get(pool, 64 * ARRAY, &mut held);
    held.truncate(items);
    held
}

/// Runs in another thread, always with the same slot set.
fn elsewhere(act: impl FnOnce() + Send) {
    thread::scope(|scope| scope.spawn(act).join().expect("no panic"));
}

/// Counts in `operation`, with what `prepare` returns, in a new thread.
#[track_caller]
fn count<S, O>(prepare: impl FnOnce() -> S + Send, operation: impl FnOnce(S) -> O + Send) -> usize {
    let mut counted = 0;
    let operation = || {
        let prepared = prepare();
        start();
        let left = operation(prepared);
        counted = BARRIERS.get();
        finish();
        drop(left);
    };
    step(usize::MAX, operation, || 0);
    counted
}

#[test]
fn a_pair_of_private_items_takes_none() {
    let _turn = turn();
    let pool = &bytes();
    assert_eq!(count(|| drop(pool.get()), |()| drop(pool.get())), 0, "Pool");
    let pool = &BufferPool::with_settings(buffers::Settings::new().manual());
    assert_eq!(count(|| drop(pool.get(4000)), |()| drop(pool.get(4000))), 0, "BufferPool");
}

/// A claim, and a place in a rack.
#[test]
fn a_batch_takes_two_each_way() {
    let _turn = turn();
    let pool = &bytes();
    let emptied = || {
        let mut held = some(pool, 0);
        get(pool, 4 * ARRAY, &mut held);
        held
    };
    let gets = count(emptied, |mut held| {
        get(pool, ARRAY, &mut held);
        held
    });
    let puts = count(
        || some(pool, 8 * ARRAY),
        |mut held| {
            held.truncate(7 * ARRAY);
            held
        },
    );
    assert_eq!((gets, puts), (2, 2));
}

/// Besides, the batch's empty array goes back through a rack.
#[test]
fn a_batch_handed_over_takes_three_each_way() {
    let _turn = turn();
    // More than the empty arrays that a thread keeps.
    const OFTEN: usize = 160;
    let pool = &bytes();
    let gets = count(
        || {
            for _ in 0..OFTEN {
                let mut held = Vec::with_capacity(ARRAY);
                get(pool, ARRAY, &mut held);
                elsewhere(|| drop(held));
            }
            let mut held = Vec::with_capacity(4 * ARRAY);
            get(pool, 4 * ARRAY, &mut held);
            elsewhere(|| held.clear());
            held
        },
        |mut held| {
            get(pool, ARRAY, &mut held);
            held
        },
    );
    let pool = &bytes();
    let got_elsewhere = || {
        let mut held = Vec::with_capacity(ARRAY);
        elsewhere(|| get(pool, ARRAY, &mut held));
        held
    };
    let warm = || {
        (0..OFTEN).for_each(|_| drop(got_elsewhere()));
        got_elsewhere()
    };
    assert_eq!((gets, count(warm, drop)), (3, 3));
}

#[test]
fn a_miss_takes_none() {
    let _turn = turn();
    let pool = &bytes();
    let used = || {
        drop((pool.get(), pool.get()));
        iter::from_fn(|| pool.try_get()).for_each(|item| _ = Pooled::detach(item));
    };
    assert_eq!(count(used, |()| pool.get()), 0);
}

/// One to count the guard's handle of the pool, and one to count it no more.
#[test]
fn an_owned_pair_takes_two() {
    let _turn = turn();
    let pool = &Arc::new(bytes());
    assert_eq!(count(|| drop(pool.get_owned()), |()| drop(pool.get_owned())), 2);
}

/// Its lock is taken and released twice.
#[cfg(feature = "bounded")]
#[test]
fn a_bounded_pair_takes_four() {
    let _turn = turn();
    let pool = &BoundedPool::<Vec<u8>>::new(4);
    assert_eq!(count(|| drop(pool.get()), |()| drop(pool.get())), 4);
}

#[cfg(feature = "bounded")]
mod waits {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use ebbtide::bounded::{Pooled, Settings};
    use ebbtide::{BoundedPool, DefaultRecycle};

    use crate::count;
    use crate::stepping::turn;

    fn in_strict_order() -> BoundedPool<Vec<u8>> {
        BoundedPool::with_settings(DefaultRecycle, Settings::new(1).manual().max_overtakes(0))
    }

    /// A clone, because only clones are sure to have the same table of functions.
    fn noop() -> Waker {
        Waker::noop().clone()
    }

    /// Waits for the item that another holds, until that is returned.
    fn wait<'pool>(pool: &'pool BoundedPool<Vec<u8>>, other: Pooled<'pool, Vec<u8>>) -> Pooled<'pool, Vec<u8>> {
        let waker = noop();
        let mut context = Context::from_waker(&waker);
        let mut waiting = pin!(pool.get_async());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        drop(other);
        let Poll::Ready(Ok(item)) = waiting.poll(&mut context) else { panic!("it was served") };
        item
    }

    /// The lock is taken once to wait, once by who returns the item, and once to fetch it.
    #[test]
    fn a_wait_of_a_task_takes_six() {
        let _turn = turn();
        let pool = &in_strict_order();
        assert_eq!(count(|| wait(pool, pool.get().expect("it is idle")), |other| wait(pool, other)), 6);
    }

    /// The lock is taken once to wait, once to see that there is no answer, and once to leave.
    #[test]
    fn a_cancelled_wait_takes_six() {
        let _turn = turn();
        let pool = &in_strict_order();
        let cancelled = |other| {
            let waker = noop();
            let mut context = Context::from_waker(&waker);
            let mut waiting = pin!(pool.get_async());
            assert!((0..2).all(|_| waiting.as_mut().poll(&mut context).is_pending()));
            other
        };
        assert_eq!(count(|| wait(pool, pool.get().expect("it is idle")), cancelled), 6);
    }
}
