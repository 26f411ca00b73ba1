//! A table in Markdown, aligned, so that it can be read as it is.

use super::bound::Bound;
use super::figure::{Case, Figure, Metric, Unit};
use super::number::{digits, shown};
use super::{Kind, Section, Table, plot};

/// All tables, with the plots that there are.
pub(super) fn document(kind: Kind, machine: &str, sections: &[Section], plots: &[String]) -> String {
    let mut parts = vec![format!("# {}", kind.title), machine.to_owned()];
    for Section { name, bounds, tables } in sections {
        parts.push(format!("## {name}"));
        parts.push(format!("`cargo xtask {} {name}`", kind.command));
        for (place, of_section) in tables.iter().enumerate() {
            parts.push(table(of_section, bounds));
            let plot = plot::file_name(name, place);
            if plots.contains(&plot) {
                parts.push(format!("![{}]({plot})", of_section.subject()));
            }
        }
    }
    parts.join("\n\n") + "\n"
}

/// A row for each case and subject, and a column for each metric; beside it what that is of the reference, and what
/// the slowest run has of the median, and what is allowed.
pub(super) fn table(table: &Table, bounds: &[&Bound]) -> String {
    let figures = &table.figures;
    let columns = columns(figures, bounds);
    let mut lines = vec![vec!["case".to_owned(), "subject".to_owned()]];
    lines[0].extend(columns.iter().map(Column::heading));
    for (case, subject) in rows(figures) {
        let mut line = vec![case.name.clone(), subject.to_owned()];
        let of_row: Vec<&Figure> =
            figures.iter().filter(|figure| figure.case == *case && figure.subject == subject).collect();
        line.extend(columns.iter().map(|column| column.cell(&of_row, bounds)));
        lines.push(line);
    }
    format!("{}\n\n{}", table.title, aligned(&lines))
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Column {
    Value(Metric),
    Ratio(Metric, &'static str),
    Slowest(Metric),
    Bound(Metric),
}

impl Column {
    fn heading(&self) -> String {
        match self {
            Self::Value(metric) => metric.name.to_owned(),
            Self::Ratio(_, subject) => format!("to {subject}"),
            Self::Slowest(_) => "slowest".to_owned(),
            Self::Bound(_) => "bound".to_owned(),
        }
    }

    fn cell(&self, figures: &[&Figure], bounds: &[&Bound]) -> String {
        let (Self::Value(metric) | Self::Ratio(metric, _) | Self::Slowest(metric) | Self::Bound(metric)) =
            self;
        let Some(figure) = figures.iter().find(|figure| figure.metric == *metric) else {
            return String::new();
        };
        match self {
            Self::Value(metric) => shown(figure.value, metric.unit),
            Self::Ratio(_, subject) => {
                figure.ratio_to(subject).map_or(String::new(), |ratio| format!("{}×", digits(ratio)))
            }
            Self::Slowest(_) => figure.slowest().map_or(String::new(), digits),
            Self::Bound(_) => {
                let bounds = bounds.iter().filter(|bound| bound.is_on(figure));
                bounds.map(|bound| bound.cell(figure)).collect::<Vec<_>>().join(", ")
            }
        }
    }
}

/// In the order in which they come up.
fn columns(figures: &[Figure], bounds: &[&Bound]) -> Vec<Column> {
    let mut columns = Vec::new();
    let mut metrics = Vec::new();
    for figure in figures {
        add_once(&mut metrics, figure.metric);
    }
    for metric in metrics {
        columns.push(Column::Value(metric));
        for figure in figures.iter().filter(|figure| figure.metric == metric) {
            // How much rates differ matters; of times, the ratio says it.
            if figure.spread.is_some() && metric.unit == Unit::PerSecond {
                add_once(&mut columns, Column::Slowest(metric));
            }
            for reference in &figure.references {
                add_once(&mut columns, Column::Ratio(metric, reference.subject));
            }
        }
        if figures
            .iter()
            .any(|figure| figure.metric == metric && bounds.iter().any(|bound| bound.is_on(figure)))
        {
            columns.push(Column::Bound(metric));
        }
    }
    columns
}

fn rows(figures: &[Figure]) -> Vec<(&Case, &'static str)> {
    let mut rows = Vec::new();
    for figure in figures {
        add_once(&mut rows, (&figure.case, figure.subject));
    }
    rows
}

fn add_once<T: PartialEq>(all: &mut Vec<T>, new: T) {
    if !all.contains(&new) {
        all.push(new);
    }
}

/// The first two columns are words, and the others numbers.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let row =
        |line: &[String]| {
            let cells = line.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, &width))| {
                if column < 2 { format!(" {cell:<width$} |") } else { format!(" {cell:>width$} |") }
            });
            format!("|{}", cells.collect::<String>())
        };
    let rule = widths.iter().enumerate().map(|(column, width)| {
        let dashes = "-".repeat(width + 1);
        if column < 2 { format!("{dashes}-|") } else { format!("{dashes}:|") }
    });
    let rule = format!("|{}", rule.collect::<String>());
    let mut shown: Vec<String> = lines.iter().map(|line| row(line)).collect();
    shown.insert(1, rule);
    shown.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_case_of_a_subject_with_all_its_metrics() {
        const RATE: Metric = Metric::new("rate", Unit::PerSecond);
        const LEAST: Bound = Bound::on("bench", "64", "pool", RATE).to("peer").at_least(2.5);
        let figures = vec![
            Figure::of_runs("64", "pool", RATE, &[600e3, 800e3, 1e6]).against("peer", 400e3),
            Figure::new("64", "pool", Metric::BYTES, 70.0),
            Figure::of_runs("64", "peer", RATE, &[400e3]),
        ];
        let text = table(&Table { title: "Rates.".to_owned(), plot: None, chart: None, figures }, &[&LEAST]);
        assert_eq!(
            text,
            "Rates.\n\n\
             | case | subject |    rate | slowest | to peer |                  bound | bytes |\n\
             |------|---------|--------:|--------:|--------:|-----------------------:|------:|\n\
             | 64   | pool    | 800 k/s |    0.75 |      2× | MISSED: 2× not ≥ 2.50× |    70 |\n\
             | 64   | peer    | 400 k/s |       1 |         |                        |       |"
        );
    }
}
