//! Alarms in models, which have no clock: no time ever comes.

use std::task::{Context, Poll};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Alarm;

impl Alarm {
    pub(crate) fn new(_: Duration) -> Self {
        Self
    }

    pub(crate) fn poll(&mut self, _: &Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

#[cfg(loom_is_shuttle)]
pub(super) fn stop() {}

#[cfg(loom_is_shuttle)]
pub(super) fn wake_all() {}
