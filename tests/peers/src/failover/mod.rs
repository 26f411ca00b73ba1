//! One of three Redis servers is killed or stopped in mid-run and comes back: what do callers see of it?

mod callers;
mod fault;
mod figures;
mod ledger;
mod outage;
mod pauses;
mod servers;

use std::time::Duration;

use pool_servers::{REDIS, RealServer};
use pool_tokio::BoxError;
use tokio::runtime::Runtime;

use crate::clients::{Bb8, ConnectionManagers, Counting, Deadpool, Freds, Pool, RetryingPool};
use crate::executor::Executor;
use crate::usage;
use fault::Fault;
use outage::Plan;
use servers::SERVERS;

/// `CLIENT FAULT BEFORE DOWN AFTER`, the latter in milliseconds.
pub(crate) fn run(arguments: &[String]) -> Result<(), BoxError> {
    let [client, fault, before, down, after] = arguments else { return Err(usage()) };
    let milliseconds = |text: &str| text.parse().map(Duration::from_millis).map_err(|_| usage());
    let (before, down, after) = (milliseconds(before)?, milliseconds(down)?, milliseconds(after)?);
    let plan = Plan { fault: Fault::parse(fault)?, before, down, after };
    let Some(servers) = RealServer::start_or_skip(&REDIS, SERVERS)? else { return Ok(()) };
    let runtime = Runtime::new()?;
    match client.as_str() {
        "pool-tokio" => runtime.block_on(measure::<Pool>(servers, plan)),
        "pool-tokio-retry" => runtime.block_on(measure::<RetryingPool>(servers, plan)),
        "redis-rs" => runtime.block_on(measure::<ConnectionManagers>(servers, plan)),
        "fred" => runtime.block_on(measure::<Freds>(servers, plan)),
        "bb8" => runtime.block_on(measure::<Bb8>(servers, plan)),
        "deadpool" => runtime.block_on(measure::<Deadpool>(servers, plan)),
        _ => Err(usage()),
    }
}

async fn measure<C: Counting>(servers: Vec<RealServer>, plan: Plan) -> Result<(), BoxError> {
    let addresses: Vec<_> = servers.iter().map(RealServer::address).collect();
    let client = C::connect(Executor::Tokio, &addresses).await?;
    let figures = outage::run(client, servers, plan).await?;
    print!("{figures}");
    Ok(())
}
