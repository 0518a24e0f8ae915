//! A TCP proxy for thousands of short connections, with a load generator built in: what pooled copy buffers are worth.
//!
//! The proxy accepts a connection, opens one to the origin, and copies both ways until both have ended. Each client
//! connects, sends a request, reads the answer and goes. Beside them other connections have had one answer and stay open.
//!
//! - (a) `std`: two threads a connection, and [`std::io::copy`], whose buffer lies on the thread's stack.
//! - (b) `ebbtide`: the same with [`ebbtide::buffers::copy`].
//! - (c) `tokio`: a task a connection, and [`tokio::io::copy_bidirectional`], which makes two buffers for each.
//! - (d) `ebbtide-tokio`: the same with [`ebbtide::buffers::tokio::copy_bidirectional`].
//!
//! ```text
//! cargo run --release --features tokio --example proxy
//! cargo run --release --features tokio --example proxy -- --requests 1000 --bytes 100000
//! cargo run --release --features tokio --example proxy -- --help
//! ```
//!
//! It prints a table of medians: requests per second, what the proxy allocated for each request, and how much of it was
//! resident at the end. Clients and origin are this process; each proxy is a process of its own, so that the allocations
//! and the memory are the proxy's alone. The ways take turns, so that what else the machine does meanwhile falls on
//! all of them. Everything stays on the loopback interface.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, error, fmt, thread};

use ebbtide::buffers;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{self, Runtime};
use tokio::task::JoinSet;

const HELP: &str = "\
Proxies short TCP connections in four ways and compares their speed and memory.

Usage: proxy [OPTIONS]

  --requests N  requests in each turn of each way, 1 to 20000      [default: 4000]
  --clients N   that many of them at once, 1 to 64                 [default: 16]
  --idle N      connections that stay open meanwhile, 0 to 200     [default: 100]
  --bytes N     size of a request and of its answer, 1 to 1048576  [default: 1024]
  --rounds N    turns of each way, 1 to 99                         [default: 3]
  --help        print this
";

const KIB: f64 = 1024.0;
/// A turn that takes longer than this has come to a halt.
const DEADLINE: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let outcome = Options::parse(env::args_os().skip(1)).and_then(|options| match options.child {
        Some(way) => serve(way, &options),
        None if options.help => Ok(io::stdout().write_all(HELP.as_bytes())?),
        None => compare(&options),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, status }) => {
            eprintln!("proxy: {message}");
            ExitCode::from(status)
        }
    }
}

// ---- The four ways --------------------------------------------------------------------------------------------------

/// One way to be a proxy: accepts connections for as long as the process runs.
struct Way {
    name: &'static str,
    title: &'static str,
    run: fn(TcpListener, SocketAddr) -> io::Result<()>,
}

static WAYS: [Way; 4] = [
    Way { name: "std", title: "(a) std, threads", run: |listener, origin| with_threads(listener, origin, copy_std) },
    Way {
        name: "ebbtide",
        title: "(b) ebbtide, threads",
        run: |listener, origin| with_threads(listener, origin, copy),
    },
    Way { name: "tokio", title: "(c) tokio", run: |listener, origin| with_tasks(listener, origin, false) },
    Way {
        name: "ebbtide-tokio",
        title: "(d) ebbtide, tokio",
        run: |listener, origin| with_tasks(listener, origin, true),
    },
];

type CopyFn = fn(&TcpStream, &TcpStream) -> io::Result<u64>;

fn copy_std(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<u64> {
    io::copy(&mut from, &mut to)
}

fn copy(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<u64> {
    buffers::copy(&mut from, &mut to)
}

fn with_threads(listener: TcpListener, origin: SocketAddr, copy: CopyFn) -> io::Result<()> {
    // What goes wrong with one connection is the client's to notice, and no reason to stop.
    let pass_on = move |from: &TcpStream, to: &TcpStream| {
        let _ = copy(from, to).and_then(|_| to.shutdown(Shutdown::Write));
    };
    loop {
        let (client, _) = listener.accept()?;
        thread::spawn(move || {
            let Ok(origin) = TcpStream::connect(origin) else { return };
            thread::scope(|scope| {
                scope.spawn(|| pass_on(&client, &origin));
                pass_on(&origin, &client);
            });
        });
    }
}

fn with_tasks(listener: TcpListener, origin: SocketAddr, pooled: bool) -> io::Result<()> {
    runtime()?.block_on(async {
        let listener = in_tokio(listener)?;
        loop {
            let (mut client, _) = listener.accept().await?;
            tokio::spawn(async move {
                let mut origin = tokio::net::TcpStream::connect(origin).await?;
                if pooled {
                    buffers::tokio::copy_bidirectional(&mut client, &mut origin).await
                } else {
                    tokio::io::copy_bidirectional(&mut client, &mut origin).await
                }
            });
        }
    })
}

fn runtime() -> io::Result<Runtime> {
    runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

fn in_tokio(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

/// A child process: is a proxy, and prints what it has used for every line that it reads, to the end of its input.
fn serve(way: &'static Way, options: &Options) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let origin = SocketAddr::from((Ipv4Addr::LOCALHOST, options.origin));
    writeln!(io::stdout(), "{}", listener.local_addr()?.port())?;
    thread::spawn(move || {
        if let Err(error) = (way.run)(listener, origin) {
            eprintln!("proxy: {}: {error}", way.title);
            std::process::exit(1);
        }
    });
    for line in io::stdin().lines() {
        line?;
        writeln!(io::stdout(), "{}", Usage::now())?;
    }
    Ok(())
}

// ---- What a process uses --------------------------------------------------------------------------------------------

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

struct Counting;

fn count(bytes: usize) {
    // ORDERING: Relaxed, counters that order nothing.
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    // ORDERING: Relaxed, as above.
    ALLOCATED.fetch_add(bytes, Ordering::Relaxed);
}

// SAFETY: `System` does it all; counting neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: from `System` with this layout, as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: from `System` with this layout, as the caller promises.
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Clone, Copy)]
struct Usage {
    allocations: usize,
    allocated: usize,
    /// Bytes in memory, where that can be known.
    resident: Option<usize>,
}

impl Usage {
    fn now() -> Usage {
        // ORDERING: Relaxed, counters that order nothing.
        let [allocations, allocated] = [&ALLOCATIONS, &ALLOCATED].map(|counter| counter.load(Ordering::Relaxed));
        Usage { allocations, allocated, resident: resident() }
    }

    fn parse(line: &str) -> Option<Usage> {
        let mut fields = line.trim_end().split(' ');
        Some(Usage {
            allocations: fields.next()?.parse().ok()?,
            allocated: fields.next()?.parse().ok()?,
            resident: fields.next()?.parse().ok(),
        })
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resident = self.resident.map_or("n/a".into(), |bytes| bytes.to_string());
        write!(f, "{} {} {resident}", self.allocations, self.allocated)
    }
}

#[cfg(target_os = "linux")]
fn resident() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split_whitespace().nth(1)?.parse().ok()?;
    // SAFETY: sysconf may be called with any argument, at any time.
    let page_size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * usize::try_from(page_size).ok()?)
}

#[cfg(not(target_os = "linux"))]
fn resident() -> Option<usize> {
    None
}

// ---- Clients and origin ---------------------------------------------------------------------------------------------

/// Answers each connection once, with as many bytes as the request has, and closes it when the client has.
async fn origin(listener: tokio::net::TcpListener, answer: Arc<[u8]>) -> io::Result<()> {
    loop {
        let (mut client, _) = listener.accept().await?;
        let answer = Arc::clone(&answer);
        tokio::spawn(async move {
            let mut request = vec![0; answer.len()];
            client.read_exact(&mut request).await?;
            client.write_all(&answer).await?;
            client.read(&mut [0]).await
        });
    }
}

/// Connects, sends a request and reads the answer; returns the connection, still open.
async fn ask(proxy: SocketAddr, answer: &[u8]) -> io::Result<tokio::net::TcpStream> {
    let mut connection = tokio::net::TcpStream::connect(proxy).await?;
    connection.write_all(answer).await?;
    let mut received = vec![0; answer.len()];
    connection.read_exact(&mut received).await?;
    if received != answer {
        return Err(io::Error::other("the answer is not what the origin sent"));
    }
    Ok(connection)
}

/// Sends requests, several at a time, each on a connection of its own that is closed before the next.
async fn send_requests(proxy: SocketAddr, answer: &Arc<[u8]>, options: &Options) -> io::Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..options.clients {
        let (next, answer, requests) = (Arc::clone(&next), Arc::clone(answer), options.requests);
        clients.spawn(async move {
            // ORDERING: Relaxed, a counter that orders nothing.
            while next.fetch_add(1, Ordering::Relaxed) < requests {
                let mut connection = ask(proxy, &answer).await?;
                connection.shutdown().await?;
                if connection.read(&mut [0]).await? != 0 {
                    return Err(io::Error::other("more came than was asked for"));
                }
            }
            Ok(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client.map_err(io::Error::other)??;
    }
    Ok(())
}

// ---- The comparison -------------------------------------------------------------------------------------------------

/// What one turn of one way came to.
struct Turn {
    requests_per_second: f64,
    allocations: f64,
    kib_allocated: f64,
    /// KiB that each connection which stays open has made resident, and MiB that are resident in all.
    kib_idle: Option<f64>,
    mib_resident: Option<f64>,
}

fn compare(options: &Options) -> Result<(), Failure> {
    let runtime = runtime()?;
    let mut turns: [Vec<Turn>; 4] = Default::default();
    for round in 1..=options.rounds {
        for (way, turns) in WAYS.iter().zip(&mut turns) {
            show_progress(way, round, options.rounds);
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

    // Once, so that what is made on the first use counts for neither.
    drop(ask(proxy.address, &answer).await?);
    let start = proxy.usage()?;
    let mut idle = Vec::new();
    for _ in 0..options.idle {
        idle.push(ask(proxy.address, &answer).await?);
    }
    let before = proxy.usage()?;
    let began = Instant::now();
    send_requests(proxy.address, &answer, options).await?;
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

/// This program again, as a proxy. It ends when its input does.
struct Proxy {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Proxy {
    fn start(way: &'static Way, origin: u16) -> io::Result<Proxy> {
        let mut child = Command::new(env::current_exe()?)
            .args(["--child", way.name, "--origin", &origin.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().expect("stdin is piped");
        let mut output = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let port = read_line(&mut output, |line| line.trim_end().parse().ok())?;
        Ok(Proxy { child, input, output, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) })
    }

    /// What it has used so far.
    fn usage(&mut self) -> io::Result<Usage> {
        self.input.write_all(b"\n")?;
        read_line(&mut self.output, Usage::parse)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_line<O>(from: &mut impl BufRead, parse: impl FnOnce(&str) -> Option<O>) -> io::Result<O> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    parse(&line).ok_or_else(|| io::Error::other(format!("the proxy printed '{}'", line.trim_end())))
}

/// Says what is under way if stderr is a terminal.
fn show_progress(way: &Way, round: usize, rounds: usize) {
    let mut stderr = io::stderr();
    if stderr.is_terminal() {
        let end = if round == rounds && way.name == WAYS[3].name { "\n" } else { "" };
        // What can't be shown is no reason to stop.
        let _ = write!(stderr, "\r{:20}  round {round} of {rounds}{end}", way.title);
    }
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

/// The median of what is known, as text.
fn median(turns: &[Turn], part: impl Fn(&Turn) -> Option<f64>, digits: usize) -> String {
    let mut values: Vec<f64> = turns.iter().filter_map(part).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).map_or("n/a".into(), |value| format!("{value:.digits$}"))
}

// ---- Arguments and errors -------------------------------------------------------------------------------------------

struct Options {
    requests: usize,
    clients: usize,
    idle: usize,
    bytes: usize,
    rounds: usize,
    help: bool,
    /// Set in a child process: what it is to do, and the port that the origin listens at.
    child: Option<&'static Way>,
    origin: u16,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Options, Failure> {
        let mut options = Options {
            requests: 4000,
            clients: 16,
            idle: 100,
            bytes: 1024,
            rounds: 3,
            help: false,
            child: None,
            origin: 0,
        };
        while let Some(flag) = args.next() {
            let flag = flag.to_string_lossy();
            let mut value = || args.next().ok_or_else(|| Failure::usage(format!("{flag} needs a value")));
            let (number, limits) = match &*flag {
                "--requests" => (&mut options.requests, 1..=20_000),
                "--clients" => (&mut options.clients, 1..=64),
                "--idle" => (&mut options.idle, 0..=200),
                "--bytes" => (&mut options.bytes, 1..=1 << 20),
                "--rounds" => (&mut options.rounds, 1..=99),
                other => {
                    match other {
                        "--help" | "-h" => options.help = true,
                        "--child" => options.child = Some(parse_way(&value()?)?),
                        "--origin" => options.origin = parse_number(&flag, &value()?, 1..=65535)? as u16,
                        _ => return Err(Failure::usage(format!("unknown argument {other} (try --help)"))),
                    }
                    continue;
                }
            };
            *number = parse_number(&flag, &value()?, limits)?;
        }
        Ok(options)
    }
}

fn parse_number(flag: &str, value: &OsStr, limits: RangeInclusive<usize>) -> Result<usize, Failure> {
    let value = value.to_string_lossy();
    value.parse().ok().filter(|number| limits.contains(number)).ok_or_else(|| {
        let (low, high) = limits.into_inner();
        Failure::usage(format!("{flag} '{value}': expected a whole number from {low} to {high}"))
    })
}

fn parse_way(name: &OsStr) -> Result<&'static Way, Failure> {
    let way = WAYS.iter().find(|way| name == way.name);
    way.ok_or_else(|| Failure::usage(format!("--child '{}': no such way", name.to_string_lossy())))
}

/// What to print before giving up, and the exit status.
struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    fn usage(message: String) -> Failure {
        Failure { message, status: 2 }
    }
}

impl<E: error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure { message: error.to_string(), status: 1 }
    }
}
