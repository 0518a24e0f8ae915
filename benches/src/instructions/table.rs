//! A table of figures in Markdown, and its comparison with a kept one.

use crate::markdown;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    /// The names of the columns.
    pub(super) head: Vec<String>,
    pub(super) lines: Vec<Line>,
}

/// The figures of one row, one for each column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) figures: Vec<Option<f64>>,
}

/// How a table's figures compare with the kept ones.
#[derive(Debug, Default)]
pub(super) struct Compared {
    pub(super) figures: usize,
    /// What is over its limit, in words.
    pub(super) over: Vec<String>,
    /// How many figures fell by more than the margin.
    pub(super) under: usize,
}

impl Table {
    /// Adds the comparison with `kept` to `compared`. A figure in `unit` may exceed the kept one by `margin`.
    pub(super) fn compare(&self, kept: &Table, margin: f64, unit: &Unit, compared: &mut Compared) {
        let limit = |kept| kept * (1.0 + margin);
        for line in &self.lines {
            for (column, now) in self.head.iter().zip(&line.figures) {
                let Some(now) = now.map(|now| unit.figure(now)) else { continue };
                compared.figures += 1;
                let what = format!("{} in {column}: {now} {}", line.name, unit.name);
                // Rounded, as the kept one is.
                let now: f64 = now.parse().expect("a figure is a number");
                match kept.figure(&line.name, column) {
                    None => compared.over.push(format!("{what}, and no figure is kept")),
                    Some(before) if now > limit(before) => {
                        let [limit, before] = [limit(before), before].map(|figure| unit.figure(figure));
                        compared.over.push(format!("{what}, over the limit of {limit}; {before} is kept"));
                    }
                    Some(before) => compared.under += usize::from(before > limit(now)),
                }
            }
        }
    }

    pub(super) fn figure(&self, row: &str, column: &str) -> Option<f64> {
        let column = self.head.iter().position(|name| name == column)?;
        self.lines.iter().find(|line| line.name == row)?.figures[column]
    }

    pub(super) fn markdown(&self, unit: &Unit) -> String {
        let head = markdown::line("", self.head.iter().cloned().map(Some));
        let counted = self.lines.iter().filter(|line| line.figures.iter().any(Option::is_some));
        let lines = counted.map(|Line { name, figures }| {
            markdown::line(name, figures.iter().map(|figure| figure.map(|figure| unit.figure(figure))))
        });
        markdown::table(&head, lines)
    }

    /// Reads the lines of a table.
    pub(super) fn parse(text: &[&str]) -> Result<Self, String> {
        let cells = |line: &str| -> Vec<String> {
            line.trim_matches(['|', ' ']).split(" | ").map(|cell| cell.trim().to_owned()).collect()
        };
        let [head, _, rows @ ..] = text else { return Err("a table has no head".into()) };
        let head = cells(head);
        let mut lines = Vec::new();
        for row in rows {
            let mut cells = cells(row).into_iter();
            let name = cells.next().unwrap_or_default();
            let figures: Vec<_> = cells.map(|cell| cell.parse().ok()).collect();
            if figures.len() != head.len() {
                return Err(format!("`{row}` has {} figures, not {}", figures.len(), head.len()));
            }
            lines.push(Line { name, figures });
        }
        Ok(Self { head, lines })
    }
}

/// What figures count, and how many digits they have behind the point.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) name: &'static str,
    pub(super) digits: usize,
}

impl Unit {
    fn figure(&self, figure: f64) -> String {
        format!("{figure:.*}", self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Unit = Unit { name: "lines a pair", digits: 2 };

    fn table(lines: &[(&str, [f64; 2])]) -> Table {
        let line = |&(name, figures): &(&str, [f64; 2])| Line {
            name: name.to_owned(),
            figures: figures.map(|figure| (figure > 0.0).then_some(figure)).to_vec(),
        };
        Table { head: ["pair", "burst"].map(str::to_owned).to_vec(), lines: lines.iter().map(line).collect() }
    }

    fn compare(now: &[(&str, [f64; 2])], kept: &[(&str, [f64; 2])]) -> Compared {
        let mut compared = Compared::default();
        table(now).compare(&table(kept), 0.02, &UNIT, &mut compared);
        compared
    }

    #[test]
    fn figures_round_trip_through_markdown() {
        let kept = table(&[("a", [1.0, 2.25]), ("b", [7.0, 0.0])]);
        let text = kept.markdown(&UNIT);
        assert_eq!(text, "| | pair | burst |\n| --- | --- | --- |\n| a | 1.00 | 2.25 |\n| b | 7.00 | – |\n");
        assert_eq!(Table::parse(&text.lines().collect::<Vec<_>>()), Ok(kept));
    }

    #[test]
    fn an_incomplete_table_is_refused() {
        let parse = |text: &str| Table::parse(&text.lines().collect::<Vec<_>>()).unwrap_err();
        assert!(parse("| | pair |\n").contains("no head"));
        assert!(parse("| | pair | burst |\n| --- | --- | --- |\n| a | 1.0 |\n").contains("has 1 figures, not 2"));
    }

    #[test]
    fn exceeding_a_kept_figure_by_more_than_the_margin_counts() {
        let compared =
            compare(&[("a", [102.0, 97.0]), ("b", [1.03, 0.0])], &[("a", [100.0, 100.0]), ("b", [1.0, 0.0])]);
        assert_eq!((compared.figures, compared.under), (3, 1));
        assert_eq!(compared.over, ["b in pair: 1.03 lines a pair, over the limit of 1.02; 1.00 is kept"]);
    }

    #[test]
    fn a_new_figure_counts() {
        let compared = compare(&[("a", [1.0, 1.0]), ("b", [1.0, 0.0])], &[("a", [1.0, 0.0])]);
        assert_eq!((compared.figures, compared.over.len()), (3, 2));
        assert_eq!(compared.over[0], "a in burst: 1.00 lines a pair, and no figure is kept");
    }
}
