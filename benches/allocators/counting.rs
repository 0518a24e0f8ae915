//! The same program with an allocator that counts, for the workloads that tell what a pool weighs.

use std::process::ExitCode;

use ebbtide_benches::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    ebbtide_benches::main()
}
