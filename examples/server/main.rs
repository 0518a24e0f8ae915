//! An HTTP/1 server on hyper whose requests need a few hundred small objects each, pooled and fresh side by side.
//!
//! A request is a page of text, and the answer lists its most frequent words. While it is answered there is a context:
//! headers, body, reply, and a struct for each word, each distinct word and each step of the work. With pools, the
//! context and its structs come from `static` pools, one for each type. They are cleared when they return, after the
//! reply was sent: the response's body is the context's guard.
//!
//! ```text
//! cargo run --release --example server
//! cargo run --release --example server -- --connections 64 --rounds 10
//! cargo run --release --example server -- --serve pooled
//! cargo run --release --example server -- --help
//! ```
//!
//! Each of the two servers is a process of its own. They are driven in turn, by `wrk` or `oha` if one is on the `PATH`,
//! or else by a built-in load generator, which also checks each answer. The server counts its allocations in a
//! separate, untimed round. With pools, nearly all that remain are hyper's. `--serve pooled` and `--serve fresh` run
//! one server, which prints its address and serves until its standard input ends.

#[path = "../common/mod.rs"]
mod common;
mod context;
mod load;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{env, process, thread};

use common::{Counting, Failure, Flag, count_allocations, median, resident};
use context::{Fresh, FromPools, Reply, Supply};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use load::{Connection, Driver, Measured};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The longest body, in bytes.
const LONGEST: usize = 1 << 20;

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let outcome = match (args.next().as_deref(), args.next().as_deref()) {
        (Some("--serve"), Some("pooled")) => serve::<FromPools>(),
        (Some("--serve"), Some("fresh")) => serve::<Fresh>(),
        (Some("--serve"), other) => {
            Err(Failure::usage(format!("--serve '{}': expected pooled or fresh", other.unwrap_or_default())))
        }
        _ => compare(),
    };
    common::exit("server", outcome)
}

// ---- The server -----------------------------------------------------------------------------------------------------

/// Requests answered so far.
static ANSWERED: AtomicUsize = AtomicUsize::new(0);

async fn handle<S: Supply>(request: Request<Incoming>) -> Result<Response<Full<Reply<S>>>, hyper::Error> {
    let mut context = S::context();
    let (head, mut body) = request.into_parts();
    let mut status = StatusCode::OK;
    match head.uri.path() {
        "/count/on" => context.reply = told(true),
        "/count/off" => context.reply = told(false),
        path => {
            context.headers.extend(head.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame?.into_data() else { continue };
                if context.body.len() + data.len() > LONGEST {
                    status = StatusCode::PAYLOAD_TOO_LARGE;
                    break;
                }
                context.body.extend_from_slice(&data);
            }
            if status == StatusCode::OK {
                context.answer(path);
            }
            // ORDERING: Relaxed. A counter orders nothing.
            ANSWERED.fetch_add(1, Ordering::Relaxed);
        }
    }
    let mut response = Response::new(Full::new(Reply::new(context)));
    *response.status_mut() = status;
    Ok(response)
}

/// A server's report: requests, allocations, and resident KiB if known. Turns counting on or off.
fn told(count: bool) -> String {
    let allocations = count_allocations(count);
    // ORDERING: Relaxed. A counter orders nothing.
    format!("{} {allocations} {}", ANSWERED.load(Ordering::Relaxed), resident().unwrap_or(0) >> 10)
}

fn serve<S: Supply>() -> Result<(), Failure> {
    thread::spawn(|| {
        // If the input ends or fails, the parent is gone.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        writeln!(io::stdout(), "{}", listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(handle::<S>));
                // A client that disconnects in the middle of a request is no error.
                let _ = connection.await;
            });
        }
    })
}

// ---- The comparison -------------------------------------------------------------------------------------------------

/// A server in a process of its own, which ends when this is dropped.
struct Server {
    name: &'static str,
    process: Child,
    address: SocketAddr,
    rounds: Vec<Measured>,
}

impl Server {
    fn start(name: &'static str) -> Result<Server, Failure> {
        let mut command = Command::new(env::current_exe()?);
        let mut process = command.args(["--serve", name]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        BufReader::new(process.stdout.take().expect("it is piped")).read_line(&mut address)?;
        Ok(Server { name, process, address: address.trim().parse()?, rounds: Vec::new() })
    }

    /// Requests, allocations and resident KiB so far.
    fn ask(&self, count: bool) -> Result<[f64; 3], Failure> {
        let path = if count { "/count/on" } else { "/count/off" };
        let reply = Connection::open(self.address)?.request("GET", path, "", "")?;
        let numbers = reply.split(' ').map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        Ok(numbers.try_into().map_err(|_| "a server reports three numbers")?)
    }

    fn median(&self, of: impl Fn(&Measured) -> f64) -> f64 {
        median(self.rounds.iter().map(of).collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // The process ends when its input does.
        let _ = self.process.wait();
    }
}

fn compare() -> Result<(), Failure> {
    let (mut connections, mut rounds, mut seconds) = (16, 5, 1);
    let mut flags = [
        Flag::number("--connections", "clients at once", &mut connections, 1..=1000),
        Flag::number("--rounds", "rounds for each server", &mut rounds, 1..=1000),
        Flag::number("--seconds", "length of a round", &mut seconds, 1..=600),
    ];
    let about = "Serves HTTP with contexts from pools and without; --serve pooled or --serve fresh only serves.";
    common::parse(about, &mut flags)?;

    let driver = Driver::find()?;
    let time = Duration::from_secs(seconds as u64);
    let mut servers = [Server::start("pooled")?, Server::start("fresh")?];
    let mut counted = Vec::new();
    for server in &servers {
        let [requests, allocations, _] = server.ask(true)?;
        load::drive(server.address, connections, Duration::from_millis(250))?;
        let after = server.ask(false)?;
        counted.push((after[1] - allocations) / (after[0] - requests));
    }
    for _ in 0..rounds {
        for server in &mut servers {
            server.rounds.push(driver.drive(server.address, connections, time)?);
        }
    }

    let mut out = io::stdout();
    writeln!(out, "{connections} connections, driven by {}; medians of {rounds} rounds\n", driver.name())?;
    writeln!(
        out,
        "{:8}{:>11}{:>13}{:>36}{:>11}",
        "", "requests", "allocations", "latency in µs, percentiles", "resident"
    )?;
    let heads = ["per s", "per request", "50", "90", "99", "99.9", "MiB"];
    writeln!(
        out,
        "{:8}{:>11}{:>13}{:>9}{:>9}{:>9}{:>9}{:>11}",
        "", heads[0], heads[1], heads[2], heads[3], heads[4], heads[5], heads[6]
    )?;
    for (server, allocations) in servers.iter().zip(counted) {
        let per_second = server.median(|round| round.per_second);
        write!(out, "{:8}{per_second:11.0}{allocations:13.1}", server.name)?;
        for percentile in 0..4 {
            write!(out, "{:9.0}", server.median(|round| round.latency[percentile]))?;
        }
        let [_, _, resident] = server.ask(false)?;
        writeln!(out, "{:11.1}", resident / 1024.0)?;
    }
    let [pooled, fresh] = &servers;
    let ratios = pooled.rounds.iter().zip(&fresh.rounds).map(|(pooled, fresh)| pooled.per_second / fresh.per_second);
    let ratio = median(ratios.collect());
    writeln!(out, "\nrequests per second, pooled over fresh: {ratio:.2} (median of {rounds} pairs of rounds)")?;
    Ok(())
}
