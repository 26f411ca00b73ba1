//! Request-reply with three real Redis servers: `cargo run --example redis_get`.
//!
//! Two pipelined connections to each, which many share: commands that have not exactly one reply, or change
//! more than their own (`SUBSCRIBE`, `MULTI`), don't belong here. Look at the greetings, which say who was
//! asked; at the error, which is a value and costs no connection; and at the counters, which add up.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use pool_examples::{Command, Reply, RespCodec, redis_tour};
use pool_servers::{REDIS, RealServer};
use pool_tokio::{BoxError, BuildError, CallTimeoutExt, Pipelined, Pool, call::Call};
use tokio::net::TcpStream;
use tokio_util::codec::Framed;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let Some(servers) = RealServer::start_or_skip(&REDIS, 3)? else { return Ok(()) };
    let pool = pool(&servers)?;
    let ping = pool.call_timeout(Command::new("PING"), Duration::from_secs(5));
    println!("PING              {:?}", ping.await?);
    redis_tour(&servers, &pool, connect).await
}

pub(crate) fn pool(servers: &[RealServer]) -> Result<Pool<Call<Command, Reply>>, BuildError> {
    pool_tokio::call_pool_for(connect)
        .connect_to_fixed(servers.iter().map(RealServer::address))
        .connections_per_address(2)
        .spawn::<Call<Command, Reply>>()
}

pub(crate) async fn connect(
    address: SocketAddr,
) -> io::Result<Pipelined<Framed<TcpStream, RespCodec>, Command, Reply>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(Pipelined::new(Framed::new(stream, RespCodec::default())))
}
