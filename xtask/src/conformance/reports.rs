//! What tests report: a line of JSON for each scenario.

use std::fs;
use std::process::{self, Command};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use pool_conformance::{REPORT_VARIABLE, Report, Verdict};

use crate::command::target_dir;

/// How scenarios went.
pub(super) struct Reports(Vec<Report>);

/// How the suite of an adapter went.
pub(super) struct Outcome {
    pub(super) reports: Reports,
    /// Scenarios of which nothing was heard.
    pub(super) missing: Vec<&'static str>,
    pub(super) seconds: f64,
    /// What the tests wrote; it matters when one died without a report.
    pub(super) output: String,
}

impl Reports {
    /// Runs tests to their end, whether they pass or not, and reads what they report. Returns what
    /// they wrote, too, and whether they passed.
    pub(super) fn of(test: &mut Command) -> Result<(Self, String, bool)> {
        // Other runs may be under way, in this process and in others.
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let path = target_dir().join(format!("conformance-{}-{run}.jsonl", process::id()));
        let ran = test.env(REPORT_VARIABLE, &path).output()?;
        let written = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        let written = written.concat();
        let lines = fs::read_to_string(&path).with_context(|| format!("nothing was reported\n{written}"))?;
        fs::remove_file(&path)?;
        let reports = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok((Self(reports), written, ran.status.success()))
    }

    pub(super) fn all(&self) -> &[Report] {
        &self.0
    }

    pub(super) fn of_adapter(self, name: &str) -> Self {
        Self(self.0.into_iter().filter(|report| report.adapter == name).collect())
    }

    pub(super) fn has(&self, scenario: &str) -> bool {
        self.0.iter().any(|report| report.scenario == scenario)
    }

    pub(super) fn failed(&self) -> impl Iterator<Item = &Report> {
        self.0.iter().filter(|report| is_failure(&report.verdict))
    }

    /// How many passed, failed and were skipped.
    pub(super) fn counts(&self) -> [usize; 3] {
        let count =
            |is_meant: fn(&Verdict) -> bool| self.0.iter().filter(|report| is_meant(&report.verdict)).count();
        let skipped = count(|verdict| matches!(verdict, Verdict::Skipped(_)) && !is_failure(verdict));
        [count(|verdict| *verdict == Verdict::Passed), count(is_failure), skipped]
    }

    /// Stands for all that happened in all scenarios, if the adapter can repeat that.
    pub(super) fn trace_hash(&self) -> Option<String> {
        // Tests end in any order.
        let mut reports: Vec<_> = self.0.iter().collect();
        reports.sort_by(|a, b| a.scenario.cmp(&b.scenario));
        let mut hash = 0_u64;
        for report in reports {
            hash = hash.rotate_left(7).wrapping_mul(0x0100_0000_01b3) ^ report.trace_hash?;
        }
        Some(format!("{hash:016x}"))
    }
}

impl FromIterator<Report> for Reports {
    fn from_iter<I: IntoIterator<Item = Report>>(reports: I) -> Self {
        Self(reports.into_iter().collect())
    }
}

/// One that is skipped for no reason has failed, too.
fn is_failure(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Passed => false,
        Verdict::Skipped(reason) => reason.is_empty(),
        _ => true,
    }
}
