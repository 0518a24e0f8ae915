//! `BoundedPool`: items that other threads create, while the calls wait for them.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::common::polled::Polled;
use crate::common::{Counted, lock, panic_of, until};
use crate::server::{Client, Reply, Served, Server, served};
use ebbtide::bounded::{GetError, Info, OwnedPooled, Phase, Pooled, Settings, TryRecycle};
use ebbtide::{BoundedPool, Manual};
use futures_lite::future::block_on;

/// So short that it passes at once.
const SHORT: Duration = Duration::from_millis(1);

/// Whose items always fail their checks.
#[derive(Clone)]
struct Unfit(Client);
impl TryRecycle<Counted> for Unfit {
    type Error = io::Error;

    fn try_create(&self) -> io::Result<Counted> {
        self.0.try_create()
    }

    fn check(&self, _: &mut Counted, _: &Info) -> bool {
        false
    }
}

fn manual(capacity: usize) -> Settings<Manual> {
    Settings::new(capacity).manual()
}

/// Nobody waits, nothing is in use, and as many items exist as are idle.
#[track_caller]
fn at_rest(pool: &Served, server: &Server) {
    until("it is at rest", || pool.in_use() == 0);
    let status = pool.status();
    assert_eq!((status.creating, status.waiting, status.dropping), (0, 0, 0));
    assert_eq!(status.idle, server.ledger.live());
}

/// A server that does not answer delays nobody for longer than the call allows. The item comes late, and is idle.
#[test]
fn the_total_is_bounded() {
    let (pool, server) = served(manual(1).wait_timeout(SHORT), 0);
    let late = |outcome: Result<(), GetError<_>>| matches!(outcome, Err(GetError::TimedOut { phase: Phase::Wait, after, .. }) if after == SHORT);
    assert!(late(pool.get().map(drop)));
    server.wait_for(1);
    let status = pool.status();
    assert_eq!((status.in_use, status.creating, status.idle, status.waiting), (1, 1, 0, 0));
    assert!(late(pool.get_owned().map(drop)));
    assert!(late(block_on(pool.get_async()).map(drop)));
    assert!(matches!(pool.get_timeout(SHORT).map(drop), Err(GetError::Timeout)));
    assert!(matches!(pool.get_owned_timeout(SHORT).map(drop), Err(GetError::Timeout)));
    assert_eq!(server.begun(), 1);
    server.reply(0, Reply::Item);
    at_rest(&pool, &server);
    assert_eq!(pool.get().unwrap().id, 0);
}

/// The same for the first call in each form, which begins the creation.
#[test]
fn every_get_of_one_item_leaves_the_creation_to_others() {
    let gets: [fn(&Arc<Served>) -> bool; 8] = [
        |pool| pool.get().is_err(),
        |pool| pool.get_timeout(SHORT).is_err(),
        |pool| pool.get_deadline(std::time::Instant::now() + SHORT).is_err(),
        |pool| pool.get_owned().is_err(),
        |pool| pool.get_owned_timeout(SHORT).is_err(),
        |pool| pool.get_owned_deadline(std::time::Instant::now() + SHORT).is_err(),
        |pool| block_on(pool.get_async()).is_err(),
        |pool| block_on(pool.get_owned_async()).is_err(),
    ];
    for get in gets {
        let (pool, server) = served(manual(1).wait_timeout(SHORT), 0);
        assert!(get(&pool));
        server.wait_for(1);
        server.reply(0, Reply::Item);
        at_rest(&pool, &server);
        assert_eq!(pool.stats().created, 1);
    }
}

/// `create_timeout` limits the creation alone, or what is left of the call's own time, if that is less.
#[test]
fn a_creation_has_a_time_of_its_own() {
    let long = Duration::from_secs(3600);
    let (pool, server) = served(manual(1).wait_timeout(SHORT).create_timeout(2 * SHORT), 0);
    let late = |outcome: Result<(), GetError<_>>| matches!(outcome, Err(GetError::TimedOut { phase: Phase::Create, after, .. }) if after == 2 * SHORT);
    assert!(late(pool.get().map(drop)));
    server.reply(0, Reply::Item);
    at_rest(&pool, &server);
    pool.clear();
    assert!(late(block_on(pool.get_async()).map(drop)));
    server.reply(1, Reply::Item);
    at_rest(&pool, &server);
    pool.clear();
    assert!(late(pool.get_timeout(long).map(drop)));
    assert_eq!(pool.stats().create_timeouts, 3);
    server.reply(2, Reply::Item);
    at_rest(&pool, &server);

    let (pool, server) = served(manual(1).create_timeout(long), 0);
    assert!(matches!(pool.get_timeout(SHORT).map(drop), Err(GetError::Timeout)));
    server.reply(0, Reply::Item);
    at_rest(&pool, &server);
}

/// With a server that does not answer, those who got a place time out creating, and the others waiting.
#[test]
fn each_error_names_its_phase() {
    let settings = manual(8).wait_timeout(Duration::from_millis(20)).create_timeout(Duration::from_millis(100));
    let (pool, server) = served(settings, 0);
    let mut texts = thread::scope(|scope| {
        let get = || pool.get().map(drop).unwrap_err().to_string();
        let first: Vec<_> = (0..8).map(|_| scope.spawn(get)).collect();
        until("they create", || pool.status().creating == 8);
        let others: Vec<_> = (0..8).map(|_| scope.spawn(get)).collect();
        first.into_iter().chain(others).map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    server.wait_for(8);
    texts.sort();
    assert_eq!(texts[..8], ["no item was created within 100ms"; 8]);
    assert_eq!(texts[8..], ["no item was free within 20ms"; 8]);
    assert_eq!((pool.in_use(), pool.status().creating, pool.waiting()), (8, 8, 0));
    server.reply_to_all(Some(Reply::Item));
    at_rest(&pool, &server);
    assert_eq!(pool.idle(), 8);
}

/// An item that comes back serves the call that creates one, and the new one the next waiter.
#[test]
fn an_item_that_comes_back_serves_who_creates() {
    let (pool, server) = served(manual(2), 1);
    let item = pool.get().unwrap();
    thread::scope(|scope| {
        let first = scope.spawn(|| pool.get().unwrap());
        server.wait_for(1);
        let second = Polled::waiting(pool.get_async());
        drop(item);
        let item = first.join().unwrap();
        assert_eq!((item.id, pool.status().creating, pool.waiting()), (0, 1, 1));
        server.reply(0, Reply::Item);
        until("it is created", || second.wakes() > 0);
        assert_eq!(second.ready().unwrap().id, 1);
        drop(item);
    });
    at_rest(&pool, &server);
    assert_eq!((pool.idle(), server.begun()), (2, 1));
}

/// The same if it comes back before the creation begins, while another item fails its check.
#[test]
fn an_item_that_came_back_serves_who_creates() {
    #[derive(Clone)]
    struct Checked(Client, Arc<Mutex<Option<OwnedPooled<Counted, Checked>>>>);
    impl TryRecycle<Counted> for Checked {
        type Error = io::Error;

        fn try_create(&self) -> io::Result<Counted> {
            self.0.try_create()
        }

        fn check(&self, _: &mut Counted, _: &Info) -> bool {
            let back = lock(&self.1).take();
            back.is_none()
        }
    }
    let (server, back) = (Arc::<Server>::default(), Arc::default());
    let recycler = Checked(Client(Arc::clone(&server)), Arc::clone(&back));
    let pool = Arc::new(BoundedPool::with_settings(recycler, manual(2)).create_in_background());
    server.reply(0, Reply::Item);
    server.reply(1, Reply::Item);
    assert_eq!(pool.prefill(2).unwrap(), 2);
    *lock(&back) = Some(pool.get_owned().unwrap());
    let item = Polled::new(pool.get_async()).poll().expect("it need not wait").unwrap();
    assert_eq!((item.id, pool.status().creating, pool.waiting()), (1, 1, 0));
    server.reply(2, Reply::Item);
    until("it is created", || pool.idle() == 1);
}

/// The others may be no better, and one call is not to replace them all.
#[test]
fn a_failed_check_replaces_one_item() {
    let server = Arc::<Server>::default();
    let pool = BoundedPool::with_settings(Unfit(Client(Arc::clone(&server))), manual(4)).create_in_background();
    (0..9).for_each(|n| server.reply(n, Reply::Item));
    assert_eq!(pool.prefill(4).unwrap(), 4);
    for (created, left) in [(5, 3), (6, 2)] {
        let item = if left == 3 { pool.get() } else { block_on(pool.get_async()) }.unwrap();
        assert_eq!((server.ledger.made(), pool.idle(), pool.status().creating), (created, left, 0));
        drop(Pooled::detach(item));
    }
}

/// Without time for it, a task does not wait for a turn either, not even for a moment in the queue.
#[test]
fn a_task_with_a_timeout_of_zero_never_queues_for_a_turn() {
    let server = Arc::<Server>::default();
    let settings = manual(2).wait_timeout(Duration::ZERO).max_creating(1);
    let pool = BoundedPool::with_settings(Unfit(Client(Arc::clone(&server))), settings).create_in_background();
    (0..2).for_each(|n| server.reply(n, Reply::Item));
    assert_eq!(pool.prefill(2).unwrap(), 2);
    // The first has the turn.
    for _ in 0..2 {
        let outcome = block_on(pool.get_async());
        assert!(matches!(outcome.map(drop), Err(GetError::TimedOut { phase: Phase::Wait, .. })));
    }
    assert_eq!((pool.status().creating, pool.stats().waits), (1, 0));
    server.reply(2, Reply::Item);
    until("it is at rest", || pool.in_use() == 0);
}

/// What nobody waits for any more becomes idle.
#[test]
fn a_late_item_becomes_idle() {
    let (pool, server) = served(manual(2), 1);
    let item = pool.get().unwrap();
    let first = Polled::waiting(pool.get_async());
    server.wait_for(1);
    drop(item);
    let item = first.ready().unwrap();
    server.reply(0, Reply::Item);
    until("it is idle", || pool.idle() == 1);
    drop(item);
    at_rest(&pool, &server);
}

/// Whoever finds room begins a creation of its own, although others wait for theirs. Each gets its own, in any order.
#[test]
fn who_finds_room_need_not_wait_for_others() {
    let (pool, server) = served(manual(4), 0);
    let mut waiting = Vec::new();
    for n in 1..=4 {
        waiting.push(Polled::waiting(pool.get_async()));
        server.wait_for(n);
    }
    let last = Polled::waiting(pool.get_async());
    assert_eq!((pool.status().creating, pool.waiting()), (4, 5));
    server.reply(2, Reply::Item);
    until("it is created", || waiting[2].wakes() > 0);
    let third = waiting.remove(2).ready().unwrap();
    assert!(waiting.iter_mut().all(|waiting| waiting.poll().is_none()));
    drop(third);
    // The first has waited longest.
    let first = waiting.remove(0).ready().unwrap();
    server.reply_to_all(Some(Reply::Item));
    let all: Vec<_> = waiting
        .into_iter()
        .map(|waiting| {
            until("it is created", || waiting.wakes() > 0);
            waiting.ready().unwrap()
        })
        .collect();
    until("it is served", || last.wakes() > 0);
    drop((first, all, last.ready().unwrap()));
    at_rest(&pool, &server);
    assert_eq!((pool.idle(), server.begun()), (4, 4));
}

/// One that waits behind a creation for more places than are free keeps others from the rest, until it gives up.
#[test]
fn who_gives_up_behind_a_creation_lets_others_pass() {
    let (pool, server) = served(manual(2), 0);
    let first = Polled::waiting(pool.get_async());
    server.wait_for(1);
    let both = Polled::waiting(pool.get_many_async(2));
    let mut last = Polled::waiting(pool.get_async());
    drop(both);
    assert_eq!(last.wakes(), 1);
    assert!(last.poll().is_none());
    server.wait_for(2);
    server.reply_to_all(Some(Reply::Item));
    until("both are created", || first.wakes() > 0 && last.wakes() > 1);
    drop((first.ready().unwrap(), last.ready().unwrap()));
    at_rest(&pool, &server);
}

/// An error and a panic go to the call that began the creation, and free its place.
#[test]
fn a_failure_goes_to_who_began() {
    let (pool, server) = served(manual(2), 0);
    let first = Polled::waiting(pool.get_async());
    server.wait_for(1);
    let mut second = Polled::waiting(pool.get_async());
    server.wait_for(2);
    let third = Polled::waiting(pool.get_async());
    server.reply(0, Reply::Error);
    until("it is told", || first.wakes() > 0);
    let Err(GetError::Create(error)) = first.ready().map(drop) else { panic!("it got an item") };
    assert_eq!(error.to_string(), "creation 0");
    until("the third has the place", || third.wakes() > 0);
    assert!(second.poll().is_none());
    server.reply(1, Reply::Panic);
    until("it is told", || second.wakes() > 0);
    assert_eq!(panic_of(|| drop(second.poll())), "tripped");
    assert_eq!(pool.stats().panics, 0);
    let mut third = { third };
    assert!(third.poll().is_none());
    server.wait_for(3);
    server.reply(2, Reply::Item);
    until("it is created", || third.wakes() > 1);
    assert_eq!(third.ready().unwrap().id, 0);
    at_rest(&pool, &server);

    for reply in [Reply::Error, Reply::Panic] {
        let (pool, server) = served(manual(1), 0);
        server.reply(0, reply);
        match reply {
            Reply::Panic => assert_eq!(panic_of(|| drop(pool.get())), "tripped"),
            _ => assert!(matches!(pool.get(), Err(GetError::Create(_)))),
        }
        at_rest(&pool, &server);
    }
}

/// A failure that comes late frees the place. A panic is counted.
#[test]
fn a_late_failure_frees_the_place() {
    for reply in [Reply::Error, Reply::Panic] {
        let (pool, server) = served(manual(1), 0);
        let first = Polled::waiting(pool.get_async());
        server.wait_for(1);
        drop(first);
        assert_eq!((pool.in_use(), pool.waiting()), (1, 0));
        let next = Polled::waiting(pool.get_async());
        server.reply(0, reply);
        until("it is woken", || next.wakes() > 0);
        let mut next = next;
        assert!(next.poll().is_none(), "it creates");
        server.wait_for(2);
        server.reply(1, Reply::Item);
        until("it is created", || next.wakes() > 1);
        drop(next.ready().unwrap());
        at_rest(&pool, &server);
        until("it is counted", || pool.stats().panics == usize::from(reply == Reply::Panic));
    }
}

/// The same if the call was told, and is dropped before it hears that.
#[test]
fn a_failure_that_nobody_hears_is_counted() {
    let (pool, server) = served(manual(1), 0);
    let first = Polled::waiting(pool.get_async());
    server.reply(0, Reply::Panic);
    until("it is told", || first.wakes() > 0);
    assert_eq!(pool.stats().panics, 0);
    drop(first);
    at_rest(&pool, &server);
    assert_eq!(pool.stats().panics, 1);
}

/// A new item is not checked, and one that comes back is. If it is unfit, another thread creates one in its place.
#[test]
fn a_failed_check_keeps_the_turn() {
    let (pool, server) = served(manual(1), 1);
    server.condemn(0);
    let first = Polled::waiting(pool.get_async());
    assert_eq!((server.checked(), server.ledger.live()), (1, 0));
    server.wait_for(1);
    let mut second = Polled::waiting(pool.get_async());
    server.reply(0, Reply::Item);
    until("it is created", || first.wakes() > 0);
    let item = first.ready().unwrap();
    assert_eq!((item.id, server.checked()), (1, 1));
    assert!(second.poll().is_none());
    drop(item);
    assert_eq!(second.ready().unwrap().id, 1);
    assert_eq!(server.checked(), 2);
}

/// No more are created at once than allowed. Who waits for a turn gets what comes first.
#[test]
fn only_so_many_are_created_at_once() {
    let (pool, server) = served(manual(3).max_creating(1), 0);
    let first = Polled::waiting(pool.get_async());
    server.wait_for(1);
    let second = Polled::waiting(pool.get_async());
    assert_eq!((pool.status().creating, pool.waiting(), pool.in_use()), (1, 2, 1));
    server.reply(0, Reply::Item);
    until("it is created", || first.wakes() > 0);
    let item = first.ready().unwrap();
    until("it has its turn", || second.wakes() > 0);
    let mut second = second;
    assert!(second.poll().is_none(), "it creates");
    server.wait_for(2);
    drop(item);
    assert_eq!(second.ready().unwrap().id, 0);
    server.reply(1, Reply::Item);
    at_rest(&pool, &server);
}

/// They do not wait, but begin a creation.
#[test]
fn those_that_do_not_wait_begin_a_creation() {
    let (pool, server) = served(manual(1), 0);
    assert!(matches!(pool.get_timeout(Duration::ZERO), Err(GetError::Timeout)));
    server.wait_for(1);
    assert!(matches!(pool.get_timeout(Duration::ZERO), Err(GetError::Timeout)));
    server.reply(0, Reply::Item);
    at_rest(&pool, &server);
    assert!(pool.get_timeout(Duration::ZERO).is_ok());

    let texts = Arc::new(BoundedPool::with_settings(|| String::from("new"), manual(1)).create_in_background());
    until("it is created", || texts.try_get().is_some());
    assert!(texts.try_get_owned().is_some_and(|text| *text == "new"));
    assert_eq!(texts.stats().created, 1);
}

/// Those that get several, or that are given a function, create on their own thread.
#[test]
fn others_create_on_their_own_thread() {
    let (pool, server) = served(manual(4), 0);
    server.reply_to_all(Some(Reply::Item));
    assert_eq!(pool.get_many(2).unwrap().len(), 2);
    let here = thread::current().id();
    let mut created_by = None;
    let all = pool.get_many(2).unwrap();
    drop(pool.get_with(|| {
        created_by = Some(thread::current().id());
        server.ledger.item()
    }));
    assert_eq!(created_by, Some(here));
    drop(all);
    at_rest(&pool, &server);
}

/// Statics can have it, and closures.
#[test]
fn statics_create_in_the_background() {
    static NAMES: BoundedPool<String, fn() -> String> =
        BoundedPool::with_settings(name as fn() -> String, Settings::new(2).min_idle(1)).create_in_background();
    fn name() -> String {
        thread::current().name().unwrap_or_default().to_owned()
    }
    let first = NAMES.get().unwrap();
    assert_eq!(*first, "ebbtide-dropper");
    let _ = NAMES.advance();
    until("another one is idle", || NAMES.idle() == 1);
}

/// The pool is closed meanwhile. Who waits is told, and the end comes after the creation.
#[test]
fn a_pool_can_be_closed_during_a_creation() {
    for reply in [Reply::Item, Reply::Error, Reply::Panic] {
        let (pool, server) = served(manual(1), 0);
        let waiting = Polled::waiting(pool.get_async());
        server.wait_for(1);
        pool.close();
        assert!(matches!(waiting.ready(), Err(GetError::Closed)));
        let closed = Polled::waiting(pool.closed_async());
        server.reply(0, reply);
        until("it has ended", || closed.wakes() > 0);
        closed.ready();
        assert_eq!((pool.in_use(), pool.idle()), (0, 0));
        drop(pool);
        server.ledger.assert_all_dropped_once();
    }
}

/// The pool is dropped meanwhile. The item is dropped once.
#[test]
fn a_pool_can_be_dropped_during_a_creation() {
    for reply in [Reply::Item, Reply::Error, Reply::Panic] {
        let (pool, server) = served(manual(2), 1);
        drop((Polled::new(pool.get_async()), pool.get().unwrap().id));
        let item = pool.get().unwrap();
        drop(Polled::waiting(pool.get_async()));
        server.wait_for(1);
        drop(item);
        drop(pool);
        assert_eq!(server.ledger.live(), 0, "the idle one does not wait for it");
        server.reply(0, reply);
        until("the thread has ended", || Arc::strong_count(&server) == 1);
        server.ledger.assert_all_dropped_once();
    }
}
