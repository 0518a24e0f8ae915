//! The program, from outside.

use std::process::{Command, Output};

const SMALL: [&str; 8] = ["--connections", "2", "--clients", "4", "--requests", "200", "--down-ms", "20"];

const SERVICE: &str = env!("CARGO_BIN_EXE_ebbtide-service");

/// Runs it to its end. Only a hang misses the deadline. `timeout` then ends the server, too, even a stopped one.
fn run(args: &[&str]) -> Output {
    Command::new("timeout").args(["60", SERVICE]).args(args).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The failed checkouts and the failed uses in a round.
fn failures(output: &str, round: &str) -> [usize; 2] {
    let line = output.lines().find(|line| line.starts_with(round)).unwrap_or_else(|| panic!("{round}: {output}"));
    let fields: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(fields.len(), 6, "{output}");
    assert!(fields[1].parse::<usize>().is_ok_and(|answers| answers > 0), "{output}");
    [4, 5].map(|field| fields[field].parse().unwrap_or_else(|_| panic!("{output}")))
}

/// Runs it small. A connection that a pool checks fails at most once in use: when its server is killed.
fn survives_a_kill(pool: &str) -> String {
    let output = run(&[&["--pool", pool], &SMALL[..]].concat());
    assert!(output.status.success(), "{output:?}");
    let stdout = text(&output.stdout);
    assert!(stdout.starts_with(&format!("{pool}: 4 clients, 2 connections\n")), "{stdout}");
    assert_eq!(failures(&stdout, "steady"), [0, 0], "{stdout}");
    let [_, uses] = failures(&stdout, "killed");
    assert!(uses <= 2, "{stdout}");
    assert!(stdout.contains("\nwith the server back: first good answer after "), "{stdout}");
    stdout
}

/// And a blocking checkout ends while the server is stopped. The connection that it began serves the next one.
#[test]
fn ebbtide_survives_a_kill_of_the_server() {
    let stdout = survives_a_kill("ebbtide");
    assert!(stdout.contains(" ms: no item was free within 500ms\n"), "{stdout}");
    assert!(stdout.ends_with("a checkout succeeds, connections created: 1\n"), "{stdout}");
}

#[test]
fn deadpool_survives_a_kill_of_the_server() {
    survives_a_kill("deadpool");
}

#[test]
fn bb8_survives_a_kill_of_the_server() {
    survives_a_kill("bb8");
}

#[test]
fn bad_arguments_give_an_error_and_status_2() {
    for (args, error) in [
        (["--connections", "0"], "service: --connections '0': expected a whole number from 1 to 1000\n"),
        (["--pool", "r2d2"], "service: --pool 'r2d2': expected ebbtide or deadpool or bb8\n"),
    ] {
        let output = run(&args);
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(2), error));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_lists_the_arguments() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let stdout = text(&output.stdout);
    for word in ["--pool NAME", "--connections N", "--clients N", "--requests N", "--down-ms N", "[default: ebbtide]"] {
        assert!(stdout.contains(word), "{word}: {stdout}");
    }
}

#[test]
fn a_missing_server_is_an_error_that_names_it() {
    let output = Command::new(SERVICE).args(SMALL).env("PATH", "").output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert_eq!(error, "service: there is no redis-server on the PATH: apt-get install redis-server\n");
}
