//! What the Redis examples do with their pools, on any runtime.

use std::io;
use std::net::SocketAddr;

use futures_sink::Sink;
use futures_util::future::try_join_all;
use pool_call::{Call, CallExt};
use pool_driver::{BoxError, Pool};
use pool_servers::RealServer;

use crate::resp::{Command, Reply};

const CALLS: usize = 3000;

/// Asks through the pool, on the way and many at once, and prints what comes of it.
///
/// # Errors
///
/// When a call has no reply; that the servers refuse one is no error.
pub async fn redis_tour<C>(
    servers: &[RealServer],
    pool: &Pool<Call<Command, Reply>>,
    connect: impl AsyncFn(SocketAddr) -> io::Result<C>,
) -> Result<(), BoxError>
where
    C: Sink<Call<Command, Reply>, Error: Into<BoxError>> + Unpin,
{
    // The servers share no keys: each is told its own greeting, by a connection that is no pool's.
    let mut connections = Vec::new();
    for address in servers.iter().map(RealServer::address) {
        let mut connection = connect(address).await?;
        let set = Command::new("SET").arg("greeting").arg(format!("hello from {address}"));
        println!("SET greeting      {:?}", connection.call(set).await?);
        connections.push((address, connection));
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
    for (address, mut connection) in connections {
        let counter = connection.call(Command::new("GET").arg("counter")).await?;
        let Some(row) = snapshot.addresses.iter().find(|row| *row.address == address) else { continue };
        let (open, failures) = (row.status.busy + row.status.ready, row.status.failures);
        println!("{:<24} {open:>11} {failures:>8} {:>6}  {counter:?}", address.to_string(), row.sent);
    }
    Ok(())
}
