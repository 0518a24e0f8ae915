//! What one run of one workload gives.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Items handed out and given back, and items made, in one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Count {
    pub(crate) pairs: u64,
    pub(crate) made: u64,
}

impl Count {
    pub(crate) fn add(&mut self, other: Count) {
        self.pairs += other.pairs;
        self.made += other.made;
    }
}

/// One run: first the warm-up, which is counted but not timed, then what is measured.
///
/// Its text form is one line of `name=number`, which the Go program prints too.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    pub(crate) warm_up: Count,
    pub(crate) measured: Count,
    pub(crate) wall: Duration,
    /// The same messages without the pool: how many items were carried, in what time. Nothing but in a hand-off.
    pub(crate) carried: u64,
    pub(crate) carried_wall: Duration,
}

impl Sample {
    /// Nanoseconds of one thread's time for each pair, when `busy` threads can run at once.
    ///
    /// `wall × busy / pairs`: for threads with a core each this is what one thread waits for a pair; for more threads
    /// than cores it is what a pair takes of a core. In a hand-off it is the time of both threads, less the time that
    /// the same messages take without the pool.
    pub(crate) fn cost(&self, busy: usize) -> f64 {
        let each = |wall: Duration, pairs: u64| match pairs {
            0 => 0.0,
            _ => wall.as_nanos() as f64 * busy as f64 / pairs as f64,
        };
        each(self.wall, self.measured.pairs) - each(self.carried_wall, self.carried)
    }

    /// Items made for each million handed out, once warm.
    pub(crate) fn made_per_million(&self) -> f64 {
        self.measured.made as f64 * 1e6 / self.measured.pairs as f64
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "warm_up_pairs={} warm_up_made={} pairs={} made={} wall_ns={} carried={} carried_wall_ns={}",
            self.warm_up.pairs,
            self.warm_up.made,
            self.measured.pairs,
            self.measured.made,
            self.wall.as_nanos(),
            self.carried,
            self.carried_wall.as_nanos(),
        )
    }
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let fields: HashMap<&str, u64> = line
            .split_whitespace()
            .filter_map(|field| field.split_once('='))
            .filter_map(|(name, value)| Some((name, value.parse().ok()?)))
            .collect();
        let field = |name: &str| {
            let value = fields.get(name).copied();
            value.ok_or_else(|| format!("no number for `{name}` in the sample {line:?}"))
        };
        let sample = Self {
            warm_up: Count { pairs: field("warm_up_pairs")?, made: field("warm_up_made")? },
            measured: Count { pairs: field("pairs")?, made: field("made")? },
            wall: Duration::from_nanos(field("wall_ns")?),
            carried: field("carried")?,
            carried_wall: Duration::from_nanos(field("carried_wall_ns")?),
        };
        if sample.measured.pairs == 0 {
            return Err(format!("nothing was done in the sample {line:?}"));
        }
        Ok(sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Sample = Sample {
        warm_up: Count { pairs: 1, made: 2 },
        measured: Count { pairs: 1000, made: 4 },
        wall: Duration::from_nanos(5000),
        carried: 500,
        carried_wall: Duration::from_nanos(1500),
    };

    #[test]
    fn a_sample_survives_its_text_form() {
        assert_eq!(SAMPLE.to_string().parse(), Ok(SAMPLE));
    }

    #[test]
    fn a_line_that_lacks_something_is_refused() {
        let line = SAMPLE.to_string().replace("wall_ns=5000", "wall_ns=soon");
        assert!(line.parse::<Sample>().unwrap_err().contains("wall_ns"));
    }

    #[test]
    fn the_cost_is_the_time_of_the_busy_threads_less_the_channel() {
        assert_eq!(SAMPLE.cost(1), 5.0 - 3.0);
        assert_eq!(SAMPLE.cost(2), 10.0 - 6.0);
        assert_eq!(SAMPLE.made_per_million(), 4000.0);
    }
}
