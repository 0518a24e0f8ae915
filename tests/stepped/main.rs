//! Operations, stopped after each of their instructions in turn while another thread proceeds.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod fetches;
mod sweeps;

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/stepping.rs"]
mod stepping;
