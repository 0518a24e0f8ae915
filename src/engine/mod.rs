//! The algorithm: where items lie, who moves them, and what makes them old. `docs/design.md` explains it.
//!
//! User code runs here only where a sweep or a dropped pool drops items, where a sweep emits its event, and where memory
//! is allocated. It never runs inside a claim.

pub(crate) mod array;
pub(crate) mod batch;
mod claim;
pub(crate) mod cost;
mod ended;
mod fetch;
pub(crate) mod history;
pub(crate) mod item;
mod lobby;
mod parking;
mod rack;
mod refill;
pub(crate) mod registration;
pub(crate) mod room;
pub(crate) mod shared;
pub(crate) mod slots;
mod spill;
pub(crate) mod store;
pub(crate) mod sweep;
pub(crate) mod tally;
pub(crate) mod top;
pub(crate) mod trace;
mod visit;
