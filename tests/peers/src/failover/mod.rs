//! One of three Redis servers is killed in mid-run and comes back: what do callers see of it?

mod callers;
mod figures;
mod ledger;
mod outage;
mod pauses;
mod servers;

use std::time::Duration;

use pool_servers::{REDIS, RealServer};
use pool_tokio::BoxError;
use tokio::runtime::Runtime;

use crate::clients::{Bb8, Client, ConnectionManagers, Pool, RetryingPool};
use crate::usage;
use outage::Plan;
use servers::SERVERS;

/// `CLIENT BEFORE DOWN AFTER`, the latter in milliseconds.
pub(crate) fn run(arguments: &[String]) -> Result<(), BoxError> {
    let [client, before, down, after] = arguments else { return Err(usage()) };
    let milliseconds = |text: &str| text.parse().map(Duration::from_millis).map_err(|_| usage());
    let (before, down, after) = (milliseconds(before)?, milliseconds(down)?, milliseconds(after)?);
    let plan = Plan { before, down, after };
    let Some(servers) = RealServer::start_or_skip(&REDIS, SERVERS)? else { return Ok(()) };
    let runtime = Runtime::new()?;
    match client.as_str() {
        "pool-tokio" => runtime.block_on(measure::<Pool>(servers, plan)),
        "pool-tokio-retry" => runtime.block_on(measure::<RetryingPool>(servers, plan)),
        "redis-rs" => runtime.block_on(measure::<ConnectionManagers>(servers, plan)),
        "bb8" => runtime.block_on(measure::<Bb8>(servers, plan)),
        _ => Err(usage()),
    }
}

async fn measure<C: Client>(servers: Vec<RealServer>, plan: Plan) -> Result<(), BoxError> {
    let addresses: Vec<_> = servers.iter().map(RealServer::address).collect();
    let figures = outage::run(C::connect(&addresses).await?, servers, plan).await?;
    print!("{figures}");
    Ok(())
}
