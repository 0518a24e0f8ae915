//! A run of one way, in a child process.

use crate::common::{Failure, run_child};
use crate::sample::Sample;
use crate::ways::Way;

/// The results of one child process.
pub(crate) struct Run {
    pub(crate) way: &'static Way,
    pub(crate) made: usize,
    pub(crate) steps_per_second: f64,
    pub(crate) shrunk_at: f64,
    pub(crate) samples: Vec<Sample>,
}

/// Runs this program in a child process, in one of the four ways, and reads its output.
pub(crate) fn run_in_child(way: &'static Way) -> Result<Run, Failure> {
    let mut run = Run { way, made: 0, steps_per_second: 0.0, shrunk_at: 0.0, samples: Vec::new() };
    run_child(way.name, way.title, |line| run.read(line))?;
    Ok(run)
}

impl Run {
    /// Reads a line of the child's output. Returns the part of its work that is done.
    fn read(&mut self, line: &str) -> Option<f64> {
        let (done, sample) = line.split_once(' ')?;
        if done != "result" {
            self.samples.push(Sample::parse(sample)?);
            return done.parse().ok();
        }
        let mut fields = sample.split(' ');
        self.made = fields.next()?.parse().ok()?;
        self.steps_per_second = fields.next()?.parse().ok()?;
        self.shrunk_at = fields.next()?.parse().ok()?;
        Some(1.0)
    }

    pub(crate) fn peak(&self) -> Option<usize> {
        self.samples.iter().filter_map(|sample| sample.resident).max()
    }

    pub(crate) fn last(&self) -> &Sample {
        self.samples.last().expect("every run takes samples")
    }

    /// Resident memory at the end, relative to that in use.
    pub(crate) fn ratio(&self) -> String {
        let Sample { resident, in_use, .. } = *self.last();
        resident.map_or("n/a".into(), |resident| format!("{:.2}", resident as f64 / in_use as f64))
    }
}
