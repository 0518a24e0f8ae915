//! While memory is short, the janitor sweeps early. Each test watches a file that it writes.
#![cfg(all(feature = "pressure", target_os = "linux"))]

mod common;
#[cfg(target_arch = "x86_64")]
#[path = "common/janitors.rs"]
mod janitors;

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use common::{alone, lock, until};
use ebbtide::pressure::{watch_file, watch_system};
use ebbtide::{Pool, Settings};

/// An item that notes how often the pool was swept when it is dropped.
struct Noting;

impl Drop for Noting {
    fn drop(&mut self) {
        lock(&NOTED).push(POOL.stats().sweeps);
    }
}

static NOTED: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// No epoch of it ends during a test.
static POOL: Pool<Noting, fn() -> Noting> =
    Pool::with_settings(|| Noting, Settings::new().every(Duration::from_secs(24 * 3600)));

/// A file that tells about pressure.
struct Source(PathBuf);

impl Source {
    fn new(text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ebbtide-pressure-{}", std::process::id()));
        fs::write(&path, text).expect("a file can be written");
        Self(fs::canonicalize(path).expect("it is there"))
    }

    /// Replaces the text, and waits until the janitor has read all of it.
    fn tell(&self, text: &str) {
        fs::write(&self.0, text).expect("the file can be written");
        until("the janitor has looked", || self.position() == text.len().to_string());
    }

    /// How far the janitor has read.
    fn position(&self) -> String {
        let files = fs::read_dir("/proc/self/fd").expect("procfs").flatten();
        let mut ours = files.filter(|file| fs::read_link(file.path()).is_ok_and(|path| path == self.0));
        let number = ours.next().expect("the janitor has it").file_name();
        let info = fs::read_to_string(PathBuf::from("/proc/self/fdinfo").join(number)).expect("procfs");
        info.lines().find_map(|line| line.strip_prefix("pos:")).expect("a position").trim().to_owned()
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn some(percentage: &str) -> String {
    format!("some avg10={percentage} avg60=0.00 avg300=0.00 total=0\nfull avg10=90.00 avg60=0.00 avg300=0.00 total=0\n")
}

/// Makes one item idle that the next sweep drops, and one that the sweep after it drops.
fn two_ages() {
    let young = (POOL.get(), POOL.get()).0;
    POOL.advance();
    drop(young);
}

fn noted(n: usize) -> Vec<usize> {
    until("all items are dropped", || lock(&NOTED).len() == n);
    lock(&NOTED).clone()
}

/// Whether the janitor sleeps, until a time or until it is called.
#[cfg(target_arch = "x86_64")]
fn sleeps(until_a_time: bool) -> bool {
    // The number of the system call, and its arguments. The fourth is where the timeout is.
    let call = janitors::janitors().first().map(|task| fs::read_to_string(task.join("syscall")).expect("it lives"));
    let call: Vec<_> = call.iter().flat_map(|call| call.split(' ')).collect();
    call.first() == Some(&&*libc::SYS_futex.to_string()) && (call[4] != "0x0") == until_a_time
}

/// At the first threshold, there is one sweep each second.
#[test]
fn short_memory_means_one_sweep_a_second() {
    if !alone("short_memory_means_one_sweep_a_second") {
        return;
    }
    two_ages();
    let (source, start) = (Source::new(&some("10.00")), Instant::now());
    watch_file(&source.0).expect("it is there");
    assert_eq!(noted(2), [2, 3]);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

/// At the second threshold, there are two sweeps at once, which drop all that is idle.
#[test]
fn very_short_memory_means_two_sweeps() {
    if !alone("very_short_memory_means_two_sweeps") {
        return;
    }
    two_ages();
    let source = Source::new(&some("30.00"));
    watch_file(&source.0).expect("it is there");
    assert_eq!(noted(2), [3, 3]);
}

/// If the janitor sleeps, it is woken to look at once.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_sleeping_janitor_begins_to_watch() {
    if !alone("a_sleeping_janitor_begins_to_watch") {
        return;
    }
    two_ages();
    until("the janitor sleeps", || sleeps(true));
    let source = Source::new(&some("30.00"));
    watch_file(&source.0).expect("it is there");
    assert_eq!(noted(2), [3, 3]);
}

/// Below the first threshold, nothing happens. Nor if the file cannot be understood, or is gone.
#[test]
fn other_texts_mean_nothing() {
    if !alone("other_texts_mean_nothing") {
        return;
    }
    two_ages();
    let source = Source::new("");
    watch_file(&source.0).expect("it is there");
    for text in [&some("9.99"), "some avg10=", "\u{e9}", &"some ".repeat(20), ""] {
        source.tell(text);
    }
    drop(source);
    assert!(watch_file("/proc/self/no such file").is_err());
    assert_eq!((POOL.stats().sweeps, POOL.idle()), (1, 2));
    // Another file takes its place.
    let source = Source::new(&some("100.00"));
    watch_file(&source.0).expect("it is there");
    assert_eq!(noted(2), [3, 3]);
}

/// While nothing is idle, the janitor sleeps until something is.
#[test]
#[cfg(all(feature = "bounded", target_arch = "x86_64"))]
fn it_does_not_look_while_nothing_is_idle() {
    use ebbtide::{BoundedPool, bounded};

    if !alone("it_does_not_look_while_nothing_is_idle") {
        return;
    }
    let pool = BoundedPool::with_settings(String::new, bounded::Settings::new(1).every(Duration::from_millis(1)));
    let source = Source::new(&some("0.00"));
    watch_file(&source.0).expect("it is there");
    assert_eq!(source.position(), "0");
    drop(pool.get());
    until("it has looked", || source.position() != "0");
    until("nothing is idle", || pool.idle() == 0);
    until("the janitor sleeps on", || sleeps(false));
}

/// The system's own files can be watched if they are there.
#[test]
fn the_system_is_watched() {
    if !alone("the_system_is_watched") {
        return;
    }
    let readable = fs::read("/proc/pressure/memory").is_ok();
    assert!(watch_system().is_ok() || !readable);
    two_ages();
    // The janitor takes it.
    let source = Source::new(&some("30.00"));
    watch_file(&source.0).expect("it is there");
    assert_eq!(noted(2), [3, 3]);
}
