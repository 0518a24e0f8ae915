//! The chart: a panel for each thing that is measured, and a line for each pool.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::common::Failure;
use crate::options::{KIB, MIB, Options};
use crate::run::Run;
use crate::sample::Sample;
use crate::schedule::{END, LARGEST, PHASES, SMALLEST};

const OURS: RGBColor = RGBColor(196, 78, 28);
const INK: RGBColor = RGBColor(19, 52, 84);
const GREY: RGBColor = RGBColor(105, 105, 105);
const IN_USE: RGBColor = RGBColor(214, 214, 214);
const SHADE: RGBColor = RGBColor(241, 245, 250);

/// The colour and the width of each pool's line. The lines of pools that do the same lie on top of each other, so
/// the upper ones are thinner.
const LINES: [(RGBColor, u32); 4] = [(RGBColor(134, 182, 219), 9), (RGBColor(150, 128, 186), 5), (INK, 2), (OURS, 4)];

const WIDTH: u32 = 1160;
const HEAD: u32 = 104;
const PANEL: u32 = 250;
const FOOT: u32 = 30;
/// The width of the labels left of a plot, and of the margin right of it.
const LEFT: u32 = 76;
const RIGHT: u32 = 24;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Something that is measured.
struct Measure {
    title: &'static str,
    value: fn(&Sample) -> Option<f64>,
    /// Whether what is in use is part of it.
    with_used: bool,
}

static MEASURES: [Measure; 3] = [
    Measure { title: "Resident memory, MiB", value: |sample| Some(mib(sample.resident?)), with_used: true },
    Measure { title: "Idle in the pool, MiB", value: |sample| Some(mib(sample.idle)), with_used: false },
    Measure { title: "Idle in the pool, items", value: |sample| Some(sample.idle_items as f64), with_used: false },
];

fn mib(bytes: usize) -> f64 {
    bytes as f64 / MIB as f64
}

fn font(size: u32, color: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&color)
}

/// The chart as the text of a file. Its background is white, so that it is readable on a page of any colour.
pub(crate) fn draw(runs: &[Run], options: &Options) -> Result<String, Failure> {
    // Resident memory is known on Linux only.
    let known = |measure: &&Measure| runs.iter().all(|run| (measure.value)(run.last()).is_some());
    let measures: Vec<_> = MEASURES.iter().filter(known).collect();
    let mut svg = String::new();
    {
        let above_foot = HEAD + PANEL * measures.len() as u32;
        let root = SVGBackend::with_string(&mut svg, (WIDTH, above_foot + FOOT)).into_drawing_area();
        root.fill(&WHITE)?;
        let (head, rest) = root.split_vertically(HEAD);
        let (panels, foot) = rest.split_vertically(above_foot - HEAD);
        draw_head(&head, runs, measures[0], options)?;
        for (measure, panel) in measures.iter().zip(panels.split_evenly((measures.len(), 1))) {
            draw_panel(&panel, runs, measure, options)?;
        }
        let time = format!("time, in epochs of {} ms", options.epoch_ms);
        let center = Pos::new(HPos::Center, VPos::Top);
        foot.draw(&Text::new(time, ((LEFT + WIDTH - RIGHT) as i32 / 2, 2), font(16, INK).pos(center)))?;
        root.present()?;
    }
    Ok(svg)
}

fn draw_head(head: &Area<'_>, runs: &[Run], measure: &Measure, options: &Options) -> Result<(), Failure> {
    let end = |run: &Run| (measure.value)(run.last());
    let (ours, others) = runs.split_last().expect("ebbtide comes last");
    let least = others.iter().filter_map(end).fold(f64::INFINITY, f64::min);
    let ours = end(ours).unwrap_or_default();
    let message =
        format!("After the last burst, {ours:.0} MiB remain with ebbtide, at least {least:.0} MiB with other pools");
    let Options { threads, burst, huge_mb, .. } = options;
    let load = format!(
        "{threads} threads with up to {burst} buffers of {} to {} KiB each; once, a buffer of {huge_mb} MiB. Lower is better.",
        SMALLEST / KIB,
        LARGEST / KIB
    );
    head.draw(&Text::new(message, (24, 14), font(24, INK)))?;
    head.draw(&Text::new(load, (24, 47), font(16, GREY)))?;
    let x = |nth| 26 + 196 * nth as i32;
    for (nth, (run, (color, width))) in runs.iter().zip(LINES).enumerate() {
        head.draw(&PathElement::new([(x(nth), 87), (x(nth) + 32, 87)], color.stroke_width(width)))?;
        let ink = if color == OURS { OURS } else { INK };
        head.draw(&Text::new(run.contender.title, (x(nth) + 42, 78), font(16, ink)))?;
    }
    let at = x(runs.len());
    head.draw(&Rectangle::new([(at, 80), (at + 32, 94)], IN_USE.filled()))?;
    Ok(head.draw(&Text::new("in use, with ebbtide", (at + 42, 78), font(16, INK)))?)
}

fn draw_panel(panel: &Area<'_>, runs: &[Run], measure: &Measure, options: &Options) -> Result<(), Failure> {
    let epochs = |sample: &Sample| sample.seconds / options.epoch().as_secs_f64();
    let line = |run: &Run| -> Vec<(f64, f64)> {
        run.samples.iter().filter_map(|sample| Some((epochs(sample), (measure.value)(sample)?))).collect()
    };
    let lines: Vec<_> = runs.iter().map(line).collect();
    let top = lines.iter().flatten().fold(1.0, |top, (_, value)| f64::max(top, *value)) * 1.15;

    let (caption, plot) = panel.split_vertically(36);
    caption.draw(&Text::new(measure.title, (24, 10), font(18, INK)))?;
    let mut chart = ChartBuilder::on(&plot)
        .margin_right(RIGHT)
        .x_label_area_size(28)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(0.0..f64::from(END), 0.0..top)?;
    for phase in PHASES.iter().step_by(2) {
        let corners = [(phase.epochs.start.into(), 0.0), (phase.epochs.end.into(), top)];
        chart.draw_series([Rectangle::new(corners, SHADE.filled())])?;
    }
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .axis_style(GREY)
        .label_style(font(16, INK))
        .x_labels(END as usize + 1)
        .y_labels(5)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;

    if let Some(run) = runs.last().filter(|_| measure.with_used) {
        let used = run.samples.iter().map(|sample| (epochs(sample), mib(sample.in_use)));
        let outline: Vec<_> = [(0.0, 0.0)].into_iter().chain(used).chain([(END.into(), 0.0)]).collect();
        chart.draw_series([Polygon::new(outline, IN_USE.filled())])?;
    }
    for (line, (color, width)) in lines.into_iter().zip(LINES) {
        chart.draw_series(LineSeries::new(line, color.stroke_width(width)))?;
    }
    let label = font(16, GREY).pos(Pos::new(HPos::Center, VPos::Top));
    let phases = PHASES.iter().map(|phase| (f64::from(phase.epochs.start + phase.epochs.end) / 2.0, phase.title));
    chart.draw_series(phases.map(|(middle, title)| Text::new(title, (middle, top * 0.98), label.clone())))?;
    Ok(())
}
