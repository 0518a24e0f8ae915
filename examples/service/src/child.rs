//! Debian's `redis-server` as a child process, on a port of its own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::Failure;

/// How long the server may take until it accepts connections.
const START: Duration = Duration::from_secs(10);

/// A server, which is killed when this is dropped.
pub(crate) struct Redis {
    process: Child,
    address: SocketAddr,
}

impl Redis {
    /// Starts a server that keeps its data in memory only, and waits until it accepts connections.
    pub(crate) fn start() -> Result<Redis, Failure> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut redis = Redis { process: spawn(free)?, address: free };
        redis.wait_for_start()?;
        Ok(redis)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the server by SIGKILL, so that it says nothing to its clients.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Sends the server a signal by name: STOP, after which it accepts connections and says nothing, or CONT.
    pub(crate) fn signal(&self, name: &str) -> Result<(), Failure> {
        let status = Command::new("kill").args([&format!("-{name}"), &self.process.id().to_string()]).status()?;
        if status.success() { Ok(()) } else { Err(format!("kill -{name}: {status}").into()) }
    }

    /// Starts a killed server again, at the same address.
    pub(crate) fn restart(&mut self) -> Result<(), Failure> {
        self.process = spawn(self.address)?;
        self.wait_for_start()
    }

    fn wait_for_start(&mut self) -> Result<(), Failure> {
        let start = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("redis-server on {} ended: {status}", self.address).into());
            }
            if start.elapsed() > START {
                return Err(format!("redis-server on {} accepts no connection", self.address).into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.kill();
    }
}

fn spawn(address: SocketAddr) -> Result<Child, Failure> {
    let mut command = Command::new("redis-server");
    command.args(["--bind", &address.ip().to_string(), "--port", &address.port().to_string()]);
    command.args(["--save", "", "--appendonly", "no"]).stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "there is no redis-server on the PATH: apt-get install redis-server".into(),
        _ => error.into(),
    })
}
