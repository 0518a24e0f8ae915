//! The median and quartiles of a few values.

/// Half of the values lie between `low` and `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// `None` if there are no values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let quantile = |part: f64| {
            let place = part * last as f64;
            let below = values[place.floor() as usize];
            let above = values[place.ceil() as usize];
            below + (above - below) * place.fract()
        };
        Some(Self { low: quantile(0.25), median: quantile(0.5), high: quantile(0.75) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_correct() {
        let spread = Spread::of([5.0, 1.0, 2.0, 4.0, 3.0]);
        assert_eq!(spread, Some(Spread { low: 2.0, median: 3.0, high: 4.0 }));
        assert_eq!(Spread::of([1.0, 2.0]).unwrap().median, 1.5);
        assert_eq!(Spread::of([]), None);
    }
}
