//! Markdown tables and charts from samples.

use std::fs;
use std::path::{Path, PathBuf};

use crate::chart::{self, Dot, Panel};
use crate::markdown::{line, number, ratio, table};
use crate::results::{Figure, MADE, OURS, OVERTAKING, Results, Row};
use crate::spread::Spread;
use crate::workload::{Against, Column, Group, Plan, Target, Workload};
use crate::{go, machine};

/// The contenders whose threads share nothing.
const CONTROLS: [&str; 2] = ["thread-local-cell", "thread-local-vec"];

/// The whole page. `args` are the arguments of the run.
pub(crate) fn markdown(results: &Results, args: &[String]) -> String {
    let sections =
        [heading(results, args), targets(results), faster(results), groups(results), made(results), quartiles(results)];
    sections.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// The machine and the parameters of the run.
fn heading(results: &Results, args: &[String]) -> Option<String> {
    let Plan { warm_up, measured, .. } = Plan::SAMPLE;
    let mut facts = machine::facts(results.cores);
    facts.extend(machine::costs(&results.costs));
    facts.extend(results.go.clone().map(|version| ("Go", version)));
    facts.push((
        "samples",
        format!(
            "{} of each, {} ms after {} ms of warming up, a process each, contenders in a new order each time",
            results.rounds,
            measured.as_millis(),
            warm_up.as_millis()
        ),
    ));
    for (name, why) in &results.missing {
        facts.push(("not measured", format!("{name}: {}", why.lines().next().unwrap_or_default())));
    }
    let args = args.iter().map(|arg| format!(" {arg}")).collect::<String>();
    let separator = if args.is_empty() { "" } else { " --" };
    facts.push(("again with", format!("`cargo run --release -p ebbtide-benches{separator}{args}`")));

    let facts = facts.into_iter().map(|(what, value)| vec![what.to_owned(), value]);
    let mut text = table(&["", ""].map(String::from), facts);
    if cfg!(debug_assertions) {
        text += "\n**Not optimised**: the figures say nothing.\n";
    }
    // Pools that share nothing are as fast in two threads as in one, unless the threads have to take turns.
    let controls = results.rows.iter().filter(|row| CONTROLS.contains(&row.name));
    let least = controls.filter_map(|row| slowdown(results, row)).min_by(f64::total_cmp);
    if let Some(least) = least.filter(|&least| results.cores > 1 && least > 1.2) {
        text += &format!(
            "\n**Not a fair run**: with two threads even thread-locals took {least:.1} times as long as with one, so they \
            had no two cores to themselves. The figures for more than one thread say little.\n"
        );
    }
    Some(text)
}

/// The least slowdown of a contender from one thread to two.
fn slowdown(results: &Results, row: &Row) -> Option<f64> {
    let median = |workload| row.median(results.place(workload)?, "ns");
    let pairs = [("pair", "pair-2t"), ("burst-16", "burst-16-2t")];
    pairs.into_iter().filter_map(|(one, two)| Some(median(two)? / median(one)?)).min_by(f64::total_cmp)
}

/// ebbtide's results against its targets.
fn targets(results: &Results) -> Option<String> {
    let ours = results.row(OURS)?;
    let mut lines = Vec::new();
    for (at, workload) in results.workloads.iter().enumerate() {
        for Target { key, against, bar, goal } in workload.targets {
            let title = |column: &Column| format!("{}, {}", workload.name, column.title);
            let what = workload.columns.iter().find(|column| column.key == *key).map_or_else(String::new, title);
            let ours = match against {
                Against::R2d2 => results.row(OVERTAKING),
                _ => Some(ours),
            };
            let (against, divisor) = match against {
                Against::Go => ("× Go".into(), results.row(go::NAME).and_then(|go| go.median(at, key))),
                Against::Own(other) => {
                    (format!("× {other}"), results.place(other).and_then(|at| ours?.median(at, key)))
                }
                Against::Fair => {
                    let fair = results.rows.iter().filter(|row| row.name != OURS && !row.overtakes);
                    let least = fair.filter_map(|row| row.median(at, key)).min_by(f64::total_cmp);
                    ("× the fastest that is fair".into(), least)
                }
                Against::Peer(name) => (format!("× {name}"), results.row(name).and_then(|row| row.median(at, key))),
                Against::R2d2 => ("× r2d2".into(), results.row("r2d2").and_then(|row| row.median(at, key))),
                Against::Nothing => (String::new(), Some(1.0)),
            };
            if let (Some(median), Some(divisor)) = (ours.and_then(|ours| ours.median(at, key)), divisor) {
                let measured = median / divisor;
                let verdict = match measured {
                    m if m <= *goal => "goal",
                    m if m <= *bar => "bar",
                    _ => "misses",
                };
                lines.push(vec![what, ratio(measured), ratio(*bar), ratio(*goal), against, verdict.into()]);
            }
        }
    }
    let head = ["", "measured", "bar", "goal", "", "reaches"].map(String::from);
    (!lines.is_empty()).then(|| format!("## Where {OURS} stands\n\n{}", table(&head, lines)))
}

/// Every contender with a median below ebbtide's.
fn faster(results: &Results) -> Option<String> {
    let ours = results.row(OURS)?;
    let mut lines = String::new();
    for row in results.rows.iter().filter(|row| row.name != OURS) {
        let wins = results.compared().filter_map(|figure| {
            let (ours, theirs) = (ours.figure(figure)?.median, row.figure(figure)?.median);
            let by = match theirs {
                theirs if theirs >= ours => return None,
                theirs if theirs > 0.0 => format!("{} ×", ratio(theirs / ours)),
                _ => format!("{} against {}", number(theirs), number(ours)),
            };
            Some(format!("{} ({by})", figure.title()))
        });
        let wins: Vec<_> = wins.collect();
        if !wins.is_empty() {
            lines += &format!("- {}: {}\n", row.title(), wins.join(", "));
        }
    }
    if lines.is_empty() {
        lines += "Nobody, in any column.\n";
    }
    Some(format!("## Who needs less than {OURS}\n\n{lines}"))
}

/// A table of medians for each group.
fn groups(results: &Results) -> Option<String> {
    let sections = results.groups().into_iter().map(|group| {
        let (title, _) = group.titles();
        let go = results.row(go::NAME);
        let cells = |figure, row: &Row| {
            let median = row.figure(figure)?.median;
            let go = go.filter(|go| go.name != row.name).and_then(|go| go.figure(figure));
            Some(match go.filter(|go| go.median != 0.0) {
                Some(go) => format!("{} ({})", number(median), ratio(median / go.median)),
                None => number(median),
            })
        };
        let workloads = results.workloads.iter().filter(|workload| workload.group == group);
        let legend: String = workloads.map(|Workload { name, about, .. }| format!("- {name}: {about}\n")).collect();
        let overtaking = match group {
            Group::Bounded => " † A newcomer may get the item that somebody waits for.",
            _ => "",
        };
        let times_go = if go.is_some() { " (× Go's)" } else { "" };
        format!("## {title}\n\nMedians{times_go}.{overtaking}\n\n{}\n{legend}", in_group(results, group, cells))
    });
    Some(sections.collect::<Vec<_>>().join("\n"))
}

fn made(results: &Results) -> Option<String> {
    let places: Vec<usize> = (0..results.workloads.len())
        .filter(|&at| results.workloads[at].columns.iter().any(|column| column.key == MADE))
        .collect();
    let head = line("", places.iter().map(|&at| Some(results.workloads[at].name.to_owned())));
    let rows = results.rows.iter().filter(|row| places.iter().any(|&at| row.median(at, MADE).is_some()));
    let lines = rows.map(|row| line(row.name, places.iter().map(|&at| row.median(at, MADE).map(number))));
    let text = "## Made\n\nItems made per million handed out, once warm: medians. A pool that loses items shows here.";
    (!places.is_empty()).then(|| format!("{text}\n\n{}", table(&head, lines)))
}

fn quartiles(results: &Results) -> Option<String> {
    let tables = results.groups().into_iter().map(|group| {
        in_group(results, group, |figure, row| {
            let Spread { low, high, .. } = row.figure(figure)?;
            Some(format!("{} … {}", number(low), number(high)))
        })
    });
    let tables = tables.collect::<Vec<_>>().join("\n");
    Some(format!("## Quartiles\n\nHalf of the samples lie between.\n\n{tables}"))
}

/// A row for each contender, and a column for each figure of the group. Missing cells are dashes.
fn in_group(results: &Results, group: Group, cells: impl Fn(Figure, &Row) -> Option<String>) -> String {
    let figures: Vec<_> = results.figures().filter(|figure| figure.workload.group == group).collect();
    let title = |figure: &Figure| match figure.column.unit {
        "" => figure.title(),
        unit => format!("{}, {unit}", figure.title()),
    };
    let head = line("", figures.iter().map(|figure| Some(title(figure))));
    let rows = results.rows.iter().filter(|row| figures.iter().any(|figure| row.figure(*figure).is_some()));
    let lines = rows.map(|row| line(&row.title(), figures.iter().map(|&figure| cells(figure, row))));
    table(&head, lines)
}

/// Writes a chart for each group with something to compare. Returns their paths.
pub(crate) fn charts(results: &Results, folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut written = Vec::new();
    for group in results.groups() {
        let figures = results.compared().filter(|figure| figure.workload.group == group);
        let panels = figures.map(|figure| Panel {
            title: figure.title(),
            about: figure.workload.about,
            unit: figure.column.unit,
            dots: results
                .rows
                .iter()
                .filter_map(|row| Some(Dot { name: row.name, spread: row.figure(figure)?, ours: row.name == OURS }))
                .collect(),
        });
        let panels: Vec<_> = panels.filter(|panel| panel.dots.len() > 1).collect();
        if !panels.is_empty() {
            let (title, name) = group.titles();
            let path = folder.join(name).with_extension("svg");
            let error = |error: &dyn std::fmt::Display| format!("no chart {}: {error}", path.display());
            let svg = chart::svg(title, &panels).map_err(|why| error(&why))?;
            fs::write(&path, svg).map_err(|why| error(&why))?;
            written.push(path);
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::Costs;
    use crate::sample::Sample;
    use crate::workload::list;

    /// A contender with these nanoseconds in the first workloads, and no values in the others.
    fn row(name: &'static str, nanoseconds: &[f64], workloads: usize) -> Row {
        let sample = |&ns: &f64| vec![Sample::default().with("ns", ns).with(MADE, 0.0); 3];
        let mut samples: Vec<_> = nanoseconds.iter().map(sample).collect();
        samples.resize(workloads, vec![]);
        Row { name, overtakes: false, samples }
    }

    /// The workloads are pair, pair-2t and burst-16.
    fn results(rows: &[(&'static str, &[f64])]) -> Results {
        Results {
            workloads: list::ALL.iter().take(3).collect(),
            rows: rows.iter().map(|(name, nanoseconds)| row(name, nanoseconds, 3)).collect(),
            rounds: 3,
            cores: 2,
            costs: [2.0, 9.0, 3.0]
                .map(|ns| Costs { locked: ns, line: 60.0, barrier: 400.0, barrier_busy: 8700.0 })
                .to_vec(),
            go: None,
            missing: vec![("snmalloc", "no compiler\nat all".into())],
        }
    }

    #[test]
    fn the_heading_shows_how_it_was_run() {
        let page = markdown(&results(&[(OURS, &[3.0])]), &["--quick".into()]);
        assert!(page.contains("| cores | 2 |\n| "), "{page}");
        assert!(page.contains("\n| locked instruction | 3.0 ns |\n"), "{page}");
        assert!(page.contains("| not measured | snmalloc: no compiler |\n"), "{page}");
        assert!(page.contains("| `cargo run --release -p ebbtide-benches -- --quick` |"), "{page}");
    }

    #[test]
    fn a_run_without_two_cores_is_called_unfair() {
        let page = |with_two| markdown(&results(&[(CONTROLS[0], &[2.0, with_two])]), &[]);
        assert!(page(4.0).contains("Not a fair run"));
        assert!(!page(2.0).contains("Not a fair run"));
    }

    #[test]
    fn the_tables_hold_medians_ratios_and_the_verdict() {
        let page = markdown(&results(&[(OURS, &[3.0, 3.0]), ("opool", &[100.0, 2.0]), (go::NAME, &[15.0, 6.0])]), &[]);
        assert!(page.contains("\n| ebbtide | 3.0 (0.20) | 3.0 (0.50) | – |\n"), "{page}");
        assert!(page.contains("\n| opool | 100 (6.67) | 2.0 (0.33) | – |\n"), "{page}");
        assert!(page.contains("\n| go | 15.0 | 6.0 | – |\n"), "{page}");
        assert!(page.contains("\n| pair, a pair | 0.20 | 0.24 | 0.18 | × Go | bar |\n"), "{page}");
        assert!(page.contains("\n| pair-2t, a pair | 0.50 | 0.24 | 0.18 | × Go | misses |\n"), "{page}");
        assert!(page.contains("\n| pair-2t, a pair | 1.00 | 1.05 | 1.00 | × pair | goal |\n"), "{page}");
        assert!(page.contains("\n- pair: "), "{page}");
    }

    /// `opool` is the fastest and overtakes. `go` is the fastest that doesn't.
    #[test]
    fn contenders_that_overtake_are_marked_and_set_no_bar() {
        let mut results = results(&[(OURS, &[]), ("opool", &[]), (go::NAME, &[])]);
        results.workloads = list::ALL.iter().filter(|workload| workload.is_bounded()).take(1).collect();
        for (row, ns) in results.rows.iter_mut().zip([3.0, 1.0, 2.0]) {
            row.samples = vec![vec![Sample::default().with("ns", ns)]];
            row.overtakes = row.name == "opool";
        }
        let page = markdown(&results, &[]);
        assert!(page.contains("\n| opool † | 1.0 (0.50) |\n"), "{page}");
        assert!(
            page.contains("\n| bounded-pair, a pair | 1.50 | 0.50 | 0.30 | × the fastest that is fair | misses |\n"),
            "{page}"
        );
        assert!(page.contains("\n- opool †: bounded-pair (0.33 ×)\n- go: "), "{page}");
    }

    #[test]
    fn the_default_pool_is_compared_with_r2d2() {
        let mut results = results(&[(OURS, &[]), (OVERTAKING, &[]), ("r2d2", &[])]);
        results.workloads = list::ALL.iter().filter(|workload| workload.name == "bounded-16t-8").collect();
        for (row, ns) in results.rows.iter_mut().zip([9.0, 3.0, 4.0]) {
            row.samples = vec![vec![Sample::default().with("ns", ns)]];
        }
        let page = markdown(&results, &[]);
        assert!(page.contains("\n| bounded-16t-8, a pair | 0.75 | 1.00 | 0.67 | × r2d2 | bar |\n"), "{page}");
    }

    #[test]
    fn faster_contenders_are_named_with_the_ratio() {
        let page = markdown(&results(&[(OURS, &[3.0, 3.0]), ("opool", &[4.0, 1.5]), ("seg-queue", &[3.0, -1.0])]), &[]);
        assert!(page.contains("\n- opool: pair-2t (0.50 ×)\n"), "{page}");
        assert!(page.contains("\n- seg-queue: pair-2t (-1.0 against 3.0)\n"), "{page}");
        let page = markdown(&results(&[(OURS, &[3.0]), ("opool", &[4.0])]), &[]);
        assert!(page.contains("\nNobody, in any column.\n"), "{page}");
    }
}
