//! A table as a plot: a line for each subject, both axes logarithmic.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::number::shown;
use super::{Plot, Table};
use crate::bench::figure::{Figure, Unit};

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

/// A line: a subject, and its points.
type Line = (&'static str, Vec<(f64, f64)>);

/// Of the plot of a table, which has this place in its section.
pub(super) fn file_name(bench: &str, place: usize) -> String {
    format!("{bench}-{place}.svg")
}

/// The picture, if the table has a plot and something to show on it.
pub(super) fn svg(table: &Table) -> Result<Option<String>> {
    let Some(plot) = &table.plot else { return Ok(None) };
    let lines = lines(&table.figures, plot);
    let points = || lines.iter().flat_map(|(_, points)| points);
    let (Some(across), Some(up)) = (range(points().map(|(x, _)| *x)), range(points().map(|(_, y)| *y)))
    else {
        return Ok(None);
    };
    let mut svg = String::new();
    draw(&mut svg, table, plot, &lines, across, up).map_err(|error| anyhow!("can't draw a plot: {error}"))?;
    Ok(Some(svg))
}

fn lines(figures: &[Figure], plot: &Plot) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for figure in figures.iter().filter(|figure| figure.metric == plot.metric && figure.value > 0.0) {
        let Some(at) = figure.case.at else { continue };
        let point = (at, figure.value);
        match lines.iter_mut().find(|(subject, _)| *subject == figure.subject) {
            Some((_, points)) => points.push(point),
            None => lines.push((figure.subject, vec![point])),
        }
    }
    lines
}

/// With some room at both ends.
fn range(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let [least, most] =
        values.fold([f64::INFINITY, 0.0], |[least, most], value| [value.min(least), value.max(most)]);
    (least <= most).then_some([least / 1.3, most * 1.3])
}

fn draw(
    svg: &mut String,
    table: &Table,
    plot: &Plot,
    lines: &[Line],
    [left, right]: [f64; 2],
    [bottom, top]: [f64; 2],
) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(table.subject(), ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(80)
        .build_cartesian_2d((left..right).log_scale(), (bottom..top).log_scale())?;
    let up = |y: &f64| shown(*y, plot.metric.unit);
    let across = |x: &f64| shown(*x, Unit::Count);
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(plot.axis).y_desc(plot.metric.name).x_label_formatter(&across).y_label_formatter(&up);
    mesh.draw()?;
    for ((subject, points), color) in lines.iter().zip(COLORS.into_iter().cycle()) {
        let line = LineSeries::new(points.iter().copied(), color.stroke_width(2)).point_size(3);
        let label = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2));
        chart.draw_series(line)?.label(*subject).legend(label);
    }
    let mut labels = chart.configure_series_labels();
    labels.background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.3));
    labels.position(SeriesLabelPosition::UpperLeft).draw()?;
    area.present()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figure::{Case, Metric};

    #[test]
    fn a_plot_has_a_line_for_each_subject_and_a_point_for_each_case() {
        let figures = [("pool", 1, 10.0), ("pool", 8, 20.0), ("peer", 1, 30.0)];
        let figures = figures.map(|(subject, at, time)| {
            Figure::new(Case::at(at.to_string(), at), subject, Metric::TIME, time)
        });
        let plot = Some(Plot { axis: "callers", metric: Metric::TIME });
        let table = Table { title: "Times".to_owned(), plot, figures: figures.into() };
        let svg = svg(&table).expect("it can be drawn").expect("there is something to draw");
        for text in ["Times", "callers", "pool", "peer"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert_eq!(svg.matches("<circle").count(), 3, "{svg}");
    }

    #[test]
    fn where_nothing_was_measured_there_is_no_plot() {
        let plot = Some(Plot { axis: "callers", metric: Metric::TIME });
        let table = Table { title: "Times".to_owned(), plot, figures: Vec::new() };
        assert!(svg(&table).expect("nothing to draw").is_none());
    }
}
