//! The program that compares pools of Redis connections, from outside.

use std::process::Command;

fn redis() -> Command {
    Command::new(env!("CARGO_BIN_EXE_redis"))
}

/// Without a server on this machine, the test does nothing.
#[test]
fn every_pool_has_a_figure() {
    if Command::new("redis-server").arg("--version").output().is_err() {
        return eprintln!("not tested: there is no redis-server");
    }
    let output = redis().args(["--rounds", "1", "--ms", "1", "--users", "4", "--connections", "2"]).output();
    let output = output.expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    for (row, times) in [("ebbtide †", 2), ("ebbtide, strict", 2), ("r2d2 †", 1), ("deadpool", 1), ("bb8 †", 1)] {
        assert_eq!(stdout.matches(&format!("\n| {row} | ")).count(), times, "{row}: {stdout}");
    }
}

#[test]
fn a_missing_server_is_an_error_that_names_it() {
    let output = redis().env("PATH", "").output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(error, "redis: there is no redis-server on the PATH: apt-get install redis-server\n");
}
