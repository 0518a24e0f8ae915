//! A web service on hyper that takes Redis connections from a pool, its load, and a server that is killed.
//!
//! Each request counts a visit in Redis. The program starts `redis-server` on a free port, and clients that each send one
//! request after the other. There are two rounds. In the second, SIGKILL ends the server in the middle, and after a moment
//! it is started again. It prints what the clients saw, and how long the checkouts took. `--pool` does the same with
//! another pool. All check each idle connection with a PING before they hand it out. At the end SIGSTOP stops a server, and
//! a thread wants a blocking connection from an ebbtide pool that creates in the background. The checkout ends in time.
//!
//! ```text
//! cargo run --release -p ebbtide-service
//! cargo run --release -p ebbtide-service -- --pool deadpool
//! cargo run --release -p ebbtide-service -- --help
//! ```
//!
//! It needs Debian's package `redis-server`. A *failed checkout* is a request for which the pool had no connection, and a
//! *failed use* one whose connection failed after the checkout. No pool can prevent that for the connections that are in
//! use when the server ends.

mod child;
#[path = "../../common/mod.rs"]
mod common;
mod load;
mod pools;
mod service;
mod stalled;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use deadpool::managed;
use ebbtide::BoundedPool;
use hyper::StatusCode;

use child::Redis;
use common::{Failure, Flag};
use load::{Answer, Load};
use pools::{Connections, Pool};
use service::{FAILED_USE, NO_CONNECTION, Service};

/// A load without a good answer for so long has failed.
const PATIENCE: Duration = Duration::from_secs(15);

struct Options {
    connections: usize,
    clients: usize,
    requests: usize,
    down: Duration,
}

fn main() -> ExitCode {
    common::exit("service", start())
}

fn start() -> Result<(), Failure> {
    let (mut connections, mut clients, mut requests, mut down_ms, mut pool) = (8, 16, 20_000, 200, "ebbtide");
    let mut flags = [
        Flag::choice("--pool", "the pool", &mut pool, &["ebbtide", "deadpool", "bb8"]),
        Flag::number("--connections", "connections", &mut connections, 1..=1000),
        Flag::number("--clients", "clients at once", &mut clients, 1..=1000),
        Flag::number("--requests", "good answers in each round", &mut requests, 10..=10_000_000),
        Flag::number("--down-ms", "how long the server is gone", &mut down_ms, 0..=10_000),
    ];
    common::parse("Serves visits that Redis counts, and kills Redis in the middle.", &mut flags)?;
    let options = Options { connections, clients, requests, down: Duration::from_millis(down_ms as u64) };
    writeln!(io::stdout(), "{pool}: {clients} clients, {connections} connections\n")?;

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match pool {
            "deadpool" => run::<managed::Pool<Connections>>(&options).await,
            "bb8" => run::<bb8::Pool<Connections>>(&options).await,
            _ => run::<BoundedPool<_, Connections>>(&options).await,
        }
    })?;
    if pool == "ebbtide" { stalled::run() } else { Ok(()) }
}

async fn run<P: Pool>(options: &Options) -> Result<(), Failure> {
    let mut redis = Redis::start()?;
    let service = Service::new(P::new(&format!("redis://{}", redis.address()), options.connections)?);
    let address = service.clone().serve().await?;

    let head = ["round", "answers per s", "checkout µs, 50 %", "99 %", "failed checkouts", "failed uses"];
    let [round, answers, half, most, checkouts, uses] = head;
    writeln!(io::stdout(), "{round:8}{answers:>15}{half:>20}{most:>8}{checkouts:>19}{uses:>14}")?;

    let begin = Instant::now();
    let load = Load::start(address, options.clients);
    load.reach(options.requests, PATIENCE).await?;
    report("steady", &load.stop().await?, begin, &service.take_checkouts())?;

    let begin = Instant::now();
    let (answers, back) = kill_under_load(&mut redis, address, options).await?;
    report("killed", &answers, begin, &service.take_checkouts())?;

    let after = |answer: &Answer| answer.at.saturating_duration_since(back).as_secs_f64() * 1e3;
    let good = answers.iter().find(|answer| answer.at > back && answer.status == StatusCode::OK).map_or(0.0, after);
    let bad = answers.iter().rfind(|answer| answer.status != StatusCode::OK).map_or(0.0, after);
    writeln!(
        io::stdout(),
        "\nwith the server back: first good answer after {good:.1} ms, last failure after {bad:.1} ms"
    )?;
    Ok(())
}

/// Kills the server in the middle of a load, and starts it again. Returns the answers, and when the server was back.
async fn kill_under_load(
    redis: &mut Redis,
    address: SocketAddr,
    options: &Options,
) -> Result<(Vec<Answer>, Instant), Failure> {
    let load = Load::start(address, options.clients);
    load.reach(options.requests / 2, PATIENCE).await?;
    redis.kill()?;
    tokio::time::sleep(options.down).await;
    redis.restart()?;
    let back = Instant::now();
    load.reach(load.good() + options.requests.div_ceil(2), PATIENCE).await?;
    Ok((load.stop().await?, back))
}

/// Prints what the clients saw in a round, and how long the service's checkouts took.
fn report(round: &str, answers: &[Answer], begin: Instant, checkouts: &[Duration]) -> io::Result<()> {
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    let per_second = count(StatusCode::OK) as f64 / begin.elapsed().as_secs_f64();
    let percentile = |percent| checkouts.get(checkouts.len() * percent / 100).map_or(0, Duration::as_micros);
    let (half, most) = (percentile(50), percentile(99));
    let (no_connection, failed_use) = (count(NO_CONNECTION), count(FAILED_USE));
    writeln!(io::stdout(), "{round:8}{per_second:15.0}{half:20}{most:8}{no_connection:19}{failed_use:14}")
}
