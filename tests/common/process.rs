//! Tests that run in a process of their own.

use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{holds_within, patience};

/// Whether this process was started for `test` alone. If not, starts such a process and fails if it fails. A test that
/// needs its own process begins with `if !alone("its path") { return; }`.
#[track_caller]
pub(crate) fn alone(test: &str) -> bool {
    if is_child() {
        return true;
    }
    let (status, text) = finish(&mut child(test));
    assert!(status.success() && text.contains("test result: ok. 1 passed"), "{text}");
    false
}

/// A command that runs `test` of this binary in a process of its own, with `EBBTIDE_CHILD` set.
pub(crate) fn child(test: &str) -> Command {
    let mut command = this_binary();
    command.args([test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"]).env("EBBTIDE_CHILD", "1");
    command
}

pub(super) fn this_binary() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.env("RUST_BACKTRACE", "0");
    command
}

/// Runs a command to its end. Returns its status and output. Only a hang misses the deadline.
#[track_caller]
pub(crate) fn finish(command: &mut Command) -> (ExitStatus, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the test binary starts");
    let readers =
        [reader(child.stdout.take().expect("it is piped")), reader(child.stderr.take().expect("it is piped"))];
    let mut status = None;
    let ended = holds_within(Duration::from_secs(60) * patience(), || {
        status = child.try_wait().expect("it is ours to wait for");
        status.is_some()
    });
    if !ended {
        child.kill().expect("it still runs");
    }
    let text = readers.map(|reader| reader.join().expect("no panic")).concat();
    assert!(ended, "the process comes to no end:\n{text}");
    (status.expect("it ended"), text)
}

fn reader(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("the pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Whether this process was started by `child`.
pub(crate) fn is_child() -> bool {
    std::env::var_os("EBBTIDE_CHILD").is_some()
}
