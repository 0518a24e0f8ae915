//! A progress bar on standard error, if that is a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

pub(crate) struct Progress {
    seen: bool,
    begun: Instant,
    done: usize,
    total: usize,
}

impl Progress {
    /// `total` steps of about equal duration.
    pub(crate) fn new(total: usize) -> Self {
        Self { seen: io::stderr().is_terminal(), begun: Instant::now(), done: 0, total }
    }

    /// Begins the next step.
    pub(crate) fn begin(&mut self, step: &str) {
        self.show(&format!("{} {step}", bar(self.done, self.total, self.begun.elapsed())));
        self.done += 1;
    }

    /// Prints a lasting message.
    pub(crate) fn note(&self, text: &str) {
        self.show("");
        eprintln!("note: {text}");
    }

    /// Overwrites the line.
    fn show(&self, line: &str) {
        if self.seen {
            // A bar that can't be drawn is no error.
            let _ = write!(io::stderr(), "\r\x1b[K{line}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.show("");
    }
}

fn bar(done: usize, total: usize, elapsed: Duration) -> String {
    let left = match done {
        0 => String::new(),
        _ => {
            let seconds = elapsed.as_secs() * (total - done) as u64 / done as u64;
            format!(", {}:{:02} left", seconds / 60, seconds % 60)
        }
    };
    let filled = "#".repeat(30 * done / total);
    format!("[{filled:.<30}] {:2} %{left}", 100 * done / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_shows_progress_and_remaining_time() {
        assert_eq!(bar(0, 40, Duration::ZERO), "[..............................]  0 %");
        assert_eq!(bar(10, 40, Duration::from_secs(30)), "[#######.......................] 25 %, 1:30 left");
    }
}
