//! The adapters of bounded pools. Those without their own guard clear items when they return.

pub(crate) mod async_channel;
pub(crate) mod bb8;
pub(crate) mod deadpool;
pub(crate) mod ebbtide;
pub(crate) mod fastpool;
pub(crate) mod mutex_condvar;
pub(crate) mod r2d2;
pub(crate) mod semaphore;
