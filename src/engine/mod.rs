//! The algorithm: where items lie, who moves them, and what makes them old. No user code runs here, but for the global
//! allocator.

pub(crate) mod array;
pub(crate) mod batch;
mod claim;
pub(crate) mod item;
mod rack;
pub(crate) mod shared;
mod slots;
pub(crate) mod store;
pub(crate) mod sweep;
pub(crate) mod tally;
pub(crate) mod top;
pub(crate) mod trace;
