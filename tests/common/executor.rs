//! smol's executor, on a thread of its own. The crate smol would bring what it needs for I/O, which takes long to build.

use std::future::{Future, pending};
use std::sync::Once;
use std::thread;

use async_executor::{Executor, Task};
use futures_lite::future::block_on;

/// Starts a task.
pub(crate) fn spawn<O: Send + 'static>(future: impl Future<Output = O> + Send + 'static) -> Task<O> {
    static EXECUTOR: Executor<'_> = Executor::new();
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| drop(thread::spawn(|| block_on(EXECUTOR.run(pending::<()>())))));
    EXECUTOR.spawn(future)
}
