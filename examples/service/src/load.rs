//! The load: clients that each send a request, wait for the answer and repeat.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::common::Failure;

/// How long a client waits after a failure. Otherwise a dead server costs all of the CPU.
const PAUSE: Duration = Duration::from_millis(5);

/// An answer, and when it came.
pub(crate) struct Answer {
    pub(crate) at: Instant,
    pub(crate) status: StatusCode,
}

/// Clients at work.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Result<Vec<Answer>, Failure>>>,
}

#[derive(Default)]
struct Shared {
    good: AtomicUsize,
    stopped: AtomicBool,
}

impl Load {
    pub(crate) fn start(address: SocketAddr, clients: usize) -> Load {
        let shared = Arc::<Shared>::default();
        let client = |_| tokio::spawn(client(address, Arc::clone(&shared)));
        Load { clients: (0..clients).map(client).collect(), shared }
    }

    /// Waits until there are this many good answers. Fails if none comes for as long as `patience`.
    pub(crate) async fn reach(&self, goal: usize, patience: Duration) -> Result<(), Failure> {
        let (mut last, mut changed) = (0, Instant::now());
        loop {
            // ORDERING: Relaxed. A counter orders nothing.
            let good = self.shared.good.load(Ordering::Relaxed);
            if good >= goal {
                return Ok(());
            }
            if good != last {
                (last, changed) = (good, Instant::now());
            }
            if changed.elapsed() > patience {
                return Err(format!("no good answer for {patience:?}, after {good} of {goal}").into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The number of good answers so far.
    pub(crate) fn good(&self) -> usize {
        // ORDERING: Relaxed. A counter orders nothing.
        self.shared.good.load(Ordering::Relaxed)
    }

    /// Stops the clients and returns their answers in order.
    pub(crate) async fn stop(self) -> Result<Vec<Answer>, Failure> {
        // ORDERING: Relaxed. A client may send one request more.
        self.shared.stopped.store(true, Ordering::Relaxed);
        let mut answers = Vec::new();
        for client in self.clients {
            answers.extend(client.await??);
        }
        answers.sort_by_key(|answer| answer.at);
        Ok(answers)
    }
}

async fn client(address: SocketAddr, shared: Arc<Shared>) -> Result<Vec<Answer>, Failure> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut answers = Vec::new();
    // ORDERING: Relaxed. Partner: `Load::stop`. The flag is all.
    while !shared.stopped.load(Ordering::Relaxed) {
        sender.ready().await?;
        let request = Request::get("/visits").header("host", "localhost").body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        answers.push(Answer { at: Instant::now(), status });
        if status != StatusCode::OK {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        if !body.iter().all(u8::is_ascii_digit) {
            return Err(format!("the answer was: {}", String::from_utf8_lossy(&body)).into());
        }
        // ORDERING: Relaxed. A counter orders nothing.
        shared.good.fetch_add(1, Ordering::Relaxed);
    }
    Ok(answers)
}
