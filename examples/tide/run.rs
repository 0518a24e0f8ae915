//! A run of one pool, in a child process.

use crate::common::{Failure, run_child};
use crate::pools::Contender;
use crate::sample::Sample;

/// The results of one child process.
pub(crate) struct Run {
    pub(crate) contender: &'static Contender,
    pub(crate) made: usize,
    pub(crate) samples: Vec<Sample>,
}

/// Runs this program in a child process, with one of the pools, and reads its output.
pub(crate) fn run_in_child(contender: &'static Contender) -> Result<Run, Failure> {
    let mut run = Run { contender, made: 0, samples: Vec::new() };
    run_child(contender.name, contender.title, |line| run.read(line))?;
    Ok(run)
}

impl Run {
    /// Reads a line of the child's output. Returns the part of its work that is done.
    fn read(&mut self, line: &str) -> Option<f64> {
        match line.split_once(' ')? {
            ("made", count) => {
                self.made = count.parse().ok()?;
                Some(1.0)
            }
            (done, sample) => {
                self.samples.push(Sample::parse(sample)?);
                done.parse().ok()
            }
        }
    }

    fn resident(&self) -> impl Iterator<Item = usize> {
        self.samples.iter().filter_map(|sample| sample.resident)
    }

    pub(crate) fn peak(&self) -> Option<usize> {
        self.resident().max()
    }

    pub(crate) fn mean(&self) -> Option<usize> {
        self.resident().sum::<usize>().checked_div(self.resident().count())
    }

    pub(crate) fn last(&self) -> &Sample {
        self.samples.last().expect("every run takes samples")
    }
}
