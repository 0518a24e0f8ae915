//! Bounded pools: with an item for every user, with fewer, and with users who give up.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use futures_lite::future::{block_on, or};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::yield_now;

use super::clock::side_by_side;
use super::latency::{Times, nanoseconds};
use super::{Plan, Shape, Usage, Workload};
use crate::contender::Bounded;
use crate::item::Item;
use crate::sample::Sample;

pub(crate) fn runs<B: Bounded>(workload: &Workload) -> bool {
    match workload.shape {
        Shape::Bounded(_, Usage::Pairs | Usage::Checkouts | Usage::Threads) => B::BLOCKING,
        Shape::Bounded(_, Usage::AsyncPairs | Usage::AsyncCheckouts | Usage::Tasks | Usage::GivingUp) => B::ASYNC,
        _ => false,
    }
}

/// Runs `workload` once with a new pool. Afterwards every item must be there.
pub(crate) fn run<B: Bounded>(workload: &Workload, plan: Plan) -> Sample {
    let Shape::Bounded(items, usage) = workload.shape else { unreachable!("{} has no limit", workload.name) };
    let pool = Arc::new(B::new(items));
    let sample = match usage {
        Usage::Pairs => pairs(&*pool, workload.threads, plan, plan.chunk()),
        Usage::AsyncPairs => async_pairs(&*pool, plan),
        Usage::Checkouts => pairs(&*pool, workload.threads, plan, FEW),
        Usage::AsyncCheckouts => checkouts(&pool, workload.threads, plan),
        Usage::Threads => threads(&*pool, workload.threads, plan),
        Usage::Tasks => tasks(&pool, workload.threads, plan, false),
        Usage::GivingUp => tasks(&pool, workload.threads, plan, true),
    };
    let there: Vec<_> = (0..=items).map_while(|_| pool.try_get()).collect();
    assert_eq!(there.len(), items, "items of {} after {}", B::NAME, workload.name);
    sample
}

/// Pairs that may take long, between two reads of the clock.
const FEW: usize = 32;

fn pairs<B: Bounded>(pool: &B, threads: usize, plan: Plan, chunk: usize) -> Sample {
    let work = side_by_side(threads, plan, || {
        || {
            for _ in 0..chunk {
                let mut item = pool.get();
                item.write();
                pool.put(item);
            }
            chunk
        }
    });
    Sample::default().with("ns", work.ns(threads))
}

fn async_pairs<B: Bounded>(pool: &B, plan: Plan) -> Sample {
    let runtime = runtime();
    let work = side_by_side(1, plan, || {
        || {
            let _context = runtime.enter();
            block_on(async {
                for _ in 0..plan.chunk() {
                    let mut item = pool.get_async().await;
                    item.write();
                    pool.put(item);
                }
            });
            plan.chunk()
        }
    });
    Sample::default().with("ns", work.ns(1))
}

/// Some need the time.
fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_time().build().expect("there can be a runtime")
}

/// Tasks that all take part: each yields after a few pairs.
fn checkouts<B: Bounded>(pool: &Arc<B>, users: usize, plan: Plan) -> Sample {
    let begin = Instant::now() + plan.warm_up;
    let runtime = runtime();
    let user = |_| {
        let pool = Arc::clone(pool);
        runtime.spawn(async move {
            let mut pairs = 0;
            loop {
                for _ in 0..FEW {
                    let mut item = pool.get_async().await;
                    item.write();
                    pool.put(item);
                }
                let now = Instant::now();
                pairs += if now < begin { 0 } else { FEW };
                if now >= begin + plan.measured {
                    return (pairs, now);
                }
                yield_now().await;
            }
        })
    };
    let users: Vec<_> = (0..users).map(user).collect();
    let users = users.into_iter().map(|user| runtime.block_on(user).expect("a user panicked"));
    let (pairs, end) = users.reduce(|(pairs, end), user| (pairs + user.0, end.max(user.1))).expect("there are users");
    Sample::default().with("ns", (end - begin).as_nanos() as f64 / pairs as f64)
}

/// What one user, or all of them, got in the measured time.
struct Tally {
    begin: Instant,
    end: Instant,
    /// The waiting time of each item.
    waits: Times,
    given_up: u64,
}

impl Tally {
    fn new(begin: Instant, plan: Plan) -> Self {
        Self { begin, end: begin + plan.measured, waits: Times::new(), given_up: 0 }
    }

    /// Records the end of a wait. Returns whether it was the last.
    fn note(&mut self, start: Instant, served: bool) -> bool {
        let now = Instant::now();
        if now >= self.begin {
            match served {
                true => self.waits.record(nanoseconds(now - start)),
                false => self.given_up += 1,
            }
        }
        let last = now >= self.end;
        self.end = self.end.max(now);
        last
    }

    fn sample(users: impl IntoIterator<Item = Self>) -> Sample {
        let together = users.into_iter().reduce(|mut all, one| {
            all.end = all.end.max(one.end);
            all.waits.add(&one.waits);
            all.given_up += one.given_up;
            all
        });
        let Self { begin, end, waits, given_up } = together.expect("there are users");
        let served = waits.count() as f64;
        let sample = Sample::default()
            .with("ns", (end - begin).as_nanos() as f64 / served)
            .with("given_up_per_item", given_up as f64 / served);
        waits.show(sample)
    }
}

/// Threads wait for an item, write to it, yield while they have it, and give it back.
fn threads<B: Bounded>(pool: &B, users: usize, plan: Plan) -> Sample {
    let begin = Instant::now() + plan.warm_up;
    let user = || {
        let mut tally = Tally::new(begin, plan);
        loop {
            let start = Instant::now();
            let mut item = pool.get();
            let last = tally.note(start, true);
            item.write();
            thread::yield_now();
            pool.put(item);
            if last {
                return tally;
            }
        }
    };
    thread::scope(|scope| {
        let users: Vec<_> = (0..users).map(|_| scope.spawn(user)).collect();
        Tally::sample(users.into_iter().map(|user| user.join().expect("a user panicked")))
    })
}

/// The same with tasks.
///
/// With `giving_up`, another task tells a random task to give up waiting whenever it runs.
fn tasks<B: Bounded>(pool: &Arc<B>, users: usize, plan: Plan, giving_up: bool) -> Sample {
    let begin = Instant::now() + plan.warm_up;
    let told: Vec<_> = (0..users).map(|_| Arc::new(Notify::new())).collect();
    let runtime = runtime();
    let user =
        |told| runtime.spawn(user(Arc::clone(pool), Tally::new(begin, plan), giving_up.then(|| Arc::clone(told))));
    let users: Vec<_> = told.iter().map(user).collect();
    if giving_up {
        runtime.spawn(tell(told, begin + plan.measured));
    }
    Tally::sample(users.into_iter().map(|user| runtime.block_on(user).expect("a user panicked")))
}

async fn user<B: Bounded>(pool: Arc<B>, mut tally: Tally, give_up: Option<Arc<Notify>>) -> Tally {
    loop {
        let start = Instant::now();
        let get = async { Some(pool.get_async().await) };
        let item = match &give_up {
            None => get.await,
            Some(told) => {
                let told = async {
                    told.notified().await;
                    None
                };
                or(get, told).await
            }
        };
        let last = tally.note(start, item.is_some());
        if let Some(mut item) = item {
            item.write();
            yield_now().await;
            pool.put(item);
        }
        if last {
            return tally;
        }
    }
}

/// The order is the same in every run.
async fn tell(told: Vec<Arc<Notify>>, end: Instant) {
    let mut random = 1_u64;
    while Instant::now() < end {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        told[(random >> 33) as usize % told.len()].notify_one();
        yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::ALL;
    use super::*;
    use crate::contenders::allocate::Owned;
    use crate::contenders::bounded::mutex_condvar::MutexCondvar;
    use crate::item::Buffer;

    /// Has one item less than it should.
    struct Loser(MutexCondvar);

    impl Bounded for Loser {
        const NAME: &'static str = "loser";
        const OVERTAKES: bool = true;
        type Guard<'p> = Owned<Buffer>;

        fn new(items: usize) -> Self {
            Self(MutexCondvar::new(items - 1))
        }

        fn try_get(&self) -> Option<Owned<Buffer>> {
            self.0.try_get()
        }

        async fn get_async(&self) -> Owned<Buffer> {
            self.try_get().expect("nobody else is there")
        }

        fn put(&self, item: Owned<Buffer>) {
            self.0.put(item);
        }
    }

    #[test]
    #[should_panic(expected = "items of loser after bounded-pair")]
    fn a_lost_item_is_an_error() {
        let pairs = ALL.iter().find(|workload| workload.name == "bounded-pair").expect("it is in the list");
        run::<Loser>(pairs, Plan::TINY);
    }
}
