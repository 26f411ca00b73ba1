//! What is measured, as it comes: tables or lines of JSON on the standard output, progress on the standard error, and
//! all of it in a folder, with plots.

pub(crate) mod bound;
mod chart;
pub(crate) mod figure;
mod json;
mod machine;
mod markdown;
mod number;
mod plot;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use bound::Bound;
pub(crate) use chart::{Chart, Line};

use figure::{Figure, Metric};

/// What a report is of.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) title: &'static str,
    /// Of xtask; a section's name follows.
    pub(crate) command: &'static str,
}

/// All figures of one command.
pub(crate) struct Report {
    kind: Kind,
    pub(crate) quick: bool,
    format: Format,
    sections: Vec<Section>,
    progress: ProgressBar,
}

/// What is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Tables,
    /// A line of JSON for each figure.
    Json,
    Nothing,
}

/// The figures of one benchmark or simulation.
struct Section {
    name: &'static str,
    bounds: Vec<&'static Bound>,
    tables: Vec<Table>,
}

impl Section {
    fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.tables.iter().flat_map(|table| &table.figures)
    }
}

/// Figures that are shown together.
struct Table {
    /// What is measured, in one sentence.
    title: String,
    /// What a plot of it shows, over the cases.
    plot: Option<Plot>,
    /// Another picture, of more than the figures show.
    chart: Option<Chart>,
    figures: Vec<Figure>,
}

impl Table {
    /// What is measured, without in which respects.
    fn subject(&self) -> &str {
        self.title.split(':').next().unwrap_or_default()
    }
}

pub(crate) struct Plot {
    /// What the cases differ in.
    pub(crate) axis: &'static str,
    pub(crate) metric: Metric,
}

impl Report {
    pub(crate) fn new(kind: Kind, format: Format, quick: bool) -> Self {
        let progress =
            if format == Format::Nothing { ProgressBar::hidden() } else { ProgressBar::no_length() };
        let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {elapsed} {wide_msg}");
        progress.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { kind, quick, format, sections: Vec::new(), progress }
    }

    /// How often or how long to do something.
    pub(crate) fn effort(&self, thorough: u32, quick: u32) -> u32 {
        if self.quick { quick } else { thorough }
    }

    /// The figures that come next are those of this benchmark or simulation, which is one of several, perhaps, and are
    /// held against these bounds.
    pub(crate) fn begin(&mut self, name: &'static str, place: &str, bounds: Vec<&'static Bound>) {
        self.finish_table();
        // Its steps are counted by themselves.
        self.progress.reset();
        self.progress.set_length(0);
        self.progress.set_message("");
        self.progress.set_prefix(format!("{place}{name}"));
        self.sections.push(Section { name, bounds, tables: Vec::new() });
    }

    /// So many [steps](Self::step) follow.
    pub(crate) fn expect_steps(&mut self, count: usize) {
        self.progress.inc_length(count as u64);
    }

    /// What is being done now; what was done before is done.
    pub(crate) fn step(&mut self, what: &str) {
        self.progress.inc(u64::from(self.progress.message() != ""));
        self.progress.set_message(what.to_owned());
    }

    /// The figures that come next are shown together.
    pub(crate) fn table(&mut self, title: impl Into<String>, plot: Option<Plot>) {
        self.finish_table();
        if let Some(section) = self.sections.last_mut() {
            section.tables.push(Table { title: title.into(), plot, chart: None, figures: Vec::new() });
        }
    }

    /// The picture of the present table.
    pub(crate) fn chart(&mut self, chart: Chart) {
        if let Some(table) = self.sections.last_mut().and_then(|section| section.tables.last_mut()) {
            table.chart = Some(chart);
        }
    }

    pub(crate) fn add(&mut self, figure: Figure) {
        let Some(section) = self.sections.last_mut() else { return };
        if self.format == Format::Json {
            let line = json::line(self.kind, section.name, &figure);
            self.progress.suspend(|| println!("{line}"));
        }
        if let Some(table) = section.tables.last_mut() {
            table.figures.push(figure);
        }
    }

    /// The bounds that are missed, a line for each.
    pub(crate) fn missed(&self) -> Vec<String> {
        let of_section = |section: &Section| {
            let figures: Vec<&Figure> = section.figures().collect();
            section.bounds.iter().filter_map(|bound| bound.missed(&figures)).collect::<Vec<_>>()
        };
        self.sections.iter().flat_map(of_section).collect()
    }

    /// The table that was measured last, as text.
    pub(crate) fn last_table(&self) -> String {
        let section = self.sections.last();
        let table =
            section.and_then(|section| Some(markdown::table(section.tables.last()?, &section.bounds)));
        table.unwrap_or_default()
    }

    /// Prints what is not printed yet.
    pub(crate) fn finish(&mut self) {
        self.finish_table();
        self.progress.finish_and_clear();
    }

    fn finish_table(&mut self) {
        let has_table = self.sections.last().is_some_and(|section| !section.tables.is_empty());
        if has_table && self.format == Format::Tables {
            self.progress.suspend(|| println!("{}\n", self.last_table()));
        }
    }

    /// Writes `report.md`, `figures.jsonl` and the plots.
    ///
    /// # Errors
    ///
    /// When the folder can't be made or written to.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
        let write = |name: &str, text: String| {
            let file = folder.join(name);
            fs::write(&file, text).with_context(|| format!("can't write {}", file.display()))
        };
        let figures = self.sections.iter().flat_map(|section| {
            section.figures().map(|figure| json::line(self.kind, section.name, figure) + "\n")
        });
        write("figures.jsonl", figures.collect())?;
        let mut plots = Vec::new();
        for section in &self.sections {
            for (number, table) in section.tables.iter().enumerate() {
                if let Some(svg) = plot::svg(table)? {
                    let name = plot::file_name(section.name, number);
                    write(&name, svg)?;
                    plots.push(name);
                }
            }
        }
        write("report.md", markdown::document(self.kind, &machine::description()?, &self.sections, &plots))
    }
}

/// Fails if anything did, or if a bound was missed: a line for each.
pub(crate) fn verdict(failed: &[String]) -> Result<()> {
    if !failed.is_empty() {
        bail!("failed, or beyond a bound:\n  {}", failed.join("\n  "));
    }
    eprintln!("all bounds are kept");
    Ok(())
}
