//! One of three Redis servers is killed in mid-run and comes back: what do callers see of it?
//!
//! `cargo xtask bench failover` runs this program once for each client and holds what it prints
//! against the bounds.

mod callers;
mod clients;
mod figures;
mod ledger;
mod outage;
mod pauses;
mod servers;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use pool_servers::{REDIS, RealServer};
use pool_tokio::BoxError;
use tokio::runtime::Runtime;

use clients::{Bb8, ConnectionManagers, Pool, RetryingPool};
use figures::Figures;
use outage::Plan;
use servers::SERVERS;

const USAGE: &str = "\
pool-failover CLIENT BEFORE DOWN AFTER
CLIENT: pool-tokio, pool-tokio-retry, connection-manager, bb8-redis
BEFORE, DOWN, AFTER: milliseconds before a server is killed, while it is down, and after its return";

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode, BoxError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [client, before, down, after] = &arguments[..] else { return Err(USAGE.into()) };
    let milliseconds = |text: &str| text.parse().map(Duration::from_millis).map_err(|_| USAGE);
    let (before, down, after) = (milliseconds(before)?, milliseconds(down)?, milliseconds(after)?);
    let plan = Plan { before, down, after };

    let Some(servers) = RealServer::start_or_skip(&REDIS, SERVERS)? else { return Ok(ExitCode::SUCCESS) };
    let figures = Runtime::new()?.block_on(measure(client, servers, plan))?;
    print!("{figures}");
    Ok(ExitCode::SUCCESS)
}

async fn measure(client: &str, servers: Vec<RealServer>, plan: Plan) -> Result<Figures, BoxError> {
    let addresses: Vec<_> = servers.iter().map(RealServer::address).collect();
    match client {
        "pool-tokio" => outage::run(Pool::connect(&addresses).await?, servers, plan).await,
        "pool-tokio-retry" => outage::run(RetryingPool::connect(&addresses).await?, servers, plan).await,
        "connection-manager" => {
            outage::run(ConnectionManagers::connect(&addresses).await?, servers, plan).await
        }
        "bb8-redis" => outage::run(Bb8::connect(&addresses).await?, servers, plan).await,
        _ => Err(USAGE.into()),
    }
}
