//! The chart: memory over time, with a panel for each way.

use std::ops::Range;

use plotters::prelude::*;

use crate::common::Failure;
use crate::options::{MIB, Options};
use crate::run::Run;
use crate::sample::Sample;

const OURS: RGBColor = RGBColor(196, 78, 28);
const RESIDENT: RGBColor = RGBColor(134, 182, 219);
const IN_USE: RGBColor = RGBColor(19, 52, 84);
const GREY: RGBColor = RGBColor(105, 105, 105);

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

pub(crate) fn draw(runs: &[Run], options: &Options) -> Result<String, Failure> {
    let longest = |part: fn(&Run) -> f64| runs.iter().map(part).fold(0.0, f64::max);
    let before = longest(|run| run.shrunk_at);
    let after = longest(|run| run.last().seconds - run.shrunk_at);
    let top = longest(|run| run.samples.iter().map(|s| s.resident.unwrap_or(s.in_use)).max().unwrap_or(0) as f64);
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, (1160, 826)).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, panels) = root.split_vertically(100);
    draw_head(&head, runs, options)?;
    for (run, panel) in runs.iter().zip(panels.split_evenly((2, 2))) {
        draw_panel(&panel, run, options, -before..after, 0.0..top / MIB as f64 * 1.08)?;
    }
    root.present()?;
    drop((root, head, panels));
    Ok(svg)
}

fn draw_head(head: &Area<'_>, runs: &[Run], options: &Options) -> Result<(), Failure> {
    let Options { steps, buffers, shrink_to, .. } = options;
    let ours = runs.last().expect("ebbtide comes last").ratio();
    let message = format!("After the set has shrunk, ebbtide's resident memory is {ours} × that in use");
    let job = format!(
        "{steps} steps with {buffers} buffers, then only {shrink_to} of them. Less blue above the line is better."
    );
    head.draw(&Text::new(message, (24, 14), ("sans-serif", 24).into_font().color(&IN_USE)))?;
    head.draw(&Text::new(job, (24, 47), ("sans-serif", 16).into_font().color(&GREY)))?;
    let label = |text, x| Text::new(text, (x, 75), ("sans-serif", 16));
    head.draw(&Rectangle::new([(26, 76), (50, 90)], RESIDENT.filled()))?;
    head.draw(&label("resident", 58))?;
    head.draw(&PathElement::new([(156, 83), (180, 83)], IN_USE.stroke_width(3)))?;
    head.draw(&label("in use", 188))?;
    head.draw(&plotters::element::DashedPathElement::new([(272, 83), (296, 83)], 4, 4, GREY))?;
    Ok(head.draw(&label("the set shrinks; one epoch and two epochs later", 304))?)
}

fn draw_panel(
    panel: &Area<'_>,
    run: &Run,
    options: &Options,
    seconds: Range<f64>,
    mib: Range<f64>,
) -> Result<(), Failure> {
    let (caption, plot) = panel.split_vertically(56);
    let facts = format!(
        "{} made, {:.0} steps/s, resident at the end is {} × in use",
        run.made,
        run.steps_per_second,
        run.ratio()
    );
    let ink = if run.way.name == "ebbtide" { OURS } else { IN_USE };
    caption.draw(&Text::new(run.way.title, (76, 14), ("sans-serif", 20).into_font().color(&ink)))?;
    caption.draw(&Text::new(facts, (76, 37), ("sans-serif", 15).into_font().color(&GREY)))?;

    let top = mib.end;
    let mut chart = ChartBuilder::on(&plot)
        .margin_top(6)
        .margin_right(24)
        .margin_left(14)
        .x_label_area_size(44)
        .y_label_area_size(62)
        .build_cartesian_2d(seconds, mib)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .axis_style(GREY)
        .label_style(("sans-serif", 14))
        .y_labels(6)
        .x_label_formatter(&|x| format!("{}", (x * 100.0).round() / 100.0 + 0.0)) // no "-0"
        .y_label_formatter(&|y| format!("{y:.0}"))
        .x_desc("seconds since the shrink")
        .y_desc("MiB")
        .draw()?;

    let at = |sample: &Sample, bytes: usize| (sample.seconds - run.shrunk_at, bytes as f64 / MIB as f64);
    let mut outline: Vec<_> = run.samples.iter().filter_map(|s| Some(at(s, s.resident?))).collect();
    if let [first, .., last] = outline[..] {
        outline.extend([(last.0, 0.0), (first.0, 0.0)]);
        chart.draw_series([Polygon::new(outline, RESIDENT.filled())])?;
    }
    for x in [0.0, 1.0, 2.0].map(|epochs| epochs * options.epoch().as_secs_f64()) {
        chart.draw_series(DashedLineSeries::new([(x, 0.0), (x, top)], 4, 4, GREY.into()))?;
    }
    let in_use = run.samples.iter().map(|s| at(s, s.in_use));
    chart.draw_series(LineSeries::new(in_use, IN_USE.stroke_width(3)))?;
    Ok(())
}
