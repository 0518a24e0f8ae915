//! The program from outside.

use std::process::{Command, Output};

fn run(args: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_ebbtide-benches"));
    program.args(args).output().expect("the program runs")
}

#[test]
fn bad_arguments_give_an_error_and_status_2() {
    let output = run(&["--only", "java"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("error: no contender `java`: there are ebbtide,"), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn help_lists_contenders_and_workloads() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let stdout = String::from_utf8_lossy(&output.stdout);
    for word in ["--quick", "opool", "go", "hand-off"] {
        assert!(stdout.contains(word), "{word}: {stdout}");
    }
}

#[test]
fn a_comparison_prints_a_table() {
    let output = run(&["--rounds", "1", "--only", "opool,mutex-vec", "--workload", "pair"]);
    assert!(output.status.success(), "{output:?}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("| | pair |"), "{stdout}");
    assert!(stdout.contains("\n| opool | "), "{stdout}");
    assert!(stdout.contains("\n| mutex-vec | "), "{stdout}");
}

#[test]
fn without_go_the_rest_is_measured() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_ebbtide-benches"));
    program.args(["--rounds", "1", "--only", "go,opool", "--workload", "pair"]);
    program.env("PATH", concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let output = program.output().expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("note: no figures for Go"), "{stderr}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("no Go: there is no `go` to run"), "{stdout}");
    assert!(stdout.contains("\n| opool | "), "{stdout}");
}
