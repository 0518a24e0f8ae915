//! The adapters of bounded pools. Those without their own guard clear items when they return.

pub(crate) mod async_channel;
pub(crate) mod deadpool;
pub(crate) mod ebbtide;
pub(crate) mod mutex_condvar;
pub(crate) mod semaphore;
