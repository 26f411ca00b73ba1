//! How a scenario went.

use std::env;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;

use serde::{Deserialize, Serialize};

/// How a scenario went on an adapter.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The adapter's name.
    pub adapter: String,
    /// The scenario's name.
    pub scenario: String,
    /// The seed of everything that is left to chance.
    pub seed: u64,
    /// How it went.
    pub verdict: Verdict,
    /// A hash of all that happened, in its order, if the adapter can repeat a run.
    pub trace_hash: Option<u64>,
}

/// How it went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Verdict {
    /// The promise was kept.
    Passed,
    /// The adapter can't run it, for this reason.
    Skipped(String),
    /// The promise was broken: the script, the step that failed, what was expected and seen.
    Failed(String),
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { adapter, scenario, seed, verdict, .. } = self;
        match verdict {
            Verdict::Passed => write!(f, "{scenario} on {adapter}, seed {seed}: passed"),
            Verdict::Skipped(reason) => write!(f, "skipped: {scenario} on {adapter}: {reason}"),
            Verdict::Failed(failure) => {
                write!(f, "{scenario} on {adapter}, seed {seed}: FAILED\n{failure}")
            }
        }
    }
}

/// The default seed.
pub const SEED: u64 = 42;
/// The environment variable that sets another seed.
pub const SEED_VARIABLE: &str = "POOL_CONFORMANCE_SEED";
/// The environment variable that names a file. Reports are added to it, as lines of JSON.
pub const REPORT_VARIABLE: &str = "POOL_CONFORMANCE_REPORT";

/// Adds a report to the file that [`REPORT_VARIABLE`] names, if it is set.
///
/// # Panics
///
/// When the file can't be written.
pub fn note(report: &Report) {
    let Some(path) = env::var_os(REPORT_VARIABLE) else { return };
    let line = serde_json::to_string(report).expect("a report is text and numbers") + "\n";
    let file = OpenOptions::new().append(true).create(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
    written.unwrap_or_else(|error| panic!("can't write to {}: {error}", path.display()));
}
