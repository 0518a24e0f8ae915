//! The program that compares; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ebbtide_benches::main()
}
