//! The run: three servers, callers at work, and what happens to one of the servers.

use std::time::Duration;

use pool_servers::RealServer;
use pool_tokio::BoxError;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::callers::{CallRecord, Callers, End};
use super::fault::Fault;
use super::figures::{Figures, Phases};
use super::ledger::Ledger;
use super::pauses::Pauses;
use super::servers::{self, VICTIM};
use crate::clients::{Bookkeeping, Counting};

/// What happens, and how long each phase takes.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) fault: Fault,
    pub(crate) before: Duration,
    pub(crate) down: Duration,
    pub(crate) after: Duration,
}

/// The fault begins in a moment in which so many calls wait for the server, so that it takes some along: its share of
/// those that are made at the same time …
const CATCH: u64 = 3;
/// … or after so long.
const CATCH_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) async fn run(
    client: impl Counting,
    mut servers: Vec<RealServer>,
    plan: Plan,
) -> Result<Figures, BoxError> {
    let addresses: Vec<_> = servers.iter().map(RealServer::address).collect();
    for (life, address) in addresses.iter().enumerate() {
        servers::prepare(*address, life).await?;
    }

    let pauses = Pauses::watch();
    let started = Instant::now();
    let callers = Callers::start(&client, started);
    sleep_until(started + plan.before).await;
    let caught = catch_in_flight(&client, &servers[VICTIM]).await;
    let down = Instant::now();
    plan.fault.begin(&mut servers[VICTIM])?;
    sleep_until(down + plan.down).await;
    let given_before = client.given(addresses[VICTIM]);
    let up = Instant::now();
    plan.fault.end(&mut servers[VICTIM]).await?;
    sleep_until(up + plan.after).await;
    let over = Instant::now();
    let pause = pauses.longest();
    let (calls, hung) = callers.finish().await;

    let mut figures = Figures::default();
    figures.add_load();
    figures.add_calls(&calls, Phases { started, down, up, over });
    figures.add_count("hung", hung);
    figures.add_milliseconds("pause", pause);
    let mut statistics = Vec::new();
    for address in &addresses {
        statistics.push(servers::statistics(*address).await?);
    }
    let survivors = statistics.iter().skip(VICTIM + 1);
    let busiest = survivors.map(|statistics| statistics.cpu).fold(0.0, f64::max);
    figures.add("server-cpu", busiest / (over - started).as_secs_f64());
    let unanswered = given_before.saturating_sub(answered_by_victim(&calls, up));
    if client.bookkeeping() == Bookkeeping::Vague {
        // A client that gives calls to a dead server's connections has more of them than these broke with.
        figures.add_count("in-flight", if plan.fault == Fault::Kill { caught } else { unanswered });
        return Ok(figures);
    }
    let executed: Vec<u64> = statistics.iter().map(|statistics| statistics.gets).collect();
    let ledger = Ledger::new(plan.fault, &calls, &executed).settle(&client, &addresses, given_before).await;
    if ledger.unaccounted() > 0 {
        eprintln!("{ledger:?}");
    }
    figures.add_count("in-flight", unanswered);
    figures.add_count("unaccounted", ledger.unaccounted());
    Ok(figures)
}

/// Waits for a moment in which calls wait for the server; returns how many do.
async fn catch_in_flight(client: &impl Counting, server: &RealServer) -> u64 {
    let deadline = Instant::now() + CATCH_TIMEOUT;
    loop {
        let in_flight = client.in_flight(server.address());
        if in_flight >= CATCH || Instant::now() > deadline {
            return in_flight;
        }
        yield_now().await;
    }
}

/// What it answered before the fault ended.
fn answered_by_victim(calls: &[CallRecord], up: Instant) -> u64 {
    calls.iter().filter(|call| call.end == End::Answered(VICTIM) && call.ended < up).count() as u64
}
