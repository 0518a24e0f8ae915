//! `BoundedPool`: waiters are served in order, newcomers overtake them only while they wake up, and a dropped wait loses
//! nothing for others.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::polled::Polled;
use crate::common::{Dice, lock, until};
use crate::pools::{CountedPool, counted, counted_with};
use ebbtide::bounded::{GetError, Settings};

/// Each returned item goes to the waiter that waited longest, and no other is woken.
#[test]
fn first_come_first_served() {
    let (pool, ledger) = counted(1);
    let mut held = pool.get().unwrap();
    let mut queue: Vec<_> = (0..5).map(|_| Polled::waiting(pool.get_async())).collect();
    assert_eq!((pool.waiting(), pool.in_use()), (5, 1));
    while !queue.is_empty() {
        drop(held);
        assert!(queue[1..].iter_mut().all(|later| later.wakes() == 0 && later.poll().is_none()));
        held = queue.remove(0).ready().unwrap();
        assert_eq!(pool.waiting(), queue.len());
    }
    drop(held);
    assert_eq!((ledger.made(), pool.idle()), (1, 1));
}

/// While one waits for several, or in strict order, others get nothing in any way: neither before it is served nor before
/// its next poll.
#[test]
fn newcomers_do_not_overtake_waiters() {
    let (strict, _ledger) = counted_with(Settings::new(1).manual().max_overtakes(0));
    let held = strict.get().unwrap();
    let one = Polled::waiting(strict.get_async());
    drop(held);
    assert!(strict.try_get().is_none());
    drop(one.ready().unwrap());

    let (pool, _ledger) = counted(2);
    let nothing_for_others = |pool: &CountedPool| {
        assert!(pool.try_get().is_none());
        assert_eq!(pool.get_timeout(Duration::ZERO).unwrap_err(), GetError::Timeout);
        assert_eq!(pool.get_deadline(Instant::now()).unwrap_err(), GetError::Timeout);
        assert_eq!(pool.get_many_timeout(1, Duration::ZERO).unwrap_err(), GetError::Timeout);
        assert_eq!(pool.prefill(1), Ok(0));
        drop(Polled::waiting(pool.get_async()));
    };
    let one = pool.get().unwrap();
    // One place is free, but this waiter comes first.
    let many = Polled::waiting(pool.get_many_async(2));
    nothing_for_others(&pool);
    drop(one);
    nothing_for_others(&pool);
    assert_eq!(many.ready().unwrap().len(), 2);
    assert!(pool.try_get().is_some());
}

/// A waiter for several blocks the queue until it has all its places. Those behind it come after.
#[test]
fn a_head_that_waits_for_many_blocks_the_queue() {
    let (pool, ledger) = counted(3);
    let (one, two) = (pool.get().unwrap(), pool.get().unwrap());
    let mut many = Polled::waiting(pool.get_many_async(3));
    let (mut first, mut second) = (Polled::waiting(pool.get_async()), Polled::waiting(pool.get_many_async(2)));
    drop(one);
    assert!(many.poll().is_none() && first.poll().is_none() && second.poll().is_none());
    drop(two);
    assert_eq!((first.wakes(), second.wakes(), pool.in_use()), (0, 0, 3));
    let all = many.ready().unwrap();
    assert_eq!(all.len(), 3);
    drop(all);
    assert_eq!(pool.in_use(), 3);
    assert_eq!((first.ready().is_ok(), second.ready().unwrap().len()), (true, 2));
    assert_eq!(ledger.peak(), 3);
}

/// When a waiter for several is dropped, the places it held up go to those behind it.
#[test]
fn dropping_the_head_serves_those_behind_it() {
    let (pool, _ledger) = counted(3);
    let one = pool.get().unwrap();
    let many = Polled::waiting(pool.get_many_async(3));
    let (first, second) = (Polled::waiting(pool.get_async()), Polled::waiting(pool.get_async()));
    let mut third = Polled::waiting(pool.get_async());
    drop(many);
    let (first, second) = (first.ready().unwrap(), second.ready().unwrap());
    assert!(third.poll().is_none());
    drop(first);
    let third = third.ready().unwrap();
    drop((one, second, third));
    assert_eq!((pool.waiting(), pool.in_use(), pool.idle()), (0, 0, 3));
}

/// Dropping a wait in the middle of the queue changes nothing for the others.
#[test]
fn dropping_a_middle_wait_affects_no_other() {
    let (pool, _ledger) = counted(1);
    let held = pool.get().unwrap();
    let first = Polled::waiting(pool.get_async());
    let second = Polled::waiting(pool.get_async());
    let third = Polled::waiting(pool.get_async());
    drop(second);
    assert_eq!((pool.waiting(), first.wakes(), third.wakes()), (2, 0, 0));
    drop(held);
    drop(first.ready().unwrap());
    drop(third.ready().unwrap());
    assert_eq!((pool.waiting(), pool.in_use(), pool.idle()), (0, 0, 1));
}

/// Waits join, are served, dropped and completed in random order, with sweeps in between. After each step, exactly
/// those are served that a plain list says.
#[test]
fn random_waits_are_served_like_a_plain_list() {
    const CAPACITY: usize = 3;
    for seed in 0..200 {
        let (pool, ledger) = counted_with(Settings::new(CAPACITY).manual().max_overtakes(0));
        let mut dice = Dice::new(seed);
        let (mut free, mut held) = (CAPACITY, Vec::new());
        // Each wait with its number of items and whether it was served, in the order of arrival.
        let mut waits: Vec<(Polled<_>, usize, bool)> = Vec::new();
        for _ in 0..200 {
            match dice.below(5) {
                0 => {
                    let n = 1 + dice.below(2);
                    let mut wait = Polled::new(pool.get_many_async(n));
                    let items = wait.poll();
                    let at_once = n <= free && waits.iter().all(|&(_, _, served)| served);
                    assert_eq!(items.is_some(), at_once, "seed {seed}");
                    match items {
                        Some(items) => {
                            held.extend(items.unwrap());
                            free -= n;
                        }
                        None => waits.push((wait, n, false)),
                    }
                }
                1 if !waits.is_empty() => {
                    let (_gives_up, n, served) = waits.remove(dice.below(waits.len()));
                    free += if served { n } else { 0 };
                }
                2 if !held.is_empty() => {
                    drop(held.swap_remove(dice.below(held.len())));
                    free += 1;
                }
                3 if !waits.is_empty() => {
                    let at = dice.below(waits.len());
                    if waits[at].2 {
                        held.extend(waits.remove(at).0.ready().unwrap());
                    } else {
                        assert!(waits[at].0.poll().is_none());
                    }
                }
                _ => {
                    pool.advance();
                }
            }
            for (_, n, served) in waits.iter_mut().skip_while(|&&mut (_, _, served)| served) {
                if *n > free {
                    break;
                }
                free -= *n;
                *served = true;
            }
            assert!(waits.iter().all(|(wait, _, served)| (wait.wakes() > 0) == *served), "seed {seed}");
            let in_line = waits.iter().filter(|&&(_, _, served)| !served).count();
            assert_eq!((pool.waiting(), pool.in_use()), (in_line, CAPACITY - free), "seed {seed}");
        }
        drop((held, waits));
        assert_eq!((pool.waiting(), pool.in_use(), ledger.live()), (0, 0, pool.idle()), "seed {seed}");
    }
}

/// A served wait is dropped before its next poll. The next waiter gets the same item.
#[test]
fn dropping_a_served_wait_serves_the_next() {
    let (pool, ledger) = counted(2);
    let mut held: Vec<_> = pool.get_many(2).unwrap();
    let first = Polled::waiting(pool.get_many_async(2));
    let second = Polled::waiting(pool.get_async());
    let third = Polled::waiting(pool.get_async());
    held.clear();
    assert_eq!((first.wakes(), second.wakes(), third.wakes()), (1, 0, 0));
    drop(first);
    let (second, third) = (second.ready().unwrap(), third.ready().unwrap());
    assert_ne!(second.id, third.id);
    assert_eq!(ledger.made(), 2);

    // With nobody behind it, the item is idle again.
    let last = Polled::waiting(pool.get_async());
    drop(second);
    assert_eq!(last.wakes(), 1);
    drop(last);
    assert_eq!((pool.idle(), pool.in_use(), ledger.live()), (1, 1, 2));
}

/// A wait that is dropped before its first poll never joins the queue.
#[test]
fn a_wait_joins_the_queue_at_its_first_poll() {
    let (pool, _ledger) = counted(1);
    let held = pool.get().unwrap();
    let unpolled = pool.get_async();
    assert_eq!(pool.waiting(), 0);
    let first = Polled::waiting(pool.get_async());
    let second = Polled::waiting(unpolled);
    drop(held);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
}

/// The waker of the last poll is woken.
#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let (pool, _ledger) = counted(1);
    let held = pool.get().unwrap();
    let mut moved = Polled::waiting(pool.get_async());
    assert!(moved.move_to_another_task().is_none());
    assert_eq!(pool.waiting(), 1);
    drop(held);
    assert!(moved.ready().is_ok());
}

/// Threads and tasks wait in one queue.
#[test]
fn threads_and_tasks_share_one_queue() {
    let (pool, ledger) = counted_with(Settings::new(1).manual().max_overtakes(0));
    let order = Mutex::new(Vec::new());
    let held = pool.get().unwrap();
    thread::scope(|scope| {
        let mut tasks = Vec::new();
        for n in 0..10 {
            if n % 3 == 0 {
                tasks.push((n, Polled::waiting(pool.get_async())));
            } else {
                let (pool, order) = (&pool, &order);
                scope.spawn(move || {
                    let item = match n % 3 {
                        1 => pool.get().unwrap(),
                        _ => pool.get_timeout(Duration::from_secs(3600)).unwrap(),
                    };
                    lock(order).push(n);
                    drop(item);
                });
                until("the thread waits", || pool.waiting() == n + 1);
            }
        }
        drop(held);
        for (n, task) in tasks {
            until("the task is woken", || task.wakes() > 0);
            let item = task.ready().unwrap();
            lock(&order).push(n);
            drop(item);
        }
    });
    assert_eq!(*lock(&order), Vec::from_iter(0..10));
    assert_eq!((ledger.made(), pool.idle()), (1, 1));
}

/// A thread that times out leaves the queue, and its places go to the next.
#[test]
fn a_thread_that_times_out_leaves_the_queue() {
    let (pool, _ledger) = counted(2);
    let one = pool.get().unwrap();
    assert_eq!(pool.get_many_timeout(2, Duration::from_millis(2)).unwrap_err(), GetError::Timeout);
    let soon = Instant::now() + Duration::from_millis(2);
    assert_eq!(pool.get_many_deadline(2, soon).unwrap_err(), GetError::Timeout);
    assert!(Instant::now() >= soon);
    assert_eq!(pool.waiting(), 0);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| pool.get_many_timeout(2, Duration::from_millis(100)).map(|items| items.len()));
        until("the thread waits or has given up", || pool.waiting() == 1 || waiting.is_finished());
        let behind = pool.get().unwrap();
        assert_eq!(waiting.join().unwrap(), Err(GetError::Timeout));
        drop(behind);
    });
    drop(one);
    assert_eq!((pool.in_use(), pool.idle()), (0, 2));
}

/// A timeout of zero doesn't wait, but takes what is free. An overflowing timeout never ends. A deadline in the past is
/// a timeout of zero.
#[test]
fn extreme_timeouts_are_valid() {
    let (pool, _ledger) = counted(1);
    drop(pool.get_timeout(Duration::ZERO).unwrap());
    drop(pool.get_deadline(Instant::now()).unwrap());
    drop(pool.get_many_timeout(1, Duration::ZERO).unwrap());
    let held = pool.get_timeout(Duration::MAX).unwrap();
    assert_eq!(pool.get_timeout(Duration::ZERO).unwrap_err(), GetError::Timeout);
    assert_eq!(pool.get_timeout(Duration::from_nanos(1)).unwrap_err(), GetError::Timeout);
    thread::scope(|scope| {
        let one = scope.spawn(|| pool.get_timeout(Duration::MAX).map(|item| item.id));
        let many = scope.spawn(|| pool.get_many_timeout(1, Duration::MAX).map(|items| items.len()));
        until("both wait", || pool.waiting() == 2);
        drop(held);
        assert_eq!((one.join().unwrap(), many.join().unwrap()), (Ok(0), Ok(1)));
    });
}

/// More than the capacity is an error at once. Zero items succeed at once, even if others wait.
#[test]
fn too_many_is_an_error_and_zero_is_immediate() {
    let (pool, ledger) = counted(2);
    let over = |asked, capacity| format!("{asked} items were asked for, but the pool's capacity is {capacity}");
    assert_eq!(pool.get_many(3).unwrap_err().to_string(), over(3, 2));
    assert!(matches!(
        pool.get_many_timeout(usize::MAX, Duration::ZERO),
        Err(GetError::OverCapacity { asked: usize::MAX, capacity: 2, .. })
    ));
    let all = pool.get_many(2).unwrap();
    let waiting = Polled::waiting(pool.get_async());
    assert!(pool.get_many(0).unwrap().is_empty());
    assert_eq!(pool.get_many(3).unwrap_err().to_string(), over(3, 2));
    drop(waiting);
    drop(all);
    assert_eq!(ledger.made(), 2);
    pool.close();
    assert_eq!(pool.get_many(0).unwrap_err(), GetError::Closed);
    assert_eq!(pool.get_many(3).unwrap_err(), GetError::Closed);
}
