//! This program with another global allocator: the binaries in `allocators/`.
//!
//! They are built on demand. They need a C and C++ compiler, which not every machine has, and compiling them takes
//! time.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::stdout;

/// Their names as contenders, and the names of the features that build them.
pub(crate) const ALL: [&str; 3] = ["mimalloc", "jemalloc", "snmalloc"];

/// The counting one needs nothing else.
pub(crate) const COUNTING: &str = "counting";

/// Builds the binary with that allocator next to this one, with the same profile. The error is the reason if that
/// fails.
pub(crate) fn build(name: &str) -> Result<PathBuf, String> {
    let this = env::current_exe().map_err(|error| error.to_string())?;
    // Cargo names the folder after the profile, except for one profile.
    let folder = this.parent().unwrap_or(Path::new(""));
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    // This turns off snmalloc's assertions, which cost as much as everything else. Without CMake its build script
    // doesn't.
    let flags = env::var("CXXFLAGS").unwrap_or_default() + " -DNDEBUG";
    let binary = format!("ebbtide-benches-{name}");
    let build = |features: &str| {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--package", "ebbtide-benches", "--bin", &binary, "--features", features]);
        cargo.args(["--profile", profile, "--target-dir"]).arg(folder.join(".."));
        stdout(cargo.current_dir(env!("CARGO_MANIFEST_DIR")).env("CXXFLAGS", &flags))
    };
    if ALL.contains(&name) {
        // With all features, the library is compiled once for all. With one, only that allocator's compiler is needed.
        build(&ALL.join(",")).or_else(|_| build(name))?;
    } else {
        build("")?;
    }
    Ok(folder.join(binary).with_extension(env::consts::EXE_EXTENSION))
}
