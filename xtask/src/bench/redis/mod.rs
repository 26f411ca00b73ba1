//! How many requests three Redis servers answer in a second, and what each costs the client: with this pool and with
//! others, two connections to each server, all with their defaults.

mod bounds;
mod sample;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::peers;
use super::report::{Floor, json, median, verdict};
use crate::command::output;
use sample::{Row, Sample};

/// As the program calls them. The first is this pool, and the second the one it is compared with.
const CLIENTS: [&str; 3] = [POOL, PEER, "fred"];
const POOL: &str = "pool-tokio";
const PEER: &str = "redis-rs";

const RUNTIMES: [&str; 2] = ["one-thread", "two-workers"];
const CALLERS: [u32; 6] = [1, 8, 64, 256, 1_000, 10_000];

/// What callers do, and how many there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Case {
    runtime: &'static str,
    callers: u32,
}

/// How often each client is measured, and for how long.
struct Effort {
    rounds: u32,
    milliseconds: u32,
}

const THOROUGH: Effort = Effort { rounds: 9, milliseconds: 1_000 };
const QUICK: Effort = Effort { rounds: 3, milliseconds: 300 };

pub(super) fn run(is_json: bool, quick: bool) -> Result<()> {
    peers::ensure_installed()?;
    let program = peers::build()?;
    let effort = if quick { QUICK } else { THOROUGH };
    let mut rows: Vec<Row> = Vec::new();
    for runtime in RUNTIMES {
        for callers in CALLERS {
            let case = Case { runtime, callers };
            let measured = measure(&program, case, &effort)?;
            print(&measured, is_json);
            rows.extend(measured);
        }
    }
    verdict(&bounds::missed(&rows))
}

/// All clients of a case, in turns: what slows the machine down for a while slows all of them down.
fn measure(program: &Path, case: Case, effort: &Effort) -> Result<Vec<Row>> {
    let mut samples = CLIENTS.map(|_| Vec::new());
    for _ in 0..effort.rounds {
        for (client, samples) in CLIENTS.iter().zip(&mut samples) {
            samples.push(sample(program, client, case, effort.milliseconds)?);
        }
    }
    let rows = CLIENTS.into_iter().zip(samples);
    Ok(rows.map(|(client, samples)| Row { client, case, samples }).collect())
}

fn sample(program: &Path, client: &str, case: Case, milliseconds: u32) -> Result<Sample> {
    let (callers, milliseconds) = (case.callers.to_string(), milliseconds.to_string());
    let arguments = ["redis", client, "get", &callers, case.runtime, &milliseconds];
    let (stdout, _) = output(Command::new(program).args(arguments))?;
    Sample::parse(&stdout).with_context(|| format!("{client} printed:\n{stdout}"))
}

fn print(rows: &[Row], is_json: bool) {
    let Some(peer) = rows.iter().find(|row| row.client == PEER) else { return };
    if !is_json {
        let Case { runtime, callers } = peer.case;
        println!("\n{runtime}, {callers} callers");
        println!("{}", sample::HEADER);
    }
    for row in rows {
        if !is_json {
            println!("{}", row.shown(peer));
            continue;
        }
        let case = format!("{}-{}", row.case.runtime, row.case.callers);
        for (metric, value) in Sample::METRICS {
            let found = median(row.samples.iter().map(value));
            let floor = Floor::of(found, median(peer.samples.iter().map(value)));
            println!("{}", json("redis", &case, row.client, metric, found, Some(&floor)));
        }
    }
}
