//! The figures as a Markdown page, and their comparison with the kept ones.

use std::fmt;
use std::str::FromStr;

use super::rows::COLUMNS;
use crate::markdown;

/// The page with the kept figures.
pub(super) const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.md");

/// How much a figure may exceed the kept one: less than an instruction in the cheapest pair. The compiler's code for a
/// slow path varies a little when other parts of the program change.
const MARGIN: f64 = 0.019;

/// The same for another compiler, whose code differs a little, or another C library, whose allocator is in some
/// figures.
const MARGIN_ELSEWHERE: f64 = 0.05;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    /// The compiler and the C library.
    pub(super) made_with: String,
    pub(super) lines: Vec<Line>,
}

/// The figures of one row, one for each of `COLUMNS`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) figures: Vec<Option<f64>>,
}

const MADE_WITH: &str = "Made with ";

impl Table {
    /// The page with these figures.
    pub(super) fn page(&self) -> String {
        format!(
            "# Instructions per pair\n\n\
            What one item got, written to and given back again costs, by callgrind, on x86-64 Linux. This page is written by\n\
            `cargo run --release -p ebbtide-benches -- instructions --write`; with `--check` instead, that fails if a figure\n\
            of ebbtide's is more than {} % over what is kept here, or {} % with another compiler or C library.\n\n\
            {MADE_WITH}{}\n\n\
            {self}\n\
            The loop and the use of the item are counted with the pair: `loop-alone` is their share. `ebbtide-owned` is\n\
            `get_owned`, `ebbtide-detached` is `detach` and `put`, with the free and the allocation of the item's box, and\n\
            `ebbtide-miss` is a `get` from an empty pool, with the making of the item and its end. `ebbtide-bounded` is a\n\
            `BoundedPool` with an idle item, and `ebbtide-buffers` a `BufferPool` with idle buffers. `ebbtide-new-pool` is a\n\
            pool, created, used once, and dropped as the oldest of a thousand.\n\n\
            A thread's number lies in one word. In two it takes 3 instructions less, and more time. A pair takes one more to\n\
            note that an item grew in use, so that other threads fetch it. In a pair of buffers, the drop of the guard is a\n\
            call. That takes 12 instructions more than inlined, and no more time.\n",
            100.0 * MARGIN,
            100.0 * MARGIN_ELSEWHERE,
            self.made_with,
        )
    }

    /// Compares these figures with `kept`. Returns a summary, or the figures over their limits as an error.
    pub(super) fn check(&self, kept: &Table) -> Result<String, String> {
        let (margin, elsewhere) = if self.made_with == kept.made_with {
            (MARGIN, String::new())
        } else {
            let what = format!(" The kept figures were made with {}, these with {}.", kept.made_with, self.made_with);
            (MARGIN_ELSEWHERE, what)
        };
        let limit = |kept| kept * (1.0 + margin);
        let mut over = Vec::new();
        let (mut figures, mut under) = (0, 0);
        for line in &self.lines {
            let before = kept.lines.iter().find(|before| before.name == line.name);
            for (column, workload) in COLUMNS.iter().enumerate() {
                let Some(now) = line.figures[column] else { continue };
                figures += 1;
                let what = format!("{} in {}: {now:.1} instructions a pair", line.name, workload.name);
                match before.and_then(|before| before.figures[column]) {
                    None => over.push(format!("{what}, and no figure is kept")),
                    Some(before) if now > limit(before) => {
                        over.push(format!("{what}, over the limit of {:.1}; {before:.1} is kept", limit(before)));
                    }
                    Some(before) => under += usize::from(before > limit(now)),
                }
            }
        }
        if !over.is_empty() {
            return Err(format!(
                "{}\n{} of {figures} figures are over what is kept.{elsewhere} If that is as it must be, \
                `instructions --write` keeps the new ones.",
                over.join("\n"),
                over.len(),
            ));
        }
        let mut said = format!("{self}\n{figures} figures, none over its limit.{elsewhere}");
        if under > 0 {
            said += &format!(" {under} fell by more than the margin: `instructions --write` keeps them.");
        }
        Ok(said)
    }
}

/// The table alone.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = markdown::line("", COLUMNS.iter().map(|workload| Some(workload.name.to_owned())));
        let counted = self.lines.iter().filter(|line| line.figures.iter().any(Option::is_some));
        let lines = counted.map(|Line { name, figures }| {
            let figures = figures.iter().map(|figure| figure.map(|figure| format!("{figure:.1}")));
            markdown::line(name, figures)
        });
        f.write_str(&markdown::table(&head, lines))
    }
}

/// Reads the page.
impl FromStr for Table {
    type Err = String;

    fn from_str(page: &str) -> Result<Self, String> {
        let made_with = page.lines().find_map(|line| line.strip_prefix(MADE_WITH));
        let made_with = made_with.ok_or_else(|| format!("no line begins with `{MADE_WITH}`"))?.to_owned();
        let mut lines = Vec::new();
        for row in page.lines().filter(|line| line.starts_with('|')).skip(2) {
            let mut cells = row.trim_matches(['|', ' ']).split(" | ");
            let name = cells.next().unwrap_or_default().to_owned();
            let figures: Vec<_> = cells.map(|cell| cell.parse().ok()).collect();
            if figures.len() != COLUMNS.len() {
                return Err(format!("`{row}` has {} figures, not {}", figures.len(), COLUMNS.len()));
            }
            lines.push(Line { name, figures });
        }
        Ok(Self { made_with, lines })
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::rows;
    use super::*;

    fn table(made_with: &str, lines: &[(&str, [f64; 5])]) -> Table {
        let line = |&(name, figures): &(&str, [f64; 5])| Line {
            name: name.to_owned(),
            figures: figures.map(|figure| (figure > 0.0).then_some(figure)).to_vec(),
        };
        Table { made_with: made_with.to_owned(), lines: lines.iter().map(line).collect() }
    }

    #[test]
    fn figures_round_trip_through_the_page() {
        let kept = table("rustc 1", &[("ebbtide", [1.0, 2.5, 3.0, 4.0, 1234.5]), ("cell", [7.0, 0.0, 0.0, 0.0, 0.0])]);
        assert_eq!(kept.page().parse(), Ok(kept));
    }

    #[test]
    fn an_incomplete_page_is_refused() {
        let page = table("rustc 1", &[("ebbtide", [1.0; 5])]).page();
        assert!(page.replace("Made with", "By").parse::<Table>().unwrap_err().contains("no line begins"));
        assert!(page.replace("| 1.0 |\n", "|\n").parse::<Table>().unwrap_err().contains("has 4 figures"));
    }

    #[test]
    fn exceeding_a_kept_figure_by_more_than_the_margin_fails() {
        let owned = |figure| ("ebbtide-owned", [figure, 0.0, 0.0, 0.0, 0.0]);
        let kept = table("rustc 1", &[("ebbtide", [100.0; 5]), owned(50.0)]);
        let check = |with, pair, by_owned| {
            table(with, &[("ebbtide", [pair, 100.0, 100.0, 100.0, 100.0]), owned(by_owned)]).check(&kept)
        };

        let said = check("rustc 1", 101.8, 50.9).unwrap();
        assert!(said.ends_with("6 figures, none over its limit."), "{said}");

        let said = check("rustc 1", 102.0, 50.0).unwrap_err();
        let first = said.lines().next().unwrap();
        assert_eq!(first, "ebbtide in pair: 102.0 instructions a pair, over the limit of 101.9; 100.0 is kept");
        assert!(said.contains("\n1 of 6 figures are over") && !said.contains("rustc"), "{said}");

        let said = check("rustc 1", 200.0, 60.0).unwrap_err();
        assert!(said.contains("ebbtide-owned in pair: 60.0") && said.contains("\n2 of 6"), "{said}");
    }

    #[test]
    fn another_compiler_is_named_and_has_its_own_margin() {
        let kept = table("rustc 1", &[("ebbtide", [100.0; 5])]);
        for (figure, passes) in [(104.9, true), (105.1, false)] {
            let said = table("rustc 2", &[("ebbtide", [figure; 5])]).check(&kept);
            assert_eq!(said.is_ok(), passes, "{said:?}");
            let said = said.unwrap_or_else(|said| said);
            assert!(said.contains("made with rustc 1, these with rustc 2."), "{said}");
        }
    }

    #[test]
    fn new_and_lower_figures_are_reported() {
        let kept = table("rustc 1", &[("ebbtide", [100.0, 0.0, 100.0, 100.0, 100.0])]);
        let said = table("rustc 1", &[("ebbtide", [100.0; 5])]).check(&kept).unwrap_err();
        assert!(said.starts_with("ebbtide in burst-2: 100.0 instructions a pair, and no figure is kept"), "{said}");
        let said = table("rustc 1", &[("other", [1.0; 5])]).check(&kept).unwrap_err();
        assert!(said.contains("\n5 of 5"), "{said}");
        let said = table("rustc 1", &[("ebbtide", [99.5, 0.0, 80.0, 90.0, 100.0])]).check(&kept).unwrap();
        assert!(said.contains("2 fell by more than the margin"), "{said}");
    }

    /// Every checked figure has a kept one.
    #[test]
    fn the_kept_page_is_complete() {
        let kept: Table = std::fs::read_to_string(KEPT).unwrap().parse().unwrap();
        for row in rows().iter().filter(|row| row.is_checked()) {
            let line = kept.lines.iter().find(|line| line.name == row.name);
            let line = line.unwrap_or_else(|| panic!("no row {}", row.name));
            for (workload, figure) in COLUMNS.iter().zip(&line.figures) {
                assert_eq!((row.runs)(workload), figure.is_some(), "{} in {}", row.name, workload.name);
            }
        }
    }
}
