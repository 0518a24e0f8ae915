//! A sample of a child process's memory.

use std::fmt;

pub(crate) struct Sample {
    pub(crate) seconds: f64,
    pub(crate) in_use: usize,
    pub(crate) idle: usize,
    pub(crate) resident: Option<usize>,
}

/// A sample is a line of the CSV file without the mode.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resident = self.resident.map_or(String::new(), |bytes| bytes.to_string());
        write!(f, "{:.6},{},{},{resident}", self.seconds, self.in_use, self.idle)
    }
}

impl Sample {
    pub(crate) fn parse(line: &str) -> Option<Sample> {
        let mut fields = line.split(',');
        Some(Sample {
            seconds: fields.next()?.parse().ok()?,
            in_use: fields.next()?.parse().ok()?,
            idle: fields.next()?.parse().ok()?,
            resident: fields.next()?.parse().ok(),
        })
    }
}
