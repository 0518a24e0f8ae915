//! Shared by several examples: arguments, errors, progress, child processes, medians and memory use.

#![allow(dead_code, reason = "each example uses a part of it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{env, error, fs, process};

// ---- Arguments ------------------------------------------------------------------------------------------------------

/// One argument of an example: `--flag VALUE`.
pub(crate) struct Flag<'a> {
    name: &'static str,
    help: &'static str,
    value: Value<'a>,
}

enum Value<'a> {
    Number(&'a mut usize, RangeInclusive<usize>),
    Path(&'a mut PathBuf),
    OptionalPath(&'a mut Option<PathBuf>),
    Choice(&'a mut &'static str, &'static [&'static str]),
    Switch(&'a mut bool),
    Inner(&'a mut Option<String>),
}

impl<'a> Flag<'a> {
    /// A whole number. Its default is the current value.
    pub(crate) fn number(
        name: &'static str,
        help: &'static str,
        value: &'a mut usize,
        limits: RangeInclusive<usize>,
    ) -> Self {
        Self { name, help, value: Value::Number(value, limits) }
    }

    /// A path. Its default is the current value.
    pub(crate) fn path(name: &'static str, help: &'static str, value: &'a mut PathBuf) -> Self {
        Self { name, help, value: Value::Path(value) }
    }

    /// An optional path.
    pub(crate) fn optional_path(name: &'static str, help: &'static str, value: &'a mut Option<PathBuf>) -> Self {
        Self { name, help, value: Value::OptionalPath(value) }
    }

    /// One of several words. Its default is the current value.
    pub(crate) fn choice(
        name: &'static str,
        help: &'static str,
        value: &'a mut &'static str,
        words: &'static [&'static str],
    ) -> Self {
        Self { name, help, value: Value::Choice(value, words) }
    }

    /// A flag without a value.
    pub(crate) fn switch(name: &'static str, help: &'static str, value: &'a mut bool) -> Self {
        Self { name, help, value: Value::Switch(value) }
    }

    /// An argument that the program passes to itself as a child process.
    pub(crate) fn inner(name: &'static str, value: &'a mut Option<String>) -> Self {
        Self { name, help: "", value: Value::Inner(value) }
    }

    /// Reads its value, if it takes one, from the rest of the command line.
    fn set(&mut self, rest: &mut impl Iterator<Item = OsString>) -> Result<(), Failure> {
        let mut given = || rest.next().ok_or_else(|| Failure::usage(format!("{} needs a value", self.name)));
        match &mut self.value {
            Value::Switch(on) => **on = true,
            Value::Path(path) => **path = given()?.into(),
            Value::OptionalPath(path) => **path = Some(given()?.into()),
            Value::Inner(text) => **text = Some(given()?.to_string_lossy().into_owned()),
            Value::Choice(word, words) => {
                let given = given()?;
                let given = given.to_string_lossy();
                **word = words.iter().find(|word| **word == given).ok_or_else(|| {
                    Failure::usage(format!("{} '{given}': expected {}", self.name, words.join(" or ")))
                })?;
            }
            Value::Number(number, limits) => {
                let given = given()?;
                let given = given.to_string_lossy();
                let parsed = given.parse().ok().filter(|parsed| limits.contains(parsed));
                **number = parsed.ok_or_else(|| {
                    let (low, high) = (limits.start(), limits.end());
                    Failure::usage(format!("{} '{given}': expected a whole number from {low} to {high}", self.name))
                })?;
            }
        }
        Ok(())
    }

    /// Its line in the help, if it is for users.
    fn help_line(&self) -> Option<String> {
        let (value, help) = match &self.value {
            Value::Number(number, limits) => {
                let limits = format!("{}, {} to {}", self.help, limits.start(), limits.end());
                (" N", format!("{limits:47} [default: {number}]"))
            }
            Value::Path(path) => (" PATH", format!("{:47} [default: {}]", self.help, path.display())),
            Value::Choice(word, words) => {
                let words = format!("{}: {}", self.help, words.join(", "));
                (" NAME", format!("{words:47} [default: {word}]"))
            }
            Value::OptionalPath(_) => (" PATH", format!("{:47} [default: nowhere]", self.help)),
            Value::Switch(_) => ("", self.help.to_owned()),
            Value::Inner(_) => return None,
        };
        Some(format!("  {:18}{help}\n", format!("{}{value}", self.name)))
    }
}

/// Reads the command line. `--help` prints the arguments and ends the process.
pub(crate) fn parse(about: &str, flags: &mut [Flag<'_>]) -> Result<(), Failure> {
    let lines: String = flags.iter().filter_map(Flag::help_line).collect();
    let mut args = env::args_os().skip(1);
    while let Some(arg) = args.next() {
        let arg = arg.to_string_lossy();
        if arg == "--help" || arg == "-h" {
            print!("{about}\n\n{lines}  --help            print this\n");
            process::exit(0);
        }
        let flag = flags.iter_mut().find(|flag| flag.name == arg);
        let flag = flag.ok_or_else(|| Failure::usage(format!("unknown argument {arg} (try --help)")))?;
        flag.set(&mut args)?;
    }
    Ok(())
}

// ---- Files, errors, progress and children ---------------------------------------------------------------------------

/// Writes a file and creates its folder.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = folder.and_then(|()| fs::write(path, text));
    written.map_err(|error| Failure { message: format!("cannot write '{}': {error}", path.display()), status: 1 })
}

/// An error message and the exit status.
pub(crate) struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    pub(crate) fn usage(message: String) -> Self {
        Self { message, status: 2 }
    }
}

impl<E: Into<Box<dyn error::Error>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { message: error.into().to_string(), status: 1 }
    }
}

/// Ends an example.
pub(crate) fn exit(name: &str, outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, status }) => {
            eprintln!("{name}: {message}");
            ExitCode::from(status)
        }
    }
}

/// Overwrites a line on standard error if it is a terminal.
pub(crate) fn show_progress(line: &str) {
    let mut stderr = io::stderr();
    if stderr.is_terminal() {
        // Progress that can't be shown is no error.
        let _ = write!(stderr, "\r{line}");
    }
}

/// Runs this program in a child process, with `--child NAME` before its own arguments, and shows a progress bar. `read`
/// gets each line of the child's output, and returns the part of the work that is done.
pub(crate) fn run_child(name: &str, title: &str, mut read: impl FnMut(&str) -> Option<f64>) -> Result<(), Failure> {
    let mut child = Command::new(env::current_exe()?)
        .args(["--child", name])
        .args(env::args_os().skip(1))
        .stdout(Stdio::piped())
        .spawn()?;
    for line in BufReader::new(child.stdout.take().expect("stdout is piped")).lines() {
        let line = line?;
        let done = read(&line).ok_or_else(|| io::Error::other(format!("{title} printed: {line}")))?;
        let filled = "#".repeat((done * 40.0) as usize);
        let end = if done < 1.0 { "" } else { "\n" };
        show_progress(&format!("{title:20}  [{filled:.<40}] {:3.0} %{end}", done * 100.0));
    }
    let status = child.wait()?;
    if !status.success() {
        return Err(io::Error::other(format!("{title}: {status}")).into());
    }
    Ok(())
}

// ---- Numbers --------------------------------------------------------------------------------------------------------

/// The median of several samples.
pub(crate) fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// The nth number of a random sequence (SplitMix64).
pub(crate) fn random(nth: u64) -> u64 {
    seeded(0, nth)
}

/// The nth number of the random sequence with this seed.
pub(crate) fn seeded(seed: u64, nth: u64) -> u64 {
    let mut z = seed.wrapping_add((nth + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

// ---- Memory ---------------------------------------------------------------------------------------------------------

/// The resident bytes of this process, on Linux.
pub(crate) fn resident() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    size.trim().strip_suffix(" kB")?.parse().ok().map(|kib: usize| kib << 10)
}

/// The system's allocator, which can count allocations and reallocations. While it doesn't count, it only reads a flag,
/// so timed code isn't slowed down.
pub(crate) struct Counting;

static COUNTED: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

/// Turns counting on or off. Returns the count so far, of all threads.
pub(crate) fn count_allocations(on: bool) -> usize {
    // ORDERING: Relaxed, as everywhere in this part. A counter and its switch order nothing.
    COUNTED.store(on, Ordering::Relaxed);
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// The number of counted bytes so far.
pub(crate) fn allocated() -> usize {
    ALLOCATED.load(Ordering::Relaxed)
}

/// The number of allocations in all threads while this runs.
pub(crate) fn allocations<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let before = count_allocations(true);
    let result = run();
    (count_allocations(false) - before, result)
}

impl Counting {
    fn count(bytes: usize) {
        if COUNTED.load(Ordering::Relaxed) {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
            ALLOCATED.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

// SAFETY: `System` does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::count(size);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}
