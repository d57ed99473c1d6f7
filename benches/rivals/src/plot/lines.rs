//! Lines over an axis of powers of ten: how something grows.

use std::ops::Range;
use std::path::Path;

use plotters::prelude::*;

use super::canvas::{COLOURS, Canvas, INK, MARGIN, PALE, TITLE};
use crate::Result;
use crate::figures::number;

/// A plot of lines, both axes logarithmic.
#[derive(Clone, Debug)]
pub struct Lines {
    /// Above all.
    pub title: String,
    /// Below the horizontal axis, and beside the vertical one.
    pub axes: [String; 2],
    /// What grows.
    pub lines: Vec<Line>,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// In the legend.
    pub name: String,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}

const HEIGHT: i32 = 480;

pub(super) fn draw(path: &Path, plot: &Lines) -> Result<()> {
    let canvas = Canvas::new(path, &plot.title, HEIGHT)?;
    draw_legend(&canvas, &plot.lines)?;
    let points = || plot.lines.iter().flat_map(|line| line.points.iter().copied());
    let x = around(points().map(|point| point.0));
    let y = powers(around(points().map(|point| point.1)));
    let paper = canvas.area.margin(TITLE + 20, MARGIN, MARGIN, MARGIN + 10);
    let mut chart = ChartBuilder::on(&paper)
        .x_label_area_size(48)
        .y_label_area_size(84)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    let letters = ("sans-serif", 13).into_font().color(&INK);
    chart
        .configure_mesh()
        .bold_line_style(PALE)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .label_style(letters.clone())
        .axis_desc_style(letters)
        .x_label_formatter(&|value| plain(*value))
        .y_label_formatter(&|value| plain(*value))
        .x_desc(&plot.axes[0])
        .y_desc(&plot.axes[1])
        .draw()?;
    for (line, colour) in plot.lines.iter().zip(COLOURS.iter().cycle()) {
        chart.draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)))?;
        let dots = line.points.iter().map(|point| Circle::new(*point, 4, colour.filled()));
        chart.draw_series(dots)?;
    }
    drop(chart);
    canvas.finish()
}

fn draw_legend(canvas: &Canvas<'_>, lines: &[Line]) -> Result<()> {
    let mut x = MARGIN;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        x = canvas.legend(&line.name, (x, TITLE), *colour)?;
    }
    Ok(())
}

/// A little more than all values, so that no point lies on the edge.
fn around(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (least, most) = values
        .filter(|value| *value > 0.0)
        .fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
    if most == 0.0 { 1.0..10.0 } else { least / 1.5..most * 1.5 }
}

/// From a power of ten to another.
fn powers(range: Range<f64>) -> Range<f64> {
    10_f64.powf(range.start.log10().floor())..10_f64.powf(range.end.log10().ceil())
}

/// As in the table, without the zeros behind the point.
fn plain(value: f64) -> String {
    let text = number(Some(value));
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.trim_end_matches('0').is_empty() => whole.to_owned(),
        Some((whole, fraction)) => format!("{whole}.{}", fraction.trim_end_matches('0')),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{around, plain, powers};

    #[test]
    fn axes_reach_further_than_all_values() {
        assert_eq!(around([3.0, 40.0, 0.0].into_iter()), 2.0..60.0);
        assert_eq!(around([].into_iter()), 1.0..10.0);
        assert_eq!(powers(2.0..60.0), 1.0..100.0);
        assert_eq!(powers(1.0..10.0), 1.0..10.0);
    }

    #[test]
    fn labels_have_no_needless_zeros() {
        assert_eq!([0.1, 1.0, 2.5, 1000.0].map(plain), ["0.1", "1", "2.5", "1,000"]);
    }
}
