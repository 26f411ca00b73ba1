//! What is measured, as it comes: tables or lines of JSON on the standard output, progress on the standard error, and
//! all of it in a folder, with plots.

mod json;
mod machine;
mod markdown;
mod number;
mod plot;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use super::figure::{Figure, Metric};

/// All figures of one command.
pub(super) struct Report {
    pub(super) quick: bool,
    format: Format,
    sections: Vec<Section>,
    progress: ProgressBar,
}

/// What is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Tables,
    /// A line of JSON for each figure.
    Json,
    Nothing,
}

/// The figures of one benchmark.
pub(super) struct Section {
    pub(super) bench: &'static str,
    pub(super) tables: Vec<Table>,
}

/// Figures that are shown together.
pub(super) struct Table {
    /// What is measured, in one sentence.
    title: String,
    /// What a plot of it shows, over the cases.
    plot: Option<Plot>,
    pub(super) figures: Vec<Figure>,
}

impl Table {
    /// What is measured, without in which respects.
    fn subject(&self) -> &str {
        self.title.split(':').next().unwrap_or_default()
    }
}

pub(super) struct Plot {
    /// What the cases differ in.
    pub(super) axis: &'static str,
    pub(super) metric: Metric,
}

impl Report {
    pub(super) fn new(format: Format, quick: bool) -> Self {
        let progress =
            if format == Format::Nothing { ProgressBar::hidden() } else { ProgressBar::no_length() };
        let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {elapsed} {wide_msg}");
        progress.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { quick, format, sections: Vec::new(), progress }
    }

    /// How often or how long to do something.
    pub(super) fn effort(&self, thorough: u32, quick: u32) -> u32 {
        if self.quick { quick } else { thorough }
    }

    /// The figures that come next are this benchmark's, which is one of several, perhaps.
    pub(super) fn begin(&mut self, bench: &'static str, place: &str) {
        self.finish_table();
        // Its steps are counted by themselves.
        self.progress.reset();
        self.progress.set_length(0);
        self.progress.set_message("");
        self.progress.set_prefix(format!("{place}{bench}"));
        self.sections.push(Section { bench, tables: Vec::new() });
    }

    /// So many [steps](Self::step) follow.
    pub(super) fn expect_steps(&mut self, count: usize) {
        self.progress.inc_length(count as u64);
    }

    /// What is being done now; what was done before is done.
    pub(super) fn step(&mut self, what: &str) {
        self.progress.inc(u64::from(self.progress.message() != ""));
        self.progress.set_message(what.to_owned());
    }

    /// The figures that come next are shown together.
    pub(super) fn table(&mut self, title: impl Into<String>, plot: Option<Plot>) {
        self.finish_table();
        if let Some(section) = self.sections.last_mut() {
            section.tables.push(Table { title: title.into(), plot, figures: Vec::new() });
        }
    }

    pub(super) fn add(&mut self, figure: Figure) {
        let Some(section) = self.sections.last_mut() else { return };
        if self.format == Format::Json {
            let line = json::line(section.bench, &figure);
            self.progress.suspend(|| println!("{line}"));
        }
        if let Some(table) = section.tables.last_mut() {
            table.figures.push(figure);
        }
    }

    pub(super) fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The table that was measured last, as text.
    pub(super) fn last_table(&self) -> String {
        let table = self.sections.last().and_then(|section| section.tables.last());
        table.map_or(String::new(), markdown::table)
    }

    /// Prints what is not printed yet.
    pub(super) fn finish(&mut self) {
        self.finish_table();
        self.progress.finish_and_clear();
    }

    fn finish_table(&mut self) {
        let table = self.sections.last().and_then(|section| section.tables.last());
        if let Some(table) = table.filter(|_| self.format == Format::Tables) {
            self.progress.suspend(|| println!("{}\n", markdown::table(table)));
        }
    }

    /// Writes `report.md`, `figures.jsonl` and the plots.
    ///
    /// # Errors
    ///
    /// When the folder can't be made or written to.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
        let write = |name: &str, text: String| {
            let file = folder.join(name);
            fs::write(&file, text).with_context(|| format!("can't write {}", file.display()))
        };
        let figures = self.sections.iter().flat_map(|section| {
            let figures = section.tables.iter().flat_map(|table| &table.figures);
            figures.map(|figure| json::line(section.bench, figure) + "\n")
        });
        write("figures.jsonl", figures.collect())?;
        let mut plots = Vec::new();
        for section in &self.sections {
            for (number, table) in section.tables.iter().enumerate() {
                if let Some(svg) = plot::svg(table)? {
                    let name = plot::file_name(section.bench, number);
                    write(&name, svg)?;
                    plots.push(name);
                }
            }
        }
        write("report.md", markdown::document(&machine::description()?, &self.sections, &plots))
    }
}
