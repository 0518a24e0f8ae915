//! A future that a test polls by hand, with a count of its wake-ups.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::Count;

#[derive(Debug, Default)]
struct Wakes(Count);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.bump();
    }
}

pub(crate) struct Polled<F> {
    future: Pin<Box<F>>,
    wakes: Arc<Wakes>,
}

impl<F: Future> Polled<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future: Box::pin(future), wakes: Arc::default() }
    }

    /// Polls it once. It must be pending.
    #[track_caller]
    pub(crate) fn waiting(future: F) -> Self {
        let mut polled = Self::new(future);
        assert!(polled.poll().is_none(), "it need not wait");
        polled
    }

    /// The output, if it is ready.
    pub(crate) fn poll(&mut self) -> Option<F::Output> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    /// From now on polls it with the waker of another task.
    pub(crate) fn move_to_another_task(&mut self) -> Option<F::Output> {
        self.wakes = Arc::default();
        self.poll()
    }

    pub(crate) fn wakes(&self) -> usize {
        self.wakes.0.get()
    }

    /// Asserts that it was woken and is ready.
    #[track_caller]
    pub(crate) fn ready(mut self) -> F::Output {
        assert!(self.wakes() > 0, "it was not woken");
        self.poll().expect("it was woken, but is not ready")
    }
}
