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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const AREA: &str = "[[break]]\nname = 'a'\nwhy = 'b'\ntest = 'ebbtide pool::get'\n[[break.edit]]\nfile = 'src/pool.rs'\nfind = 'c'\nreplace = 'd'\n";

    /// A repository with one break, its source and its test.
    struct Repository(PathBuf);

    impl Repository {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("ebbtide-breaks-{name}-{}", std::process::id()));
            for folder in ["src", "tests", "ci/breaks"] {
                fs::create_dir_all(root.join(folder)).expect("a folder");
            }
            let new = Self(root);
            new.write("src/pool.rs", "fn get() { c }");
            new.write("tests/pool.rs", "fn get() {}");
            new.write("ci/breaks/pool.toml", AREA);
            new.git(&["init", "-q"]);
            new.git(&["add", "."]);
            new.git(&["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "All"]);
            new
        }

        fn write(&self, file: &str, text: &str) {
            fs::write(self.0.join(file), text).expect("a file can be written");
        }

        fn git(&self, arguments: &[&str]) {
            let status = Command::new("git").arg("-C").arg(&self.0).args(arguments).status();
            assert!(status.expect("git starts").success());
        }

        fn concerned(&self) -> bool {
            let text = fs::read_to_string(self.0.join("ci/breaks/pool.toml")).expect("it is there");
            let changes = Changes::since(&self.0, "HEAD").expect("a revision");
            changes.concern("ci/breaks/pool.toml", &parse(&text).expect("a break")[0])
        }
    }

    impl Drop for Repository {
        fn drop(&mut self) {
            _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn tokens_of_the_source_concern_a_break_and_comments_do_not() {
        let repository = Repository::new("source");
        assert!(!repository.concerned());
        repository.write("src/pool.rs", "/// Gets.\nfn get() {\n    c\n}\n");
        repository.write("src/other.rs", "fn get() {}");
        assert!(!repository.concerned());
        repository.write("src/pool.rs", "fn get() { c + 1 }");
        assert!(repository.concerned());
    }

    #[test]
    fn the_test_and_the_entry_concern_a_break() {
        let repository = Repository::new("entry");
        repository.write("ci/breaks/pool.toml", &AREA.replace("'b'", "'another reason'"));
        assert!(!repository.concerned());
        repository.write("ci/breaks/pool.toml", &AREA.replace("'d'", "'e'"));
        assert!(repository.concerned());
        repository.write("ci/breaks/pool.toml", AREA);
        repository.write("tests/pool.rs", "fn get() { assert!(true) }");
        assert!(repository.concerned());
    }

    #[test]
    fn what_is_no_revision_is_an_error() {
        let repository = Repository::new("revision");
        assert!(Changes::since(&repository.0, "nowhere").is_err());
    }
}
