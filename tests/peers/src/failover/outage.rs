//! The run: three servers, callers at work, and what happens to one of the servers.

use std::time::Duration;

use pool_servers::RealServer;
use pool_tokio::BoxError;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::callers::Callers;
use super::figures::{Figures, Phases};
use super::ledger::Ledger;
use super::pauses::Pauses;
use super::servers::{self, SECOND_LIFE, VICTIM};
use crate::clients::Client;

/// How long each phase takes.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) before: Duration,
    pub(crate) down: Duration,
    pub(crate) after: Duration,
}

/// The server is killed in a moment in which so many calls wait for it, so that it takes some along:
/// its share of those that are made at the same time …
const CATCH: u64 = 3;
/// … or after so long.
const CATCH_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) async fn run(
    client: impl Client,
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
    let in_flight = catch_in_flight(&client, &servers[VICTIM]).await;
    let killed = Instant::now();
    servers[VICTIM].kill()?;
    sleep_until(killed + plan.down).await;
    let sent_before = client.sent(addresses[VICTIM]);
    let restarted = Instant::now();
    servers[VICTIM].restart()?;
    servers::prepare(addresses[VICTIM], SECOND_LIFE).await?;
    sleep_until(restarted + plan.after).await;
    let over = Instant::now();
    let pause = pauses.longest();
    let (calls, hung) = callers.finish().await;

    let mut figures = Figures::default();
    figures.add_load();
    figures.add_calls(&calls, Phases { started, killed, restarted, over });
    figures.add_count("hung", hung);
    figures.add_milliseconds("pause", pause);
    let mut statistics = Vec::new();
    for address in &addresses {
        statistics.push(servers::statistics(*address).await?);
    }
    let survivors = statistics.iter().skip(VICTIM + 1);
    let busiest = survivors.map(|statistics| statistics.cpu).fold(0.0, f64::max);
    figures.add("server-cpu", busiest / (over - started).as_secs_f64());
    let executed: Vec<u64> = statistics.iter().map(|statistics| statistics.gets).collect();
    let Some(sent_before) = sent_before else {
        figures.add_count("in-flight", in_flight);
        return Ok(figures);
    };
    let ledger = Ledger::new(&calls, &executed).settle(&client, &addresses, sent_before).await;
    if ledger.unaccounted() > 0 {
        eprintln!("{ledger:?}");
    }
    figures.add_count("in-flight", ledger.lost());
    figures.add_count("unaccounted", ledger.unaccounted());
    Ok(figures)
}

/// Waits for a moment in which calls wait for the server; returns how many do.
async fn catch_in_flight(client: &impl Client, server: &RealServer) -> u64 {
    let deadline = Instant::now() + CATCH_TIMEOUT;
    loop {
        let in_flight = client.in_flight(server.address());
        if in_flight >= CATCH || Instant::now() > deadline {
            return in_flight;
        }
        yield_now().await;
    }
}
