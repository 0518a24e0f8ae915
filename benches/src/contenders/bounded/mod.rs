//! The adapters of what has a limit. Those without a guard of their own clear items on their way back.

pub(crate) mod async_channel;
pub(crate) mod deadpool;
pub(crate) mod ebbtide;
pub(crate) mod mutex_condvar;
pub(crate) mod semaphore;
