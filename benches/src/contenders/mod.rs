//! The adapters. Each gives its pool the most direct way it has to the same thing: an empty buffer.

pub(crate) mod allocate;
pub(crate) mod array_queue;
pub(crate) mod ebbtide;
pub(crate) mod lockfree_object_pool;
pub(crate) mod mutex_vec;
pub(crate) mod object_pool;
pub(crate) mod opool;
pub(crate) mod thread_local;

/// The room of the pools that need a fixed one: more than any workload has out at once.
const ROOM: usize = 4096;
