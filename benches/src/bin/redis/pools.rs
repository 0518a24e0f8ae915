//! The managers of the pools. All connect and do nothing else: no pool checks its connections.

use std::io;
use std::net::SocketAddr;

use deadpool::managed::{self, Metrics, RecycleResult};
use ebbtide::bounded::{Info, Manage, TryRecycle};

use crate::client::{Async, Blocking};

/// Connections for threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threads(pub(crate) SocketAddr);

/// Connections for tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tasks(pub(crate) SocketAddr);

impl TryRecycle<Blocking> for Threads {
    type Error = io::Error;

    fn try_create(&self) -> io::Result<Blocking> {
        Blocking::connect(self.0)
    }

    fn recycle(&self, _: &mut Blocking, _: &Info) -> bool {
        true
    }
}

impl r2d2::ManageConnection for Threads {
    type Connection = Blocking;
    type Error = io::Error;

    fn connect(&self) -> io::Result<Blocking> {
        Blocking::connect(self.0)
    }

    fn is_valid(&self, _: &mut Blocking) -> io::Result<()> {
        Ok(())
    }

    fn has_broken(&self, _: &mut Blocking) -> bool {
        false
    }
}

impl Manage<Async> for Tasks {
    type Error = io::Error;

    async fn create(&self) -> io::Result<Async> {
        Async::connect(self.0).await
    }
}

impl managed::Manager for Tasks {
    type Type = Async;
    type Error = io::Error;

    async fn create(&self) -> io::Result<Async> {
        Async::connect(self.0).await
    }

    async fn recycle(&self, _: &mut Async, _: &Metrics) -> RecycleResult<io::Error> {
        Ok(())
    }
}

impl bb8::ManageConnection for Tasks {
    type Connection = Async;
    type Error = io::Error;

    async fn connect(&self) -> io::Result<Async> {
        Async::connect(self.0).await
    }

    async fn is_valid(&self, _: &mut Async) -> io::Result<()> {
        Ok(())
    }

    fn has_broken(&self, _: &mut Async) -> bool {
        false
    }
}
