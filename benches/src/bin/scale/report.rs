//! The measurements and predictions as Markdown tables.

use std::collections::HashMap;
use std::fmt::Write;

use ebbtide_benches::timing::{cores, median, quartiles};

use crate::model::{self, CASES, Inputs, LINES, Term, total};
use crate::samples::samples;

/// All values of each sample, by name.
pub(crate) type Results = HashMap<&'static str, Vec<f64>>;

/// How much further a line is from a core with its own cache, or from another socket.
const FAR: f64 = 4.0;

/// The predicted machines.
const CORES: [usize; 4] = [2, 8, 64, 256];

pub(crate) fn markdown(results: &Results) -> String {
    let of = |name: &str| median(results[name].clone());
    let inputs = inputs(of);
    let mut text = String::new();
    measured(&mut text, results).expect("a string takes all");
    checked(&mut text, &inputs, of).expect("a string takes all");
    predicted(&mut text, &inputs).expect("a string takes all");
    text
}

fn inputs(of: impl Fn(&str) -> f64) -> Inputs {
    Inputs {
        pair: of("pair"),
        burst: of("bursts of 16"),
        bare_16: of("bursts of 16 without a pool"),
        bare_2048: of("bursts of 2048 without a pool"),
        claim: of("claim"),
        rack: of("rack, push and pop"),
        empty_rack: of("rack, looked through and empty"),
        fence: of("store and full fence"),
        transfer: of("line from core to core, to be written"),
        load: of("line from core to core, to be read"),
        item: of("item that another core used last"),
        rmw: of("atomic add"),
        rmw_2: of("atomic add, each of 2 threads"),
        barrier: of("heavy barrier"),
        barrier_busy: of("heavy barrier, 1 other thread busy"),
        set_full: (of("sweep, 255 slot sets, full") - of("sweep, 15 slot sets, full")) / 240.0,
        swept: of("sweep, for a thread in bursts of 16"),
    }
}

fn measured(text: &mut String, results: &Results) -> std::fmt::Result {
    let counts = || results.values().map(Vec::len);
    let (least, most) = (counts().min().unwrap_or_default(), counts().max().unwrap_or_default());
    writeln!(text, "{} cores; medians of {least} to {most} samples, each a process of its own.\n", cores())?;
    writeln!(text, "| measured | ns | half of the samples | × pair |\n| --- | --- | --- | --- |")?;
    let pair = median(results["pair"].clone());
    for name in samples().map(|sample| sample.name) {
        let values = &results[name];
        let (middle, (low, high)) = (median(values.clone()), quartiles(values.clone()));
        writeln!(text, "| {name} | {} | {} … {} | {} |", short(middle), short(low), short(high), short(middle / pair))?;
    }
    Ok(())
}

fn checked(text: &mut String, i: &Inputs, of: impl Fn(&str) -> f64) -> std::fmt::Result {
    writeln!(text, "\n| ns a pair | predicted | measured | off by |\n| --- | --- | --- | --- |")?;
    for (name, terms) in [
        ("pair, 2 threads", vec![Term::private(i.pair)]),
        ("bursts of 16, 2 threads", vec![Term::private(i.burst)]),
        ("bursts of 2048", model::large_bursts(i, 1)),
        ("bursts of 2048, 2 threads", model::large_bursts(i, 1)),
        ("bursts of 2048, 2 threads at one shard", model::large_bursts(i, 2)),
        ("bursts of 2048, `max_idle` set", model::counted(i, 1)),
        ("bursts of 2048, `max_idle` set, 2 threads", model::counted(i, 2)),
        ("pair with `get_owned`", model::owned(i, 1)),
        ("pair with `get_owned`, 2 threads", model::owned(i, 2)),
    ] {
        let (predicted, measured) = (total(&terms), of(name));
        let off = 100.0 * (predicted / measured - 1.0);
        writeln!(text, "| {name} | {} | {} | {off:+.0} % |", short(predicted), short(measured))?;
    }
    Ok(())
}

fn predicted(text: &mut String, near: &Inputs) -> std::fmt::Result {
    let far = near.further(FAR);
    for (inputs, distance) in [(near, "as measured".to_owned()), (&far, format!("{FAR} times as far"))] {
        writeln!(text, "\nLines {distance}: ns a pair, and the largest cause but the private slots.\n")?;
        head(text, "", CORES.map(|cores| format!("{cores} cores")))?;
        for case in &CASES {
            row(
                text,
                case.name,
                CORES.map(|cores| {
                    let terms = (case.terms)(inputs, cores);
                    format!("{} {}", short(total(&terms)), model::largest_shared(&terms).map_or("", |term| term.cause))
                }),
            )?;
        }
    }

    writeln!(text, "\nThreads that fill a line's time, by the work that each does with an item.\n")?;
    let flat_out = total(&model::large_bursts(near, 1));
    let work = [("none", 0.0), ("100 ns", 1e2), ("1 µs", 1e3), ("10 µs", 1e4)];
    head(text, "", work.map(|(name, _)| name))?;
    row(
        text,
        "spills a second by each thread, in thousands",
        work.map(|(_, work)| short(1e6 / (model::BATCH * (flat_out + work)))),
    )?;
    for line in &LINES {
        row(
            text,
            line.name,
            work.map(|(_, work)| {
                let threads = |i| short(model::fills(line, i, flat_out + work));
                format!("{} ({})", threads(near), threads(&far))
            }),
        )?;
    }

    writeln!(text, "\nA sweep of a pool in use on every core, at least and at most.\n")?;
    head(text, "", CORES.map(|cores| format!("{cores} cores")))?;
    row(
        text,
        "µs",
        CORES.map(|cores| {
            let (least, most) = model::sweep(near, cores);
            format!("{} … {}", short(least / 1e3), short(most / 1e3))
        }),
    )?;
    writeln!(
        text,
        "\nOf a thread's time all sweeps together take {:.2} % with an epoch of 1 ms, {:.1e} % with one of 30 s.",
        100.0 * near.swept / 1e6,
        100.0 * near.swept / 30e9,
    )
}

fn head<const N: usize>(text: &mut String, first: &str, rest: [impl AsRef<str>; N]) -> std::fmt::Result {
    row(text, first, rest)?;
    row(text, "---", ["---"; N])
}

fn row<const N: usize>(text: &mut String, first: &str, rest: [impl AsRef<str>; N]) -> std::fmt::Result {
    write!(text, "| {first} |")?;
    for cell in rest {
        write!(text, " {} |", cell.as_ref().trim_end())?;
    }
    writeln!(text)
}

/// About three digits.
fn short(value: f64) -> String {
    match value.abs() {
        small if small < 10.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_and_every_table_printed() {
        let names: Vec<_> = samples().map(|sample| sample.name).collect();
        let results: Results = names.iter().copied().zip((1..).map(|value| vec![f64::from(value)])).collect();
        let text = markdown(&results);
        for name in
            names.into_iter().chain(CASES.iter().map(|case| case.name)).chain(LINES.iter().map(|line| line.name))
        {
            assert!(text.contains(&format!("\n| {name} | ")), "{name}: {text}");
        }
    }
}
