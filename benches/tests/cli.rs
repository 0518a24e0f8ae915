//! The program, from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn program(args: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_ebbtide-benches"));
    program.args(args);
    program
}

fn run(args: &[&str]) -> Output {
    program(args).output().expect("the program runs")
}

/// An empty folder for the files of one test.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    folder
}

/// A comparison of one round, with its tables and charts in a folder.
fn comparison(only: &str, workloads: &str, folder: &Path) -> Command {
    let mut program = program(&["--rounds", "1", "--only", only, "--workload", workloads]);
    program.arg("--tables").arg(folder.join("tables.md")).arg("--charts").arg(folder.join("charts"));
    program
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn bad_arguments_give_an_error_and_status_2() {
    let output = run(&["--only", "java"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(stderr.starts_with("error: no contender `java`: there are ebbtide,"), "{stderr}");
    assert!(stderr.contains("usage: "), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn help_lists_contenders_and_workloads() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let stdout = text(&output.stdout);
    for word in ["--quick", "--charts", "opool", "jemalloc", "go", "hand-off", "gets 2048"] {
        assert!(stdout.contains(word), "{word}: {stdout}");
    }
}

#[test]
fn a_comparison_prints_and_keeps_tables_and_draws_charts() {
    let folder = folder("comparison");
    let output = comparison("ebbtide,opool", "pair,pair-4k", &folder).output().expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let stdout = text(&output.stdout);
    for line in ["| rustc | rustc ", "| | pair, ns |\n", "| | pair-4k, ns |\n", "## Who needs less than ebbtide\n"] {
        assert!(stdout.contains(&format!("\n{line}")), "{line}: {stdout}");
    }
    // The medians of two groups, the items made, and the quartiles of two groups.
    assert_eq!(stdout.matches("\n| ebbtide | ").count(), 5, "{stdout}");
    assert_eq!(stdout.matches("\n| opool | ").count(), 5, "{stdout}");
    assert_eq!(fs::read_to_string(folder.join("tables.md")).unwrap(), stdout);
    let charts = folder.join("charts");
    let mut written: Vec<_> = fs::read_dir(&charts).unwrap().map(|file| file.unwrap().path()).collect();
    written.sort();
    assert_eq!(written, ["get-and-put.svg", "shapes.svg"].map(|name| charts.join(name)));
    for file in written {
        let svg = fs::read_to_string(&file).unwrap();
        assert!(svg.contains(">\nebbtide\n<") && svg.contains(">\nopool\n<"), "{}: {svg}", file.display());
    }
}

#[test]
fn unwritable_output_fails_before_anything_is_measured() {
    let folder = folder("nowhere");
    let [charts, file] = ["charts", "file"].map(|name| folder.join(name));
    fs::create_dir_all(&folder).unwrap();
    fs::write(&file, "").unwrap();
    for (tables, charts, what) in [(&file, &file, "charts"), (&file.join("tables.md"), &charts, "tables")] {
        let output = program(&[]).arg("--tables").arg(tables).arg("--charts").arg(charts).output();
        let output = output.expect("the program runs");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.starts_with(&format!("error: no {what} in ")), "{stderr}");
    }
}

#[test]
fn without_go_and_cargo_the_rest_is_measured() {
    let folder = folder("without-go");
    let mut program = comparison("go,snmalloc,opool", "pair", &folder);
    program.env("PATH", concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let output = program.output().expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let stderr = text(&output.stderr);
    for note in ["note: no figures for snmalloc: there is no `cargo`", "note: no figures for go: there is no `go`"] {
        assert!(stderr.contains(note), "{stderr}");
    }
    let stdout = text(&output.stdout);
    assert!(stdout.contains("\n| not measured | go: there is no `go` to run |\n"), "{stdout}");
    assert!(stdout.contains("\n| opool | "), "{stdout}");
    assert!(!folder.join("charts/get-and-put.svg").exists(), "there is nothing to compare");
}

/// A debug build cannot count, and nothing counts without the programs that it needs.
#[test]
fn instructions_that_cannot_be_counted_are_an_error() {
    let mut program = program(&["instructions", "--check"]);
    program.env("PATH", concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let output = program.output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    let why = ["use `--release`", "there is no `getconf` to run", "on x86-64 Linux alone"];
    assert!(why.iter().any(|why| stderr.contains(why)), "{stderr}");
}
