//! All figures as a Markdown page, and their comparison with the kept page.

use std::fmt;
use std::str::FromStr;

use super::table::{Compared, Table, Unit};

/// The page with the kept figures.
pub(super) const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.md");

/// How much a figure may exceed the kept one: less than an instruction in the cheapest pair. The compiler's code for a
/// slow path varies a little when other parts of the program change.
const MARGIN: f64 = 0.019;

/// The same for another compiler, whose code differs a little, or another C library, whose allocator is in some
/// figures.
const MARGIN_ELSEWHERE: f64 = 0.05;

/// The units of the tables.
static UNITS: [Unit; 3] = [
    Unit { name: "instructions a pair", digits: 1 },
    Unit { name: "lines a pair", digits: 2 },
    Unit { name: "lines a batch", digits: 2 },
];

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Page {
    /// The compiler and the C library.
    pub(super) made_with: String,
    /// Instructions of pairs, lines of pairs, and lines of batches.
    pub(super) tables: [Table; UNITS.len()],
}

const MADE_WITH: &str = "Made with ";

impl Page {
    pub(super) fn text(&self) -> String {
        let [instructions, lines, batches] = self.markdown();
        format!(
            "# Instructions per pair\n\n\
            What one item got, written to and given back again costs, by callgrind, on x86-64 Linux. This page is written by\n\
            `cargo run --release -p ebbtide-benches -- instructions --write`; with `--check` instead, that fails if a figure\n\
            of ebbtide's is more than {} % over what is kept here, or {} % with another compiler or C library.\n\n\
            {MADE_WITH}{}\n\n\
            {instructions}\n\
            The loop and the use of the item are counted with the pair: `loop-alone` is their share. `ebbtide-owned` is\n\
            `get_owned`, `ebbtide-detached` is `detach` and `put`, with the free and the allocation of the item's box, and\n\
            `ebbtide-miss` is a `get` from an empty pool, with the making of the item and its end. `ebbtide-bounded` is a\n\
            `BoundedPool` with an idle item, and `ebbtide-buffers` a `BufferPool` with idle buffers. `ebbtide-new-pool` is a\n\
            pool, created, used once, and dropped as the oldest of a thousand.\n\n\
            A thread's number lies in one word. In two it takes 3 instructions less, and more time. A pair takes one more to\n\
            note that an item grew in use, so that other threads fetch it. In a pair of buffers, the drop of the guard is a\n\
            call. That takes 12 instructions more than inlined, and no more time.\n\n\
            # Cache lines\n\n\
            The lines of 64 bytes that a pair or a burst writes, for each item. Each line counts once. One is the item's,\n\
            which its reset writes. The stack and a use of the item are left out. The counts are from traces of valgrind's\n\
            tool `lackey`.\n\n\
            {lines}\n\
            The lines for a batch of 16 items. The first row is what `burst-2048` writes beyond `burst-64` and the items. In the\n\
            others, two threads take turns, with items of no size. A line is *moved* if it is written and was in the other\n\
            thread's cache. It is *fetched* if the other thread wrote it and it is only read. In `hand-off`, one thread gets and\n\
            the other puts. In `same-shard`, each does both, with 32 more items that stay private.\n\n\
            {batches}",
            100.0 * MARGIN,
            100.0 * MARGIN_ELSEWHERE,
            self.made_with,
        )
    }

    fn markdown(&self) -> [String; UNITS.len()] {
        std::array::from_fn(|index| self.tables[index].markdown(&UNITS[index]))
    }

    /// Compares these figures with `kept`. Returns a summary, or the figures over their limits as an error.
    pub(super) fn check(&self, kept: &Page) -> Result<String, String> {
        let (margin, elsewhere) = if self.made_with == kept.made_with {
            (MARGIN, String::new())
        } else {
            let what = format!(" The kept figures were made with {}, these with {}.", kept.made_with, self.made_with);
            (MARGIN_ELSEWHERE, what)
        };
        let mut compared = Compared::default();
        for ((now, kept), unit) in self.tables.iter().zip(&kept.tables).zip(&UNITS) {
            now.compare(kept, margin, unit, &mut compared);
        }
        let Compared { figures, over, under } = compared;
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

/// The tables alone.
impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.markdown().join("\n"))
    }
}

impl FromStr for Page {
    type Err = String;

    fn from_str(page: &str) -> Result<Self, String> {
        let lines: Vec<_> = page.lines().collect();
        let made_with = lines.iter().find_map(|line| line.strip_prefix(MADE_WITH));
        let made_with = made_with.ok_or_else(|| format!("no line begins with `{MADE_WITH}`"))?.to_owned();
        let tables = lines.split(|line| !line.starts_with('|')).filter(|table| !table.is_empty()).map(Table::parse);
        let tables: Vec<_> = tables.collect::<Result<_, _>>()?;
        let found = tables.len();
        let tables = tables.try_into().map_err(|_| format!("the page has {found} tables, not {}", UNITS.len()))?;
        Ok(Self { made_with, tables })
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::{ALONE_IN_BURSTS, MOVES};
    use super::super::paths::{ALONE, TOGETHER};
    use super::super::rows::{COLUMNS, rows};
    use super::super::table::Line;
    use super::*;

    fn page(made_with: &str, pair: f64, moved: f64) -> Page {
        let table = |column: &str, figure| Table {
            head: vec![column.to_owned()],
            lines: vec![Line { name: "ebbtide".to_owned(), figures: vec![Some(figure)] }],
        };
        Page {
            made_with: made_with.to_owned(),
            tables: [table("pair", pair), table("pair", 3.0), table("moved", moved)],
        }
    }

    #[test]
    fn figures_round_trip_through_the_page() {
        let kept = page("rustc 1", 48.5, 5.25);
        assert_eq!(kept.text().parse(), Ok(kept));
    }

    #[test]
    fn an_incomplete_page_is_refused() {
        let text = page("rustc 1", 1.0, 1.0).text();
        assert!(text.replace("Made with", "By").parse::<Page>().unwrap_err().contains("no line begins"));
        let error = text.split("# Cache lines").next().unwrap().parse::<Page>().unwrap_err();
        assert_eq!(error, "the page has 1 tables, not 3");
    }

    #[test]
    fn exceeding_a_kept_figure_of_any_table_fails() {
        let kept = page("rustc 1", 100.0, 5.0);
        let said = page("rustc 1", 101.8, 5.0).check(&kept).unwrap();
        assert!(said.ends_with("3 figures, none over its limit."), "{said}");
        let said = page("rustc 1", 102.0, 6.0).check(&kept).unwrap_err();
        let over: Vec<_> = said.lines().take(2).collect();
        assert_eq!(
            over,
            [
                "ebbtide in pair: 102.0 instructions a pair, over the limit of 101.9; 100.0 is kept",
                "ebbtide in moved: 6.00 lines a batch, over the limit of 5.09; 5.00 is kept",
            ],
        );
        assert!(said.contains("\n2 of 3 figures are over") && !said.contains("rustc"), "{said}");
        let said = page("rustc 1", 90.0, 5.0).check(&kept).unwrap();
        assert!(said.contains("1 fell by more than the margin"), "{said}");
    }

    #[test]
    fn another_compiler_is_named_and_has_its_own_margin() {
        let kept = page("rustc 1", 100.0, 5.0);
        for (figure, passes) in [(104.9, true), (105.1, false)] {
            let said = page("rustc 2", figure, 5.0).check(&kept);
            assert_eq!(said.is_ok(), passes, "{said:?}");
            let said = said.unwrap_or_else(|said| said);
            assert!(said.contains("made with rustc 1, these with rustc 2."), "{said}");
        }
    }

    /// Every checked figure has a kept one.
    #[test]
    fn the_kept_page_is_complete() {
        let kept: Page = std::fs::read_to_string(KEPT).unwrap().parse().unwrap();
        let [instructions, lines, batches] = &kept.tables;
        for column in &COLUMNS {
            for row in rows().iter().filter(|row| row.is_checked()) {
                let figure = instructions.figure(row.name, column.name);
                assert_eq!((row.runs)(column), figure.is_some(), "{} in {}", row.name, column.name);
            }
            for path in &ALONE {
                let figure = lines.figure(path.name, column.name);
                assert_eq!(path.has(column.shape), figure.is_some(), "{} in {}", path.name, column.name);
            }
        }
        assert!(batches.figure(ALONE_IN_BURSTS, MOVES[0]).is_some());
        for (path, column) in TOGETHER.iter().flat_map(|path| MOVES.map(|column| (path, column))) {
            for act in ["gets", "puts"] {
                assert!(batches.figure(&format!("{}, {act}", path.name), column).is_some(), "{} {act}", path.name);
            }
        }
    }
}
