//! `cargo xtask bench`: builds what measures, runs it case by case, and holds the figures against their bounds.

mod bounds;
mod connections;
mod core;
mod dispatch;
pub(crate) mod failover;
pub(crate) mod gate;
mod names;
pub(crate) mod peers;
mod program;
mod redis;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::callgrind;
use crate::report::{self, Format, Kind, Report};
use bounds::Scope;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(value_enum)]
    benchmark: Benchmark,
    /// A line of JSON for each figure instead of tables.
    #[arg(long)]
    json: bool,
    /// Shorter runs: the counts are the same, the times less certain.
    #[arg(long)]
    quick: bool,
    /// Writes report.md, figures.jsonl and plots there.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// With `gate`: takes the counts as they are now, for this reason.
    #[arg(long, value_name = "REASON")]
    accept: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// Every benchmark, one after the other, but for `gate`.
    All,
    /// How long it takes to open many connections.
    Connect,
    /// What deciding costs, without any connection.
    Core,
    /// What passing an item on costs, to connections in memory.
    Dispatch,
    /// What callers see of a server that dies, with this pool and with others.
    Failover,
    /// What callers see of a server that hangs, with this pool and with others.
    Hang,
    /// What a pool costs that nobody uses.
    Idle,
    /// What a map of pools costs by the number of its names.
    Names,
    /// How many requests Redis servers answer callers of this pool and of others, and what each costs.
    Redis,
    /// What passing items on costs by the number of addresses and connections.
    Scale,
    /// Whether the hot paths take more instructions than they did.
    Gate,
}

const KIND: Kind = Kind { title: "Benchmarks", command: "bench" };

/// A benchmark's name, and how it measures.
type Measure = (&'static str, fn(&mut Report) -> Result<()>);

const ALL: [Measure; 9] = [
    ("core", core::measure),
    ("dispatch", dispatch::measure),
    ("connect", connections::measure_connect),
    ("idle", connections::measure_idle),
    ("scale", connections::measure_scale),
    ("names", names::measure),
    ("failover", failover::measure_kill),
    ("hang", failover::measure_hang),
    ("redis", redis::measure),
];

impl Benchmark {
    /// What it measures by: one, or all.
    fn measures(self) -> Vec<Measure> {
        let name = self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        ALL.into_iter().filter(|(of, _)| self == Self::All || *of == name).collect()
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { benchmark, json, quick, out, accept } = arguments;
    if *benchmark == Benchmark::Gate {
        ensure!(out.is_none() && !json && !quick, "`gate` has one length and writes nothing but its record");
        return gate::run(accept.as_deref());
    }
    ensure!(accept.is_none(), "`--accept` goes with `gate`");
    if !callgrind::is_installed() {
        eprintln!("skipped: instructions (install valgrind)");
    }
    let mut report = Report::new(KIND, if *json { Format::Json } else { Format::Tables }, *quick);
    let measures = benchmark.measures();
    let mut failed = Vec::new();
    for (number, (name, measure)) in measures.iter().enumerate() {
        let place =
            if measures.len() > 1 { format!("{}/{} ", number + 1, measures.len()) } else { String::new() };
        report.begin(name, &place, bounds::of(name, Scope::AllBounds));
        // What one benchmark lacks is no reason to lose the figures of the others.
        if let Err(error) = measure(&mut report) {
            failed.push(format!("{name}: {error:#}"));
        }
    }
    report.finish();
    if let Some(folder) = out {
        report.write(folder)?;
    }
    failed.extend(report.missed());
    report::verdict(&failed)
}
