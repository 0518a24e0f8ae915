//! The four ways to be a proxy.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use ebbtide::buffers;
use tokio::runtime::{self, Runtime};

/// One way to be a proxy. It accepts connections as long as the process runs.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) run: fn(TcpListener, SocketAddr) -> io::Result<()>,
}

pub(crate) static WAYS: [Way; 4] = [
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
    // The client notices a failed connection. The proxy goes on.
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
                    buffers::tokio_io::copy_bidirectional(&mut client, &mut origin).await
                } else {
                    tokio::io::copy_bidirectional(&mut client, &mut origin).await
                }
            });
        }
    })
}

pub(crate) fn runtime() -> io::Result<Runtime> {
    runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

pub(crate) fn in_tokio(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}
