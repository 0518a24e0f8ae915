//! Programs in `compile_fail/` that must not compile. Each has a twin that differs in a line or two and must compile,
//! so that the failure has the right reason.
//!
//! A program's first line is `//~ E0277 some words`: the error's code, and words of its message, notes or labels. An
//! error without a code is `//~ error some words`. The twin is the program without the lines that end in `//~ remove`.
//! It also replaces lines that end in `//~ instead: code` by that code. A program that must compile starts with `//~
//! ok`. Those in `compile_fail_bounded/` and `compile_fail_derive/` are about these features.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;
use std::time::SystemTime;

/// The folders of programs. Each has what must compile with a library that its programs can use, and whether this build
/// has the feature that they need. `new` is no `const fn` in a build for loom.
const FOLDERS: [(&str, &str, bool); 3] = [
    ("compile_fail", "pub static POOL: ebbtide::Pool<Vec<u8>> = ebbtide::Pool::new();", true),
    (
        "compile_fail_bounded",
        "pub static BOUNDED: ebbtide::BoundedPool<Vec<u8>> = ebbtide::BoundedPool::new(1);",
        cfg!(feature = "bounded"),
    ),
    ("compile_fail_derive", "#[derive(ebbtide::Clear)] pub struct Derived;", cfg!(feature = "derive")),
];

/// The folders whose programs this build can use.
fn folders() -> impl Iterator<Item = (&'static str, &'static str)> {
    FOLDERS.into_iter().filter(|&(.., usable)| usable).map(|(folder, probe, _)| (folder, probe))
}

/// A compiled library, and the folder of its dependencies.
struct Library {
    rlib: PathBuf,
    deps: PathBuf,
    out: PathBuf,
}

impl Library {
    /// The newest build of the library beside this test with which all probes compile.
    fn find() -> Self {
        let deps = env::current_exe().expect("a path").parent().expect("a directory").to_owned();
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("compile_fail-{}", std::process::id()));
        fs::create_dir_all(&out).expect("a directory for the programs");
        let mut found: Vec<(SystemTime, PathBuf)> = fs::read_dir(&deps)
            .expect("the directory of the test can be read")
            .map(|entry| entry.expect("an entry"))
            .filter(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                name.starts_with("libebbtide-") && name.ends_with(".rlib")
            })
            .map(|entry| (entry.metadata().and_then(|data| data.modified()).expect("a time"), entry.path()))
            .collect();
        found.sort();
        let libraries = found.into_iter().rev().map(|(_, rlib)| Self { rlib, deps: deps.clone(), out: out.clone() });
        let mut errors = String::new();
        let probe: String = folders().map(|(_, probe)| probe.to_owned() + "\n").collect();
        for library in libraries {
            match library.compile("probe", &probe) {
                Ok(()) => return library,
                Err(error) => errors += &error,
            }
        }
        panic!("no library in {} is usable:\n{errors}", deps.display());
    }

    /// Compiles a program. The error is the compiler's output.
    fn compile(&self, name: &str, code: &str) -> Result<(), String> {
        let source = self.out.join(format!("{name}.rs"));
        fs::write(&source, code).expect("the program can be written");
        let mut library = std::ffi::OsString::from("ebbtide=");
        library.push(&self.rlib);
        let mut dependency = std::ffi::OsString::from("dependency=");
        dependency.push(&self.deps);
        let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let Output { status, stdout, stderr } = Command::new(compiler)
            .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "--color", "never", "-Awarnings"])
            .arg("--extern")
            .arg(library)
            .arg("-L")
            .arg(dependency)
            .arg("--out-dir")
            .arg(&self.out)
            .arg(&source)
            .output()
            .expect("the compiler starts");
        if status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
    }
}

struct Case {
    name: String,
    code: String,
    /// The start of the error, and words of its text. `None` if the program must compile.
    expected: Option<(String, String)>,
}

impl Case {
    fn read(path: &Path) -> Self {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let code = fs::read_to_string(path).expect("a program");
        let first = code.lines().next().and_then(|line| line.strip_prefix("//~ "));
        let first = first.unwrap_or_else(|| panic!("{name}: the first line says what is expected"));
        let expected = (first != "ok").then(|| {
            let (error, words) = first.split_once(' ').unwrap_or_else(|| panic!("{name}: words of the message"));
            assert!(error == "error" || error.len() == 5, "{name}: {error} is no error's code");
            let head = if error == "error" { "error:".to_owned() } else { format!("error[{error}]:") };
            (head, words.to_owned())
        });
        Self { name, code, expected }
    }

    /// The twin, which must compile.
    fn twin(&self) -> String {
        let lines = self.code.lines().filter_map(|line| match line.split_once("//~ instead: ") {
            Some((_, code)) => Some(code),
            None => (!line.ends_with("//~ remove")).then_some(line),
        });
        let twin = lines.collect::<Vec<_>>().join("\n") + "\n";
        assert_eq!(twin == self.code, self.expected.is_none(), "{}: a twin must differ, if there is one", self.name);
        twin
    }

    /// Returns what is wrong, if anything is.
    fn check(&self, library: &Library) -> Option<String> {
        let Self { name, code, expected: Some((error, words)) } = self else { return None };
        let Err(text) = library.compile(name, code) else {
            return Some(format!("{name} compiles and must not"));
        };
        let mut errors = text.lines().filter(|line| line.starts_with("error") && !line.starts_with("error: aborting"));
        if !text.contains(error.as_str()) || errors.any(|line| !line.starts_with(error)) {
            return Some(format!("{name} fails, but with other errors than {error}\n{text}"));
        }
        let words_found = text.split_whitespace().collect::<Vec<_>>().join(" ").contains(words.as_str());
        (!words_found).then(|| format!("{name} fails with {error} but without the words \"{words}\":\n{text}"))
    }
}

/// Each program fails with its error, and all twins compile.
#[test]
fn what_must_not_compile_does_not() {
    let library = Library::find();
    let folders = folders().map(|(name, _)| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
        fs::read_dir(folder).expect("the programs")
    });
    let mut paths: Vec<PathBuf> = folders.flatten().map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let cases: Vec<Case> = paths.iter().map(|path| Case::read(path)).collect();
    assert!(cases.len() >= 20, "only {} programs were found", cases.len());

    // Compiles all twins at once, each in its own module, as one compiler run is faster than many.
    let twins: String = cases.iter().map(|case| format!("pub mod {} {{\n{}}}\n", case.name, case.twin())).collect();
    if let Err(text) = library.compile("twins", &twins) {
        panic!("a twin does not compile:\n{text}");
    }

    let wrong = Mutex::new(Vec::new());
    let next = Mutex::new(cases.iter());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(case) = next.lock().expect("no panic").next() else { break };
                    wrong.lock().expect("no panic").extend(case.check(&library));
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} of {} programs:\n\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
    fs::remove_dir_all(&library.out).expect("the programs can be removed");
}
