//! Early sweeps while memory is short, with the feature `pressure`.
//!
//! Linux measures for which part of the time tasks wait because memory is short: the [pressure stall
//! information](https://docs.kernel.org/accounting/psi.html). Once [`watch_system`] was called, the janitor reads this
//! every second, while it has pools to sweep. It acts on `some avg10`: the part of the last ten seconds in which at least
//! one task waited.
//!
//! | `some avg10` | what happens, at most once per second |
//! | --- | --- |
//! | from 10 % | one sweep of all pools with timed epochs, as [`advance_all`](crate::advance_all) does it |
//! | from 30 % | two sweeps of them, which drop all idle items but those that `min_idle` keeps |
//!
//! ```
//! if let Err(error) = ebbtide::pressure::watch_system() {
//!     eprintln!("idle items stay for one to two epochs: {error}");
//! }
//! ```
//!
//! The files are opened once, so a sandbox that begins later may forbid that. A file that can no longer be read, or that
//! says something else, counts as no pressure.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::mem;
use std::path::{Path, PathBuf};
use std::str;

use super::entries::NEVER;
use super::registry::{Call, collect, now, registry};
use super::round::{Job, round};
use super::threads;
use crate::sync::Arc;

/// From this percentage on, pools are swept once. It is where systemd asks services to free memory.
const SHORT: f64 = 10.0;

/// From this percentage on, pools are swept twice. A program that waits all the time is there after four seconds.
const VERY_SHORT: f64 = 30.0;

/// The pause between two looks, in nanoseconds. The kernel updates its averages every two seconds.
const PAUSE: u64 = 1_000_000_000;

/// Lets the janitor watch the pressure on the whole system, and on the process's own control group (version 2) if that
/// can be read. It acts on the higher one. Replaces what was watched before.
///
/// ```
/// let watches = ebbtide::pressure::watch_system().is_ok();
/// # let _ = watches;
/// ```
///
/// # Errors
///
/// Fails if no file can be opened: on other systems than Linux, where the kernel does not measure pressure, and in
/// sandboxes.
pub fn watch_system() -> io::Result<()> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut files: Vec<_> = group_file(&groups).and_then(|path| File::open(path).ok()).into_iter().collect();
    match File::open("/proc/pressure/memory") {
        Ok(file) => files.push(file),
        Err(error) if files.is_empty() => return Err(error),
        Err(_) => {}
    }
    watch(files);
    Ok(())
}

/// Lets the janitor watch a file of the same format, such as that of another control group. Replaces what was watched
/// before.
///
/// ```no_run
/// ebbtide::pressure::watch_file("/sys/fs/cgroup/system.slice/memory.pressure")?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Fails if the file cannot be opened.
pub fn watch_file(path: impl AsRef<Path>) -> io::Result<()> {
    watch(vec![File::open(path)?]);
    Ok(())
}

/// The file for the control group that `/proc/self/cgroup` names, if it names one of version 2.
fn group_file(groups: &str) -> Option<PathBuf> {
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(Path::new("/sys/fs/cgroup").join(group).join("memory.pressure"))
}

fn watch(files: Vec<File>) {
    let mut files = Some(Arc::new(files));
    let mut registry = registry();
    mem::swap(&mut registry.watch.files, &mut files);
    let due = registry.watch.due(registry.entries.soonest());
    let wake = registry.oversleeps(due);
    // Before the old files are closed.
    drop(registry);
    threads::call(Call { start: false, wake });
}

/// What the janitor watches.
pub(super) struct Watch {
    files: Option<Arc<Vec<File>>>,
    /// The earliest time of the next look.
    next: u64,
}

impl Watch {
    pub(super) const fn new() -> Self {
        Self { files: None, next: 0 }
    }

    /// When to look next. `soonest` is when a pool is due: if that is never, there is nothing to sweep.
    pub(super) fn due(&self, soonest: u64) -> u64 {
        if self.files.is_some() && soonest < NEVER { self.next } else { NEVER }
    }

    /// Returns the files, if it is time to look.
    fn begin(&mut self, soonest: u64, now: u64) -> Option<Arc<Vec<File>>> {
        if now < self.due(soonest) {
            return None;
        }
        self.next = now + PAUSE;
        self.files.clone()
    }
}

/// Sweeps all pools that no task is left for, if it is time to look and memory is short.
pub(super) fn sweep_if_short() -> Option<Vec<Job>> {
    let mut registry = registry();
    let soonest = registry.entries.soonest();
    let files = registry.watch.begin(soonest, now())?;
    drop(registry);
    // The files are read, and closed if they are no longer watched, without the lock.
    let percentage = files.iter().filter_map(read).fold(0.0, f64::max);
    drop(files);
    if percentage < SHORT {
        return None;
    }
    self::registry().entries.hurry();
    let pools = collect(false)?;
    if percentage < VERY_SHORT {
        return Some(round(pools));
    }
    let first = round(pools.clone());
    Some(first.into_iter().zip(round(pools)).map(|(first, second)| first.then(second)).collect())
}

fn read(mut file: &File) -> Option<f64> {
    let mut text = [0; 128];
    file.seek(SeekFrom::Start(0)).ok()?;
    let len = file.read(&mut text).ok()?;
    some_avg10(text.get(..len)?)
}

/// The percentage in `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
fn some_avg10(text: &[u8]) -> Option<f64> {
    let some = str::from_utf8(text).ok()?.lines().find_map(|line| line.strip_prefix("some "))?;
    some.split(' ').find_map(|field| field.strip_prefix("avg10="))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_average_is_read() {
        let kernel =
            b"some avg10=12.34 avg60=5.00 avg300=1.00 total=1\nfull avg10=99.00 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(some_avg10(kernel), Some(12.34));
        assert_eq!(some_avg10(b"full avg10=1.00\nsome avg60=2.00 avg10=3.00"), Some(3.0));
        for other in [&b""[..], b"some", b"some avg10=", b"some avg10=x", b"full avg10=1.00", b"\xff avg10=1.00"] {
            assert_eq!(some_avg10(other), None);
        }
    }

    #[test]
    fn the_control_group_of_version_2_has_a_file() {
        let file = |groups| group_file(groups).map(|path| path.to_string_lossy().into_owned());
        assert_eq!(file("0::/\n").as_deref(), Some("/sys/fs/cgroup/memory.pressure"));
        assert_eq!(file("4:memory:/a\n0::/b/c\n").as_deref(), Some("/sys/fs/cgroup/b/c/memory.pressure"));
        assert_eq!(file("4:memory:/a\n"), None);
    }

    #[test]
    fn it_looks_once_per_second_while_a_pool_is_due_some_time() {
        let mut watch = Watch::new();
        assert!(watch.begin(5, 10).is_none());
        watch.files = Some(Arc::default());
        assert!(watch.begin(NEVER, 10).is_none());
        assert!(watch.begin(5, 10).is_some());
        assert!(watch.begin(5, 9 + PAUSE).is_none());
        assert_eq!((watch.due(5), watch.due(NEVER)), (10 + PAUSE, NEVER));
        assert!(watch.begin(5, 10 + PAUSE).is_some());
    }
}
