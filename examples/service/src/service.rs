//! The web service: each request counts a visit in Redis, over a pooled connection.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use redis::AsyncCommands;
use tokio::net::TcpListener;

use crate::pools::Pool;

/// What a request answers if the pool had no connection for it.
pub(crate) const NO_CONNECTION: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
/// What a request answers if its connection failed in use.
pub(crate) const FAILED_USE: StatusCode = StatusCode::BAD_GATEWAY;

pub(crate) struct Service<P> {
    pool: P,
    /// How long each successful checkout took.
    checkouts: Mutex<Vec<Duration>>,
}

impl<P: Pool> Service<P> {
    pub(crate) fn new(pool: P) -> Arc<Self> {
        Arc::new(Self { pool, checkouts: Mutex::new(Vec::new()) })
    }

    /// Serves on a free port until the runtime ends. Returns its address.
    pub(crate) async fn serve(self: Arc<Self>) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = Arc::clone(&self);
                tokio::spawn(async move {
                    let answer = service_fn(|request| service.answer(request));
                    // A client that disconnects in the middle of a request is no error.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Ok(address)
    }

    /// Returns the times of the checkouts since the last call, sorted.
    pub(crate) fn take_checkouts(&self) -> Vec<Duration> {
        let mut checkouts = std::mem::take(&mut *self.checkouts.lock().expect("no panic"));
        checkouts.sort_unstable();
        checkouts
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (status, body) = match self.visit(request.uri().path()).await {
            Ok(visits) => (StatusCode::OK, visits.to_string()),
            Err(failure) => failure,
        };
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        Ok(response)
    }

    /// Counts a visit of this page, and returns how many there were.
    async fn visit(&self, page: &str) -> Result<u64, (StatusCode, String)> {
        let start = Instant::now();
        let mut connection = self.pool.checkout().await.map_err(|error| (NO_CONNECTION, error))?;
        self.checkouts.lock().expect("no panic").push(start.elapsed());
        connection.incr(page, 1).await.map_err(|error| (FAILED_USE, error.to_string()))
    }
}
