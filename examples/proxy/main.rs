//! A TCP proxy for thousands of short connections, with a load generator. It shows what pooled copy buffers are worth.
//!
//! The proxy accepts a connection, connects to the origin, and copies in both directions until both have ended. Each
//! client connects, sends a request, reads the answer and closes. Other connections stay open after one answer.
//!
//! - (a) `std`: two threads per connection and [`std::io::copy`], whose buffer is on the thread's stack.
//! - (b) `ebbtide`: the same with [`ebbtide::buffers::copy`].
//! - (c) `tokio`: a task per connection and [`tokio::io::copy_bidirectional`], which allocates two buffers for each.
//! - (d) `ebbtide-tokio`: the same with [`ebbtide::buffers::tokio_io::copy_bidirectional`].
//!
//! ```text
//! cargo run --release --features tokio --example proxy
//! cargo run --release --features tokio --example proxy -- --requests 1000 --bytes 100000
//! cargo run --release --features tokio --example proxy -- --help
//! ```
//!
//! It prints a table of medians: requests per second, the proxy's allocations per request, and its resident memory at
//! the end. Clients and origin run in this process. Each proxy is a process of its own, so that allocations and memory
//! are the proxy's alone. The ways take turns, so that other load on the machine affects all of them. All traffic stays
//! on the loopback interface.

#[path = "../common/mod.rs"]
mod common;

mod child;
mod load;
mod ways;

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use child::{Proxy, serve};
use common::{Failure, Flag, show_progress};
use load::{ask, origin, send_requests};
use ways::{WAYS, Way, in_tokio, runtime};

const KIB: f64 = 1024.0;
/// A turn that takes longer is stuck.
const DEADLINE: Duration = Duration::from_secs(120);

struct Options {
    requests: usize,
    clients: usize,
    idle: usize,
    bytes: usize,
    rounds: usize,
}

fn main() -> ExitCode {
    common::exit("proxy", run())
}

fn run() -> Result<(), Failure> {
    let mut options = Options { requests: 4000, clients: 16, idle: 100, bytes: 1024, rounds: 9 };
    let (mut child, mut port) = (None, None);
    let mut flags = [
        Flag::number("--requests", "requests in each turn", &mut options.requests, 1..=20_000),
        Flag::number("--clients", "requests at a time", &mut options.clients, 1..=64),
        Flag::number("--idle", "connections that stay open meanwhile", &mut options.idle, 0..=200),
        Flag::number("--bytes", "size of a request and its answer", &mut options.bytes, 1..=1 << 20),
        Flag::number("--rounds", "turns of each way", &mut options.rounds, 1..=99),
        Flag::inner("--child", &mut child),
        Flag::inner("--origin", &mut port),
    ];
    common::parse("Proxies short TCP connections in four ways and compares their speed and memory.", &mut flags)?;
    let Some(name) = child else { return compare(&options) };
    let way = WAYS.iter().find(|way| way.name == name);
    let way = way.ok_or_else(|| Failure::usage(format!("--child '{name}': no such way")))?;
    serve(way, port.unwrap_or_default().parse()?)
}

/// The results of one turn of one way.
struct Turn {
    requests_per_second: f64,
    allocations: f64,
    kib_allocated: f64,
    /// Resident KiB per open connection, and resident MiB in total.
    kib_idle: Option<f64>,
    mib_resident: Option<f64>,
}

fn compare(options: &Options) -> Result<(), Failure> {
    let runtime = runtime()?;
    let mut turns: [Vec<Turn>; 4] = Default::default();
    for round in 1..=options.rounds {
        for (way, turns) in WAYS.iter().zip(&mut turns) {
            let end = if round == options.rounds && way.name == WAYS[3].name { "\n" } else { "" };
            show_progress(&format!("{:20}  round {round} of {}{end}", way.title, options.rounds));
            let turn = runtime.block_on(async { tokio::time::timeout(DEADLINE, take_turn(way, options)).await });
            let failed = |error: io::Error| io::Error::other(format!("{}: {error}", way.title));
            turns.push(turn.map_err(|_| failed(io::ErrorKind::TimedOut.into()))?.map_err(failed)?);
        }
    }
    print_table(&turns, options)
}

/// Starts a proxy, opens the connections that stay, and sends the requests.
async fn take_turn(way: &'static Way, options: &Options) -> io::Result<Turn> {
    let answer: Arc<[u8]> = (0..options.bytes).map(|n| (n % 251) as u8).collect();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut proxy = Proxy::start(way, listener.local_addr()?.port())?;
    let origin = tokio::spawn(origin(in_tokio(listener)?, Arc::clone(&answer)));

    // One request first, so that first-use allocations aren't counted.
    drop(ask(proxy.address, &answer).await?);
    let start = proxy.usage()?;
    let mut idle = Vec::new();
    for _ in 0..options.idle {
        idle.push(ask(proxy.address, &answer).await?);
    }
    let before = proxy.usage()?;
    let began = Instant::now();
    send_requests(proxy.address, &answer, options.clients, options.requests).await?;
    let seconds = began.elapsed().as_secs_f64();
    let after = proxy.usage()?;
    origin.abort();

    let each = |after: usize, before: usize| (after - before) as f64 / options.requests as f64;
    let grown = before.resident.zip(start.resident).map(|(before, start)| before.saturating_sub(start));
    Ok(Turn {
        requests_per_second: options.requests as f64 / seconds,
        allocations: each(after.allocations, before.allocations),
        kib_allocated: each(after.allocated, before.allocated) / KIB,
        kib_idle: grown.filter(|_| !idle.is_empty()).map(|bytes| bytes as f64 / KIB / idle.len() as f64),
        mib_resident: after.resident.map(|bytes| bytes as f64 / KIB / KIB),
    })
}

fn print_table(turns: &[Vec<Turn>; 4], options: &Options) -> Result<(), Failure> {
    let Options { requests, clients, idle, bytes, rounds, .. } = options;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{requests} requests of {bytes} bytes, {clients} at a time, beside {idle} connections that stay open"
    )?;
    writeln!(out, "medians of {rounds}\n")?;
    let mut row = |title: &str, cells: [&str; 5]| {
        let cells = cells.map(|cell| format!("{cell:>13}")).concat();
        writeln!(out, "{title:20}{cells}")
    };
    row("", ["requests", "allocations", "allocated", "resident", "resident"])?;
    row("", ["per s", "per request", "KiB/request", "KiB/idle", "MiB"])?;
    for (way, turns) in WAYS.iter().zip(turns) {
        let rate = median(turns, |turn| Some(turn.requests_per_second), 0);
        let allocations = median(turns, |turn| Some(turn.allocations), 1);
        let allocated = median(turns, |turn| Some(turn.kib_allocated), 1);
        let idle = median(turns, |turn| turn.kib_idle, 1);
        let resident = median(turns, |turn| turn.mib_resident, 1);
        row(way.title, [&rate, &allocations, &allocated, &idle, &resident])?;
    }
    if cfg!(not(target_os = "linux")) {
        writeln!(out, "\nn/a: resident memory is read on Linux only")?;
    }
    Ok(())
}

/// The median of the known values, as text.
fn median(turns: &[Turn], part: impl Fn(&Turn) -> Option<f64>, digits: usize) -> String {
    let known: Vec<f64> = turns.iter().filter_map(part).collect();
    if known.is_empty() { "n/a".into() } else { format!("{:.digits$}", common::median(known)) }
}
