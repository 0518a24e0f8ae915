//! A small client: one `GET` at a time, over a blocking connection or one of tokio's.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n";
const DONE: &[u8; 5] = b"+OK\r\n";
const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
const VALUE: &[u8; 11] = b"$5\r\nvalue\r\n";

pub(crate) struct Blocking(TcpStream);

impl Blocking {
    pub(crate) fn connect(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Sets the value that all others get.
    pub(crate) fn set(&mut self) {
        self.ask(SET, DONE);
    }

    pub(crate) fn get(&mut self) {
        self.ask(GET, VALUE);
    }

    fn ask<const N: usize>(&mut self, question: &[u8], answer: &[u8; N]) {
        let mut read = [0; N];
        self.0.write_all(question).and_then(|()| self.0.read_exact(&mut read)).expect("the server answers");
        assert_eq!(&read, answer);
    }
}

pub(crate) struct Async(tokio::net::TcpStream);

impl Async {
    pub(crate) async fn connect(server: SocketAddr) -> io::Result<Self> {
        let stream = tokio::net::TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    pub(crate) async fn get(&mut self) {
        let mut read = [0; VALUE.len()];
        self.0.write_all(GET).await.expect("the server listens");
        self.0.read_exact(&mut read).await.expect("the server answers");
        assert_eq!(&read, VALUE);
    }
}
