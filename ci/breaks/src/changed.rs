//! Which breaks a change concerns.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::breaks::{Break, parse};
use crate::tokens::same;

/// What changed between a revision and the files that are there now.
pub(crate) struct Changes {
    root: PathBuf,
    revision: String,
    files: BTreeSet<String>,
}

impl Changes {
    /// Files that differ in comments and whitespace only did not change.
    pub(crate) fn since(root: &Path, revision: &str) -> Result<Self, String> {
        let mut changes = Self { root: root.to_owned(), revision: revision.to_owned(), files: BTreeSet::new() };
        let tracked = changes.git(&["diff", "--name-only", revision, "--"])?;
        let others = changes.git(&["ls-files", "--others", "--exclude-standard"])?;
        let differs = |file: &&str| {
            let now = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            !file.ends_with(".rs") || !changes.before(file).is_some_and(|before| same(&before, &now))
        };
        changes.files = tracked.lines().chain(others.lines()).filter(differs).map(str::to_owned).collect();
        Ok(changes)
    }

    /// Whether they concern the break, which is in `file`: itself, what it edits, or its test.
    pub(crate) fn concern(&self, file: &str, item: &Break) -> bool {
        let edits = item.edits.iter().any(|edit| self.files.contains(&edit.file));
        let tests = item.tests.iter().any(|test| self.files.iter().any(|changed| test.is_source(Path::new(changed))));
        edits || tests || (self.files.contains(file) && !self.before(file).is_some_and(|text| has(&text, item)))
    }

    /// What was in a file.
    fn before(&self, file: &str) -> Option<String> {
        self.git(&["show", &format!("{}:{file}", self.revision)]).ok()
    }

    fn git(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new("git").arg("-C").arg(&self.root).args(arguments).output();
        let output = output.map_err(|error| format!("git: {error}"))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

/// Whether this break was among those of a file's text, under whatever name.
fn has(text: &str, item: &Break) -> bool {
    parse(text).is_ok_and(|breaks| breaks.iter().any(|old| old.tests == item.tests && old.edits == item.edits))
}
