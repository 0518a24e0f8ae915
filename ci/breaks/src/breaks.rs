//! The breaks, as the files beside this program describe them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::edit::{Edit, Source};

/// Where the files are, from the project's root.
pub(crate) const FOLDER: &str = "ci/breaks";

/// One way to break the code.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Break {
    pub(crate) name: String,
    /// What it breaks.
    #[serde(rename = "why")]
    _why: String,
    /// Each must fail.
    #[serde(rename = "test", deserialize_with = "one_or_more")]
    pub(crate) tests: Vec<Test>,
    #[serde(rename = "edit")]
    pub(crate) edits: Vec<Edit>,
}

/// A test, written as `<package> <file>::<test>`; the package without its `ebbtide-`, and `lib` for unit tests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Test {
    pub(crate) package: String,
    pub(crate) file: String,
    pub(crate) name: String,
}

/// One, or a list.
fn one_or_more<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Test>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Tests {
        One(Test),
        More(Vec<Test>),
    }
    Ok(match Tests::deserialize(deserializer)? {
        Tests::One(test) => vec![test],
        Tests::More(tests) => tests,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Area {
    #[serde(rename = "break", default)]
    breaks: Vec<Break>,
}

/// The breaks in the text of a file.
pub(crate) fn parse(text: &str) -> Result<Vec<Break>, String> {
    toml::from_str(text).map(|area: Area| area.breaks).map_err(|error| error.to_string())
}

/// All breaks by name, and the file that each is in, from the project's root.
pub(crate) fn read_all(root: &Path) -> Result<Vec<(String, Break)>, String> {
    let mut all = Vec::new();
    let folder = root.join(FOLDER);
    for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let file = entry.map_err(|error| error.to_string())?.file_name().to_string_lossy().into_owned();
        if file.ends_with(".toml") && file != "Cargo.toml" {
            let text = fs::read_to_string(folder.join(&file)).map_err(|error| format!("{file}: {error}"))?;
            let breaks = parse(&text).map_err(|error| format!("{file}: {error}"))?;
            all.extend(breaks.into_iter().map(|item| (format!("{FOLDER}/{file}"), item)));
        }
    }
    all.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    Ok(all)
}

/// The files of a project that breaks edit, by their paths from its root.
#[derive(Debug)]
pub(crate) struct Sources {
    root: PathBuf,
    read: BTreeMap<String, Result<Source, String>>,
}

impl Sources {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), read: BTreeMap::new() }
    }

    /// What the files of a break become, each beside its path.
    pub(crate) fn apply(&mut self, item: &Break) -> Result<Vec<(PathBuf, String)>, String> {
        let mut files: BTreeMap<&String, Vec<&Edit>> = BTreeMap::new();
        for edit in &item.edits {
            files.entry(&edit.file).or_default().push(edit);
        }
        let broken = files.into_iter().map(|(file, edits)| {
            let path = self.root.join(file);
            let read = || Source::new(fs::read_to_string(&path).map_err(|error| error.to_string())?);
            let source = self.read.entry(file.clone()).or_insert_with(read).as_ref();
            let text = source.map_err(String::clone).and_then(|source| source.apply(&edits));
            text.map(|text| (path, text)).map_err(|error| format!("{file}: {error}"))
        });
        broken.collect()
    }
}

/// What is wrong with the breaks: those that don't apply, tests that are not there, and what is there twice.
pub(crate) fn check(root: &Path, all: &[(String, Break)]) -> Vec<String> {
    let (mut wrong, mut sources) = (Vec::new(), Sources::new(root));
    let (mut names, mut results) = (BTreeSet::new(), BTreeMap::new());
    for (file, item) in all {
        let mut complain = |what: String| wrong.push(format!("{} ({file}): {what}", item.name));
        if !names.insert(&item.name) {
            complain("another one is called that".to_owned());
        }
        item.tests
            .iter()
            .filter(|test| !test.exists(root))
            .for_each(|test| complain(format!("there is no test {test}")));
        if item.tests.is_empty() {
            complain("no test must fail".to_owned());
        }
        match sources.apply(item) {
            Ok(broken) => {
                if let Some(other) = results.insert(broken, &item.name) {
                    complain(format!("does the same as {other}"));
                }
            }
            Err(error) => complain(error),
        }
    }
    wrong
}

impl Test {
    fn folder(&self) -> PathBuf {
        match &*self.package {
            "ebbtide" => "tests".into(),
            "service" => "examples/service/tests".into(),
            package => Path::new(package).join("tests"),
        }
    }

    /// Whether it lies in the source of `ebbtide`. Its name is `lib::<path of the module>::tests::<test>`.
    pub(crate) fn is_unit(&self) -> bool {
        self.package == "ebbtide" && self.file == "lib"
    }

    /// The file in which a unit test lies.
    fn source(&self) -> Option<PathBuf> {
        let (module, _) = self.name.split_once("::tests::").filter(|_| self.is_unit())?;
        Some(Path::new("src").join(module.replace("::", "/")).with_extension("rs"))
    }

    /// The tests of an example lie next to it.
    fn next_to_an_example(&self) -> PathBuf {
        Path::new("examples").join(&self.file).join("tests.rs")
    }

    /// The outermost module that it is in.
    fn module(&self) -> Option<&str> {
        self.name.split_once("::").map(|(module, _)| module)
    }

    /// Its source: a file, or the files of a folder, and what the tests of its package share. Of a folder in which each
    /// module has tests, only its own.
    pub(crate) fn is_source(&self, path: &Path) -> bool {
        if self.source().is_some_and(|source| path == source)
            || path == self.next_to_an_example()
            || path.starts_with(Path::new(&self.package).join("world"))
        {
            return true;
        }
        let path = path.strip_prefix(self.folder()).unwrap_or(Path::new(""));
        let in_folder = path.strip_prefix(&self.file);
        path.with_extension("") == Path::new(&self.file)
            || path.starts_with("common")
            || in_folder
                .is_ok_and(|path| self.module().is_none_or(|module| path.with_extension("") == Path::new(module)))
    }

    /// The program of a test in a module with a file, and its text without the other such modules: it builds faster.
    pub(crate) fn program(&self, root: &Path) -> Option<(PathBuf, String)> {
        let folder = self.folder().join(&self.file);
        let file = |module: &str| root.join(&folder).join(module).with_extension("rs");
        let module = self.module().filter(|module| file(module).exists())?;
        let text = fs::read_to_string(file("main")).ok()?;
        let others = |line: &&str| {
            let declared = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
            declared.is_none_or(|other| other == module || !file(other).exists())
        };
        Some((folder.join("main.rs"), text.lines().filter(others).map(|line| format!("{line}\n")).collect()))
    }

    fn exists(&self, root: &Path) -> bool {
        let base = root.join(self.folder()).join(&self.file);
        let name = format!("fn {}(", self.name.rsplit("::").next().unwrap_or_default());
        let mut files = vec![base.with_extension("rs"), root.join(self.next_to_an_example())];
        let in_folder = fs::read_dir(&base).into_iter().flatten().flatten().map(|entry| entry.path());
        files.extend(self.source().map(|source| root.join(source)));
        files.extend(in_folder.filter(|file| file.strip_prefix(root).is_ok_and(|file| self.is_source(file))));
        files.iter().any(|file| fs::read_to_string(file).is_ok_and(|text| text.contains(&name)))
    }
}

impl TryFrom<String> for Test {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.split_once(' ').and_then(|(package, path)| Some((package, path.split_once("::")?)));
        let (package, (file, name)) = parts.ok_or_else(|| format!("`{text}` is no `<package> <file>::<test>`"))?;
        Ok(Self { package: package.to_owned(), file: file.to_owned(), name: name.to_owned() })
    }
}

impl std::fmt::Display for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}::{}", self.package, self.file, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_break_applies() {
        let root = crate::root();
        let all = read_all(&root).expect("the files can be read");
        assert!(!all.is_empty());
        let wrong = check(&root, &all);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_test_has_three_parts() {
        let test = Test::try_from("loom-tests owner::inner::get".to_owned()).expect("three parts");
        assert_eq!((&*test.package, &*test.file, &*test.name), ("loom-tests", "owner", "inner::get"));
        assert_eq!(test.to_string(), "loom-tests owner::inner::get");
        assert!(Test::try_from("ebbtide owner".to_owned()).is_err());
        assert!(test.is_source(Path::new("loom-tests/tests/owner.rs")));
        assert!(test.is_source(Path::new("loom-tests/tests/owner/inner.rs")));
        assert!(!test.is_source(Path::new("loom-tests/tests/owner/outer.rs")));
        assert!(test.is_source(Path::new("loom-tests/tests/common/mod.rs")));
        assert!(test.is_source(Path::new("loom-tests/world/src/lib.rs")));
        assert!(!test.is_source(Path::new("tests/common/mod.rs")));
        assert!(!test.is_source(Path::new("loom-tests/tests/owners.rs")));
        assert!(!test.is_source(Path::new("tests/owner.rs")));
        let test = Test::try_from("ebbtide lib::engine::cost::tests::get".to_owned()).expect("three parts");
        assert!(test.is_source(Path::new("src/engine/cost.rs")) && !test.is_source(Path::new("src/engine/item.rs")));
        let test = Test::try_from("ebbtide model::get".to_owned()).expect("three parts");
        assert!(test.is_source(Path::new("tests/model/main.rs")));
        let test = Test::try_from("service service::get".to_owned()).expect("three parts");
        assert!(test.is_source(Path::new("examples/service/tests/service.rs")));
    }

    #[test]
    fn a_program_is_built_with_the_module_of_its_test() {
        let program = |test: &str| Test::try_from(test.to_owned()).expect("three parts").program(&crate::root());
        let (path, text) = program("ebbtide bounded::order::get").expect("a module with a file");
        assert_eq!(path, Path::new("tests/bounded/main.rs"));
        assert!(text.contains("mod order;\n") && text.contains("mod common;\n") && !text.contains("mod api;\n"));
        assert_eq!(program("ebbtide model::get"), None);
        assert_eq!(program("ebbtide locked_instructions::waits::get"), None);
    }

    #[test]
    fn a_misspelt_key_is_an_error() {
        let text =
            "[[break]]\nname = 'a'\nwhy = 'b'\ntest = 'c d::e'\n[[break.edit]]\nfile = 'f'\nfind = 'g'\nreplace = ''\n";
        assert_eq!(parse(text).expect("a break").len(), 1);
        let breaks = parse(&text.replace("'c d::e'", "['c d::e', 'f g::h']")).expect("a break");
        assert_eq!(breaks[0].tests.len(), 2);
        assert!(parse(&text.replace("find", "fnid")).is_err());
        assert!(parse(&text.replace("[[break.edit]]", "")).is_err());
    }
}
