//! What the Redis examples do with their pools, on any runtime.

use std::slice;
use std::time::Duration;

use futures_util::future::try_join_all;
use pool_call::{CallPool, Retry, RetryBudget};
use pool_driver::{BoxError, BuildError};
use pool_servers::RealServer;

use crate::resp::{Command, Reply};

const CALLS: usize = 3000;

/// Asks through the pool of all servers, one after the other and many at once, and prints what comes of it.
/// `pool_of` makes pools of these servers.
///
/// # Errors
///
/// When a call has no reply; that the servers refuse one is no error.
pub async fn redis_tour(
    servers: &[RealServer],
    pool_of: impl Fn(&[RealServer]) -> Result<CallPool<Command, Reply>, BuildError>,
) -> Result<(), BoxError> {
    let pool = pool_of(servers)?.with_timeout(Duration::from_secs(5));
    println!("PING              {:?}", pool.call(Command::new("PING")).await?);
    // The servers share no keys: each is told its own greeting, by a pool that has no other server.
    let mut own_pools = Vec::new();
    for server in servers {
        let (address, own_pool) = (server.address(), pool_of(slice::from_ref(server))?);
        let set = Command::new("SET").arg("greeting").arg(format!("hello from {address}"));
        println!("SET greeting      {:?}", own_pool.call(set).await?);
        own_pools.push((address, own_pool));
    }
    for _ in servers {
        println!("GET greeting      {:?}", pool.call(Command::new("GET").arg("greeting")).await?);
    }
    println!("INCR greeting     {:?}", pool.call(Command::new("INCR").arg("greeting")).await?);

    let incr = |_| pool.call(Command::new("INCR").arg("counter"));
    try_join_all((0..CALLS).map(incr)).await?;
    println!("INCR counter      {CALLS} times, at once\n");

    println!("{:<24} {:>11} {:>8} {:>6}  GET counter", "server", "connections", "failures", "calls");
    let snapshot = pool.snapshot();
    for (address, own_pool) in own_pools {
        let counter = own_pool.call(Command::new("GET").arg("counter")).await?;
        let Some(row) = snapshot.addresses.iter().find(|row| *row.address == address) else { continue };
        let (open, failures) = (row.status.slots.connected(), row.status.failures);
        println!("{:<24} {open:>11} {failures:>8} {:>6}  {counter:?}", address.to_string(), row.sent);
    }
    if let [master, replica, ..] = servers {
        let refused = fail_over(&pool, &pool_of(slice::from_ref(replica))?, master).await?;
        println!("\nINCR counter      {CALLS} times, while one server only reads: {refused} were refused");
    }
    Ok(())
}

/// Makes a replica of a server, and counts visits through the pool of all of them. Returns how many were refused.
async fn fail_over(
    pool: &CallPool<Command, Reply>,
    replica: &CallPool<Command, Reply>,
    master: &RealServer,
) -> Result<usize, BoxError> {
    let (host, port) = (master.address().ip().to_string(), master.address().port().to_string());
    replica.call(Command::new("REPLICAOF").arg(host).arg(port)).await?;
    // All are on their way when the first is refused, so there may be as many retries.
    let retry = Retry::new().budget(RetryBudget::new(100, 0));
    // A copy is kept: a visit that the replica refuses has not been counted, and is counted elsewhere.
    let incr = |_| pool.call(Command::new("INCR").arg("counter")).copied().retry(&retry);
    let replies = try_join_all((0..CALLS).map(incr)).await?;
    Ok(replies.iter().filter(|reply| matches!(reply, Reply::Error(_))).count())
}
