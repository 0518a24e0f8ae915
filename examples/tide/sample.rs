//! A sample of a child process's memory.

use std::fmt;

use crate::common::resident;
use crate::item::{EXISTING, IN_USE};

pub(crate) struct Sample {
    pub(crate) seconds: f64,
    pub(crate) in_use: usize,
    pub(crate) idle: usize,
    pub(crate) idle_items: usize,
    pub(crate) resident: Option<usize>,
}

/// A sample is a line of the CSV file without the pool's name.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resident = self.resident.map_or(String::new(), |bytes| bytes.to_string());
        write!(f, "{:.6},{},{},{},{resident}", self.seconds, self.in_use, self.idle, self.idle_items)
    }
}

impl Sample {
    /// The counters are read one after the other, so a sample may be off by what happens meanwhile.
    pub(crate) fn take(seconds: f64) -> Sample {
        let ((used_items, in_use), (items, bytes)) = (IN_USE.get(), EXISTING.get());
        let (idle, idle_items) = (bytes.saturating_sub(in_use), items.saturating_sub(used_items));
        Sample { seconds, in_use, idle, idle_items, resident: resident() }
    }

    pub(crate) fn parse(line: &str) -> Option<Sample> {
        let mut fields = line.split(',');
        Some(Sample {
            seconds: fields.next()?.parse().ok()?,
            in_use: fields.next()?.parse().ok()?,
            idle: fields.next()?.parse().ok()?,
            idle_items: fields.next()?.parse().ok()?,
            resident: fields.next()?.parse().ok(),
        })
    }
}
