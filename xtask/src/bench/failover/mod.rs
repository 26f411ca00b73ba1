//! What callers see of a server that dies: with this pool and with others, each with three servers of
//! its own.

mod bounds;
mod row;

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{peers, report};
use crate::command::output;
use crate::steps::{Steps, Verdict, or_skip_when_missing};
use bounds::Scope;
use row::Row;

const SERVER: &str = "redis-server";

/// As the program calls them; the first two are this pool.
const CLIENTS: [&str; 4] = ["pool-tokio", "pool-tokio-retry", "redis-rs", "bb8"];

/// Milliseconds of each phase.
struct Plan {
    before: u32,
    down: u32,
    after: u32,
}

const THOROUGH: Plan = Plan { before: 4000, down: 2000, after: 4000 };
const QUICK: Plan = Plan { before: 1000, down: 2000, after: 2000 };

/// Measures one client after the other, and holds the figures against all bounds.
pub(super) fn run(json: bool, quick: bool) -> Result<()> {
    peers::ensure_installed()?;
    let plan = if quick { QUICK } else { THOROUGH };
    if !json {
        println!("{}", row::HEADER);
    }
    let print = |row: &Row| if json { row.print_json() } else { println!("{row}") };
    let rows = measure(&plan, print)?;
    if !json {
        println!("\n{}", load(&plan, &rows));
    }
    report::verdict(&bounds::missed(&rows, Scope::AllBounds))
}

/// For CI: what must hold on any machine, however slow.
pub(crate) fn add_to(steps: &mut Steps) {
    steps.check("failover", || {
        or_skip_when_missing(peers::ensure_provided(), |()| {
            let rows = measure(&QUICK, |_| ())?;
            let missed = bounds::missed(&rows, Scope::AnyMachine);
            ensure!(missed.is_empty(), "{}\n{}", missed.join("\n"), table(&rows));
            Ok(Verdict::Passed)
        })
    });
}

fn measure(plan: &Plan, print: impl Fn(&Row)) -> Result<Vec<Row>> {
    let program = peers::build()?;
    let phases = [plan.before, plan.down, plan.after].map(|phase| phase.to_string());
    let measure = |client: &&'static str| {
        let (stdout, stderr) = output(Command::new(&program).args(["failover", client]).args(&phases))?;
        // What doesn't add up is shown there.
        eprint!("{stderr}");
        let row = Row::parse(client, &stdout).with_context(|| format!("{client} printed:\n{stdout}"))?;
        print(&row);
        Ok(row)
    };
    CLIENTS.iter().map(measure).collect()
}

fn table(rows: &[Row]) -> String {
    let rows: Vec<String> = rows.iter().map(Row::to_string).collect();
    format!("{}\n{}", row::HEADER, rows.join("\n"))
}

/// What all rows have in common, and what it costs.
fn load(plan: &Plan, rows: &[Row]) -> String {
    let Some(row) = rows.first() else { return String::new() };
    let (callers, period) = (row.figure("callers"), row.figure("period"));
    let cpu = rows.iter().map(|row| row.figure("server-cpu")).fold(0.0, f64::max);
    let Plan { before, down, after } = plan;
    format!(
        "Load: {callers} callers, each a GET of 64 bytes every {period} ms: {:.0} calls a second on 3 {SERVER}s, 2\n\
         connections each; the busiest that lived on used {:.0} % of a core. One is killed after {before} ms, and back {down} ms\n\
         later, for {after} ms. pool-tokio-retry repeats what failed.\n\
         In flight: calls that its connections took along when they broke; with other clients, calls that waited for\n\
         it when it was killed. Stall: no call is answered. Back: until it answers again. Pause: how late a thread\n\
         is that only sleeps; what takes no longer says nothing of a client.",
        callers * 1000.0 / period,
        cpu * 100.0,
    )
}
