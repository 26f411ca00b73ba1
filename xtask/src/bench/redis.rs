//! How many requests three Redis servers answer in a second, and what each costs the client: with this pool and with
//! others, two connections to each server, all with their defaults.

use anyhow::{Context, Result};

use super::peers;
use super::program::Program;
use crate::report::bound::Bound;
use crate::report::figure::{Case, Figure, Metric, Unit, median};
use crate::report::{Plot, Report};

const POOL: &str = "pool-tokio";
/// The other clients are compared with it, too.
const PEER: &str = "redis-rs";

/// Requests a second, nanoseconds of the client's cores for each, and how long half, 99 % and 99.9 % of them took at
/// most: what the program prints.
const METRICS: [Metric; 5] = [
    RATE,
    CPU,
    Metric::new("p50", Unit::Nanoseconds),
    Metric::new("p99", Unit::Nanoseconds),
    Metric::new("p99.9", Unit::Nanoseconds),
];
const RATE: Metric = Metric::new("rate", Unit::PerSecond);
const CPU: Metric = Metric::new("CPU", Unit::Nanoseconds);

/// One table: what callers do, where, and whose clients they are.
struct Load {
    title: &'static str,
    command: &'static str,
    runtime: &'static str,
    callers: &'static [u32],
    clients: &'static [&'static str],
}

const CALLERS: &[u32] = &[1, 8, 64, 256, 1_000, 10_000];
const FEW_AND_MANY: &[u32] = &[64, 1_000];
const ALL: &[&str] = &[POOL, PEER, "fred", "bb8", "deadpool", "loop", "raw"];
const BOTH: &[&str] = &[POOL, PEER];

const LOADS: [Load; 11] = [
    load("GET of 64 bytes, one thread", "get", "one-thread", CALLERS, ALL),
    load("GET of 64 bytes, two workers", "get", "two-workers", CALLERS, ALL),
    load("GET of 64 bytes, smol", "get", "smol", CALLERS, &["pool-smol", PEER]),
    load("PING, one thread", "ping", "one-thread", FEW_AND_MANY, BOTH),
    load("PING, two workers", "ping", "two-workers", FEW_AND_MANY, BOTH),
    load("SET of 64 bytes, one thread", "set", "one-thread", FEW_AND_MANY, BOTH),
    load("SET of 64 bytes, two workers", "set", "two-workers", FEW_AND_MANY, BOTH),
    load("GET beside 10,000 callers that cancel, one thread", "beside-cancels", "one-thread", &[64], BOTH),
    load("GET beside 10,000 callers that cancel, two workers", "beside-cancels", "two-workers", &[64], BOTH),
    load(
        "GET beside a caller that sets 1 MiB at a time, one thread",
        "beside-huge",
        "one-thread",
        &[64],
        BOTH,
    ),
    load(
        "GET beside a caller that sets 1 MiB at a time, two workers",
        "beside-huge",
        "two-workers",
        &[64],
        BOTH,
    ),
];

const fn load(
    title: &'static str,
    command: &'static str,
    runtime: &'static str,
    callers: &'static [u32],
    clients: &'static [&'static str],
) -> Load {
    Load { title, command, runtime, callers, clients }
}

/// A pool that gives each call a connection of its own keeps most of so many callers waiting.
const CROWD: u32 = 10_000;
const CHECKOUT: [&str; 2] = ["bb8", "deadpool"];
/// What the rate of the crowd is compared with.
const TENTH: &str = "a tenth of the callers";

pub(super) const BOUNDS: &[Bound] = &[
    rate("get-one-thread-1", 1.0),
    rate("get-one-thread-8", 1.05),
    rate("get-one-thread-64", 1.5),
    rate("get-one-thread-256", 1.8),
    rate("get-one-thread-1000", 2.5),
    rate("get-two-workers-1", 1.0),
    rate("get-two-workers-8", 1.05),
    rate("get-two-workers-64", 1.8),
    rate("get-two-workers-256", 2.4),
    rate("get-two-workers-1000", 2.5),
    cpu("get-one-thread-1", 1.0),
    cpu("get-one-thread-8", 0.9),
    cpu("get-one-thread-64", 0.70),
    cpu("get-one-thread-256", 0.60),
    cpu("get-one-thread-1000", 0.42),
    cpu("get-two-workers-1", 1.0),
    cpu("get-two-workers-8", 0.9),
    cpu("get-two-workers-64", 0.55),
    cpu("get-two-workers-256", 0.42),
    cpu("get-two-workers-1000", 0.40),
    Bound::on("redis", "get-two-workers-64", POOL, RATE).slowest().at_least(0.7),
    Bound::on("redis", "get-two-workers-256", POOL, RATE).slowest().at_least(0.7),
    Bound::on("redis", "get-one-thread-10000", POOL, RATE).to(TENTH).at_least(0.8),
    Bound::on("redis", "get-two-workers-10000", POOL, RATE).to(TENTH).at_least(0.8),
];

const fn rate(case: &'static str, least: f64) -> Bound {
    Bound::on("redis", case, POOL, RATE).to(PEER).at_least(least)
}

const fn cpu(case: &'static str, most: f64) -> Bound {
    Bound::on("redis", case, POOL, CPU).to(PEER).at_most(most)
}

pub(super) fn measure(report: &mut Report) -> Result<()> {
    peers::ensure_installed()?;
    let program = peers::build()?;
    let rounds = report.effort(9, 3);
    report.expect_steps(LOADS.iter().map(|load| load.callers.len() * rounds as usize).sum());
    for load in &LOADS {
        let plot = (load.callers.len() > 2).then_some(Plot { axis: "callers", metric: RATE });
        let title =
            format!("{}: requests a second, CPU time of the client for each, and latencies.", load.title);
        report.table(title, plot);
        let mut tenth = None;
        for callers in load.callers {
            let rows = measure_case(&program, report, load, *callers, rounds)?;
            tenth = add(report, load, *callers, &rows, tenth);
        }
    }
    Ok(())
}

/// All runs of a client.
struct Row {
    client: &'static str,
    runs: Vec<[f64; METRICS.len()]>,
}

/// All clients of a case, in turns: what slows the machine down for a while slows all of them down.
fn measure_case(
    program: &Program,
    report: &mut Report,
    load: &Load,
    callers: u32,
    rounds: u32,
) -> Result<Vec<Row>> {
    let &Load { title, command, runtime, .. } = load;
    let clients = load.clients.iter().filter(|client| callers < CROWD || !CHECKOUT.contains(client));
    let mut rows: Vec<Row> = clients.map(|client| Row { client, runs: Vec::new() }).collect();
    let milliseconds = report.effort(1_000, 300);
    for _ in 0..rounds {
        report.step(&format!("{title}, {callers} callers"));
        for Row { client, runs } in &mut rows {
            let run = program.row(&format!("redis {client} {command} {callers} {runtime} {milliseconds}"));
            runs.push(run.with_context(|| format!("{client}, {title}, {callers} callers"))?);
        }
    }
    Ok(rows)
}

/// Returns the pool's rate.
fn add(report: &mut Report, load: &Load, callers: u32, rows: &[Row], tenth: Option<f64>) -> Option<f64> {
    let case = Case::at(format!("{}-{}-{callers}", load.command, load.runtime), callers);
    let peer = rows.iter().find(|row| row.client == PEER);
    for row in rows {
        for (place, metric) in METRICS.into_iter().enumerate() {
            let runs: Vec<f64> = row.runs.iter().map(|run| run[place]).collect();
            let mut figure = Figure::of_runs(case.clone(), row.client, metric, &runs);
            if let Some(peer) = peer.filter(|peer| peer.client != row.client && place < 2) {
                let pairs = row.runs.iter().zip(&peer.runs).map(|(own, other)| (own[place], other[place]));
                figure = figure.against_runs(PEER, pairs);
            }
            let is_crowd = callers == CROWD && row.client == load.clients[0] && metric == RATE;
            if let Some(tenth) = tenth.filter(|_| is_crowd) {
                figure = figure.against(TENTH, tenth);
            }
            report.add(figure);
        }
    }
    let pool = rows.first()?;
    Some(median(pool.runs.iter().map(|[rate, ..]| *rate)))
}
