//! From samples to tables in Markdown.

use std::env::consts::{ARCH, OS};
use std::fmt::Write;

use crate::contender::Contender;
use crate::contenders::thread_local::{LocalCell, LocalVec};
use crate::go;
use crate::rounds::{Results, Row};
use crate::workload::{Plan, Workload};

/// The contender whose targets are looked at.
const OURS: &str = "ebbtide";

/// The median of a contender's samples in one workload, and the quartiles about it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    low: f64,
    median: f64,
    high: f64,
}

impl Spread {
    /// Nothing if there is nothing to look at.
    fn of(mut values: Vec<f64>) -> Option<Self> {
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

pub(crate) fn markdown(results: &Results) -> String {
    let mut page = String::new();
    heading(&mut page, results);
    costs(&mut page, results);
    spreads(&mut page, results);
    made(&mut page, results);
    targets(&mut page, results);
    page.truncate(page.trim_end().len());
    page
}

fn heading(page: &mut String, results: &Results) {
    let cores = results.cores;
    let rounds = results.rounds;
    let milliseconds = Plan::SAMPLE.measured.as_millis();
    let go = match &results.go {
        Some(Ok(version)) => version,
        Some(Err(why)) => &format!("no Go: {why}"),
        None => "Go was not asked for",
    };
    line(
        page,
        &format!(
            "{OS} {ARCH}, {cores} cores; {go}. {rounds} rounds, {milliseconds} ms a sample, a process each, contenders in a new order each time."
        ),
    );
    // What shares nothing is as fast in two threads as in one, unless they have to take turns.
    let rows = results.rows.iter().filter(|row| [LocalCell::NAME, LocalVec::NAME].contains(&row.name));
    let slowdowns = rows.flat_map(|row| {
        with_a_second_thread(results).into_iter().filter_map(|(one, two)| slowdown(results, row, one, two))
    });
    let least = slowdowns.fold(f64::INFINITY, f64::min);
    if cores > 1 && least.is_finite() && least > 1.2 {
        line(
            page,
            &format!(
                "**Not a fair run**: with two threads even thread-locals took {least:.1} times as long as with one, so they \
                had no two cores to themselves. The figures for more than one thread say little."
            ),
        );
    }
}

fn costs(page: &mut String, results: &Results) {
    line(
        page,
        "Nanoseconds of a thread's time per item got and put back: the median (× Go's). \
        The hand-off's is both threads' time, less that of the same messages without a pool.",
    );
    table(page, results, |workload, column, row| {
        let Spread { median, .. } = cost(results, workload, column, row)?;
        let go = go_cost(results, workload, column).filter(|_| row.name != go::NAME);
        Some(match go {
            Some(go) => format!("{} ({})", number(median), ratio(median / go)),
            None => number(median),
        })
    });
}

fn spreads(page: &mut String, results: &Results) {
    line(page, "The quartiles: half of the samples lie between.");
    table(page, results, |workload, column, row| {
        let Spread { low, high, .. } = cost(results, workload, column, row)?;
        Some(format!("{} … {}", number(low), number(high)))
    });
}

fn made(page: &mut String, results: &Results) {
    line(page, "Items made per million handed out, once warm: the median.");
    table(page, results, |_, column, row| {
        let made = row.samples[column].iter();
        let spread = Spread::of(made.map(|sample| sample.made_per_million()).collect())?;
        Some(format!("{:.1}", spread.median))
    });
}

fn targets(page: &mut String, results: &Results) {
    let Some(ours) = results.rows.iter().find(|row| row.name == OURS) else {
        return;
    };
    let mut lines = Vec::new();
    for (column, &workload) in results.workloads.iter().enumerate() {
        let ours = cost(results, workload, column, ours);
        if let (Some(ours), Some(go)) = (ours, go_cost(results, workload, column)) {
            let Workload { bar, goal, .. } = *workload;
            lines.push(target(workload.name, ours.median / go, bar, goal));
        }
    }
    for (one, two) in with_a_second_thread(results) {
        if let Some(times) = slowdown(results, ours, one, two) {
            let name = format!("{} ÷ {}", results.workloads[two].name, results.workloads[one].name);
            lines.push(target(&name, times, 1.05, 1.0));
        }
    }
    if lines.is_empty() {
        return;
    }
    line(page, &format!("Where {OURS} stands, × Go or × itself."));
    page.push_str("| | measured | bar | goal | |\n| --- | --- | --- | --- | --- |\n");
    lines.iter().for_each(|line| page.push_str(line));
    page.push('\n');
}

fn target(name: &str, measured: f64, bar: f64, goal: f64) -> String {
    let verdict = match measured {
        m if m <= goal => "goal",
        m if m <= bar => "bar",
        _ => "misses",
    };
    format!("| {name} | {} | {bar:.2} | {goal:.2} | {verdict} |\n", ratio(measured))
}

/// The pairs of columns of which the second is the first with two threads.
fn with_a_second_thread(results: &Results) -> Vec<(usize, usize)> {
    let column = |threads, shape| results.workloads.iter().position(|w| (w.threads, w.shape) == (threads, shape));
    let ones = results.workloads.iter().filter(|workload| workload.threads == 1);
    ones.filter_map(|one| Some((column(1, one.shape)?, column(2, one.shape)?))).collect()
}

/// How many times as much a pair costs a contender in column `two` as in column `one`.
fn slowdown(results: &Results, row: &Row, one: usize, two: usize) -> Option<f64> {
    let median = |column| Some(cost(results, results.workloads[column], column, row)?.median);
    Some(median(two)? / median(one)?)
}

/// A contender's cost in a workload; nothing if it has none.
fn cost(results: &Results, workload: &Workload, column: usize, row: &Row) -> Option<Spread> {
    let busy = workload.threads.min(results.cores);
    let samples = row.samples[column].iter();
    Spread::of(samples.map(|sample| sample.cost(busy)).collect())
}

fn go_cost(results: &Results, workload: &Workload, column: usize) -> Option<f64> {
    let go = results.rows.iter().find(|row| row.name == go::NAME)?;
    Some(cost(results, workload, column, go)?.median)
}

/// One row for each contender, one column for each workload; where `cell` has nothing, a dash.
fn table(page: &mut String, results: &Results, cell: impl Fn(&Workload, usize, &Row) -> Option<String>) {
    page.push('|');
    for workload in &results.workloads {
        page.push_str(" | ");
        page.push_str(workload.name);
    }
    page.push_str(" |\n| ---");
    page.push_str(&" | ---".repeat(results.workloads.len()));
    page.push_str(" |\n");
    for row in &results.rows {
        page.push_str("| ");
        page.push_str(row.name);
        for (column, &workload) in results.workloads.iter().enumerate() {
            let text = cell(workload, column, row);
            let text = text.as_deref().unwrap_or("–");
            write!(page, " | {text}").expect("a string takes everything");
        }
        page.push_str(" |\n");
    }
    page.push('\n');
}

fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push_str("\n\n");
}

fn number(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n.abs() < 99.95 => format!("{n:.1}"),
        n => format!("{n:.0}"),
    }
}

fn ratio(times: f64) -> String {
    match times {
        t if t.abs() < 9.995 => format!("{t:.2}"),
        t => format!("{t:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sample::{Count, Sample};
    use crate::workload;

    #[test]
    fn quartiles_lie_where_they_should() {
        let spread = Spread::of(vec![5.0, 1.0, 2.0, 4.0, 3.0]);
        let expected = Spread { low: 2.0, median: 3.0, high: 4.0 };
        assert_eq!(spread, Some(expected));
        assert_eq!(Spread::of(vec![1.0, 2.0]).unwrap().median, 1.5);
        assert_eq!(Spread::of(vec![]), None);
    }

    fn row(name: &'static str, nanoseconds: u64) -> Row {
        let sample = Sample {
            measured: Count { pairs: 1, made: 0 },
            wall: Duration::from_nanos(nanoseconds),
            ..Sample::default()
        };
        Row { name, samples: vec![vec![sample; 3], vec![]] }
    }

    #[test]
    fn a_run_without_two_cores_is_called_unfair() {
        let results = |with_two| Results {
            workloads: workload::ALL.iter().take(2).collect(),
            rows: vec![Row {
                samples: vec![row("", 2).samples[0].clone(), row("", with_two).samples[0].clone()],
                ..row(LocalVec::NAME, 0)
            }],
            rounds: 3,
            cores: 2,
            go: None,
        };
        assert!(markdown(&results(2)).contains("Not a fair run"));
        assert!(!markdown(&results(1)).contains("Not a fair run"));
    }

    #[test]
    fn the_tables_hold_medians_ratios_and_the_verdict() {
        let results = Results {
            workloads: workload::ALL.iter().take(2).collect(),
            rows: vec![row(OURS, 3), row("opool", 100), row(go::NAME, 12)],
            rounds: 3,
            cores: 2,
            go: Some(Err("gone".into())),
        };
        let page = markdown(&results);
        assert!(page.contains("no Go: gone"), "{page}");
        assert!(page.contains("| ebbtide | 3.0 (0.25) | – |\n"), "{page}");
        assert!(page.contains("| opool | 100 (8.33) | – |\n"), "{page}");
        assert!(page.contains("| go | 12.0 | – |\n"), "{page}");
        assert!(page.contains("| pair | 0.25 | 0.30 | 0.20 | bar |"), "{page}");
    }
}
