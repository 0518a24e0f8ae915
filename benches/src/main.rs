//! The comparison program. See the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ebbtide_benches::main()
}
