//! Charts of dots: a panel for each column of a group, and a dot for each contender.

use std::error::Error;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::markdown::number;
use crate::spread::Spread;

/// One column of a group.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) about: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) dots: Vec<Dot>,
}

#[derive(Debug)]
pub(crate) struct Dot {
    pub(crate) name: &'static str,
    pub(crate) spread: Spread,
    /// Whether it is ebbtide's.
    pub(crate) ours: bool,
}

const WIDTH: u32 = 1160;
const MARGIN: i32 = 16;
/// Heights: of the page's title, of a panel's title, of a row, and of the numbers under the rows.
const HEAD: i32 = 76;
const TITLE: i32 = 50;
const ROW: i32 = 20;
const AXIS: i32 = 40;
/// The names are left of a panel's dots, and the numbers right of them.
const NAMES: i32 = 172;
const NUMBERS: i32 = 62;

const OURS: RGBColor = RGBColor(196, 78, 28);
const OTHERS: RGBColor = RGBColor(134, 182, 219);
const INK: RGBColor = RGBColor(19, 52, 84);
const GREY: RGBColor = RGBColor(105, 105, 105);

/// Above this ratio of the largest to the smallest value, only a logarithmic scale shows the small ones.
const LINEAR_UP_TO: f64 = 20.0;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The chart as the text of a file. Its background is white, so that it is readable on a page of any colour.
pub(crate) fn svg(title: &str, panels: &[Panel]) -> Result<String, Box<dyn Error>> {
    let height = |panel: &Panel| TITLE + ROW * panel.dots.len() as i32 + AXIS;
    // Two panels side by side, as high as the higher one.
    let rows: Vec<(i32, &[Panel])> =
        panels.chunks(2).map(|pair| (pair.iter().map(height).max().unwrap_or(0), pair)).collect();
    let total = HEAD + rows.iter().map(|(height, _)| height + MARGIN).sum::<i32>();

    let mut text = String::new();
    {
        let page = SVGBackend::with_string(&mut text, (WIDTH, total as u32)).into_drawing_area();
        page.fill(&WHITE)?;
        page.draw(&Text::new(format!("{title}: {}", message(panels)), (MARGIN, 14), style(24, INK)))?;
        let key = "Dots are medians, and lines lead from quartile to quartile. Lower is better.";
        page.draw(&Text::new(key, (MARGIN, 46), style(16, GREY)))?;
        let mut rest = page.split_vertically(HEAD).1;
        for (height, pair) in rows {
            let (row, below) = rest.split_vertically(height + MARGIN);
            for (panel, area) in pair.iter().zip(row.split_evenly((1, 2))) {
                draw(panel, &area)?;
            }
            rest = below;
        }
        page.present()?;
    }
    Ok(text)
}

/// What the panels show together.
fn message(panels: &[Panel]) -> String {
    let place = |panel: &Panel| {
        let ours = panel.dots.iter().find(|dot| dot.ours)?.spread.median;
        Some(1 + panel.dots.iter().filter(|dot| dot.spread.median < ours).count())
    };
    let places: Vec<_> = panels.iter().filter_map(place).collect();
    let first = places.iter().filter(|&&place| place == 1).count();
    match places.iter().max() {
        None => "without ebbtide".to_owned(),
        Some(1) => "ebbtide is first everywhere".to_owned(),
        Some(2) => format!("ebbtide is first in {first} of {} panels, and second elsewhere", places.len()),
        Some(worst) => format!("ebbtide is first in {first} of {} panels, and in place {worst} at worst", places.len()),
    }
}

fn draw(panel: &Panel, area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let mut dots: Vec<&Dot> = panel.dots.iter().collect();
    dots.sort_by(|a, b| a.spread.median.total_cmp(&b.spread.median));
    let bottom = TITLE + ROW * dots.len() as i32;
    let scale = Scale::of(&panel.dots, MARGIN + NAMES..area.dim_in_pixel().0 as i32 - NUMBERS);
    let below = style(13, GREY).pos(Pos::new(HPos::Center, VPos::Top));

    area.draw(&Text::new(panel.title.clone(), (MARGIN, 4), style(18, INK)))?;
    area.draw(&Text::new(panel.about, (MARGIN, 26), style(14, GREY)))?;
    for mark in scale.marks() {
        let x = scale.place(mark);
        area.draw(&PathElement::new([(x, TITLE), (x, bottom)], BLACK.mix(0.12)))?;
        area.draw(&Text::new(short(mark), (x, bottom + 6), below.clone()))?;
    }
    let kind = if scale.logarithmic { ", logarithmic" } else { "" };
    let middle = (scale.pixels.start + scale.pixels.end) / 2;
    area.draw(&Text::new(format!("{}{kind}", panel.unit), (middle, bottom + 22), below))?;

    for (place, dot) in dots.iter().enumerate() {
        let y = TITLE + ROW * place as i32 + ROW / 2;
        let (colour, ink, size) = if dot.ours { (OURS, OURS, 6) } else { (OTHERS, INK, 5) };
        let Spread { low, median, high } = dot.spread;
        let [low, centre, high] = [low, median, high].map(|value| scale.place(value));
        let name = style(14, ink).pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(dot.name, (scale.pixels.start - 8, y), name))?;
        let Range { start, end } = scale.pixels;
        area.draw(&PathElement::new([(start, y), (end, y)], BLACK.mix(0.06)))?;
        area.draw(&PathElement::new([(low, y), (high, y)], colour.stroke_width(2)))?;
        area.draw(&Circle::new((centre, y), size, colour.filled()))?;
        let number_at = (centre.max(high) + 10, y);
        area.draw(&Text::new(number(median), number_at, style(13, ink).pos(Pos::new(HPos::Left, VPos::Center))))?;
    }
    Ok(())
}

fn style(size: u32, colour: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&colour)
}

/// A mark on the axis, such as 0.5, 2 or 1000.
fn short(value: f64) -> String {
    format!("{}", (value * 1e6).round() / 1e6 + 0.0) // no "-0"
}

/// Maps values to pixels.
struct Scale {
    logarithmic: bool,
    values: Range<f64>,
    pixels: Range<i32>,
}

impl Scale {
    fn of(dots: &[Dot], pixels: Range<i32>) -> Self {
        let most = dots.iter().map(|dot| dot.spread.high).fold(0.0, f64::max);
        let medians = dots.iter().map(|dot| dot.spread.median);
        let least = medians.filter(|&median| median > 0.0).fold(most, f64::min);
        let logarithmic = most > LINEAR_UP_TO * least;
        let values = match logarithmic {
            // Values of at most 0 lie at the left end.
            true => least / 2.0..most,
            false => dots.iter().map(|dot| dot.spread.low).fold(0.0, f64::min)..most,
        };
        Self { logarithmic, values, pixels }
    }

    fn place(&self, value: f64) -> i32 {
        let Range { start, end } = self.values;
        let value = value.clamp(start, end);
        let part = match self.logarithmic {
            true => (value / start).ln() / (end / start).ln(),
            false => (value - start) / (end - start),
        };
        self.pixels.start + (part * self.pixels.len() as f64) as i32
    }

    /// Round numbers along the axis.
    fn marks(&self) -> Vec<f64> {
        let Range { start, end } = self.values;
        let digits: &[f64] = match end / start {
            _ if !self.logarithmic => return RangedCoordf64::from(start..end).key_points(6),
            ratio if ratio > 1e3 => &[1.0],
            _ => &[1.0, 2.0, 5.0],
        };
        let powers = start.log10().floor() as i32..=end.log10().floor() as i32;
        let all = powers.flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)));
        all.filter(|mark| self.values.contains(mark)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(name: &'static str, median: f64) -> Dot {
        Dot { name, spread: Spread { low: median - 1.0, median, high: median + 1.0 }, ours: name == "ours" }
    }

    fn panel(dots: Vec<Dot>) -> Panel {
        Panel { title: "pair, 2 threads".into(), about: "one after another", unit: "ns", dots }
    }

    #[test]
    fn a_linear_scale_begins_at_0_or_below() {
        let scale = Scale::of(&[dot("a", 3.0), dot("b", 9.0)], 100..200);
        assert_eq!((scale.logarithmic, scale.place(0.0), scale.place(5.0), scale.place(10.0)), (false, 100, 150, 200));
        assert_eq!(scale.marks().first(), Some(&0.0));
        let scale = Scale::of(&[dot("a", 0.0), dot("b", 3.0)], 100..200);
        assert_eq!((scale.place(-1.0), scale.place(0.0), scale.place(4.0)), (100, 120, 200));
    }

    #[test]
    fn far_apart_values_get_a_logarithmic_scale() {
        let scale = Scale::of(&[dot("a", 2.0), dot("b", 99.0), dot("c", -0.5)], 100..200);
        assert!(scale.logarithmic);
        assert_eq!((scale.place(-0.5), scale.place(10.0), scale.place(100.0)), (100, 150, 200));
        assert_eq!(scale.marks(), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]);
    }

    #[test]
    fn dots_are_in_order_and_ours_has_its_own_colour() {
        let svg = svg("Get", &[panel(vec![dot("slow", 30.0), dot("Vec<u8>", 20.0), dot("ours", 10.0)])]).unwrap();
        let at = |text: &str| svg.find(text).unwrap_or_else(|| panic!("{text}: {svg}"));
        assert!(at("Get: ebbtide is first everywhere") < at("pair, 2 threads"));
        assert!(at("ours") < at("Vec&lt;u8&gt;") && at("Vec&lt;u8&gt;") < at("slow"));
        assert_eq!(svg.matches("#C44E1C").count(), 4, "its name, its line, its dot and its number: {svg}");
        assert!(svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn the_title_says_where_ours_stands() {
        let ours_at = |place: usize| panel(vec![dot("ours", place as f64 - 0.5), dot("a", 1.0), dot("b", 2.0)]);
        assert_eq!(message(&[ours_at(1), ours_at(2)]), "ebbtide is first in 1 of 2 panels, and second elsewhere");
        assert_eq!(message(&[ours_at(1), ours_at(3)]), "ebbtide is first in 1 of 2 panels, and in place 3 at worst");
        assert_eq!(message(&[panel(vec![dot("a", 1.0)])]), "without ebbtide");
    }
}
