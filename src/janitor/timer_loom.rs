//! The timer of models, which have no clock: no time ever comes.

use std::future::Future;
use std::time::Duration;

pub(super) async fn within<F: Future>(_limit: Option<Duration>, future: F) -> Option<F::Output> {
    Some(future.await)
}
