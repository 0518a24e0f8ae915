//! Futures with a limit on their time.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::engine::item::Contained;
use crate::janitor::timer::Alarm;

/// Runs a future for at most this long, and drops it. Returns the limit if it is not ready by then.
///
/// If the future panics, it is dropped while that unwinds. So it is contained, and so is its output while it is dropped.
pub(super) async fn within<F: Future>(limit: Option<Duration>, future: F) -> Result<F::Output, Duration> {
    let mut alarm = limit.map(|limit| (limit, Alarm::new(limit)));
    let mut future = pin!(Some(Contained::new(future)));
    let output = poll_fn(|context| {
        let running = future.as_mut().as_pin_mut().expect("it is dropped when it is ready");
        if let Poll::Ready(output) = running.poll(context) {
            return Poll::Ready(Ok(output));
        }
        match &mut alarm {
            Some((limit, alarm)) => alarm.poll(context).map(|()| Err(*limit)),
            None => Poll::Pending,
        }
    });
    let output = Contained::new(output.await);
    future.set(None);
    alarm.take();
    output.into_inner()
}
