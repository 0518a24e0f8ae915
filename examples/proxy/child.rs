//! A proxy as a child process: how it starts, and how it reports its usage.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::{env, fmt, process, thread};

use crate::common::{Counting, Failure, allocated, count_allocations, resident};
use crate::ways::Way;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a process has used so far.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) allocations: usize,
    pub(crate) allocated: usize,
    /// Resident bytes, if known.
    pub(crate) resident: Option<usize>,
}

impl Usage {
    pub(crate) fn now() -> Usage {
        Usage { allocations: count_allocations(true), allocated: allocated(), resident: resident() }
    }

    pub(crate) fn parse(line: &str) -> Option<Usage> {
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

/// The child process. It runs a proxy and prints its usage for every line that it reads, until its input ends.
pub(crate) fn serve(way: &'static Way, origin: u16) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let origin = SocketAddr::from((Ipv4Addr::LOCALHOST, origin));
    count_allocations(true);
    writeln!(io::stdout(), "{}", listener.local_addr()?.port())?;
    thread::spawn(move || {
        if let Err(error) = (way.run)(listener, origin) {
            eprintln!("proxy: {}: {error}", way.title);
            process::exit(1);
        }
    });
    for line in io::stdin().lines() {
        line?;
        writeln!(io::stdout(), "{}", Usage::now())?;
    }
    Ok(())
}

/// This program as a proxy. It ends when its input does.
pub(crate) struct Proxy {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Proxy {
    pub(crate) fn start(way: &'static Way, origin: u16) -> io::Result<Proxy> {
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

    /// Its usage so far.
    pub(crate) fn usage(&mut self) -> io::Result<Usage> {
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
