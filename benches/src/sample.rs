//! The named numbers of one run of one workload.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// One run. Its process computes all derived numbers, except comparisons with other samples.
///
/// Its text form is a line of `name=number`, which the Go program prints too.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample(BTreeMap<String, f64>);

impl Sample {
    /// The number with that name. The names depend on the workload, whose columns list the shown ones.
    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Adds to the number with that name, or to 0.
    pub(crate) fn add(&mut self, name: &str, number: f64) {
        *self.0.entry(name.to_owned()).or_default() += number;
    }

    /// The sample with one more number.
    pub(crate) fn with(mut self, name: &str, number: f64) -> Self {
        self.0.insert(name.to_owned(), number);
        self
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut space = "";
        for (name, number) in &self.0 {
            write!(f, "{space}{name}={number}")?;
            space = " ";
        }
        Ok(())
    }
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let number = |field: &str| {
            let (name, number) = field.split_once('=')?;
            let number: f64 = number.parse().ok()?;
            number.is_finite().then(|| (name.to_owned(), number))
        };
        let fields = line.split_whitespace();
        let numbers = fields.map(|field| number(field).ok_or_else(|| format!("`{field}` in the sample {line:?}")));
        let numbers: BTreeMap<_, _> = numbers.collect::<Result<_, _>>()?;
        match numbers.is_empty() {
            true => Err("an empty sample".into()),
            false => Ok(Self(numbers)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_round_trips_through_text() {
        let sample = Sample::default().with("ns", 3.25).with("made", 0.0).with("pairs", 1e9).with("p99", -1.0 / 3.0);
        assert_eq!(sample.to_string().parse(), Ok(sample.clone()));
        assert_eq!(sample.get("ns"), Some(3.25));
        assert_eq!(sample.get("p50"), None);
    }

    #[test]
    fn a_malformed_line_is_refused() {
        for bad in ["ns=soon", "ns", "ns=NaN", "ns=inf", "="] {
            let message = format!("pairs=1 {bad}").parse::<Sample>().unwrap_err();
            assert!(message.contains(bad), "{message}");
        }
        assert!("".parse::<Sample>().is_err());
    }

    #[test]
    fn numbers_of_one_name_add_up() {
        let mut sample = Sample::default().with("made", 2.0);
        sample.add("made", 3.0);
        sample.add("pairs", 1.0);
        assert_eq!((sample.get("made"), sample.get("pairs")), (Some(5.0), Some(1.0)));
    }
}
