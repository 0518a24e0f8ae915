//! The program `scale`, from outside.

use std::process::{Command, Output};

fn run(args: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_scale"));
    program.args(args).output().expect("the program runs")
}

#[test]
fn a_sample_is_a_time_between_two_distances() {
    // One sample of the machine alone, one with a pool in two threads, and one that sweeps while others wait.
    for name in ["line from core to core, to be read", "pair, 2 threads", "sweep, 15 slot sets, full"] {
        let output = run(&["--sample", name]);
        assert!(output.status.success(), "{name}: {output:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        assert_eq!(numbers.len(), 3, "{name}: {text}");
        assert!(numbers.iter().all(|number| number.is_finite() && *number >= 0.0), "{name}: {text}");
    }
}

#[test]
fn bad_arguments_give_an_error_and_status_2() {
    for (args, says) in [
        (&["--rounds", "0"][..], "not `0`"),
        (&["--rounds"], "usage: scale"),
        (&["--sample", "mood"], "no sample `mood`"),
        (&["--fast"], "usage: scale"),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.starts_with("error: ") && stderr.contains(says), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}
