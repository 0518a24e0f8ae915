//! Load generators: `wrk` or `oha` if one is on the `PATH`, or else a built-in one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, io, process, thread};

use crate::common::{Failure, random};

/// The body of each request: a page of words.
pub(crate) fn body() -> String {
    let mut text = String::new();
    for line in 0..20 {
        for word in 0..10 {
            // Some words are much more frequent than others.
            let bits = random(10 * line + word);
            text += &format!("w{} ", (bits % 20) * (bits >> 32) % 150);
        }
        text += "\n";
    }
    text
}

/// The results of one round.
#[derive(Clone)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    /// Latencies in microseconds: the 50th, 90th, 99th and 99.9th percentile.
    pub(crate) latency: [f64; 4],
}

pub(crate) enum Driver {
    /// With the path of its script.
    Wrk(PathBuf),
    Oha,
    BuiltIn,
}

impl Driver {
    pub(crate) fn find() -> io::Result<Driver> {
        let path = env::var_os("PATH").unwrap_or_default();
        let is_there = |name| env::split_paths(&path).any(|folder| folder.join(name).is_file());
        if !is_there("wrk") {
            return Ok(if is_there("oha") { Driver::Oha } else { Driver::BuiltIn });
        }
        let script = env::temp_dir().join(format!("ebbtide-server-{}.lua", process::id()));
        fs::write(&script, format!("BODY = {:?}\n{}", body(), include_str!("load.lua")))?;
        Ok(Driver::Wrk(script))
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Driver::Wrk(_) => "wrk",
            Driver::Oha => "oha",
            Driver::BuiltIn => "the built-in load generator (neither wrk nor oha is on the PATH)",
        }
    }

    pub(crate) fn drive(&self, address: SocketAddr, connections: usize, time: Duration) -> Result<Measured, Failure> {
        match self {
            Driver::Wrk(script) => {
                let mut command = Command::new("wrk");
                command.arg("--threads=1").arg(format!("--connections={connections}"));
                // wrk accepts whole seconds only.
                command.arg(format!("--duration={}", time.as_secs().max(1))).arg("--script").arg(script);
                let output = command.arg(format!("http://{address}/words")).output()?;
                let text = String::from_utf8_lossy(&output.stdout);
                let result = text.lines().find_map(|line| line.strip_prefix("result "));
                let numbers = result.unwrap_or_default().split(' ').map(str::parse).collect::<Result<Vec<f64>, _>>();
                match numbers.as_deref() {
                    Ok(&[0.0, per_second, a, b, c, d]) => Ok(Measured { per_second, latency: [a, b, c, d] }),
                    _ => Err(format!("wrk says: {text}{}", String::from_utf8_lossy(&output.stderr)).into()),
                }
            }
            Driver::Oha => {
                let mut command = Command::new("oha");
                command.args(["--no-tui", "--output-format", "json", "-m", "POST", "-H", "x-user: u1", "-d", &body()]);
                command.arg("-c").arg(connections.to_string()).arg("-z").arg(format!("{}ms", time.as_millis()));
                let output = command.arg(format!("http://{address}/words")).output()?;
                let json = String::from_utf8_lossy(&output.stdout);
                let (summary, latencies) = json.split_once("\"latencyPercentiles\":").unwrap_or_default();
                let [rate, per_second] = ["successRate", "requestsPerSec"].map(|name| number_in(summary, name));
                match ["p50", "p90", "p99", "p99.9"].map(|name| number_in(latencies, name)) {
                    [Some(a), Some(b), Some(c), Some(d)] if rate == Some(1.0) => Ok(Measured {
                        per_second: per_second.unwrap_or_default(),
                        latency: [a, b, c, d].map(|seconds| seconds * 1e6),
                    }),
                    _ => Err(format!("oha says: {json}{}", String::from_utf8_lossy(&output.stderr)).into()),
                }
            }
            Driver::BuiltIn => drive(address, connections, time),
        }
    }
}

/// The first number with this name in a JSON text.
fn number_in(json: &str, name: &str) -> Option<f64> {
    let (_, rest) = json.split_once(&format!("\"{name}\":"))?;
    rest.split([',', '}', '\n']).next()?.trim().parse().ok()
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Driver::Wrk(script) = self {
            // A script that can't be removed stays in the folder for temporary files.
            let _ = fs::remove_file(script);
        }
    }
}

/// Each connection has a thread, which sends a request, reads the answer and repeats.
pub(crate) fn drive(address: SocketAddr, connections: usize, time: Duration) -> Result<Measured, Failure> {
    let start = Instant::now();
    let clients: Vec<_> =
        (0..connections).map(|client| thread::spawn(move || requests(address, client, time))).collect();
    let mut micros = Vec::new();
    for client in clients {
        micros.extend(client.join().map_err(|_| "a client panicked")??);
    }
    let per_second = micros.len() as f64 / start.elapsed().as_secs_f64();
    micros.sort_by(f64::total_cmp);
    let percentile = |part: f64| micros[((micros.len() - 1) as f64 * part) as usize];
    Ok(Measured { per_second, latency: [0.5, 0.9, 0.99, 0.999].map(percentile) })
}

/// The microseconds of each request of one client. Each answer must belong to its request.
fn requests(address: SocketAddr, client: usize, time: Duration) -> io::Result<Vec<f64>> {
    let mut connection = Connection::open(address)?;
    let body = body();
    let (start, mut micros) = (Instant::now(), Vec::new());
    while micros.is_empty() || start.elapsed() < time {
        let user = format!("u{client}-{}", micros.len());
        let sent = Instant::now();
        let reply = connection.request("POST", "/words", &user, &body)?;
        micros.push(sent.elapsed().as_secs_f64() * 1e6);
        if !reply.starts_with(&format!("/words for {user}, ")) {
            return Err(io::Error::other(format!("the answer to {user} was: {reply}")));
        }
    }
    Ok(micros)
}

/// A connection to a server, one request at a time.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Connection(BufReader::new(stream)))
    }

    /// Sends a request and returns the answer's body.
    pub(crate) fn request(&mut self, method: &str, path: &str, user: &str, body: &str) -> io::Result<String> {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nx-user: {user}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        let mut reply = vec![0; length];
        self.0.read_exact(&mut reply)?;
        String::from_utf8(reply).map_err(io::Error::other)
    }
}
