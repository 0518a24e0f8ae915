//! Each test in a process of its own.

use std::cell::Cell;
use std::env;
use std::process::Command;
use std::thread;

const ALONE: &str = "EBBTIDE_LOOM_ALONE";

/// Whether this process runs the calling test alone. If not, the test's first call runs such a process, and panics if it
/// fails.
///
/// Loom frees a stack for each thread of each interleaving, and the system then interrupts all threads of the process.
/// Two tests in one process take half as long again.
pub(crate) fn alone() -> bool {
    thread_local! {
        static DONE: Cell<bool> = const { Cell::new(false) };
    }
    let thread = thread::current();
    // A process with one test at a time runs it in its main thread.
    let others = |test: &&str| *test != "main" && env::var_os(ALONE).is_none();
    let Some(test) = thread.name().filter(others) else { return true };
    if !DONE.replace(true) {
        let mut command = Command::new(env::current_exe().expect("a path"));
        command.args([test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"]).env(ALONE, "1");
        let output = command.output().expect("the test binary starts");
        let text = String::from_utf8_lossy(&output.stdout);
        print!("{text}");
        let passed = output.status.success() && text.contains("test result: ok. 1 passed");
        assert!(passed, "{}", String::from_utf8_lossy(&output.stderr));
    }
    false
}
