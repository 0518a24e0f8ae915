//! The results of a comparison: every sample of every contender in every workload.

use crate::costs::Costs;
use crate::sample::Sample;
use crate::spread::Spread;
use crate::workload::{Column, Group, Workload};

/// The contender with which all others are compared.
pub(crate) const OURS: &str = "ebbtide";

/// The bounded pool by default, which lets newcomers overtake.
pub(crate) const OVERTAKING: &str = "ebbtide-default";

/// The number with a table of its own: how well a pool reuses items.
pub(crate) const MADE: &str = "made_per_million";

#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) workloads: Vec<&'static Workload>,
    pub(crate) rows: Vec<Row>,
    pub(crate) rounds: usize,
    /// The number of threads that can run at once.
    pub(crate) cores: usize,
    /// What the machine's own operations cost in each round.
    pub(crate) costs: Vec<Costs>,
    /// The output of `go version`, if Go was measured.
    pub(crate) go: Option<String>,
    /// The contenders that could not be measured, and why.
    pub(crate) missing: Vec<(&'static str, String)>,
}

/// One contender's samples of all rounds, for each workload in the order of `Results`.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Whether a newcomer may get the item that another user waits for.
    pub(crate) overtakes: bool,
    pub(crate) samples: Vec<Vec<Sample>>,
}

/// One number of one workload: a column of a table, or a panel of a chart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// The workload's place in `Results`.
    pub(crate) at: usize,
    pub(crate) workload: &'static Workload,
    pub(crate) column: &'static Column,
}

impl Results {
    pub(crate) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    pub(crate) fn place(&self, workload: &str) -> Option<usize> {
        self.workloads.iter().position(|other| other.name == workload)
    }

    pub(crate) fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<_> = self.workloads.iter().map(|workload| workload.group).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// The figures by which contenders are compared.
    pub(crate) fn compared(&self) -> impl Iterator<Item = Figure> {
        self.figures().filter(|figure| !figure.column.aside)
    }

    /// All shown figures except `MADE`.
    pub(crate) fn figures(&self) -> impl Iterator<Item = Figure> {
        let workloads = self.workloads.iter().copied().enumerate();
        workloads.flat_map(|(at, workload)| {
            let shown = workload.columns.iter().filter(|column| column.key != MADE);
            shown.map(move |column| Figure { at, workload, column })
        })
    }
}

impl Row {
    /// Its name in the tables, with a mark if it overtakes.
    pub(crate) fn title(&self) -> String {
        format!("{}{}", self.name, if self.overtakes { " †" } else { "" })
    }

    /// The values of a number in a workload, or `None` if it has none.
    pub(crate) fn spread(&self, workload: usize, key: &str) -> Option<Spread> {
        Spread::of(self.samples[workload].iter().filter_map(|sample| sample.get(key)))
    }

    pub(crate) fn median(&self, workload: usize, key: &str) -> Option<f64> {
        Some(self.spread(workload, key)?.median)
    }

    pub(crate) fn figure(&self, figure: Figure) -> Option<Spread> {
        self.spread(figure.at, figure.column.key)
    }
}

impl Figure {
    /// Its name. A workload with one number needs no further name.
    pub(crate) fn title(self) -> String {
        let Workload { name, columns, .. } = self.workload;
        match columns.iter().filter(|column| column.key != MADE).count() {
            1 => (*name).to_owned(),
            _ => format!("{name}, {}", self.column.title),
        }
    }
}
