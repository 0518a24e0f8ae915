//! Who waits for a thread that was stopped? Stops threads at random points inside a pool's operations, some thousand times,
//! and measures the longest operation of those that weren't. `docs/correctness.md` says what came of it.
//!
//! ```text
//! cargo run --release -p ebbtide-benches --bin waits
//! ```
//!
//! | module | what it does |
//! | --- | --- |
//! | `pools` | what is compared |
//! | `run` | one pool in one workload, and the table of all |
//! | `stops` | the signal that stops a thread, and who sends it |
//! | `unlocked` | an allocator that waits for nobody, so that only the pools can |
//!
//! Linux alone: it asks the system whether a thread waits or only lacks a core.

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
    eprintln!("only on Linux can threads be watched closely enough");
}
