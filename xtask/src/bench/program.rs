//! A program that measures: one case at a run. It prints plain numbers.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::callgrind::instructions_per_unit;
use crate::command::{command, output};

pub(super) struct Program {
    pub(super) path: PathBuf,
}

impl Program {
    /// Builds a benchmark of the package `pool-tests`.
    pub(super) fn build(name: &str) -> Result<Self> {
        let build = format!("cargo bench -p pool-tests --bench {name} --no-run --message-format=json");
        let (messages, _) = output(&mut command(&build))?;
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut executables = messages.filter(|message| message["target"]["name"] == name);
        let executable = executables.find_map(|message| message["executable"].as_str().map(PathBuf::from));
        let path =
            executable.with_context(|| format!("cargo built no executable for the benchmark {name}"))?;
        Ok(Self { path })
    }

    /// What a case prints.
    pub(super) fn run(&self, arguments: &str) -> Result<String> {
        let (printed, _) = output(Command::new(&self.path).args(arguments.split_whitespace()))?;
        Ok(printed)
    }

    /// What a case prints: rows of `N` numbers.
    pub(super) fn rows<const N: usize>(&self, arguments: &str) -> Result<Vec<[f64; N]>> {
        let printed = self.run(arguments)?;
        let parse = |line: &str| {
            let numbers = line.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>().ok()?;
            numbers.try_into().ok()
        };
        let rows = printed.lines().map(parse).collect::<Option<Vec<_>>>();
        rows.with_context(|| format!("{arguments} did not print {N} numbers a line:\n{printed}"))
    }

    /// The only row that a case prints.
    pub(super) fn row<const N: usize>(&self, arguments: &str) -> Result<[f64; N]> {
        let rows = self.rows(arguments)?;
        rows.first().copied().with_context(|| format!("{arguments} printed nothing"))
    }

    /// The only number that a case prints.
    pub(super) fn number(&self, arguments: &str) -> Result<f64> {
        self.row(arguments).map(|[number]| number)
    }

    /// Instructions for one unit of work; `arguments` says how to run a number of units.
    pub(super) fn instructions(&self, units: [u32; 2], arguments: impl Fn(u32) -> String) -> Result<f64> {
        instructions_per_unit(&self.path, units, None, arguments)
    }
}
