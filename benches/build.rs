//! Passes the compiler's version to the program, for the figures that depend on it.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let rustc = env::var_os("RUSTC").expect("cargo sets RUSTC");
    let output = Command::new(rustc).arg("--version").output().expect("the compiler runs");
    let version = String::from_utf8(output.stdout).expect("a version in UTF-8");
    println!("cargo::rustc-env=RUSTC_VERSION={}", version.trim());
}
