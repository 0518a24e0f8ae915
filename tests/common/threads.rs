//! Threads that run something for a test.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// Runs `f` on a new thread and joins it.
#[track_caller]
pub(crate) fn on_thread<O: Send>(f: impl FnOnce() -> O + Send) -> O {
    thread::scope(|scope| match scope.spawn(f).join() {
        Ok(value) => value,
        Err(panic) => panic::resume_unwind(panic),
    })
}

/// Runs `f` on a thread with a stack for large items, which debug builds copy there.
#[track_caller]
pub(crate) fn on_large_stack<O: Send + 'static>(f: impl FnOnce() -> O + Send + 'static) -> O {
    let thread = thread::Builder::new().stack_size(64 << 20).spawn(f).expect("a thread");
    match thread.join() {
        Ok(value) => value,
        Err(panic) => panic::resume_unwind(panic),
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread that runs jobs on request and is idle otherwise. It exits when this is dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(crate) fn new() -> Self {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let thread = thread::spawn(move || inbox.into_iter().for_each(|job| job()));
        Self { jobs: Some(jobs), thread: Some(thread) }
    }

    /// Runs `f` there and waits for it.
    #[track_caller]
    pub(crate) fn run<O: Send + 'static>(&self, f: impl FnOnce() -> O + Send + 'static) -> O {
        let (sender, answer) = mpsc::channel();
        let job = Box::new(move || {
            let outcome = panic::catch_unwind(AssertUnwindSafe(f));
            sender.send(outcome).expect("the asker waits");
        });
        self.jobs.as_ref().expect("not dropped").send(job).expect("the worker lives");
        match answer.recv().expect("the worker answers") {
            Ok(value) => value,
            Err(panic) => panic::resume_unwind(panic),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("jobs are caught");
        }
    }
}
