//! What a plot shows.

use super::figure::{Figure, Unit};
use super::{Plot, Table};

/// A picture of lines.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Chart {
    /// In a few words.
    pub(crate) title: String,
    /// What goes from left to right.
    pub(crate) across: &'static str,
    /// What goes up.
    pub(crate) up: (&'static str, Unit),
    pub(crate) scale: Scale,
    pub(crate) lines: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Scale {
    /// From 0 to the right, and from some value up.
    Linear {
        from: f64,
    },
    Logarithmic,
}

/// A subject, and its points.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Line {
    pub(crate) subject: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Line {
    /// A value for each second, or other step, from 0 on.
    pub(crate) fn by_step(subject: &'static str, step: f64, values: impl IntoIterator<Item = f64>) -> Self {
        let points = (0_u32..).zip(values).map(|(number, value)| (f64::from(number) * step, value));
        Self { subject, points: points.collect() }
    }
}

impl Chart {
    /// Something that happens over the seconds of a simulation.
    pub(crate) fn over_time(title: &str, up: (&'static str, Unit), lines: Vec<Line>) -> Self {
        Self { title: title.to_owned(), across: "seconds", up, scale: Scale::Linear { from: 0.0 }, lines }
    }

    /// The axis goes up from there.
    pub(crate) fn from(self, from: f64) -> Self {
        Self { scale: Scale::Linear { from }, ..self }
    }

    /// A line for each subject of a table, and a point for each case.
    pub(super) fn of_figures(table: &Table, plot: &Plot) -> Self {
        Self {
            title: table.subject().to_owned(),
            across: plot.axis,
            up: (plot.metric.name, plot.metric.unit),
            scale: Scale::Logarithmic,
            lines: lines(&table.figures, plot),
        }
    }
}

fn lines(figures: &[Figure], plot: &Plot) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for figure in figures.iter().filter(|figure| figure.metric == plot.metric && figure.value > 0.0) {
        let Some(at) = figure.case.at else { continue };
        let point = (at, figure.value);
        match lines.iter_mut().find(|line| line.subject == figure.subject) {
            Some(line) => line.points.push(point),
            None => lines.push(Line { subject: figure.subject, points: vec![point] }),
        }
    }
    lines
}
