//! Other programs that this one runs.

use std::io::ErrorKind;
use std::process::{Command, Output};

/// Runs `command`. Returns its output, or the reason why it failed.
pub(crate) fn stdout(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } = command.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("there is no `{name}` to run"),
        _ => format!("`{name}` does not run: {error}"),
    })?;
    if status.success() {
        Ok(String::from_utf8_lossy(&stdout).trim().to_owned())
    } else {
        let stderr = String::from_utf8_lossy(&stderr);
        Err(format!("`{name}` failed ({status}): {}", stderr.trim()))
    }
}
