//! The error of a bad setting, for all kinds of pools.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A setting that is out of its limits. Its message names the setting, the value and the limits.
///
/// ```
/// use ebbtide::{Pool, Settings};
///
/// let error = Pool::try_with_settings(String::new, Settings::new().private_slots(5000)).unwrap_err();
/// assert_eq!(error.setting(), "private_slots");
/// assert_eq!(error.to_string(), "private_slots is 5000, but must be from 0 to 4096");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SettingsError {
    /// The setting's name, and what it must be.
    rule: &'static str,
    given: Given,
    /// The lower value of the setting with which the rule ends, if it ends with one.
    limit: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Given {
    Number(usize),
    /// This or more.
    Least(usize),
    Time(Duration),
}

impl SettingsError {
    pub(crate) const fn number(rule: &'static str, given: usize) -> Self {
        Self { rule, given: Given::Number(given), limit: None }
    }

    pub(crate) const fn least(rule: &'static str, given: usize) -> Self {
        Self { rule, given: Given::Least(given), limit: None }
    }

    pub(crate) const fn time(rule: &'static str, given: Duration) -> Self {
        Self { rule, given: Given::Time(given), limit: None }
    }

    pub(crate) const fn above(self, limit: usize) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Returns the name of the setting.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        self.rule.split(' ').next().unwrap_or_default()
    }

    /// The message without the value. A panic in a constant cannot format one.
    pub(crate) const fn rule(&self) -> &'static str {
        self.rule
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (setting, rule) = self.rule.split_once(' ').unwrap_or_default();
        match self.given {
            Given::Number(given) => write!(f, "{setting} is {given}, but {rule}"),
            Given::Least(given) => write!(f, "{setting} is {given} or more, but {rule}"),
            Given::Time(given) => write!(f, "{setting} is {given:?}, but {rule}"),
        }?;
        match self.limit {
            Some(limit) => write!(f, ", which is {limit}"),
            None => Ok(()),
        }
    }
}

// The message, since it is what an `unwrap` prints.
impl fmt::Debug for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SettingsError").field(&format_args!("{self}")).finish()
    }
}

impl Error for SettingsError {}
