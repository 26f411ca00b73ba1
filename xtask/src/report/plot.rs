//! A chart as an SVG.

use std::io;

use anyhow::{Result, anyhow};
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::Table;
use super::chart::{Chart, Line, Scale};
use super::figure::Unit;
use super::number::shown;

const SIZE: (u32, u32) = (800, 480);
const COLORS: [RGBColor; 8] = [
    RGBColor(0, 90, 180),
    RGBColor(215, 80, 20),
    RGBColor(20, 140, 70),
    RGBColor(140, 60, 160),
    RGBColor(120, 120, 120),
    RGBColor(190, 150, 0),
    RGBColor(0, 150, 170),
    RGBColor(160, 30, 60),
];

/// A line with more points has no dots.
const DOTS_MAX: usize = 20;

type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

/// Of the plot of a table, which has this place in its section.
pub(super) fn file_name(bench: &str, place: usize) -> String {
    format!("{bench}-{place}.svg")
}

/// The picture, if the table has one and something to show on it.
pub(super) fn svg(table: &Table) -> Result<Option<String>> {
    let of_figures = table.plot.as_ref().map(|plot| Chart::of_figures(table, plot));
    let Some(chart) = table.chart.as_ref().or(of_figures.as_ref()) else { return Ok(None) };
    let points = || chart.lines.iter().flat_map(|line| &line.points);
    let across = match chart.scale {
        Scale::Linear { .. } => Scale::Linear { from: 0.0 },
        Scale::Logarithmic => Scale::Logarithmic,
    };
    let across = range(points().map(|(x, _)| *x), across);
    let up = range(points().map(|(_, y)| *y), chart.scale);
    let (Some([left, right]), Some([bottom, top])) = (across, up) else { return Ok(None) };
    let mut svg = String::new();
    let drawn = match chart.scale {
        Scale::Linear { .. } => draw(&mut svg, chart, left..right, bottom..top),
        Scale::Logarithmic => draw(&mut svg, chart, (left..right).log_scale(), (bottom..top).log_scale()),
    };
    drawn.map_err(|error| anyhow!("can't draw a plot: {error}"))?;
    Ok(Some(svg))
}

/// With some room at the ends.
fn range(values: impl Iterator<Item = f64>, scale: Scale) -> Option<[f64; 2]> {
    let [least, most] =
        values.fold([f64::INFINITY, 0.0], |[least, most], value| [value.min(least), value.max(most)]);
    let range = match scale {
        // Where all is nothing, there is still an axis.
        Scale::Linear { from } => [from, if most > from { most + (most - from) * 0.05 } else { from + 1.0 }],
        Scale::Logarithmic => [least / 1.3, most * 1.3],
    };
    (least <= most).then_some(range)
}

fn draw<X, Y>(svg: &mut String, chart: &Chart, across: X, up: Y) -> Drawn
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64> + Ranged<ValueType = f64>,
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64> + Ranged<ValueType = f64>,
{
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut drawing = ChartBuilder::on(&area)
        .caption(&chart.title, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(80)
        .build_cartesian_2d(across, up)?;
    let (name, unit) = chart.up;
    let up = |y: &f64| shown(*y, unit);
    let across = |x: &f64| shown(*x, Unit::Count);
    let mut mesh = drawing.configure_mesh();
    mesh.x_desc(chart.across).y_desc(name).x_label_formatter(&across).y_label_formatter(&up);
    if matches!(chart.scale, Scale::Linear { .. }) {
        mesh.max_light_lines(0);
    }
    mesh.draw()?;
    for (Line { subject, points }, color) in chart.lines.iter().zip(COLORS.into_iter().cycle()) {
        let dots = if points.len() > DOTS_MAX { 0 } else { 3 };
        let line = LineSeries::new(points.iter().copied(), color.stroke_width(2)).point_size(dots);
        let label = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2));
        drawing.draw_series(line)?.label(*subject).legend(label);
    }
    let mut labels = drawing.configure_series_labels();
    labels.background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.3));
    let position = match chart.scale {
        Scale::Linear { .. } => SeriesLabelPosition::LowerRight,
        Scale::Logarithmic => SeriesLabelPosition::UpperLeft,
    };
    labels.position(position).draw()?;
    area.present()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Plot;
    use crate::report::figure::{Case, Figure, Metric};

    #[test]
    fn a_plot_has_a_line_for_each_subject_and_a_point_for_each_case() {
        let figures = [("pool", 1, 10.0), ("pool", 8, 20.0), ("peer", 1, 30.0)];
        let figures = figures.map(|(subject, at, time)| {
            Figure::new(Case::at(at.to_string(), at), subject, Metric::TIME, time)
        });
        let plot = Some(Plot { axis: "callers", metric: Metric::TIME });
        let table = Table { title: "Times".to_owned(), plot, chart: None, figures: figures.into() };
        let svg = svg(&table).expect("it can be drawn").expect("there is something to draw");
        for text in ["Times", "callers", "pool", "peer"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert_eq!(svg.matches("<circle").count(), 3, "{svg}");
    }

    #[test]
    fn where_nothing_was_measured_there_is_no_plot() {
        let plot = Some(Plot { axis: "callers", metric: Metric::TIME });
        let table = Table { title: "Times".to_owned(), plot, chart: None, figures: Vec::new() };
        assert!(svg(&table).expect("nothing to draw").is_none());
    }

    #[test]
    fn a_chart_has_a_line_for_each_subject_also_where_all_of_it_is_nothing() {
        let lines = vec![Line::by_step("one", 0.5, [1.0, 0.0]), Line::by_step("other", 0.5, [0.0; 2])];
        assert_eq!(lines[0].points, [(0.0, 1.0), (0.5, 0.0)]);
        for lines in [lines.clone(), vec![lines[1].clone()]] {
            let subjects: Vec<&str> = lines.iter().map(|line| line.subject).collect();
            let chart = Some(Chart::over_time("Something", ("share", Unit::Percent), lines));
            let table = Table { title: String::new(), plot: None, chart, figures: Vec::new() };
            let svg = svg(&table).expect("it can be drawn").expect("there is something to draw");
            for text in subjects.into_iter().chain(["Something", "seconds", "share"]) {
                assert!(svg.contains(text), "{text}: {svg}");
            }
        }
    }
}
