//! A column for each adapter, a line for each promise.

use std::fmt;

use pool_conformance::{PROMISES, Scenario};

use super::reports::{Outcome, Reports};

pub(super) struct Table<'a> {
    scenarios: &'a [Scenario],
    columns: Vec<(&'static str, Outcome)>,
}

impl<'a> Table<'a> {
    pub(super) fn new(scenarios: &'a [Scenario]) -> Self {
        Self { scenarios, columns: Vec::new() }
    }

    pub(super) fn add(&mut self, adapter: &'static str, outcome: Outcome) {
        self.columns.push((adapter, outcome));
    }

    /// A text for each scenario that failed or told nothing.
    pub(super) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for (adapter, outcome) in &self.columns {
            failures.extend(outcome.reports.failed().map(ToString::to_string));
            if !outcome.missing.is_empty() {
                let missing = outcome.missing.join(", ");
                failures.push(format!("{adapter} reported nothing of {missing}\n{}", outcome.output));
            }
        }
        failures
    }

    fn cell(&self, promise: &str, outcome: &Outcome) -> String {
        let of_promise = self.scenarios.iter().filter(|scenario| scenario.promise() == promise);
        let names: Vec<_> = of_promise.map(|scenario| scenario.name).collect();
        let reports = outcome.reports.all().iter();
        let reports = reports.filter(|report| names.contains(&report.scenario.as_str())).cloned();
        let [passed, failed, skipped] = reports.collect::<Reports>().counts();
        match (names.len() - passed - skipped, skipped) {
            (0, 0) => format!("{passed} ok"),
            (0, _) => format!("{passed} ok, {skipped} skipped"),
            (bad, _) => format!("{bad} of {} FAILED{}", names.len(), if failed < bad { "?" } else { "" }),
        }
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<_> = self.columns.iter().map(|(adapter, _)| adapter.len().max(8)).collect();
        write!(f, "\n{:<64}", "promise")?;
        for ((adapter, _), width) in self.columns.iter().zip(&widths) {
            write!(f, "  {adapter:>width$}")?;
        }
        writeln!(f)?;
        for promise in PROMISES {
            if !self.scenarios.iter().any(|scenario| scenario.promise() == promise.name) {
                continue;
            }
            write!(f, "{} {:<61}", promise.name, promise.text)?;
            for ((_, outcome), width) in self.columns.iter().zip(&widths) {
                write!(f, "  {:>width$}", self.cell(promise.name, outcome))?;
            }
            writeln!(f)?;
        }
        let totals: Vec<_> = self.columns.iter().map(|(_, outcome)| outcome.reports.counts()).collect();
        for (index, what) in ["passed", "failed", "skipped"].into_iter().enumerate() {
            write!(f, "{what:<64}")?;
            for (total, width) in totals.iter().zip(&widths) {
                write!(f, "  {:>width$}", total[index])?;
            }
            writeln!(f)?;
        }
        let seconds: f64 = self.columns.iter().map(|(_, outcome)| outcome.seconds).sum();
        let [scenarios, adapters] = [self.scenarios.len(), self.columns.len()];
        write!(f, "\n{scenarios} scenarios on {adapters} adapters in {seconds:.0} s")?;
        for (adapter, outcome) in &self.columns {
            if let Some(hash) = outcome.reports.trace_hash() {
                write!(f, "\ntrace hash of {adapter}: {hash}")?;
            }
        }
        Ok(())
    }
}
