//! `cargo xtask bench`: builds a benchmark, runs it case by case, and holds the figures against
//! their bounds.

mod core;
mod dispatch;
pub(crate) mod failover;
pub(crate) mod gate;
pub(crate) mod peers;
mod redis;
mod report;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::{command, output};
use report::Report;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(value_enum)]
    benchmark: Benchmark,
    /// A line of JSON for each figure instead of a table.
    #[arg(long)]
    json: bool,
    /// Shorter runs: the counts are the same, the times less certain.
    #[arg(long)]
    quick: bool,
    /// With `gate`: takes the counts as they are now, for this reason.
    #[arg(long, value_name = "REASON")]
    accept: Option<String>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Benchmark {
    /// What deciding costs, without any connection.
    Core,
    /// What passing an item on costs, to connections in memory.
    Dispatch,
    /// What callers see of a server that dies, with this pool and with others.
    Failover,
    /// Whether the hot paths take more instructions than they did.
    Gate,
    /// How many requests Redis servers answer callers of this pool and of others, and what each costs.
    Redis,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (name, measure): (_, fn(&Program, &mut Report) -> Result<()>) = match arguments.benchmark {
        Benchmark::Core => ("core", core::measure),
        Benchmark::Dispatch => ("dispatch", dispatch::measure),
        Benchmark::Gate => return gate::run(arguments.accept.as_deref()),
        Benchmark::Failover => return failover::run(arguments.json, arguments.quick),
        Benchmark::Redis => return redis::run(arguments.json, arguments.quick),
    };
    let program = Program { path: build(name)?, quick: arguments.quick };
    let mut report = Report::new(name, arguments.json);
    measure(&program, &mut report)?;
    report.check_bounds()
}

/// Builds a benchmark of the package `pool-tests` and returns where the program is.
fn build(name: &str) -> Result<PathBuf> {
    let build = format!("cargo bench -p pool-tests --bench {name} --no-run --message-format=json");
    let (messages, _) = output(&mut command(&build))?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables = messages.filter(|message| message["target"]["name"] == name);
    let executable = executables.find_map(|message| message["executable"].as_str().map(PathBuf::from));
    executable.with_context(|| format!("cargo built no executable for the benchmark {name}"))
}

/// A benchmark that is built. It measures one case at a run and prints plain numbers.
struct Program {
    path: PathBuf,
    quick: bool,
}

impl Program {
    /// How often or how long to do something.
    fn effort(&self, thorough: u32, quick: u32) -> u32 {
        if self.quick { quick } else { thorough }
    }

    /// What a case prints: rows of `N` numbers.
    fn rows<const N: usize>(&self, arguments: &str) -> Result<Vec<[f64; N]>> {
        let (stdout, _) = output(Command::new(&self.path).args(arguments.split_whitespace()))?;
        let parse = |line: &str| {
            let numbers = line.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>().ok()?;
            numbers.try_into().ok()
        };
        let rows = stdout.lines().map(parse).collect::<Option<Vec<_>>>();
        rows.with_context(|| format!("{arguments} did not print {N} numbers a line:\n{stdout}"))
    }

    /// The only number that a case prints.
    fn number(&self, arguments: &str) -> Result<f64> {
        let rows = self.rows::<1>(arguments)?;
        rows.first().map(|row| row[0]).with_context(|| format!("{arguments} printed nothing"))
    }
}
