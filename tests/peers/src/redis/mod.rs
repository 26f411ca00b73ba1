//! How many requests a second callers get answered, what they cost the client, and how long they take.

mod cores;
mod load;

use std::net::SocketAddr;
use std::time::Duration;

use pool_servers::{REDIS, RealServer};
use pool_tokio::BoxError;
use redis::AsyncCommands;
use tokio::runtime::{Builder, Runtime};

use crate::clients::{Client, ConnectionManagers, Freds, KEY, Pool};
use crate::usage;

const SERVERS: usize = 3;

/// `CLIENT COMMAND CALLERS RUNTIME MILLISECONDS`.
pub(crate) fn run(arguments: &[String]) -> Result<(), BoxError> {
    let [client, command, callers, runtime, milliseconds] = arguments else { return Err(usage()) };
    let callers: usize = callers.parse().map_err(|_| usage())?;
    let duration = milliseconds.parse().map(Duration::from_millis).map_err(|_| usage())?;
    if command != "get" {
        return Err(usage());
    }
    let is_alone = runtime == "one-thread";
    // Where the client has one thread, it has a core to itself.
    if is_alone {
        cores::pin(1)?;
    }
    let Some(servers) = RealServer::start_or_skip(&REDIS, SERVERS)? else { return Ok(()) };
    if is_alone {
        cores::pin(0)?;
    }
    let runtime = if is_alone {
        Builder::new_current_thread().enable_all().build()?
    } else {
        Builder::new_multi_thread().worker_threads(2).enable_all().build()?
    };
    match client.as_str() {
        "pool-tokio" => measure::<Pool>(&runtime, &servers, callers, duration),
        "fred" => measure::<Freds>(&runtime, &servers, callers, duration),
        "redis-rs" => measure::<ConnectionManagers>(&runtime, &servers, callers, duration),
        _ => Err(usage()),
    }
}

fn measure<C: Client>(
    runtime: &Runtime,
    servers: &[RealServer],
    callers: usize,
    duration: Duration,
) -> Result<(), BoxError> {
    let addresses: Vec<_> = servers.iter().map(RealServer::address).collect();
    let figures = runtime.block_on(async {
        for address in &addresses {
            set_key(*address).await?;
        }
        let client = C::connect(&addresses).await?;
        load::run(client, callers, duration).await
    })?;
    println!("{figures}");
    Ok(())
}

/// Callers ask for 64 bytes.
async fn set_key(server: SocketAddr) -> Result<(), BoxError> {
    let client = redis::Client::open(format!("redis://{server}"))?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    Ok(connection.set(KEY, &[b'v'; 64][..]).await?)
}
