//! The clients and the origin.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

/// Answers each connection once, with as many bytes as the request has, and closes it after the client.
pub(crate) async fn origin(listener: tokio::net::TcpListener, answer: Arc<[u8]>) -> io::Result<()> {
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

/// Connects, sends a request and reads the answer. Returns the open connection.
pub(crate) async fn ask(proxy: SocketAddr, answer: &[u8]) -> io::Result<tokio::net::TcpStream> {
    let mut connection = tokio::net::TcpStream::connect(proxy).await?;
    connection.write_all(answer).await?;
    let mut received = vec![0; answer.len()];
    connection.read_exact(&mut received).await?;
    if received != answer {
        return Err(io::Error::other("the answer is not what the origin sent"));
    }
    Ok(connection)
}

/// Sends requests, several at a time, each on a new connection.
pub(crate) async fn send_requests(
    proxy: SocketAddr,
    answer: &Arc<[u8]>,
    clients: usize,
    requests: usize,
) -> io::Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut running = JoinSet::new();
    for _ in 0..clients {
        let (next, answer) = (Arc::clone(&next), Arc::clone(answer));
        running.spawn(async move {
            // ORDERING: Relaxed. A counter orders nothing.
            while next.fetch_add(1, Ordering::Relaxed) < requests {
                let mut connection = ask(proxy, &answer).await?;
                connection.shutdown().await?;
                if connection.read(&mut [0]).await? != 0 {
                    return Err(io::Error::other("the answer is too long"));
                }
            }
            Ok(())
        });
    }
    while let Some(client) = running.join_next().await {
        client.map_err(io::Error::other)??;
    }
    Ok(())
}
