//! The four ways to take and return a buffer.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Instant;

use ebbtide::{Pool, Settings};

use crate::buffer::Buffer;
use crate::common::Failure;
use crate::job::work;
use crate::options::Options;

/// One way to do the job: how it takes and returns a buffer.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) run: fn(&Options) -> Result<(), Failure>,
}

pub(crate) static WAYS: [Way; 4] = [
    Way { name: "fresh", title: "(a) fresh allocation", run: with_fresh_allocations },
    Way { name: "channel", title: "(b) bounded channel", run: with_channel },
    Way { name: "thread", title: "(c) recycler thread", run: with_thread },
    Way { name: "ebbtide", title: "(d) ebbtide", run: with_ebbtide },
];

fn with_fresh_allocations(options: &Options) -> Result<(), Failure> {
    work(options, || Buffer::make_boxed(options), drop)
}

fn with_channel(options: &Options) -> Result<(), Failure> {
    let (put, get) = mpsc::sync_channel(options.buffers.div_ceil(4));
    let take = || get.try_recv().unwrap_or_else(|_| Buffer::make_boxed(options));
    work(options, take, |buffer| drop(put.try_send(buffer)))
}

fn with_thread(options: &Options) -> Result<(), Failure> {
    let (requests, inbox) = mpsc::channel();
    let (outbox, buffers) = mpsc::sync_channel(1);
    let job = options.clone();
    thread::spawn(move || recycle(&inbox, &outbox, &job));
    let send = |request| requests.send(request).expect("the recycler outlives the work");
    let take = || {
        send(Request::Take);
        buffers.recv().expect("the recycler answers every request")
    };
    work(options, take, |buffer| send(Request::Give(buffer)))
}

/// A request to the recycler thread. Giving and taking share a channel, as std can't wait for two channels at once.
enum Request {
    Give(Box<Buffer>),
    Take,
}

/// The recycler thread. It ends when the request channel is closed.
fn recycle(requests: &Receiver<Request>, buffers: &SyncSender<Box<Buffer>>, options: &Options) {
    let timeout = 2 * options.epoch();
    let mut spare: VecDeque<(Instant, Box<Buffer>)> = VecDeque::new(); // the oldest first
    loop {
        let request = match spare.front() {
            None => requests.recv().map_err(RecvTimeoutError::from),
            Some((since, _)) => requests.recv_timeout(timeout.saturating_sub(since.elapsed())),
        };
        match request {
            Ok(Request::Give(buffer)) => spare.push_back((Instant::now(), buffer)),
            Ok(Request::Take) => {
                let newest = spare.pop_back().map(|(_, buffer)| buffer);
                if buffers.send(newest.unwrap_or_else(|| Buffer::make_boxed(options))).is_err() {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while spare.front().is_some_and(|(since, _)| since.elapsed() >= timeout) {
            spare.pop_front();
        }
    }
}

fn with_ebbtide(options: &Options) -> Result<(), Failure> {
    let job = options.clone();
    let pool = Pool::try_with_settings(move || Buffer::make(&job), Settings::new().every(options.epoch()))?;
    work(options, || pool.get(), drop)
}
