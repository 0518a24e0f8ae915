//! The same program with a counting allocator, for the workloads that measure a pool's memory.

use std::process::ExitCode;

use ebbtide_benches::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    ebbtide_benches::main()
}
