//! An HTTP/1 server on hyper whose every request needs a few hundred small things, pooled and not pooled side by side.
//!
//! A request is a page of text; the answer says which words are in it most often. While it is answered there is a context:
//! its headers, its body, a struct for each word, for each different word and for each step of the work, and the reply. With
//! pools the context and each of its small structs come from a `static` pool of their type, and are cleared when they go
//! back, which is when the reply has been sent: the response's body is the guard of its context.
//!
//! ```text
//! cargo run --release --example server
//! cargo run --release --example server -- --connections 64 --rounds 10
//! cargo run --release --example server -- --serve pooled
//! cargo run --release --example server -- --help
//! ```
//!
//! Each of the two servers is a process of its own. They are driven in turn, by `wrk` or `oha` if it is on the `PATH`, else by a
//! built-in load generator, which also sees to it that each answer is that to its request. Allocations are counted by the
//! server, in a round of their own, which is not timed; what is left of them with pools is nearly all hyper's. With
//! `--serve pooled` or `--serve fresh` one server says where it listens, and serves until its standard input ends.

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

/// A body may not be longer.
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
            // ORDERING: Relaxed, a counter that orders nothing.
            ANSWERED.fetch_add(1, Ordering::Relaxed);
        }
    }
    let mut response = Response::new(Full::new(Reply::new(context)));
    *response.status_mut() = status;
    Ok(response)
}

/// What a server tells of itself: requests, allocations, and resident KiB, as far as known. Says whether to count from now on.
fn told(count: bool) -> String {
    let allocations = count_allocations(count);
    // ORDERING: Relaxed, a counter that orders nothing.
    format!("{} {allocations} {}", ANSWERED.load(Ordering::Relaxed), resident().unwrap_or(0) >> 10)
}

fn serve<S: Supply>() -> Result<(), Failure> {
    thread::spawn(|| {
        // Whether it ends or can't be read, nobody is there any more.
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
                // A client that goes away in the middle of a request is no concern of ours.
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
        Ok(numbers.try_into().map_err(|_| "a server tells three numbers")?)
    }

    fn median(&self, of: impl Fn(&Measured) -> f64) -> f64 {
        median(self.rounds.iter().map(of).collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It ends by itself then.
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
    Ok(writeln!(out, "\nrequests per second, pooled over fresh: {:.2}", median(ratios.collect()))?)
}
