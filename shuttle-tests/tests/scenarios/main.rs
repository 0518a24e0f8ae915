//! All scenarios. They are one program, because each program takes a second to build.

mod anything;
mod bounded;
mod bounded_faults;
mod fetches;
mod janitor;
mod limits;
mod panics;
mod sweeps;
mod threads;

#[path = "../common/mod.rs"]
mod common;
