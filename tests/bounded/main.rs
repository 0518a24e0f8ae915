//! `BoundedPool`. These files are one program, because each program takes seconds to build. A test that concerns the whole
//! process begins with `alone`, or is in a file beside this folder.
#![cfg(feature = "bounded")]

mod api;
mod background;
mod check;
mod close_and_resize;
mod closed;
mod counts;
mod creating;
mod disposer;
mod drops;
mod faults;
mod goodbyes;
mod holders;
mod idle_order;
mod lifetimes;
mod limit;
mod manage;
mod order;
mod overtaking;
mod panics;
mod receiving;
mod replace;
mod timeouts;
mod try_get;
mod waker_panics;

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/executor.rs"]
mod executor;
#[path = "../common/faults.rs"]
mod faulty;
#[cfg(target_os = "linux")]
#[path = "../common/janitors.rs"]
mod janitors;
#[path = "../common/judge.rs"]
mod judge;
#[path = "../common/bounded.rs"]
mod pools;
#[path = "../common/server.rs"]
mod server;
#[path = "../common/timed.rs"]
mod timed;
