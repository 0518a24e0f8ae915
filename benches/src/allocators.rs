//! This program with another global allocator: the binaries in `allocators/`.
//!
//! They are built when they are to be measured. What they need, a compiler for C and C++, is not on every machine, and
//! compiling them takes its time.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::stdout;

/// Their names: of the contenders, and of the features that build them.
pub(crate) const ALL: [&str; 3] = ["mimalloc", "jemalloc", "snmalloc"];

/// The one that counts needs nothing that isn't there.
pub(crate) const COUNTING: &str = "counting";

/// Builds the binary with that allocator beside this one, as this one was built. The error says why there is none.
pub(crate) fn build(name: &str) -> Result<PathBuf, String> {
    let this = env::current_exe().map_err(|error| error.to_string())?;
    // Cargo puts binaries into a folder of the profile's name in the target folder, but for one profile.
    let folder = this.parent().unwrap_or(Path::new(""));
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    // Else snmalloc would have its assertions, which cost as much as all the rest: without CMake its build script doesn't
    // say that they aren't wanted.
    let flags = env::var("CXXFLAGS").unwrap_or_default() + " -DNDEBUG";
    let binary = format!("ebbtide-benches-{name}");
    let build = |features: &str| {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--package", "ebbtide-benches", "--bin", &binary, "--features", features]);
        cargo.args(["--profile", profile, "--target-dir"]).arg(folder.join(".."));
        stdout(cargo.current_dir(env!("CARGO_MANIFEST_DIR")).env("CXXFLAGS", &flags))
    };
    if ALL.contains(&name) {
        // With the features of all, the library is compiled once for all; alone, each needs no compiler but its own.
        build(&ALL.join(",")).or_else(|_| build(name))?;
    } else {
        build("")?;
    }
    Ok(folder.join(binary).with_extension(env::consts::EXE_EXTENSION))
}
