//! Compares pools of connections to Redis: users that take a connection, `GET` a value and give it back.
//!
//! ```text
//! cargo run --release -p ebbtide-benches --bin redis
//! ```
//!
//! It starts Debian's `redis-server` on a free port and ends it. The pools take turns, in an order that rotates, and their
//! connections live for all rounds.
//!
//! | module | what it does |
//! | --- | --- |
//! | `client` | the same client for all |
//! | `pools` | the managers of the pools |
//! | `child` | the server |

#[path = "../../../../examples/service/src/child.rs"]
#[allow(dead_code, reason = "the server is not killed here")]
mod child;
mod client;
#[path = "../../../../examples/common/mod.rs"]
mod common;
mod pools;

use std::fmt::Debug;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::ops::DerefMut;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use deadpool::managed;
use ebbtide::BoundedPool;
use ebbtide::bounded::Settings;
use tokio::runtime::{Builder, Runtime};

use child::Redis;
use client::{Async, Blocking};
use common::{Failure, Flag};
use pools::{Tasks, Threads};

struct Options {
    connections: usize,
    users: usize,
    time: Duration,
}

/// A pool's name, and what runs its users for a while. That returns the time for one `GET`, in microseconds.
type Contender<'a> = (&'static str, Box<dyn Fn() -> f64 + 'a>);

fn main() -> ExitCode {
    common::exit("redis", start())
}

fn start() -> Result<(), Failure> {
    let (mut connections, mut users, mut rounds, mut ms) = (8, 16, 15, 300);
    let mut flags = [
        Flag::number("--connections", "connections", &mut connections, 1..=1000),
        Flag::number("--users", "threads or tasks", &mut users, 1..=1000),
        Flag::number("--rounds", "rounds", &mut rounds, 1..=1000),
        Flag::number("--ms", "how long each pool runs in a round", &mut ms, 1..=10_000),
    ];
    common::parse("Compares pools of Redis connections.", &mut flags)?;
    let options = Options { connections, users, time: Duration::from_millis(ms as u64) };
    let redis = Redis::start()?;
    Blocking::connect(redis.address())?.set();
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    writeln!(io::stdout(), "{users} users, {connections} connections, medians of {rounds} rounds of {ms} ms\n")?;
    writeln!(io::stdout(), "† A newcomer may get the connection that somebody waits for.\n")?;
    compare("threads", &threads(redis.address(), &options)?, rounds)?;
    compare("tasks", &runtime.block_on(tasks(redis.address(), &options, &runtime))?, rounds)
}

fn compare(users: &str, contenders: &[Contender<'_>], rounds: usize) -> Result<(), Failure> {
    let mut times = vec![Vec::new(); contenders.len()];
    for round in 0..rounds {
        for turn in 0..contenders.len() {
            let at = (round + turn) % contenders.len();
            times[at].push(contenders[at].1());
        }
    }
    writeln!(io::stdout(), "| {users} | µs for a `GET` | × ebbtide † |\n| --- | --- | --- |")?;
    let medians: Vec<_> = times.into_iter().map(common::median).collect();
    for ((name, _), median) in contenders.iter().zip(&medians) {
        writeln!(io::stdout(), "| {name} | {median:.1} | {:.2} |", median / medians[0])?;
    }
    Ok(writeln!(io::stdout())?)
}

fn threads<'a>(server: SocketAddr, options: &'a Options) -> Result<Vec<Contender<'a>>, Failure> {
    let settings = Settings::new(options.connections);
    let by_default = BoundedPool::with_settings(Threads(server), settings);
    let strict = BoundedPool::with_settings(Threads(server), settings.max_overtakes(0));
    let r2d2 = r2d2::Pool::builder().max_size(options.connections.try_into()?).test_on_check_out(false);
    let r2d2 = r2d2.build(Threads(server))?;
    Ok(vec![
        ("ebbtide †", Box::new(move || run_threads(options, || by_default.get().expect("a connection")))),
        ("ebbtide, strict", Box::new(move || run_threads(options, || strict.get().expect("a connection")))),
        ("r2d2 †", Box::new(move || run_threads(options, || r2d2.get().expect("a connection")))),
    ])
}

fn run_threads<G: DerefMut<Target = Blocking>>(options: &Options, get: impl Fn() -> G + Sync) -> f64 {
    let begin = Instant::now();
    let user = || {
        let mut gets = 0;
        while begin.elapsed() < options.time {
            get().get();
            gets += 1;
        }
        gets
    };
    let gets: u32 = thread::scope(|scope| {
        let users: Vec<_> = (0..options.users).map(|_| scope.spawn(user)).collect();
        users.into_iter().map(|user| user.join().expect("a user panicked")).sum()
    });
    micros(begin, gets)
}

async fn tasks<'a>(
    server: SocketAddr,
    options: &'a Options,
    runtime: &'a Runtime,
) -> Result<Vec<Contender<'a>>, Failure> {
    let settings = Settings::new(options.connections);
    let by_default = Arc::new(BoundedPool::with_settings(Tasks(server), settings));
    let strict = Arc::new(BoundedPool::with_settings(Tasks(server), settings.max_overtakes(0)));
    let deadpool: managed::Pool<Tasks> = managed::Pool::builder(Tasks(server)).max_size(options.connections).build()?;
    let bb8 = bb8::Pool::builder().max_size(options.connections.try_into()?).test_on_check_out(false);
    let bb8 = bb8.build(Tasks(server)).await?;
    let run_ebbtide = move |pool: &Arc<BoundedPool<_, _>>| {
        let pool = Arc::clone(pool);
        run_tasks(options, runtime, move || pool.get_owned_async())
    };
    let run_deadpool = move || {
        let pool = deadpool.clone();
        let get = move || {
            let pool = pool.clone();
            async move { pool.get().await }
        };
        run_tasks(options, runtime, get)
    };
    let run_bb8 = move || {
        let pool = bb8.clone();
        let get = move || {
            let pool = pool.clone();
            async move { pool.get_owned().await }
        };
        run_tasks(options, runtime, get)
    };
    Ok(vec![
        ("ebbtide †", Box::new(move || run_ebbtide(&by_default))),
        ("ebbtide, strict", Box::new(move || run_ebbtide(&strict))),
        ("deadpool", Box::new(run_deadpool)),
        ("bb8 †", Box::new(run_bb8)),
    ])
}

fn run_tasks<F, G, E>(options: &Options, runtime: &Runtime, get: impl Fn() -> F + Send + Sync + 'static) -> f64
where
    F: Future<Output = Result<G, E>> + Send,
    G: DerefMut<Target = Async> + Send,
    E: Debug + Send,
{
    let (begin, time, get) = (Instant::now(), options.time, Arc::new(get));
    let user = |_| {
        let get = Arc::clone(&get);
        runtime.spawn(async move {
            let mut gets = 0;
            while begin.elapsed() < time {
                get().await.expect("a connection").get().await;
                gets += 1;
            }
            gets
        })
    };
    let users: Vec<_> = (0..options.users).map(user).collect();
    micros(begin, users.into_iter().map(|user| runtime.block_on(user).expect("a user panicked")).sum())
}

/// The time for one of these `GET`s.
fn micros(begin: Instant, gets: u32) -> f64 {
    begin.elapsed().as_secs_f64() * 1e6 / f64::from(gets)
}
