//! Shows who waits for a stopped thread. Stops threads at random points inside a pool's operations, some thousand
//! times, and measures the longest operation of the others. `docs/correctness.md` has the results.
//!
//! ```text
//! cargo run --release -p ebbtide-benches --bin waits
//! ```
//!
//! | module | what it does |
//! | --- | --- |
//! | `pools` | the compared pools |
//! | `run` | one pool in one workload, and the table of all |
//! | `stops` | the signal that stops a thread, and its sender |
//! | `unlocked` | an allocator without locks, so that only the pools can wait |
//!
//! Linux only: it asks the system whether a thread waits or only lacks a core.

#[cfg(target_os = "linux")]
mod pools;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod stops;
#[cfg(target_os = "linux")]
#[path = "../../../../tests/common/unlocked.rs"]
mod unlocked;

#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: unlocked::Unlocked = unlocked::Unlocked;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("this program runs on Linux only");
}
