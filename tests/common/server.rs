//! A server that creates items when the test lets it.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex};

use ebbtide::BoundedPool;
use ebbtide::Manual;
use ebbtide::bounded::{Info, Settings, TryRecycle};

use crate::common::{Counted, Ledger, lock, until};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Item,
    Error,
    Panic,
}

/// Each creation waits for its reply.
#[derive(Default)]
pub(crate) struct Server {
    pub(crate) ledger: Arc<Ledger>,
    state: Mutex<State>,
    replied: Condvar,
}

#[derive(Default)]
struct State {
    /// How many creations have begun.
    begun: usize,
    /// By the number of the creation, from 0.
    replies: HashMap<usize, Reply>,
    /// The reply to all others.
    to_all: Option<Reply>,
    unfit: Vec<usize>,
    checked: usize,
}

impl Server {
    pub(crate) fn begun(&self) -> usize {
        lock(&self.state).begun
    }

    /// Waits until so many creations have begun.
    #[track_caller]
    pub(crate) fn wait_for(&self, begun: usize) {
        until("they are begun", || self.begun() == begun);
    }

    /// Replies to this creation, from 0.
    pub(crate) fn reply(&self, creation: usize, reply: Reply) {
        lock(&self.state).replies.insert(creation, reply);
        self.replied.notify_all();
    }

    /// Replies to all that have no reply yet, now and from now on. With `None`, they wait.
    pub(crate) fn reply_to_all(&self, reply: Option<Reply>) {
        lock(&self.state).to_all = reply;
        self.replied.notify_all();
    }

    /// From now on this item fails its checks, and is refused when it returns.
    pub(crate) fn condemn(&self, id: usize) {
        lock(&self.state).unfit.push(id);
    }

    /// How many items were checked.
    pub(crate) fn checked(&self) -> usize {
        lock(&self.state).checked
    }
}

#[derive(Clone)]
pub(crate) struct Client(pub(crate) Arc<Server>);

impl TryRecycle<Counted> for Client {
    type Error = io::Error;

    fn try_create(&self) -> io::Result<Counted> {
        let mut state = lock(&self.0.state);
        let number = state.begun;
        state.begun += 1;
        let reply = loop {
            if let Some(reply) = state.replies.get(&number).copied().or(state.to_all) {
                break reply;
            }
            state = self.0.replied.wait(state).expect("no panic");
        };
        drop(state);
        match reply {
            Reply::Item => Ok(self.0.ledger.item()),
            Reply::Error => Err(io::Error::other(format!("creation {number}"))),
            Reply::Panic => std::panic::resume_unwind(Box::new("tripped")),
        }
    }

    fn check(&self, item: &mut Counted, _: &Info) -> bool {
        let mut state = lock(&self.0.state);
        state.checked += 1;
        !state.unfit.contains(&item.id)
    }

    fn recycle(&self, item: &mut Counted, _: &Info) -> bool {
        !lock(&self.0.state).unfit.contains(&item.id)
    }
}

pub(crate) type Served = BoundedPool<Counted, Client>;

/// A pool that creates in the background, with `n` idle items, numbered from 0.
pub(crate) fn served(settings: Settings<Manual>, n: usize) -> (Arc<Served>, Arc<Server>) {
    let server = Arc::new(Server::default());
    let pool = Arc::new(BoundedPool::with_settings(Client(Arc::clone(&server)), settings).create_in_background());
    server.reply_to_all(Some(Reply::Item));
    assert_eq!(pool.prefill(n).expect("the server replies"), n);
    server.reply_to_all(None);
    lock(&server.state).begun = 0;
    (pool, server)
}
